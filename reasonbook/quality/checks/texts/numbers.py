"""Numbers: those that stand in a text, each in one spelling, and where; and the names beside them."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<=[\w,;:(] )[A-Z][\w'’-]+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_WORDS = {
    str(number): word
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen twenty".split()
    )
} | dict(zip(("30", "40", "50", "60", "70", "80", "90", "100"),
             "thirty forty fifty sixty seventy eighty ninety hundred".split(), strict=True))  # fmt: skip
_ALIKE = {"2": ("twice", "both", "double", "pair"), "12": ("dozen",), "0.5": ("half",), "14": ("fortnight",)}
_NAMED = {n: (*((_WORDS[n],) if n in _WORDS else ()), *_ALIKE.get(n, ())) for n in (*_WORDS, *_ALIKE)}
ALWAYS = frozenset(("0", "1"))  # need no saying: "a lamp" is one lamp, and what is not there is none


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, in order and in one spelling; signs and currencies are left aside."""
    return [
        number if number[0] != "0" and number.isdigit() else canonical(number)
        for number in _NUMBER.findall(text)
    ]


def number_spans(text: str) -> list[tuple[str, int, int]]:
    """The numbers of a text, each with where it stands."""
    return [(canonical(found.group()), *found.span()) for found in _NUMBER.finditer(text)]


def names_in(text: str) -> list[str]:
    """Words with a capital letter that does not come from the beginning of a sentence."""
    return _NAME.findall(text)


@lru_cache(maxsize=8192)
def canonical(number: str) -> str:
    """One spelling of a number: 1,250.50 is 1250.5, and 07 is 7."""
    if "," in number:
        number = number.replace(",", "" if _THOUSANDS.fullmatch(number) else ".")
    whole, point, part = number.partition(".")
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + part if part else "")


def named(number: str, folded: str) -> bool:
    """Whether a text in small letters says a number in words."""
    for word in _NAMED.get(number, ()):
        if word in folded and re.search(rf"\b{word}", folded):
            return True
    return False
