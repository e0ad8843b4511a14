"""Listing: records in order that show themselves as a card, and as a DataFrame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from ..data.typed_pandas import DataFrame, new_frame
from ..html_card import card, table
from ..store import NOT_RECORDED

T = TypeVar("T")
_SHOWN = 50  # lines on a card; a frame has them all


class Listing(Sequence[T], Generic[T]):
    """Records in order.

    Args:
        records: what is listed.
        columns: name → what stands there of a record.
        title: of the card.
        next_verb: what to type next.
        notes: sentences for the card.
    """

    def __init__(
        self,
        records: Sequence[T],
        columns: Mapping[str, Callable[[T], Any]],
        *,
        title: str,
        next_verb: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        self._records, self._columns = tuple(records), columns
        self._title, self._next_verb, self.notes = title, next_verb, tuple(notes)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[T]: ...
    def __getitem__(self, number: int | slice) -> T | Sequence[T]:
        return self._records[number]

    def __iter__(self) -> Iterator[T]:
        return iter(self._records)

    def to_frame(self) -> DataFrame:
        """The records as a DataFrame, one a row."""
        return new_frame([self._row(record) for record in self._records])

    def _row(self, record: T) -> dict[str, Any]:
        return {name: of(record) for name, of in self._columns.items()}

    def _facts(self) -> Mapping[str, Any]:
        return {}

    def _body(self) -> str:
        rows = [tuple(self._row(record).values()) for record in self._records[-_SHOWN:]]
        return table(tuple(self._columns), rows) if rows else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}: {self._title})"

    def _repr_html_(self) -> str:
        hidden = len(self) - _SHOWN
        notes = [*self.notes, *([f"{hidden} older ones: .to_frame()"] if hidden > 0 else [])]
        return card(self._title, self._facts(), notes=notes, body=self._body(), next_verb=self._next_verb)


def moment(at: float | None) -> str:
    """A time of this machine's clock as ``2026-11-27 14:05:09``."""
    if at is None:
        return NOT_RECORDED
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def dollars(cost: float | None, unknown: str = "price not known") -> str:
    """Money with the digits that say something."""
    if cost is None:
        return unknown
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.6f}".rstrip("0").rstrip(".")
