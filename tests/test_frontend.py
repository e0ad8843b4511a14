"""The front end's build: what it refuses, what it ships, when it runs again; by the machine's Node."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import page_events

ROOT = Path(__file__).parents[1]
FRONTEND = ROOT / "frontend"
GOOD = "export default { render({ el }: { el: HTMLElement }) { el.textContent = 'hello'; } };\n"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (FRONTEND / "node_modules" / "esbuild").is_dir(),
    reason="no Node here, or frontend/node_modules is not installed",
)


@pytest.fixture
def workspace(tmp_path):
    """The build script with an empty src/ and the installed modules."""
    for name in ("build.mjs", "package.json", "package-lock.json", "tsconfig.json"):
        shutil.copy(FRONTEND / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(FRONTEND / "node_modules")
    (tmp_path / "src" / "lib").mkdir(parents=True)
    return tmp_path


def build(workspace: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    target = workspace / "static"
    done = subprocess.run(
        ["node", "build.mjs"],
        cwd=workspace,
        env={**os.environ, "REASONBOOK_STATIC": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, target


def test_the_page_knows_what_python_sends():
    for path, text in page_events.targets().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: make frontend"


@needs_node
def test_each_widget_becomes_one_module_with_its_sheet(workspace):
    (workspace / "src" / "lib" / "shared.ts").write_text("export const word: string = 'shared';\n")
    (workspace / "src" / "one.ts").write_text(
        "import { word } from './lib/shared.ts';\nimport './one.css';\n"
        "export default { render({ el }: { el: HTMLElement }) { el.textContent = word; } };\n"
    )
    (workspace / "src" / "one.css").write_text(".rb-one { color: red; }\n")
    (workspace / "src" / "two.ts").write_text(GOOD)
    (workspace / "src" / "two.test.ts").write_text("throw new Error('a test is no widget');\n")
    done, target = build(workspace)
    assert done.returncode == 0, done.stderr
    names = ["LICENSES.txt", "one.css", "one.js", "two.css", "two.js"]
    assert sorted(path.name for path in target.iterdir()) == names
    assert "rb-one" in (target / "one.css").read_text()
    module = (target / "one.js").read_text()
    assert "shared" in module and "import" not in module, "a relative import cannot be loaded from a blob URL"


@needs_node
def test_the_licences_of_what_is_bundled_are_passed_on(workspace):
    (workspace / "src" / "one.ts").write_text(
        "import plot from 'uplot';\nexport default { render: () => plot };\n"
    )
    done, target = build(workspace)
    assert done.returncode == 0, done.stderr
    passed_on = (target / "LICENSES.txt").read_text()
    assert passed_on.startswith("uplot 1.") and "Copyright" in passed_on and "esbuild" not in passed_on


@pytest.mark.slow
@needs_node
def test_what_only_some_rows_need_is_a_module_of_its_own(workspace):
    (workspace / "src" / "one.ts").write_text(GOOD)
    late = workspace / "src" / "late"
    (late / "heavy").mkdir(parents=True)
    (late / "heavy" / "part.ts").write_text(f"export const part = '{'x' * 200_000}';\n")
    (late / "heavy.ts").write_text("import { part } from './heavy/part.ts';\nexport default { part };\n")
    done, target = build(workspace)
    assert done.returncode == 0, done.stderr
    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*.js")) == [
        "late/heavy.js",
        "one.js",
    ]
    assert "import" not in (target / "late" / "heavy.js").read_text()
    (late / "heavy" / "part.ts").write_text(f"export const part = '{'x' * 300_000}';\n")
    done, _ = build(workspace)
    assert done.returncode != 0 and "late/heavy.js" in done.stderr


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            f"const long = '{'x' * 150_000}';\nexport default {{ render() {{ return long; }} }};\n",
            "the limit is",
        ),
        ("export const render = () => {};\n", "no default export"),
        ("export default { render( };\n", "error"),
    ],
    ids=["too large", "no default export", "no TypeScript"],
)
def test_a_bad_bundle_fails_the_build_and_leaves_the_old_one(workspace, source, complaint):
    (workspace / "src" / "one.ts").write_text(GOOD)
    _, target = build(workspace)
    before = (target / "one.js").read_text()
    (workspace / "src" / "one.ts").write_text(source)
    done, _ = build(workspace)
    assert done.returncode != 0 and complaint in (done.stderr + done.stdout).lower()
    assert (target / "one.js").read_text() == before


def test_the_lock_file_names_no_host():
    lock = (FRONTEND / "package-lock.json").read_text()
    assert "resolved" not in lock and "://" not in lock
    assert '"integrity"' in lock


@pytest.fixture
def hook(workspace, monkeypatch):
    """hatch_build.py, looking at the small workspace."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build_under_test", ROOT / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FRONTEND", workspace)
    monkeypatch.setattr(module, "STATIC", workspace / "static")
    monkeypatch.setattr(module, "STAMP", workspace / "static" / ".sources")
    monkeypatch.setenv("REASONBOOK_STATIC", str(workspace / "static"))
    monkeypatch.delenv("REASONBOOK_SKIP_FRONTEND", raising=False)
    return module


@pytest.mark.slow
@needs_node
def test_the_hook_builds_once_and_again_when_a_source_changes(hook, workspace, capsys, monkeypatch):
    monkeypatch.setattr(hook, "install_modules", lambda node, npm: None)  # they are linked in already
    (workspace / "src" / "one.ts").write_text(GOOD)
    hook.build_frontend()
    assert "one.js" in capsys.readouterr().err
    hook.build_frontend()
    assert "up to date" in capsys.readouterr().err
    (workspace / "src" / "one.ts").write_text(GOOD.replace("hello", "changed"))
    assert not hook.current()
    hook.build_frontend()
    assert "changed" in (workspace / "static" / "one.js").read_text()


def test_the_hook_can_be_told_to_leave_it(hook, workspace, capsys, monkeypatch):
    monkeypatch.setenv("REASONBOOK_SKIP_FRONTEND", "1")
    hook.build_frontend()
    assert "skipped" in capsys.readouterr().err and not (workspace / "static").exists()


def test_without_any_node_the_hook_asks_for_one_and_says_what_to_do(hook, workspace, monkeypatch):
    (workspace / "src" / "one.ts").write_text(GOOD)
    monkeypatch.setenv("PATH", str(workspace))
    asks = hook.FrontendHook.dependencies
    assert asks(None) == [hook.NODE_WHEEL]
    with pytest.raises(RuntimeError, match="REASONBOOK_SKIP_FRONTEND=1"):
        hook.commands()
