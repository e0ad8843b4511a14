"""Examples: the rows of a review that best show a teacher what is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..data.tool_calls import request_text
from ..schema import Example
from .query import Query
from .samples import ReviewedRows, Sample

_GOOD = 4  # a rating from which on a row is an example without a verdict
_LOOKED_AT = 400  # rows of which the examples are chosen; edits among them first
_LONGEST = 4_000  # characters of request and response; a longer row costs more at each call than it shows
_KIND = 40  # characters up to which a text stands for a kind of row


def examples_in(rows: ReviewedRows, most: int) -> list[Example]:
    """So many rows that people found right, edited ones first, as different in their typed values as there are.

    Rows that validate or test are never among them. The same decisions give the same examples in the same order.
    """
    found = {
        int(at) for query in (Query(verdict="accepted"), Query(rating=_GOOD)) for at in rows.where(query)
    }
    splits = rows.frame.column("split")
    there = [at for at in found if splits[at] not in ("validation", "test") and rows.statuses[at] == "ok"]
    there = [at for at in there if rows.decision(at).verdict != "rejected"]
    ranked = sorted(there, key=lambda at: (*_rank(rows, at), rows.roots[at]))[:_LOOKED_AT]
    samples = [sample for sample in rows.samples(ranked) if _fits(sample)]
    return [_example(sample) for sample in _spread(samples, most)]


def _rank(rows: ReviewedRows, position: int) -> tuple[bool, int]:
    decision = rows.decision(position)
    return decision.reasoning is None, -(decision.rating or 0)


def _fits(sample: Sample) -> bool:
    length = len(request_text(sample.conversation)) + len(sample.response or "")
    return bool(sample.reasoning) and length <= _LONGEST


def _spread(samples: Iterable[Sample], most: int) -> list[Sample]:
    """Each next one brings the most values that none before it has; edits win over values, and order over both."""
    left, chosen = list(samples), list[Sample]()
    shown: set[tuple[str, object]] = set()
    while left and len(chosen) < most:
        best = max(
            left, key=lambda one: (one.decision.reasoning is not None, len(_kinds(one.reasoning) - shown))
        )
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


def _example(sample: Sample) -> Example:
    values = {
        name: list(value) if hasattr(value, "tolist") else value for name, value in sample.reasoning.items()
    }
    return Example(request_text(sample.conversation), values, sample.response or "")
