"""Edit rules: what a person may write into the fields of a reasoning, by schema or by what stands there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..data.conversation import is_mapping, is_sequence, missing
from ..errors import ReviewError, SchemaError, choices
from ..schema import Schema
from ..schema.field import Field, FieldType, shown
from .samples import Sample


class FieldError(ReviewError):
    """An edit does not fit the fields of the reasoning.

    Attributes:
        fields: name → why its value does not fit.
    """

    def __init__(self, problem: str, fix: str, fields: Mapping[str, str]) -> None:
        super().__init__(problem, fix)
        self.fields = fields


def fields_of(reasoning: Mapping[str, Any], schema: Schema | None) -> list[dict[str, Any]]:
    """The fields of a row as a page offers them to be edited: those of the schema, else as their values are."""
    known = [] if schema is None else list(schema)
    names = {field.name for field in known}
    known += [_as_it_is(name, value) for name, value in reasoning.items() if name not in names]
    # What need not be stated may be empty on the page too.
    offered = [asdict(field) | {"optional": not field.required} for field in known]
    return [{k: v for k, v in field.items() if v not in (None, (), False, "")} for field in offered]


def clean_values(sample: Sample, given: Mapping[str, Any], schema: Schema | None) -> dict[str, Any]:
    """The values of an edit in their clean form, by the fields' own names.

    Args:
        sample: the row, or one earlier turn of it, as it stands.
        given: field name → value.
        schema: its fields, where they are known.

    Raises:
        FieldError: a field is not known, or a value does not fit.
    """
    row, reasoning = sample.position, sample.reasoning
    turn = "" if sample.turn is None else f", turn={sample.turn}"
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    fix = ""
    for name, value in given.items():
        field = _field(name, reasoning, schema)
        if field is None:
            names = list(dict.fromkeys([*(schema.names if schema else ()), *reasoning]))
            wrong[str(name)] = "is no field of this row"
            fix = fix or choices(str(name), names)
            continue
        try:
            if schema is not None and field.name in schema:
                values[field.name] = field.read(value)
            else:
                values[field.name] = _read(field, value, reasoning.get(field.name))
        except ValueError as error:
            wrong[field.name] = str(error)
            fix = fix or f"review.edit({row}, {{{field.name!r}: {_example(field, value)!r}}}{turn})"
    if schema is not None and not reasoning:  # written by hand, from nothing: it has to be whole
        absent = [
            field.name for field in schema if not field.optional and field.name not in {**values, **wrong}
        ]
        wrong |= dict.fromkeys(absent, "is missing")
        fix = fix or f"fields to fill: {', '.join(map(repr, schema.names))}"
    if wrong:
        words = "; ".join(f"{name!r} {why}" for name, why in wrong.items())
        raise FieldError(f"Row {row}: {words}.", fix, wrong)
    return values


def same(a: object, b: object) -> bool:
    """Whether two values of a field say the same; Arrow gives arrays for lists."""
    if is_sequence(a) and is_sequence(b):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if missing(a) or missing(b):
        return missing(a) and missing(b) and isinstance(a, str) == isinstance(b, str)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def type_of(value: object) -> FieldType:
    """The type that a field must have had, by a value of it."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else "list" if is_sequence(value) else "text"


def _field(name: object, reasoning: Mapping[str, Any], schema: Schema | None) -> Field | None:
    if schema is not None:
        try:
            return schema[str(name)]
        except SchemaError:
            pass
    if name in reasoning:
        return _as_it_is(str(name), reasoning[str(name)])
    # Where nothing is known of any field, nothing is known against one.
    return _as_it_is(str(name), None) if schema is None and not reasoning else None


def _as_it_is(name: str, value: object) -> Field:
    """A field of which no schema is known: optional, and of its value's type."""
    return Field(name, "", type_of(value), optional=True)


def _read(field: Field, value: object, before: object) -> object:
    """A value of a field without a schema: of the same type as before, where there was one."""
    if before is None or value is None or (is_mapping(before) and is_mapping(value)):
        return value
    if field.type != "text":
        return field.read(value)
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {shown(value)}")
    return value


def _example(field: Field, value: object) -> object:
    """A value that would do, as near to the one that was given as can be told."""
    if field.type == "choice":
        return next(iter(difflib.get_close_matches(str(value), field.options, n=1)), field.options[0])
    if field.type == "number":
        least = 0 if field.minimum is None else field.minimum
        return least if field.maximum is None else min(least, field.maximum)
    return {"boolean": True, "list": ["…"]}.get(field.type, "…")
