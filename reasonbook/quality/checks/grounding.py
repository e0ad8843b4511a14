"""Grounding: where the numbers and names of a field come from: the request, a field before it, or a sum.

What recurs without coming from anywhere is knowledge of the task, such as the days of a month or the fees of a rule;
what comes from nowhere in one row alone was made up, or belongs to another row. The response is held to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .stating import SHARE

Strange = tuple[str, tuple[str, ...]]  # a field that has numbers or names, and those that come from nowhere
RESPONSE = "the response"  # as a field
_LEAST = 200  # rows that a field must be known in: in fewer, what is rare and what is made up look alike
MOST = 8  # numbers and names of a field that are kept
_RECURS = 3  # rows, and one in two hundred, in which it must come from nowhere to be knowledge


class Grounding:
    """Which fields have only numbers and names that come from somewhere, in nine of ten rows."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()  # by field, those in which it has any
        self._grounded: Counter[str] = Counter()
        self._strange: Counter[tuple[str, str]] = Counter()
        self._alike: Counter[Strange] = Counter()
        self._known: set[tuple[str, str]] = set()
        self.learnt: frozenset[str] = frozenset()

    def count(self, told: Iterable[Strange], rows: int) -> None:
        """Takes rows in, or out where their number is negative."""
        for each in told:
            field, numbers = each
            self._rows[field] += rows
            self._alike[each] += rows
            for number in set(numbers):
                self._strange[field, number] += rows

    def settle(self) -> None:
        """Learns anew what recurs, and which fields take their numbers from the row."""
        self._known = {pair for pair, rows in self._strange.items() if rows >= self._recurs(pair[0])}
        self._grounded = Counter()
        for each, rows in self._alike.items():
            if rows and not self.unknown(each):
                self._grounded[each[0]] += rows
        self._learn()

    def replace(self, old: Sequence[Strange], new: Sequence[Strange]) -> bool:
        """Takes one row's change in; whether other rows are to be marked anew."""
        before = self.learnt
        recurs = {field: self._recurs(field) for field, _ in (*old, *new)}
        self.count(old, -1)
        self.count(new, 1)
        pairs = {(field, number) for field, numbers in (*old, *new) for number in numbers}
        steady = all(self._recurs(field) == rows for field, rows in recurs.items()) and all(
            (self._strange[pair] >= recurs[pair[0]]) == (pair in self._known) for pair in pairs
        )
        if not steady:
            self.settle()
            return True
        for told, rows in ((old, -1), (new, 1)):
            for each in told:
                if not self.unknown(each):
                    self._grounded[each[0]] += rows
        self._learn()
        return self.learnt != before

    def unknown(self, told: Strange) -> list[str]:
        """What of a field comes from nowhere and does not recur."""
        field, numbers = told
        return [number for number in numbers if (field, number) not in self._known]

    @property
    def words(self) -> str:
        """What was learnt, or why the check is off."""
        if self.learnt:
            return f"numbers and names of {', '.join(sorted(self.learnt))} come from the row"
        known = [
            (self._grounded[field] / rows, field) for field, rows in self._rows.items() if rows >= _LEAST
        ]
        if not known:
            return f"off, what recurs can be told from {_LEAST} rows on that have numbers or names"
        best = f" (best: {max(known)[1]}, {max(known)[0]:.0%})"
        return f"off, no field takes its numbers and names from the row in nine of ten rows{best}"

    def _learn(self) -> None:
        self.learnt = frozenset(
            field
            for field, rows in self._rows.items()
            if rows >= _LEAST and self._grounded[field] >= SHARE * rows
        )

    def _recurs(self, field: str) -> int:
        return max(_RECURS, self._rows[field] // 200)
