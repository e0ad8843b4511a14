"""Known schemas: those by which rows were filled, named or found again in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..data.conversation import is_mapping
from ..data.reasoning_origin import RecordedOrigins
from ..data.training_rows import ChatRow
from ..errors import ReasonbookError
from ..schema import Schema
from ..store import Store


class KnownSchemas:
    """The schemas by which rows were filled: the one that was named, else those that the store has on record.

    Args:
        store: where augmentations leave their origin.
        named: the schema that this very frame was filled with, as far as this kernel knows.
    """

    def __init__(self, store: Store, named: Schema | None) -> None:
        self._named = named
        self._origins = RecordedOrigins(store)
        self._schemas: dict[int, Schema | None] = {}

    def fitting(self, names: Sequence[str]) -> list[Schema]:
        """The schemas that may have filled rows with these fields, oldest first; none where nobody knows one."""
        if self._is_named(names):
            return [self._named] if self._named is not None else []
        return [schema for number in self._with(names) if (schema := self._schemas[number]) is not None]

    def of(self, names: Sequence[str], row: Callable[[], ChatRow] | None = None) -> Schema | None:
        """The schema of a row; None where none is known.

        Args:
            names: its fields, or those of its neighbours where it has none.
            row: the row, by which one of several is told; None where it has no reasoning.
        """
        if self._is_named(names):
            return self._named
        fitting = self._with(names)
        if len(fitting) > 1 and row is not None:
            fitting = [n for n in self._origins.of(row()) if n in fitting] or fitting
        return self._schemas[fitting[-1]] if fitting else None

    def _is_named(self, names: Sequence[str]) -> bool:
        return self._named is not None and all(name in self._named for name in names)

    def _with(self, names: Sequence[str]) -> list[int]:
        """Those on record with these very fields, by number."""
        return [
            number
            for number, origin in enumerate(self._origins.all)
            if (schema := self._schema(number, origin.schema)) is not None and set(schema.names) == set(names)
        ]

    def _schema(self, number: int, plain: object) -> Schema | None:
        if number not in self._schemas:
            try:
                self._schemas[number] = Schema.from_dict(plain) if is_mapping(plain) else None
            except (ReasonbookError, KeyError, TypeError):
                self._schemas[number] = None
        return self._schemas[number]
