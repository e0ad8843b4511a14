"""Row turns: what came for the turns of one row, until all are there and the row can be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..data.turn_reasoning import Reasoning
from ..teachers import Usage
from .results import RowError

TurnResult = Mapping[str, Any] | RowError
Cell = Mapping[str, Any] | list[Reasoning | None]


class RowTurns:
    """A row of which several turns are asked, or of which a person has written some.

    Attributes:
        entries: reasoning by turn, as far as it is there.
        open: how many turns are not settled yet.
        failed: turn → why it has no reasoning.
    """

    __slots__ = ("entries", "failed", "open")

    def __init__(self, count: int, still: int, written: Sequence[Reasoning | None]) -> None:
        self.entries: list[Reasoning | None] = list(written) or [None] * count
        self.open = still
        self.failed: dict[int, RowError] = {}

    def take(self, number: int, result: TurnResult) -> None:
        """Notes how one turn ended."""
        self.open -= 1
        if isinstance(result, RowError):
            self.failed[number] = result
        else:
            self.entries[number] = result

    @property
    def cell(self) -> Cell | None:
        """What is written of the row; None where nothing came."""
        return list(self.entries) if any(self.entries) else None

    @property
    def error(self) -> RowError | None:
        """Why the row is not whole, each turn by its number among all of the row."""
        if not self.failed:
            return None
        errors = dict(sorted(self.failed.items()))
        why = "; ".join(f"turn {n + 1} of {len(self.entries)}: {error.reason}" for n, error in errors.items())
        first = next(iter(errors.values()))
        return RowError(why, first.text, sum((error.usage for error in errors.values()), Usage()))
