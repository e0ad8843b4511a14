"""Same cases: copies, conflicts and minimal pairs, by facts and wording; nothing is taken away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..cases import (
    BY_BOTH,
    BY_FACTS,
    Cases,
    NearTexts,
    answers_differ,
    cases_of,
    joined,
    near_texts,
    numbers_of,
)
from ..data.conversation import Conversation
from ..data.frame import Frame
from ..data.typed_pandas import codes_of
from .checks import Finding
from .row_groups import RowGroups

_TEXT_ALONE = "No field states a fact, so that only numbers tell near-same requests apart."


class SameCases:
    """What the rows of a frame are to each other, by their facts and by their wording.

    Args:
        frame: the frame.
        fields: the fields that make a case, as in `reasonbook.cases.cases_of`.
    """

    def __init__(self, frame: Frame, fields: Sequence[str] | None = None) -> None:
        self.frame = frame
        self._fields = fields

    @cached_property
    def cases(self) -> Cases:
        """Which rows are one case."""
        return cases_of(self.frame, fields=self._fields)

    @cached_property
    def _rows(self) -> list[Conversation]:
        return list(self.frame.layout.read(self.frame.df))

    @cached_property
    def answers(self) -> list[str | None]:
        """The response of each row, by position."""
        return [row.response for row in self._rows]

    @cached_property
    def groups(self) -> np.ndarray:
        """int64 by position: rows of one case, and rows of one request, are together."""
        return joined(self.cases.codes, codes_of([row.prompt_key for row in self._rows])[0])

    @cached_property
    def _asked(self) -> list[str]:
        """The last message of each request."""
        return [str(row.prompt[-1].get("content") or "") if row.prompt else "" for row in self._rows]

    @cached_property
    def _near(self) -> tuple[NearTexts, np.ndarray]:
        """Pairs in near-same words, and of each pair whether its facts are the same."""
        near = near_texts(self._asked)
        first, second = near.pairs[:, 0], near.pairs[:, 1]
        facts, numbers = self.cases.facts, codes_of(map(numbers_of, self._asked))[0]
        known = (facts[first] >= 0) & (facts[second] >= 0) & bool(self.cases.fields)
        same_facts: np.ndarray = facts[first] == facts[second]
        return near, np.where(known, same_facts, numbers[first] == numbers[second])

    @cached_property
    def copies(self) -> RowGroups:
        """Rows in near-same words, with the same facts and the same answer."""
        stars: dict[int, list[int]] = {}
        taken: set[int] = set()
        near, same = self._near
        pairs: list[list[int]] = near.pairs[same].tolist()
        for first, second in pairs:
            if first in taken or second in taken:
                continue
            if not answers_differ(self.answers[first], self.answers[second]):
                stars.setdefault(first, [first]).append(second)
                taken.add(second)
        return RowGroups(
            [tuple(star) for star in stars.values()],
            self.frame,
            name="copies",
            title="Copies",
            meaning="The same case in near-same words with the same answer; the first of each group stays.",
            next_verb='review.tag(quality.copies.rows, "copy")',
            but_first=True,
            notes=self._notes,
        )

    @cached_property
    def conflicts(self) -> RowGroups:
        """Rows of one case with different answers: at most one of them is right."""
        return RowGroups(
            [tuple(rows) for rows in conflicting(self.groups, self.answers)],
            self.frame,
            name="conflicts",
            title="Conflicts",
            meaning="The same facts, or the same request, and another answer: at most one of them is right.",
            next_verb='review.where(flag="conflict")',
            notes=self.cases.notes,
        )

    @cached_property
    def minimal_pairs(self) -> RowGroups:
        """Pairs in near-same words whose facts differ: what teaches a student to look at the facts."""
        near, same = self._near
        return RowGroups(
            [(first, second) for first, second in near.pairs[~same].tolist()],
            self.frame,
            name="minimal pairs",
            title="Minimal pairs",
            meaning="Near-same words, other facts: kept, and worth gold, though measures of text call them duplicates.",
            next_verb="quality.minimal_pairs.to_frame()",
            notes=self._notes,
        )

    @property
    def _notes(self) -> tuple[str, ...]:
        alone = (_TEXT_ALONE,) if self.cases.by not in (BY_FACTS, BY_BOTH) else ()
        return tuple(dict.fromkeys((*alone, *self._near[0].notes)))


class Conflicting:
    """Which rows have the flag ``conflict``, kept true while a review changes their responses."""

    def __init__(self, same: SameCases) -> None:
        self._answers = list(same.answers)
        self._members: dict[int, list[int]] = _together(same.groups)
        self._groups = same.groups
        self.mask = np.zeros(len(self._groups), dtype=bool)
        for rows in conflicting(self._groups, self._answers):
            self.mask[rows] = True

    def finding(self, position: int) -> tuple[Finding, ...]:
        """Which rows have a row's facts and another response, in words; nothing where none has."""
        together = self._members.get(int(self._groups[position]), [])
        mine = self._answers[position]
        rows = [row for row in together if answers_differ(mine, self._answers[row])]
        if not rows:
            return ()
        named = ", ".join(map(str, rows[:3])) + (", …" if len(rows) > 3 else "")
        words = f"row{'s' if len(rows) > 1 else ''} {named}: the same facts, another response"
        return (Finding("conflict", words),)

    def answered(self, position: int, answer: str | None) -> dict[int, bool]:
        """Takes in a row's new response; the rows of its case, with whether they conflict now."""
        rows = self._members.get(int(self._groups[position]), [])
        if not rows or self._answers[position] == answer:
            return {}
        self._answers[position] = answer
        conflict = _differ(rows, self._answers)
        marked = {row: conflict and bool(self._answers[row]) for row in rows}
        self.mask[rows] = list(marked.values())
        return marked


def conflicting(groups: np.ndarray, answers: Sequence[str | None]) -> list[list[int]]:
    """The rows of each group whose answers differ; a row without one contradicts nobody."""
    together = _together(groups).values()
    return [[row for row in rows if answers[row]] for rows in together if _differ(rows, answers)]


def _together(groups: np.ndarray) -> dict[int, list[int]]:
    """Group → positions, of groups of more than one row."""
    counts = np.bincount(groups, minlength=1)
    found: dict[int, list[int]] = defaultdict(list)
    for position in np.flatnonzero(counts[groups] > 1).tolist() if len(groups) else ():
        found[int(groups[position])].append(position)
    return found


def _differ(rows: Sequence[int], answers: Sequence[str | None]) -> bool:
    first = next((answers[row] for row in rows if answers[row]), None)
    return any(answers_differ(first, answers[row]) for row in rows)
