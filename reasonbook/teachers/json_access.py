"""JSON access: objects and lists inside a provider's answer; what is missing or odd is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def as_object(value: object) -> Mapping[str, Any] | None:
    """The value where it is a JSON object."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def part(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a name."""
    return as_object(answer.get(name)) or {}


def parts(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of the list under a name."""
    found = answer.get(name)
    items = cast("list[Any]", found) if isinstance(found, list) else []
    return [item for item in map(as_object, items) if item is not None]
