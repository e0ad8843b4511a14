"""Answers that a provider's model would give: filled from the schema, and marked with the row they are for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

ROW = re.compile(r"ROW-\d+")


def row_name(text: str) -> str:
    """The name that a row of the tests carries in its text; the text's digest where it has none."""
    found = ROW.search(text)
    return found.group() if found else hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def number(row: str, key: str) -> int:
    """The number that is the right answer for a row and a key, from 0 to 10."""
    return hashlib.blake2b(f"{row}{key}".encode(), digest_size=4).digest()[0] % 11


def filled(schema: Mapping[str, Any], row: str) -> dict[str, Any]:
    """An answer to a strict JSON Schema."""
    return {key: _value(part, row, key) for key, part in schema.get("properties", {}).items()}


def _value(part: Mapping[str, Any], row: str, key: str) -> Any:
    if "anyOf" in part:
        part = part["anyOf"][0]
    if "enum" in part:
        options = [option for option in part["enum"] if option is not None]
        return options[number(row, key) % len(options)]
    kind = part.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind in ("number", "integer"):
        return number(row, key)
    if kind == "boolean":
        return number(row, key) % 2 == 0
    if kind == "array":
        return [_value(part["items"], row, key)]
    if kind == "object":
        return filled(part, row)
    return f"{key} of {row}"
