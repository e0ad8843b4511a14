"""Numbers: whether the number of an answer is the right one, and which number that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from .final_answer import final_answer
from .quantities import Quantity, is_formula, quantities, without_latex

_RANGE = re.compile(r"^\s*(?:-|–|—|to|or|and|/|,\s*or|bis)\s*[$€£]?\s*$", re.IGNORECASE)
_COMMITS = re.compile(
    r"(?:=|≈|\b(?:is|are|equals?|makes?|gives?|leaves?|totals?|comes?\s+to|amounts?\s+to|get|gets|pay|pays|refund|"
    r"receives?)\b(?:\s+(?:me|you|us|exactly|just|only|about|approximately|roughly|therefore|then|now|a|of|the|total"
    r"|refund|back))*)\s*:?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NumberRead:
    """The number that a text answers with.

    Attributes:
        quantity: None where there is none, or where it cannot be told which of several is meant.
        said: how it was read, in words.
    """

    quantity: Quantity | None
    said: str


def read_number(text: str, like: Quantity | None = None) -> NumberRead:
    """The number that a text answers with; of several the one that it commits itself to, and none by a guess.

    Args:
        text: an answer, or the right one.
        like: the right one, whose currency or percent sign tells it from other numbers.

    Example:
        >>> from reasonbook.training.answering.scoring.numbers import read_number
        >>> read_number("Refund $12 (order 7)").said, read_number("3 or 4").said
        ('$12', 'ambiguous: 3 or 4')
    """
    part, committed = final_answer(text)
    found = quantities(part)
    if is_formula(part):
        return NumberRead(None, "a formula")
    plain = without_latex(part)
    meant = [q for q in found if not q.denied]
    there = [q for q in meant if not q.aside] or meant
    if not there:
        return NumberRead(None, f"no number: {found[0].text} is denied" if found else "no number")
    if all(each.aside for each in there) and len({_same(each) for each in there}) > 1:
        return NumberRead(None, _ambiguous(there))
    if any(each.bound for each in there):
        return NumberRead(None, f"ambiguous: a bound, {plain[:60]!r}")
    for choose in (
        lambda: there[:1] if committed and not _joined(plain, there, 0) else [],
        lambda: there,
        lambda: [q for q in there if like is not None and like.currency and q.currency == like.currency],
        lambda: [q for q in there if like is not None and like.percent and q.percent],
        lambda: _last_commitment(plain, there),
    ):
        chosen = choose()
        if len({_same(each) for each in chosen}) == 1:
            at = there.index(chosen[-1])
            if len(chosen) < len(there) and _joined(plain, there, at):
                break
            return NumberRead(chosen[-1], chosen[-1].text)
    return NumberRead(None, _ambiguous(there))


def equal(answer: Quantity, expected: Quantity) -> bool:
    """Whether two quantities are the same: whole numbers exactly, money to half a cent, decimals as far as written.

    A unit, a currency or a percent sign that one of them leaves out is taken as the other's.
    """
    if answer.currency and expected.currency and answer.currency != expected.currency:
        return False
    if answer.measure and expected.measure:
        if answer.measure[0] != expected.measure[0]:
            return False
        return answer.value * answer.measure[1] == expected.value * expected.measure[1]
    if answer.percent != expected.percent:
        hundredth = (answer.value if answer.percent else expected.value) / 100
        if hundredth == (expected.value if answer.percent else answer.value):
            return True
    gap = abs(answer.value - expected.value)
    if not gap:
        return True
    if answer.currency or expected.currency:
        return gap < Fraction(1, 200) and answer.value.denominator != 1
    if expected.decimals >= 2 and answer.decimals > expected.decimals:
        return gap <= Fraction(1, 2 * 10**expected.decimals)
    thirds = expected.value.denominator != 1 and not expected.decimals
    return thirds and answer.decimals >= 3 and gap <= Fraction(1, 2 * 10**answer.decimals)


def _same(quantity: Quantity) -> tuple[object, ...]:
    return quantity.value, quantity.percent


def _ambiguous(found: list[Quantity]) -> str:
    names = list(dict.fromkeys(each.text for each in found))
    return "ambiguous: " + (" or ".join(names[:4]) + (" …" if len(names) > 4 else ""))


def _joined(text: str, found: list[Quantity], at: int) -> bool:
    """Whether a quantity is one end of a range, or one of two that are offered."""
    return any(
        _RANGE.match(text[a.end : b.start]) is not None and found[at] in (a, b) and _same(a) != _same(b)
        for a, b in pairwise(found)
    )


def _last_commitment(text: str, found: list[Quantity]) -> list[Quantity]:
    """The last number that stands behind "is", "=", "you get" and the like, with no other one behind it."""
    last = found[-1]
    return [last] if _COMMITS.search(text[max(0, last.start - 60) : last.start]) else []
