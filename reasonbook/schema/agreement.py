"""Agreement: whether two values of a field say the same, and which fields can be held against each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..data.conversation import is_sequence, missing
from .schema import Schema

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, sorted."""
    return sorted(_NUMBER.findall(text))


def normal(text: object) -> str:
    """A text without regard to case, white space and the mark at its end."""
    return " ".join(str(text).casefold().split()).strip(" .!")


def says_the_same(one: object, other: object) -> bool:
    """Whether two values do: typed ones that are equal, texts with the same words, or with the same numbers."""
    if isinstance(one, str) and isinstance(other, str):
        numbers = numbers_in(one)
        return normal(one) == normal(other) or (bool(numbers) and numbers == numbers_in(other))
    return equal(one, other)


def equal(one: object, other: object) -> bool:
    """Whether two typed values are the same; a list is in any order, and what is not stated equals itself."""
    if is_sequence(one) and is_sequence(other):
        return sorted(map(normal, one)) == sorted(map(normal, other))
    if missing(one) or missing(other):
        return missing(one) and missing(other)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def typed_values(schema: Schema, reasoning: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields that are choices, numbers, booleans or lists."""
    return {field.name: reasoning.get(field.name) for field in schema if field.type != "text"}
