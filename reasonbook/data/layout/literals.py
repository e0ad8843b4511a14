"""Literals: the lists and dicts that a text cell stands for, as JSON or as Python prints them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

LONGEST = 2_000_000  # characters of a Python text that are read; JSON has no limit
# numpy prints the items of an array without commas between them.
_BETWEEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(\})\s+(?=\{)""", re.DOTALL)


def parsed(text: str) -> Any:
    """The value of a text: JSON, or what ``df.to_csv()`` wrote for a list of dicts. Nothing in it is run.

    Raises:
        ValueError: it is neither.

    Example:
        >>> from reasonbook.data.layout.literals import parsed
        >>> parsed("[{'role': 'user', 'content': \\"It's late\\"}]")
        [{'role': 'user', 'content': "It's late"}]
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _value(_tree(text.strip()))


def _tree(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    for words in (text, _BETWEEN.sub(lambda found: "}, " if found[1] else found[0], text)):
        try:
            return ast.parse(words, mode="eval").body
        except (SyntaxError, MemoryError, RecursionError):
            continue
    raise ValueError("neither JSON nor Python")


def _value(node: ast.expr) -> Any:
    """The value of a literal, written out so that names and calls other than numpy's are refused."""
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id="nan"):
            return None
        case ast.Call(func=ast.Name(id="array"), args=[items, *_]):
            return _value(items)
        case _:
            raise ValueError("not a list of plain values")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("a key is not text")
