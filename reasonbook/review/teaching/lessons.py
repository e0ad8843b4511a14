"""Lessons: the rows of a review that show what is right, and what a person changed in each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...data.conversation import json_ready
from ...data.tool_calls import request_text
from ...decisions import GOOD
from ...schema import Example
from ..edit_rules import same
from ..query import Query
from ..samples import ReviewedRows, Sample

_LOOKED_AT = 400  # rows of which the examples are chosen; edits among them first
_LONGEST = 4_000  # characters of request and response; a longer row costs more at each call than it shows
_KIND = 40  # characters up to which a text stands for a kind of row
NEVER = (
    "validation",
    "test",
)  # rows of these splits are no examples: what is measured on them is not shown before


@dataclass(frozen=True)
class Lesson:
    """One row that shows what is right.

    Attributes:
        row: its position.
        example: what a teacher is shown of it.
        was: what the teacher had written, of the fields that a person changed.
        now: what the person wrote there instead.
    """

    row: int
    example: Example
    was: Mapping[str, Any]
    now: Mapping[str, Any]


def lessons_in(rows: ReviewedRows, most: int, *, without: Collection[int] = ()) -> tuple[Lesson, ...]:
    """So many rows that people found right, edited ones first, as different in their typed values as there are.

    Rows that validate or test are never among them. The same decisions give the same lessons in the same order.

    Args:
        without: rows that are held out, and with them those that have the same request.
    """
    edited = set(edited_rows(rows))
    found = edited | {
        int(at) for query in (Query(verdict="accepted"), Query(rating=GOOD)) for at in rows.where(query)
    }
    splits = rows.frame.column("split")
    there = [at for at in found if splits[at] not in NEVER and rows.statuses[at] == "ok"]
    there = [at for at in there if rows.decision(at).verdict != "rejected"]
    ranked = sorted(
        there, key=lambda at: (at not in edited, -(rows.decision(at).rating or 0), rows.roots[at])
    )
    asked = {rows.conversation(at).prompt_key for at in without}
    samples = [sample for sample in rows.samples(ranked[:_LOOKED_AT]) if _fits(sample)]
    samples = [sample for sample in samples if sample.conversation.prompt_key not in asked]
    return tuple(_lesson(sample, edited) for sample in _spread(samples, edited, most))


def edited_rows(rows: ReviewedRows) -> list[int]:
    """The rows whose reasoning a person wrote by hand, or had repaired one by one; accepted proposals are none."""
    accepted = rows.proposals.accepted
    found: list[int] = []
    for root in rows.decisions.roots & rows.places.keys():
        reasoning = rows.decisions.of(root).reasoning
        proposed = accepted.get(root)
        if reasoning and (proposed is None or json_ready(proposed.reasoning) != json_ready(reasoning)):
            found.append(rows.places[root])
    return sorted(found)


def changed_fields(sample: Sample) -> dict[str, tuple[Any, Any]]:
    """What a person changed in a row: field → what the teacher had written, what stands there now."""
    wrote = sample.teacher_reasoning
    return {
        name: (wrote.get(name), value)
        for name, value in sample.reasoning.items()
        if not same(wrote.get(name), value)
    }


def _fits(sample: Sample) -> bool:
    length = len(request_text(sample.conversation)) + len(sample.response or "")
    return bool(sample.reasoning) and length <= _LONGEST


def _spread(samples: Iterable[Sample], edited: Collection[int], most: int) -> list[Sample]:
    """Each next one brings the most values that none before it has; edits win over values, and order over both."""
    left, chosen = list(samples), list[Sample]()
    shown: set[tuple[str, object]] = set()
    while left and len(chosen) < most:
        best = max(left, key=lambda one: (one.position in edited, len(_kinds(one.reasoning) - shown)))
        left.remove(best)
        chosen.append(best)
        shown |= _kinds(best.reasoning)
    return chosen


def _kinds(reasoning: Mapping[str, Any]) -> set[tuple[str, object]]:
    """The values that say of which kind a row is: short texts, yes and no, what is not stated."""
    return {
        (name, value)
        for name, value in reasoning.items()
        if value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= _KIND)
    }


def _lesson(sample: Sample, edited: Collection[int]) -> Lesson:
    values = {
        name: list(value) if hasattr(value, "tolist") else value for name, value in sample.reasoning.items()
    }
    changed = changed_fields(sample) if sample.position in edited else {}
    return Lesson(
        sample.position,
        Example(request_text(sample.conversation), values, sample.response or ""),
        {name: was for name, (was, _) in changed.items()},
        {name: now for name, (_, now) in changed.items()},
    )
