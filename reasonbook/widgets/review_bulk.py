"""Review bulk: what can be done to every row of a list at once, and how many rows it would change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..decisions import Decision
from ..errors import ReviewError
from ..review import Review

Value = int | str | None


@dataclass(frozen=True)
class BulkAct:
    """One act on many rows.

    Attributes:
        do: takes the act on rows.
        changes: whether it would change what is decided of a row.
    """

    do: Callable[[Sequence[int]], Review]
    changes: Callable[[Decision], bool]


def bulk_act(review: Review, name: str, value: Value) -> BulkAct:
    """An act by its name in the page.

    Raises:
        ReviewError: there is none of this name.
    """
    stars, word = (value if isinstance(value, int) else None), str(value or "")
    acts = {
        "accept": BulkAct(review.accept, lambda d: d.verdict != "accepted"),
        "reject": BulkAct(review.reject, lambda d: d.verdict != "rejected"),
        "clear": BulkAct(review.clear, lambda d: (d.verdict, d.rating) != (None, None)),
        "rate": BulkAct(lambda rows: review.rate(rows, stars), lambda d: d.rating != stars),
        "tag": BulkAct(lambda rows: review.tag(rows, word), lambda d: word not in d.tags),
        "untag": BulkAct(lambda rows: review.untag(rows, word), lambda d: word in d.tags),
        "later": BulkAct(review.later, lambda d: not d.later),
        "now": BulkAct(lambda rows: review.later(rows, False), lambda d: d.later),
    }
    if name not in acts:
        raise ReviewError(f"{name!r} cannot be done in bulk.", f"valid: {', '.join(acts)}")
    return acts[name]
