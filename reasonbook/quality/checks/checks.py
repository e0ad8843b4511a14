"""Checks of all rows: what looks wrong with each one's reasoning, as flags and one score."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .explain import explained
from .fitting import Fitting, Schemas
from .flags import BIT, FLAGS, OF_OTHERS, Finding, Flags, flags_of
from .measures import Measures
from .row_look import Look, Telling, look
from .whole_row import Row, Turn, whole

_AT_LEAST = 400.0  # characters; ordinary variation below is not suspicious


def check(rows: Iterable[Row]) -> list[Flags]:
    """The flags of all rows, looked at once; `Checks` keeps them true through edits."""
    return Checks(rows).flags


class Checks:
    """What the checks say of every row; a change costs the row that changed.

    Some flags are measured against the other rows: the median length, the field that states the response, the fields
    whose numbers come from the row. These measures are kept up to date, and only when one of them moves are the other
    rows marked anew, without being read again.

    Args:
        rows: reasoning by field name (None where there is none) and response of each row; then those of its earlier
            assistant turns, and its request, without which nothing is said of injection or of where numbers come from.
            A row has the flags of all of its turns.
        schemas: names of fields → the schemas that may have filled them; None holds values to none.
        also: flag → bool by position, for flags that others have found and no row shows by itself.

    Attributes:
        flags: those of each row, by position; another list whenever rows beyond the changed one got new flags.
        bits: the same, a bit a flag (uint32 by position).
    """

    def __init__(
        self,
        rows: Iterable[Row],
        schemas: Schemas | None = None,
        *,
        also: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._fitting = Fitting(schemas)
        self._measures = Measures()
        self._places: dict[Telling, int] = {}  # what rows tell, each once: many tell the same
        self._tellings: list[Telling] = []
        own: list[int] = []
        lengths: list[int] = []
        which: list[int] = []
        for row in rows:
            seen = self._look(row)
            own.append(seen.bits)
            lengths.append(seen.length)
            which.append(self._place(seen.telling))
        self._own = np.array(own, dtype=np.uint32)
        self._which = np.array(which, dtype=np.int64)
        self._lengths = np.array(lengths, dtype=np.int64)
        for place, count in Counter(which).items():
            self._measures.count(self._tellings[place], count)
        self._measures.settle()
        self._sorted: list[int] = np.sort(self._lengths[self._lengths > 0]).tolist()
        self._also = np.zeros(len(self._own), dtype=np.uint32)
        self._others = frozenset(also or ())
        for flag, mask in (also or {}).items():
            self._also[mask] |= BIT[flag]
        self._limit = self._long()
        self._mark()

    def __len__(self) -> int:
        return len(self._own)

    def update(
        self,
        position: int,
        reasoning: Mapping[str, Any] | None,
        response: str | None,
        earlier: Sequence[Turn] = (),
        request: str = "",
    ) -> None:
        """Takes in a row's new reasoning and response, and what else is looked at."""
        new = self._look((reasoning, response, earlier, request))
        before, was = self._tellings[int(self._which[position])], int(self._lengths[position])
        self._own[position], self._lengths[position] = new.bits, new.length
        self._which[position] = self._place(new.telling)
        if was:
            del self._sorted[bisect_left(self._sorted, was)]
        if new.length:
            insort(self._sorted, new.length)
        limit = self._long()
        between = (self._lengths > limit) != (self._lengths > self._limit)
        self._limit = limit
        moved = before != new.telling and self._measures.replace(before, new.telling)
        if moved or bool(between.any()):
            self._mark()
        else:
            self._show(position)

    def note(self, position: int, flags: Iterable[str], among: Iterable[str]) -> None:
        """Says which flags of ``among``, found by others than these checks, a row bears."""
        kept = int(self._also[position]) & ~sum(BIT[flag] for flag in among)
        self._also[position] = kept | sum(BIT[flag] for flag in set(flags))
        self._show(position)

    def of(self, row: Row) -> Flags:
        """The flags of one row or turn, by the measure of all rows."""
        return flags_of(self.bits_of(row))

    def bits_of(self, row: Row) -> int:
        """The same as bits, as in `bits`."""
        return self._of(self._look(row))

    def findings(self, row: Row) -> tuple[Finding, ...]:
        """What the checks see in one row or turn, in words and with its place; earlier turns are rows of their own."""
        reasoning, response, _, request = whole(row)
        alone = (reasoning, response, (), request)
        seen = self._look(alone)
        return tuple(explained(alone, seen, self._of(seen), self._measures, self._fitting))

    def flagged(self, flag: str) -> np.ndarray:
        """Which rows have a flag, or ``any``; bool by position."""
        return self.bits != 0 if flag == "any" else self.bits & BIT[flag] != 0

    @property
    def reasoned(self) -> np.ndarray:
        """Which rows have any reasoning to check; bool by position."""
        return (self._lengths > 0) | (self._own != 0)

    @property
    def suspicion(self) -> np.ndarray:
        """Float by position."""
        kinds, which = np.unique(self.bits, return_inverse=True)
        return np.array([flags_of(int(bits)).suspicion for bits in kinds], dtype=float)[which]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each flag, the most frequent first."""
        counted = {flag: int(self.flagged(flag).sum()) for flag in FLAGS}
        return dict(sorted(((flag, n) for flag, n in counted.items() if n), key=lambda each: -each[1]))

    @property
    def checked(self) -> dict[str, str]:
        """What each flag was held against, or why its check is off; flags of single rows are always looked for.

        What others find is in it where they looked: conflicts where rows were compared, audits' where there are any.
        """
        measures = self._measures
        words = {flag: OF_OTHERS.get(flag, "each row by itself") for flag in FLAGS}
        for flag in OF_OTHERS:
            if flag not in self._others and not self.flagged(flag).any():
                del words[flag]
        words["contradicted"] = measures.stating.words
        words["unsupported"] = measures.grounding.words
        words["leaks early"] = measures.early.words
        words["off schema"] = self._fitting.words
        words["too long"] = (
            f"over {self._limit:g} characters" if self._sorted else "off, no row has reasoning"
        )
        return words

    @property
    def promise(self) -> str:
        """What "no check flags it" means for these rows, in a sentence or two."""
        on = [flag for flag, words in self.checked.items() if not words.startswith("off")]
        off = [f"{flag} ({words[5:]})" for flag, words in self.checked.items() if words.startswith("off")]
        return f"Checked: {', '.join(on)}. " + (
            f"Not checked: {'; '.join(off)}." if off else "No check was off."
        )

    def _look(self, row: Row) -> Look:
        return look(whole(row), self._fitting)

    def _place(self, telling: Telling) -> int:
        place = self._places.setdefault(telling, len(self._tellings))
        if place == len(self._tellings):
            self._tellings.append(telling)
        return place

    def _mark(self) -> None:
        """Marks every row by the measures as they are now."""
        told = np.array([self._measures.bits(telling) for telling in self._tellings], dtype=np.uint32)
        long = np.where(self._lengths > self._limit, BIT["too long"], 0).astype(np.uint32)
        self.bits = self._own | (told[self._which] if len(told) else 0) | long | self._also
        self.flags = [flags_of(bits) for bits in self.bits.tolist()]

    def _show(self, position: int) -> None:
        """Marks one row by the measures as they are."""
        told = self._measures.bits(self._tellings[int(self._which[position])])
        long = BIT["too long"] if self._lengths[position] > self._limit else 0
        self.bits[position] = int(self._own[position] | self._also[position]) | told | long
        self.flags[position] = flags_of(int(self.bits[position]))

    def _of(self, seen: Look) -> int:
        long = BIT["too long"] if seen.length > self._limit else 0
        return seen.bits | self._measures.bits(seen.telling) | long

    def _long(self) -> float:
        """Three times the median, and never under 400 characters."""
        known = self._sorted
        return max(_AT_LEAST, 3.0 * known[len(known) // 2]) if known else float("inf")
