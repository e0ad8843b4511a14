"""Fitting: values that do not fit the schema by which the rows were filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...data.conversation import is_sequence, missing
from ...schema import Schema
from ...schema.field import TEXT_LENGTH

# Names of fields → the schemas on record that have them; a value must fit one of these.
Schemas = Callable[[tuple[str, ...]], Sequence[Schema]]


class Fitting:
    """Whether the values of rows fit their schema."""

    def __init__(self, schemas: Schemas | None = None) -> None:
        self._schemas = schemas
        self._known: dict[tuple[str, ...], tuple[Schema, ...]] = {}

    def fits(self, reasoning: Mapping[str, Any]) -> bool:
        """Whether one of the schemas takes all values; True where none is known."""
        schemas = self._of(reasoning)
        return (
            not schemas
            or any(_plainly(schema, reasoning) for schema in schemas)
            or (self.misfit(reasoning) is None)
        )

    def misfit(self, reasoning: Mapping[str, Any]) -> tuple[str, str] | None:
        """The first field whose value does not fit, and why, by the newest schema; None where one takes them all."""
        found: tuple[str, str] | None = None
        for schema in self._of(reasoning):
            wrong = next(_wrong(schema, reasoning), None)
            if wrong is None:
                return None
            found = wrong
        return found

    @property
    def words(self) -> str:
        """By what values are held, or why they are not."""
        if not any(self._known.values()):
            return "off, no schema on record has the fields of these rows"
        names = max((s for s in self._known.values() if s), key=len)[-1].names
        return f"values are held to the schema of {len(names)} fields that filled the rows"

    def _of(self, reasoning: Mapping[str, Any]) -> tuple[Schema, ...]:
        if self._schemas is None:
            return ()
        names = tuple(reasoning)
        if names not in self._known:
            self._known[names] = tuple(self._schemas(names))
        return self._known[names]


def _plainly(schema: Schema, reasoning: Mapping[str, Any]) -> bool:
    """Whether all values fit at first sight, as nearly all do; what does not is read by the field itself."""
    for field in schema:
        value, kind = reasoning.get(field.name), field.type
        if kind == "text":
            fits = isinstance(value, str) and len(value) <= (field.max_length or TEXT_LENGTH)
        elif kind == "choice":
            fits = value in field.options
        elif kind == "boolean":
            fits = isinstance(value, bool)
        else:
            fits = kind == "number" and type(value) is int and field.minimum is None and field.maximum is None
        if not fits:
            return False
    return True


def _wrong(schema: Schema, reasoning: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in schema:
        value = reasoning.get(field.name)
        if field.name not in reasoning and field.optional:
            continue
        if hasattr(value, "tolist"):
            value = list(value) if is_sequence(value) else value
        if isinstance(value, str) and not value.strip():
            continue  # "blank" says it
        if (
            value is not None
            and not isinstance(value, (str, bool))
            and not is_sequence(value)
            and missing(value)
        ):
            continue
        try:
            field.read(value)
        except ValueError as problem:
            yield field.name, str(problem)
