"""Schema subset: the part of a JSON Schema that a provider takes; what it leaves out is checked on our side."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

LENGTHS = ("maxLength", "maxItems")
RANGES = ("minimum", "maximum")


def without(schema: Mapping[str, Any], keywords: Collection[str]) -> dict[str, Any]:
    """The schema without these keywords, at any depth; keys of an answer may be called the same."""
    taken = {name: part for name, part in schema.items() if name not in keywords}
    if "properties" in taken:
        taken["properties"] = {key: without(part, keywords) for key, part in taken["properties"].items()}
    if "items" in taken:
        taken["items"] = without(taken["items"], keywords)
    return taken


def with_few_unions(schema: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The schema with so many values that may be null; texts beyond them say in words that there is none."""
    properties: dict[str, Any] = dict(schema.get("properties", {}))
    unions = [key for key, part in properties.items() if isinstance(part.get("type"), list)]
    texts = [key for key in unions if "string" in properties[key]["type"] and "enum" not in properties[key]]
    for key in texts[: max(0, len(unions) - most)]:
        properties[key] = {**properties[key], "type": "string"}
    return {**schema, **({"properties": properties} if properties else {})}


def has_lengths(schema: Mapping[str, Any]) -> bool:
    """Whether a length stands anywhere in a schema."""
    return without(schema, LENGTHS) != schema
