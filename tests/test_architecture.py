"""The house's arrows (an AST walk over every module) and what `import reasonbook` costs (a new process)."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "reasonbook"
HEAVY = tuple(
    "torch transformers trl peft accelerate datasets bitsandbytes unsloth unsloth_zoo openai anthropic "
    "aiohttp xllamacpp ipywidgets anywidget plotly pyarrow dask".split()
)
NOT_LOADED = ("torch", "transformers", "openai", "anthropic", "ipywidgets", "plotly", "aiohttp", "anywidget")
IMPORT_BUDGET = 0.5  # seconds, pandas among them


@dataclass(frozen=True)
class Import:
    """One imported module, by full name, and where."""

    origin: str
    target: str
    line: int
    at_import_time: bool

    def __str__(self) -> str:
        return f"{self.origin}:{self.line} → {self.target}"


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path = PACKAGE) -> list[Import]:
    """Every import that can run; those under `if TYPE_CHECKING` cannot."""
    known = modules(package)
    found = []
    for name, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        inside = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node, at_import_time in running_statements(tree):
            for target in targets(node, inside, known):
                found.append(Import(name, target, node.lineno, at_import_time))
    return found


def running_statements(tree: ast.AST, at_import_time: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, at_import_time
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from running_statements(other, at_import_time)
        else:
            deferred = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from running_statements(node, at_import_time and not deferred)


def targets(node: ast.stmt, inside: str, known: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = inside.split(".")
            root = ".".join(parts[: len(parts) - node.level + 1])
            base = f"{root}.{base}" if base else root
        for alias in node.names:
            below = f"{base}.{alias.name}"
            yield below if below in known else base


def room(module: str) -> str:
    """The room of a module: `reasonbook.chat.probe` → `chat`."""
    return [*module.split("."), ""][1]


def within(target: str, *rooms: str) -> bool:
    return target.startswith("reasonbook.") and room(target) in rooms


def wrong(rule) -> list[str]:
    return [str(each) for each in imports() if rule(each)]


def test_only_ipython_imports_widgets():
    assert not wrong(
        lambda each: within(each.target, "widgets") and room(each.origin) not in ("widgets", "ipython")
    )


def test_heavy_packages_are_not_imported_at_import_time():
    assert not wrong(
        lambda each: (
            each.at_import_time and each.target.split(".")[0] in HEAVY and room(each.origin) != "widgets"
        )
    )


def test_unsloth_is_imported_in_its_own_backend_only():
    assert not wrong(
        lambda each: (
            each.target.split(".")[0] in ("unsloth", "unsloth_zoo")
            and not each.origin.startswith("reasonbook.training.backends.unsloth")
        )
    )


NEVER = {
    "chat": ("training", "augment", "teachers", "accessor", "ipython", "widgets", "cli"),
    "teachers": ("augment", "chat", "training", "review", "accessor", "ipython", "widgets", "cli"),
    "augment": ("training", "accessor", "ipython", "widgets", "cli"),
    "training": ("accessor", "ipython", "widgets", "cli"),
    "widgets": ("accessor", "ipython", "cli"),
    "accessor": ("ipython", "widgets", "cli"),
}
# The seams that everything stands on know nobody above them.
CORE = ("errors", "card", "events", "job", "store", "field", "schema", "presets", "layout", "conversation")


@pytest.mark.parametrize("origin", NEVER)
def test_arrows_that_are_never_drawn(origin):
    assert not wrong(lambda each: room(each.origin) == origin and within(each.target, *NEVER[origin]))


def test_the_core_knows_nobody_above_it():
    above = {room(name) for name in modules()} - {*CORE, ""}
    assert not wrong(
        lambda each: room(each.origin) in CORE and within(each.target, *above) and each.at_import_time
    )


def test_a_widget_knows_no_other_widgets_logic():
    """Widgets share base modules; a module that has a front end of its own is imported by the index alone."""
    holders = {
        name
        for name, path in modules().items()
        if room(name) == "widgets"
        and name.count(".") == 2
        and (PACKAGE.parent / widget_source(name)).is_file()
    }
    assert not wrong(
        lambda each: (
            each.target in holders
            and each.origin not in (each.target, "reasonbook.widgets", "reasonbook.ipython")
        )
    )


def widget_source(module: str) -> str:
    return f"frontend/src/{module.rpartition('.')[2]}.ts"


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """One circle per knot of modules that import each other at import time."""
    found: list[list[str]] = []
    state: dict[str, str] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        state[name] = "open"
        path.append(name)
        for target in sorted(edges.get(name, ())):
            if state.get(target) == "open":
                found.append([*path[path.index(target) :], target])
            elif target not in state:
                visit(target)
        path.pop()
        state[name] = "done"

    for name in sorted(edges):
        if name not in state:
            visit(name)
    return found


def import_time_edges(package: Path = PACKAGE) -> dict[str, set[str]]:
    known = modules(package)
    edges: dict[str, set[str]] = {name: set() for name in known}
    for each in imports(package):
        # A package's index may gather what its own modules define; they reach past it to each other.
        if each.at_import_time and each.target in known and each.target != each.origin:
            edges[each.origin].add(each.target)
    return edges


def test_no_circles_at_import_time():
    assert [" → ".join(circle) for circle in circles(import_time_edges())] == []


def test_the_walk_sees_what_it_forbids(tmp_path):
    """The rules above would pass on a walk that finds nothing, so the walk is tried on a small bad house."""
    house = tmp_path / "reasonbook"
    (house / "chat").mkdir(parents=True)
    (house / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"
    )
    (house / "a.py").write_text("from . import b\ntry:\n    import torch\nexcept ImportError:\n    pass\n")
    (house / "b.py").write_text("from .chat.probe import x\n")
    (house / "chat" / "__init__.py").write_text("")
    (house / "chat" / "probe.py").write_text(
        "from ..a import y\ndef f():\n    from reasonbook.train import run\n"
    )
    seen = {(each.origin, each.target, each.at_import_time) for each in imports(house)}
    assert ("reasonbook.a", "reasonbook.b", True) in seen
    assert ("reasonbook.a", "torch", True) in seen
    assert ("reasonbook.chat.probe", "reasonbook.train", False) in seen
    assert not any(origin == "reasonbook" and target == "torch" for origin, target, _ in seen)
    assert circles(import_time_edges(house)) == [
        ["reasonbook.a", "reasonbook.b", "reasonbook.chat.probe", "reasonbook.a"]
    ]


# CPU seconds: on an idle machine the seconds that a person waits, and of meaning on a busy one too.
PROBE = """
import json, sys, time
began = time.process_time()
import pandas
middle = time.process_time()
import reasonbook
ended = time.process_time()
print(json.dumps({"pandas": middle - began, "own": ended - middle, "loaded": sorted(sys.modules)}))
"""


def fresh_import(probe: str = PROBE) -> dict:
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr == "", "an import says nothing"
    return json.loads(done.stdout)


def test_import_loads_nothing_heavy():
    # Not through PROBE: pandas itself may load pyarrow, and that is not ours.
    loaded = set(fresh_import()["loaded"])
    assert not loaded & set(NOT_LOADED)


@pytest.mark.alone
def test_import_is_fast():
    """At most 0.5 s with pandas, best of five; where pandas takes all that, ours is at most 0.1 s."""
    runs = [fresh_import() for _ in range(5)]
    own, pandas = min(run["own"] for run in runs), min(run["pandas"] for run in runs)
    print(f"\nimport reasonbook: {own + pandas:.3f} s, of which {own:.3f} s beyond pandas")
    assert own <= 0.1
    if pandas > IMPORT_BUDGET - 0.1:
        pytest.skip(f"pandas alone takes {pandas:.2f} s on this machine; our own {own:.3f} s was checked")
    assert own + pandas <= IMPORT_BUDGET
