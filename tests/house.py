"""The house as data: its modules, and every arrow between two of them wherever it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "reasonbook"


@dataclass(frozen=True)
class Import:
    """One imported module, by full name, and where.

    Attributes:
        when: ``import``, ``call`` (inside a function) or ``typing`` (under TYPE_CHECKING).
        relative: it begins with a dot.
    """

    origin: str
    target: str
    line: int
    when: str
    relative: bool

    def __str__(self) -> str:
        return f"{self.origin}:{self.line} → {self.target}"


@dataclass(frozen=True)
class House:
    """A package as its files say it; nothing is imported."""

    package: Path

    @cached_property
    def files(self) -> dict[str, Path]:
        """Module → file; a package bears the file of its index, `__init__.py`."""
        found = {}
        for path in sorted(self.package.rglob("*.py")):
            parts = (self.package.name, *path.relative_to(self.package).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.files.items()}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every import, of the house's own modules and of others."""
        return tuple(
            Import(name, target, node.lineno, when, isinstance(node, ast.ImportFrom) and node.level > 0)
            for name, tree in self.trees.items()
            for node, when in _statements(tree)
            for target in self._targets(node, name)
        )

    @cached_property
    def arrows(self) -> tuple[Import, ...]:
        """The imports from one module of the house to another."""
        return tuple(i for i in self.imports if i.target in self.files and i.target != i.origin)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The packages, the whole one first."""
        return tuple(name for name in self.files if self.is_folder(name))

    def is_folder(self, module: str) -> bool:
        return self.files[module].name == "__init__.py"

    def rooms(self, folder: str) -> list[str]:
        """What lies directly in a folder: modules and folders, by full name."""
        return [name for name in self.files if name.rpartition(".")[0] == folder]

    def between(self, folder: str) -> Iterator[tuple[Import, str, str]]:
        """The arrows between two rooms of a folder, with the rooms that they leave and reach."""
        for each in self.arrows:
            origin, target = room(each.origin, folder), room(each.target, folder)
            if origin and target and origin != target:
                yield each, origin, target

    def _targets(self, node: ast.Import | ast.ImportFrom, origin: str) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        base = node.module or ""
        if node.level:
            parts = origin.split(".")
            up = node.level - self.is_folder(origin)
            base = ".".join([*parts[: len(parts) - up], *filter(None, [base])])
        for alias in node.names:
            below = f"{base}.{alias.name}"
            yield below if below in self.files else base


HOUSE = House(PACKAGE)  # ours, parsed once for all who read its source


def room(module: str, folder: str) -> str:
    """The room of a folder in which a module lies, by full name; empty outside it and for its own index."""
    if module == folder or not inside(module, folder):
        return ""
    return f"{folder}.{module.removeprefix(folder + '.').partition('.')[0]}"


def short(name: str) -> str:
    """The last word of a full name."""
    return name.rpartition(".")[2]


def inside(module: str, folder: str) -> bool:
    """Whether a module is a folder, its index, or lies somewhere in it."""
    return module == folder or module.startswith(folder + ".")


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """One circle per knot of names that reach each other."""
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


def built(package: Path, files: dict[str, str]) -> House:
    """A small house, to try a rule on: path below the package → text."""
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in {package, *(path.parent for path in package.rglob("*.py"))}:
        (folder / "__init__.py").touch()
    return House(package)


def _statements(node: ast.AST, when: str = "import") -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, when
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for part in child.body:
                yield from _statements(ast.Module([part], []), "typing")
            for part in child.orelse:
                yield from _statements(ast.Module([part], []), when)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _statements(child, "call" if when == "import" else when)
        else:
            yield from _statements(child, when)
