"""Verdicts: what blind answers say of a row's reasoning and of its response, in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .rows import AuditedRow

if TYPE_CHECKING:
    from ...training.answering.scoring import Score

MISLEADS = "misleads"
SUSPECT = "label suspect"
UNDETERMINED = "undetermined"
EARNS = "earns its place"
UNNEEDED = "not needed"
LEAKS = "leaks early"
HURTS = "hurts"  # of a student, in nats
OPEN = "not answered"

# What a verdict means, the one that a reviewer should see first at the top.
MEANINGS = {
    MISLEADS: "right without the reasoning, wrong with it",
    SUSPECT: "the same other answer with and without it",
    UNDETERMINED: "wrong both ways, and not alike",
    EARNS: "wrong without the reasoning, right with it",
    UNNEEDED: "right both ways",
    OPEN: "an answer is missing",
}


def verdict(without: bool | None, with_it: bool | None, *, alike: bool) -> str:
    """The verdict on a row.

    Args:
        without: whether the answer to the request alone is the response; None where there is none.
        with_it: the same of the answer to request and reasoning.
        alike: whether both answers are the same.
    """
    if without is None or with_it is None:
        return OPEN
    if without:
        return UNNEEDED if with_it else MISLEADS
    if with_it:
        return EARNS
    return SUSPECT if alike else UNDETERMINED


def known_after(right: Sequence[bool | None]) -> int | None:
    """How many fields an answer needs to be right and to stay so; ``right`` begins with none of them.

    None where it is wrong with all of them, or where an answer is missing.
    """
    if not right or None in right or not right[-1]:
        return None
    return next(k for k in range(len(right)) if all(right[k:]))


def stating_fields(rows: Sequence[AuditedRow], rule: Score) -> dict[int, list[str]]:
    """By position, the fields of a row that state its response by themselves."""
    # One call for all rows: a rule may look at the responses of all of them.
    held = [(row, name) for row in rows for name in row.fields]
    from ...chat.reasoning_text import as_text

    grades = rule.grade([as_text(row.reasoning[name]) for row, name in held], [row.task() for row, _ in held])
    found: dict[int, list[str]] = {row.position: [] for row in rows}
    for (row, name), grade in zip(held, grades, strict=True):
        if grade >= 1.0:
            found[row.position].append(name)
    return found


def answer_field(stating: Mapping[int, Sequence[str]]) -> str | None:
    """The field that works the answer out: the last one that states the response, in most rows."""
    found = Counter(names[-1] for names in stating.values() if names).most_common(1)
    return found[0][0] if found and found[0][1] > len(stating) / 2 else None


def derived_by(row: AuditedRow, field: str | None) -> int | None:
    """How many fields of a row it takes until the answer is worked out; None where no field does."""
    return row.fields.index(field) + 1 if field in row.fields else None


def early(known: Iterable[int | None]) -> float:
    """After so few fields the answer is known in one row of five at most, of those that need any."""
    places = sorted(place for place in known if place)
    return places[len(places) // 5] if places else math.inf


def leaks(known: int | None, derived: int | None, *, stated: bool, before: float) -> bool:
    """Whether the answer is known before the field that derives it, from a field that gives it away.

    Args:
        known: after how many fields; 0 is from the request alone, which no field has given away.
        derived: see `derived_by`.
        stated: whether the last of them states the answer.
        before: see `early`. A checker that is quicker than the schema knows every answer early, and that is no leak.
    """
    return bool(known) and derived is not None and known < derived and (stated or known < before)
