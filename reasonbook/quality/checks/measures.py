"""Measures: what is learnt of all rows together, by which one that is unlike the others stands out."""

from __future__ import annotations

from .early import Early
from .flags import BIT
from .grounding import Grounding
from .row_look import Telling
from .stating import Stating


class Measures:
    """The field that states the response, where numbers come from, and who holds the response too early.

    Attributes:
        stating: which field states the response.
        grounding: which fields take their numbers from the row.
        early: which fields seldom hold the response.
    """

    def __init__(self) -> None:
        self.stating = Stating()
        self.grounding = Grounding()
        self.early = Early(self.stating, self.grounding)

    def count(self, telling: Telling, rows: int) -> None:
        """Takes in rows that tell the same."""
        self.grounding.count(telling.strange, rows)
        self._count(telling, rows)

    def settle(self) -> None:
        """Learns anew from all that was counted."""
        self.grounding.settle()
        self._settle()

    def replace(self, old: Telling, new: Telling) -> bool:
        """Takes one row's change in; whether other rows are to be marked anew."""
        before = (self.stating.learnt, self.early.learnt)
        moved = self.grounding.replace(old.strange, new.strange)
        self._count(old, -1)
        self._count(new, 1)
        self._settle()
        return moved or before != (self.stating.learnt, self.early.learnt)

    def bits(self, telling: Telling) -> int:
        """The flags that a row gets by what is learnt of all."""
        grounding = self.grounding
        unsupported = any(
            each[0] in grounding.learnt and grounding.unknown(each) for each in telling.strange if each[1]
        )
        return (
            (BIT["contradicted"] if self.stating.learnt in telling.differ else 0)
            | (BIT["unsupported"] if unsupported else 0)
            | (BIT["leaks early"] if telling.holds and self.early.leaks(telling.fields, telling.holds) else 0)
        )

    def _count(self, telling: Telling, rows: int) -> None:
        self.stating.count(telling.agree, telling.differ, rows)
        self.early.count(telling.fields, telling.holds, rows)

    def _settle(self) -> None:
        self.stating.settle()
        self.early.settle()
