"""Arguments: what the verbs of a review take, checked: rows, verdicts, ratings, tags."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..decisions import Decision
from ..errors import ReviewError, choices

Rows = int | Iterable[int]


def positions_of(count: int, rows: Rows) -> list[int]:
    """Rows of so many as positions from 0; negative ones count from the end.

    Raises:
        ReviewError: there is no such row.
    """
    wanted: Any = [rows] if isinstance(rows, (int, np.integer)) else rows
    try:
        positions = [operator.index(row) for row in wanted]
    except TypeError:
        raise ReviewError(
            f"Rows are named by their positions, not by {rows!r:.60}.", "review.accept([0, 1])"
        ) from None
    for position in positions:
        if not -count <= position < count:
            raise ReviewError(f"There is no row {position}; the frame has {count}.", "review.accept(0)")
    return [position % count for position in positions]


def judged(verdict: str, decision: Decision) -> dict[str, Any]:
    """What of a decision changes with a verdict: what was put aside no longer is."""
    return {"verdict": verdict, "later": False} if decision.later else {"verdict": verdict}


def tags_of(tags: Sequence[str]) -> list[str]:
    """Tags in their clean form, each once."""
    words = [tag.strip() for tag in tags if isinstance(tag, str)]  # pyright: ignore[reportUnnecessaryIsInstance]
    if not words or not all(words) or len(words) < len(tags):
        raise ReviewError("A tag is a word or two.", 'review.tag([0, 1], "ask Ana")')
    return list(dict.fromkeys(words))


def rating_of(rating: object) -> int | None:
    """A rating from 1 to 5, or none."""
    if rating is not None and (isinstance(rating, bool) or rating not in range(1, 6)):
        raise ReviewError(f"{rating!r} is no rating.", "review.rate(0, 5)   (1 to 5, or None)")
    return None if rating is None else int(rating)  # type: ignore[call-overload]


def verdict_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Verdict and rating that come with an edit."""
    for name, value in given.items():
        if name not in ("verdict", "rating"):
            raise ReviewError(f"An edit takes no {name!r}.", choices(name, ("verdict", "rating")))
        if name == "verdict" and value not in (None, "accepted", "rejected"):
            raise ReviewError(f"{value!r} is no verdict.", choices(str(value), ("accepted", "rejected")))
    return dict(given) | ({"rating": rating_of(given["rating"])} if "rating" in given else {})
