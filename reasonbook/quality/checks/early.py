"""Early: the response stands in a field before the one that works it out, whose writer then had seen it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .grounding import Grounding
from .stating import LAST, LEAST, NUMBER, TEXT, Stating

Held = tuple[str, str]  # a field that holds the response, and its number; "" where it is the whole text
_SELDOM = 0.1  # the part of the rows up to which it stands out, and is not the way of the schema


class Early:
    """Which fields hardly ever hold the response; measured by what the other two have learnt."""

    def __init__(self, stating: Stating, grounding: Grounding) -> None:
        self._stating = stating
        self._grounding = grounding
        self._rows: Counter[str] = Counter()
        self._holds: Counter[tuple[str, bool]] = Counter()  # by field, whether as a text
        self.learnt: frozenset[tuple[str, bool]] = frozenset()

    def count(self, fields: Sequence[str], holds: Sequence[Held], rows: int) -> None:
        """Takes rows in, or out where their number is negative."""
        for field in fields:
            self._rows[field] += rows
        for field, number in holds:
            self._holds[field, not number] += rows

    def settle(self) -> None:
        """Learns anew which fields seldom hold it."""
        self.learnt = frozenset(
            (field, text)
            for field, rows in self._rows.items()
            for text in (True, False)
            if rows >= LEAST and self._holds[field, text] <= _SELDOM * rows
        )

    def leaks(self, fields: Sequence[str], holds: Sequence[Held]) -> list[Held]:
        """Where a row's response stands too early."""
        if self._stating.learnt is None or not holds:
            return []
        states, rule = self._stating.learnt
        if states not in fields or rule not in (TEXT, LAST, NUMBER):
            return []
        before = fields[: fields.index(states)]
        return [
            (field, number)
            for field, number in holds
            if field in before
            and (not number) == (rule == TEXT)
            and (field, not number) in self.learnt
            and (not number or self._grounding.unknown((field, (number,))))
        ]

    @property
    def words(self) -> str:
        """What was learnt, or why the check is off."""
        if self._stating.learnt is None or self._stating.learnt[1] not in (TEXT, LAST, NUMBER):
            return "off, no field is known to state the response, so none is known to come before it"
        return f"fields before {self._stating.learnt[0]} seldom hold the response"
