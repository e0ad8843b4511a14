"""Phrases: leaks, refusals, placeholders, and words that run round."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

_SAID = ("response", "answer", "reply", "replied", "output", "assistant")  # no leak without one of these
_LEAKS = re.compile(
    r"\b(?:(?:as|like)\s+(?:the|stated in the|given in the|shown in the)\s+(?:response|answer|reply|output)"
    r"|(?:the|given)\s+(?:response|answer|reply|output)\s+(?:says|states|shows|gives|is\s+given|confirms|indicates)"
    r"|according\s+to\s+the\s+(?:response|answer|reply|output)"
    r"|based\s+on\s+the\s+(?:response|answer|reply|output)"
    r"|the\s+assistant(?:'s)?\s+(?:response|answer|reply|replied|answered|said))\b",
    re.IGNORECASE,
)
_REFUSALS = re.compile(
    r"^\W*(?:(?:i\s+apologi[sz]e,?\s+(?:but\s+)?|(?:i['’]m\s+)?sorry,?\s+(?:but\s+)?)?"
    r"i\s+(?:cannot|can['’]t|can not|am unable)"
    r"|i(?:['’]m|\s+am)\s+(?:sorry|unable|not (?:able|sure|certain))|as an ai\b"
    r"|unable to (?:determine|comply|tell|say|answer)"
    # politely, and without an I
    r"|(?:it\s+is|it['’]s)\s+(?:not possible|impossible|unclear|hard|difficult)(?:\s+to\s+|\s*$)"
    r"|(?:this|that|it)\s+(?:cannot|can['’]t|could not)\s+be\s+(?:determined|answered|inferred|known|said)"
    r"|cannot\s+(?:be\s+)?(?:determined?|tell|say|answer|inferr?(?:ed)?)\b"
    r"|i\s+(?:do\s+not|don['’]t)\s+(?:know|have\s+(?:enough|sufficient|access|any))"
    r"|(?:there\s+is\s+)?(?:not\s+enough|insufficient|no)\s+(?:information|context|details|data)\b"
    r"|(?:the\s+)?(?:request|message|text|prompt|customer)\s+(?:does\s+not|doesn['’]t)\s+"
    r"(?:provide|give|contain)\s+(?:enough|sufficient|any))",
    re.IGNORECASE,
)
# What stands in a field in place of a value; what may be one, such as "none", is not among it.
_PLACEHOLDERS = re.compile(
    r"\s*(?:n\s*/\s*a|null|undefined|string|tbd|todo|placeholder|lorem ipsum.*|not (?:provided|available|applicable)"
    r"|[-\s.…–—_*?!/\\|<>{}()\[\]\"'`,;:#]+)[.\s]*",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_PLACEHOLDER = 64  # characters
_SHORT = 24  # characters; shorter texts say too little to be called repeated
# Words, and pairs of words, that stood before in a text in which five words come four times. Where these do not overlap
# it is many more; where they do, they run round, and at the least it is one word eight times.
_WORDS_AGAIN, _PAIRS_AGAIN = 7, 6


class Phrase(NamedTuple):
    """Words that stand in a text, and where."""

    words: str
    start: int
    end: int


def leak(text: str, folded: str = "") -> Phrase | None:
    """Words that give away that the writer has seen the response; ``folded`` is the text in small letters."""
    folded = folded or text.casefold()
    return _found(_LEAKS.search(text)) if any(word in folded for word in _SAID) else None


def refusal(text: str) -> Phrase | None:
    """Words by which a text refuses, also politely."""
    return _found(_REFUSALS.match(text))


def placeholder(text: str) -> Phrase | None:
    """The whole text, where it stands in place of a value."""
    return _found(_PLACEHOLDERS.fullmatch(text)) if len(text) < _LONGEST_PLACEHOLDER else None


def repeated(folded: str) -> str:
    """A line or sentence that stands three times, or five words in a row that stand four times; in small letters."""
    lines = folded.replace(".", "\n").replace("!", "\n").replace("?", "\n").split("\n")
    parts = [part for line in lines if len(line) >= _SHORT and len(part := line.strip()) >= _SHORT]
    if said := _often(3, parts):
        return said
    words = folded.split()
    if len(words) - len(set(words)) < _WORDS_AGAIN:
        return ""
    if len(words) - 1 - len(set(pairwise(words))) < _PAIRS_AGAIN:
        return ""
    return " ".join(_often(4, list(zip(*(words[i:] for i in range(5)), strict=False))) or ())


_Thing = TypeVar("_Thing", str, tuple[str, ...])


def _often(times: int, things: Sequence[_Thing]) -> _Thing | None:
    """One of the things that stands so many times; only many repeats are worth a count."""
    if len(things) < times or len(things) - len(set(things)) < times - 1:
        return None
    thing, count = Counter(things).most_common(1)[0]
    return thing if count >= times else None


def _found(match: re.Match[str] | None) -> Phrase | None:
    return None if match is None else Phrase(match.group().strip(), match.start(), match.end())
