"""Flags: what can look wrong with a row, how much each counts, and a finding in words with its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

# The part of the rows with a flag that was spoilt: `python -m benchmarks.checks tune` (seed 0), never more than .98.
# Five flags are on no row there and are guessed: injection, repeated, too long, and the two that an audit finds.
PRECISION = {
    "contradicted": 0.98, "leaked": 0.98, "blank": 0.98, "placeholder": 0.98, "refused": 0.98, "off schema": 0.98,
    "sum wrong": 0.98, "injection": 0.95, "leaks early": 0.9, "copied": 0.86, "repeated": 0.86, "unsupported": 0.88,
    "too long": 0.63, "not stated": 0.2, "misleads": 0.98, "label suspect": 0.98,
}  # fmt: skip
# Independent signs add up: two flags that are each right in half of the rows weigh like one right in three quarters.
WEIGHTS = {flag: round(-math.log(1 - right), 1) for flag, right in PRECISION.items()}
WEIGHTS["conflict"] = 32.0  # one of the rows is wrong for sure: they come first, whatever the others may be
FLAGS = tuple(sorted(WEIGHTS))
# Flags that no row shows by itself, and what those who find them look at.
OF_OTHERS = {
    "conflict": "rows of one case, against each other", "misleads": "the rows that were audited",
    "label suspect": "the rows that were audited",
}  # fmt: skip
BIT = {flag: 1 << place for place, flag in enumerate(FLAGS)}


@dataclass(frozen=True)
class Flags:
    """What looks wrong with one row, and the sum of the weights; 0 when nothing does."""

    names: tuple[str, ...] = ()
    suspicion: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What a check saw in a row.

    Attributes:
        flag: which one.
        words: what was seen, for a person: ``110 + 22 = 132, not 141``.
        field: the field of the reasoning in which it stands; None for the request, or the row as a whole.
        span: where in the field's text, in characters; None for all of it.

    Example:
        >>> df.loc[3, "response"] = "$999"
        >>> df.reason.quality().why(3)[0].words
        'Amount says 208, the response says $999'
    """

    flag: str
    words: str
    field: str | None = None
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.flag}: {self.words}"


@cache
def flags_of(bits: int) -> Flags:
    """The flags whose bits are set."""
    names = tuple(flag for flag in FLAGS if bits & BIT[flag])
    return Flags(names, round(sum(WEIGHTS[name] for name in names), 1))
