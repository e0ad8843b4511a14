"""Reasoning text: field values in words, the same for training, preview and exports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..data.conversation import is_mapping, is_sequence, missing
from ..errors import FormatError

# Methods that keep one text under one of these names: the text stands for itself, without its label.
BARE = ("Reasoning", "Chain of Thought")


@dataclass(frozen=True)
class Thought:
    """Reasoning as text.

    Attributes:
        text: stripped at both ends; empty where there is no reasoning.
        spans: ``(field name, start, end)`` in characters of the text, in order, without overlaps.

    Example:
        >>> from reasonbook.chat import thought
        >>> thought({"Intent": "a refund", "Days": 9}).spans
        (('Intent', 0, 16), ('Days', 17, 24))
    """

    text: str
    spans: tuple[tuple[str, int, int], ...]

    def __bool__(self) -> bool:
        return bool(self.text)


NOTHING = Thought("", ())
_NOT_STATED = "not stated"


def thought(reasoning: Mapping[str, Any] | str | None, style: str = "lines", prose: str = "") -> Thought:
    """Reasoning text of a row in a style; fields without a value are left out.

    Args:
        reasoning: field name → value, a text, or nothing.
        style: ``lines`` (``Name: value``, one per line), ``json``, or ``prose``.
        prose: for ``prose``: the text with field names in braces.

    Raises:
        FormatError: the prose names a field that the row does not have.

    Example:
        >>> from reasonbook.chat import thought
        >>> print(thought({"Intent": "a refund", "Days": 9}).text)
        Intent: a refund
        Days: 9
    """
    if not isinstance(reasoning, Mapping):
        if missing(reasoning) or not isinstance(reasoning, str):
            return NOTHING
        text = reasoning.strip()
        return Thought(text, (("Reasoning", 0, len(text)),))
    values = {name: value for name, value in reasoning.items() if not _blank(value)}
    if not values:
        return NOTHING
    if len(values) == 1:
        ((name, value),) = values.items()
        if name in BARE and isinstance(value, str):
            text = value.strip()
            return Thought(text, ((name, 0, len(text)),))
    if style == "json":
        return _json(values)
    if style == "prose":
        return _prose(values, prose, reasoning)
    return _lines(values)


def as_text(value: object) -> str:
    """One field's value in words."""
    if type(value) is str:  # as most are
        return value.strip()
    if type(value) is int:
        return str(value)
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else format(value, ".15g")
    if is_mapping(value):
        return json.dumps(value, ensure_ascii=False, default=str)
    if is_sequence(value):
        return "; ".join(as_text(item) for item in value if not _blank(item))
    return str(value).strip()


def _lines(values: Mapping[str, Any]) -> Thought:
    spans: list[tuple[str, int, int]] = []
    parts: list[str] = []
    at = 0
    for name, value in values.items():
        line = f"{name}: {as_text(value)}"
        spans.append((name, at, at + len(line)))
        parts.append(line)
        at += len(line) + 1
    return Thought("\n".join(parts), tuple(spans))


def _json(values: Mapping[str, Any]) -> Thought:
    spans: list[tuple[str, int, int]] = []
    text = "{"
    for i, (name, value) in enumerate(values.items()):
        text += ", " if i else ""
        start = len(text)
        plain: object = value.tolist() if hasattr(value, "tolist") else value
        label = json.dumps(str(name), ensure_ascii=False)
        text += f"{label}: {json.dumps(plain, ensure_ascii=False, default=str)}"
        spans.append((name, start, len(text)))
    return Thought(text + "}", tuple(spans))


def _prose(values: Mapping[str, Any], prose: str, reasoning: Mapping[str, Any]) -> Thought:
    """The prose with the values in their places; one that is not stated is said to be so, for the sentence needs it."""
    spans: list[tuple[str, int, int]] = []
    text, at = "", 0
    prose = prose.strip()
    for match in re.finditer(r"\{([^{}]*)\}", prose):
        name = match[1].strip()
        if name not in reasoning:
            raise FormatError(
                f"The prose names {{{name}}}, which this row's reasoning does not have.",
                f"name one of: {', '.join(map(repr, reasoning))}",
            )
        text += prose[at : match.start()]
        start = len(text)
        text += as_text(values[name]) if name in values else _NOT_STATED
        spans.append((name, start, len(text)))
        at = match.end()
    return Thought(text + prose[at:], tuple(spans))


def _blank(value: object) -> bool:
    if type(value) is str:  # as most are
        return not value or value.isspace()
    if type(value) is int or type(value) is bool:
        return False
    if is_mapping(value):
        return not value
    if is_sequence(value):
        return all(_blank(item) for item in value)
    return missing(value)
