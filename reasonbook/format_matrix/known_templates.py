"""Known templates: chat templates that installed packages carry, read as data; none of the packages is imported."""

from __future__ import annotations

import ast
import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("trl", "unsloth")


@dataclass(frozen=True)
class KnownTemplate:
    """A chat template of an installed package.

    Attributes:
        name: ``package:name``.
        source: the Jinja text.
        eos: the token at which its package says that an answer ends; "" where it says nothing.
        aliases: other names under which the packages carry the very same text.
    """

    name: str
    source: str
    eos: str = ""
    aliases: tuple[str, ...] = ()


@cache
def known_templates() -> dict[str, KnownTemplate]:
    """Name → template, in the order of the packages; a text that several names share stands once, under the first."""
    found: dict[str, KnownTemplate] = {}
    first: dict[str, str] = {}
    for template in (*_of_trl(), *_of_unsloth()):
        name = first.setdefault(template.source, template.name)
        known = found.get(name, template)
        aliases = known.aliases if name == template.name else (*known.aliases, template.name)
        found[name] = KnownTemplate(name, known.source, known.eos, aliases)
    return found


def versions() -> dict[str, str]:
    """The installed ones of the packages that carry templates, with their versions."""
    return {name: found.version for name in PACKAGES if (found := _distribution(name)) is not None}


def _distribution(package: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _of_trl() -> Iterator[KnownTemplate]:
    found = _distribution("trl")
    if found is not None:
        for path in sorted(Path(str(found.locate_file("trl/chat_templates"))).glob("*.jinja")):
            yield KnownTemplate(f"trl:{path.stem}", path.read_text(encoding="utf-8"))


def _of_unsloth() -> Iterator[KnownTemplate]:
    """What its table holds under each name: a tuple of template, end token and more."""
    found = _distribution("unsloth")
    path = Path(str(found.locate_file("unsloth/chat_templates.py"))) if found is not None else None
    if path is not None and path.is_file():
        for name, entry in table_of(path.read_text(encoding="utf-8"), "CHAT_TEMPLATES").items():
            match entry:
                case (str(source), eos, *_):
                    own = isinstance(eos, str) and eos != "eos_token"
                    yield KnownTemplate(f"unsloth:{name}", source, str(eos) if own else "")
                case _:
                    pass


def table_of(code: str, table: str) -> Mapping[str, Any]:
    """What a module's top level puts into a table by name, worked out from texts alone; nothing of it is run."""
    made: dict[str, object] = {}
    names: dict[str, object] = {}
    for node in ast.parse(code).body:
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
            continue
        match node.targets[0]:
            case ast.Name(name):
                names[name] = _value(node.value, names, made)
            case ast.Subscript(ast.Name(holder), ast.Constant(str(key))) if holder == table:
                made[key] = _value(node.value, names, made)
            case _:
                pass
    return made


def _value(node: ast.expr, names: Mapping[str, object], made: Mapping[str, object]) -> object:
    """A text, or a tuple of values; None for what takes more than putting texts together."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return names.get(name)
        case ast.Tuple(elements):
            return tuple(_value(each, names, made) for each in elements)
        case ast.Subscript(ast.Name(), ast.Constant(str(key))):
            return made.get(key)
        case ast.BinOp(left, ast.Add(), right):
            match _value(left, names, made), _value(right, names, made):
                case str(before), str(after):
                    return before + after
                case _:
                    return None
        case ast.Call(ast.Attribute(text, "replace"), [old, new, *_]):
            match [_value(each, names, made) for each in (text, old, new)]:
                case str(whole), str(before), str(after):
                    return whole.replace(before, after)
                case _:
                    return None
        case _:
            return None
