"""Voting: which of several samples a row keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..safe_text import excerpt
from .results import Candidate


def verdict(check: Callable[..., Any], candidate: Candidate) -> bool | float:
    """What the user's check says of a sample: passed or not, or a score.

    Raises:
        Exception: whatever the check raises.
    """
    said = check(dict(candidate.values), candidate)
    return said if isinstance(said, bool) else float(said)


def choose(candidates: Sequence[Candidate], check: Callable[..., Any] | None) -> Candidate | str:
    """The best sample, or in words why there is none.

    With a check, the first one that passes or the one with the highest score. Without, the one that agrees
    most with the others: in the teacher's own answer where it gives one, else field by field.
    """
    if check is None:
        return max(candidates, key=lambda one: sum(_agreement(one, other) for other in candidates))
    try:
        said = [verdict(check, candidate) for candidate in candidates]
    except Exception as error:  # the user's function
        return f"the check raised {type(error).__name__}: {excerpt(error, 400)}"
    if all(isinstance(word, bool) for word in said):
        passed = next((one for one, word in zip(candidates, said, strict=True) if word), None)
        return passed or f"none of {len(candidates)} samples passed the check"
    return candidates[max(range(len(said)), key=lambda i: said[i])]


def _agreement(one: Candidate, other: Candidate) -> float:
    if one.answer or other.answer:
        return float(_plain(one.answer) == _plain(other.answer))
    names = list(one.values)
    return sum(_plain(one.values[name]) == _plain(other.values.get(name)) for name in names) / max(
        1, len(names)
    )


def _plain(value: object) -> str:
    return " ".join(str(value).casefold().split())
