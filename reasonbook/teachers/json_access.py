"""JSON access: what a provider's bytes say, and what stands inside; whatever is missing or odd is empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import orjson

from ..safe_text import excerpt, storable

_MOST_TOKENS = 10**8  # in one call; a larger count is a mistake


def parsed(raw: bytes) -> object:
    """What JSON says, NaN and half characters included, which Python reads and JSON has not.

    Raises:
        ValueError: it is none; the text says what it is, to be read after "the answer".
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("is not valid UTF-8") from None
    except ValueError:
        raise ValueError("is not JSON" if raw.strip() else "is empty") from None


def dumped(value: object) -> bytes:
    """A value as JSON; half characters, which no provider takes, are written out."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_storable(value))


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return {storable(key): _storable(item) for key, item in pairs}
    return [_storable(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def as_object(value: object) -> Mapping[str, Any] | None:
    """The value where it is a JSON object."""
    if type(value) is dict:  # looked at first: the other question is slow
        return cast("dict[str, Any]", value)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def part(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a name."""
    return as_object(answer.get(name)) or {}


def parts(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of the list under a name."""
    found = answer.get(name)
    items = cast("list[Any]", found) if isinstance(found, list) else []
    return [item for item in map(as_object, items) if item is not None]


def text(value: object) -> str:
    """The value where it is a text."""
    return value if isinstance(value, str) else ""


def as_text(value: object) -> str:
    """The value as a text: JSON where it is none."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return excerpt(value)


def count(value: object) -> int:
    """A number of tokens, also in quotes; 0 where it cannot be one."""
    if type(value) is int:
        return value if 0 <= value <= _MOST_TOKENS else 0
    if value is None:
        return 0
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else 0
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0
