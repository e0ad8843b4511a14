"""Checks of all rows: what looks wrong with each one's reasoning, as flags and one score."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...data.conversation import missing
from ...safe_text import visible
from .copied import copied, plain
from .injection import injected

# Weight of each flag in the score: how likely such a row would teach something wrong.
WEIGHTS = {
    "contradicted": 4.0, "leaked": 3.0, "blank": 3.0, "placeholder": 3.0, "refused": 3.0, "injection": 3.0,
    "copied": 2.0, "repeated": 2.0, "too long": 1.0, "not stated": 0.5,
}  # fmt: skip
FLAGS = tuple(sorted(WEIGHTS))
_BIT = {flag: 1 << place for place, flag in enumerate(FLAGS)}
_SAID = ("response", "answer", "reply", "replied", "output", "assistant")  # no leak without one of these
_LEAKS = re.compile(
    r"\b(?:(?:as|like)\s+(?:the|stated in the|given in the|shown in the)\s+(?:response|answer|reply|output)"
    r"|(?:the|given)\s+(?:response|answer|reply|output)\s+(?:says|states|shows|gives|is\s+given|confirms|indicates)"
    r"|according\s+to\s+the\s+(?:response|answer|reply|output)"
    r"|based\s+on\s+the\s+(?:response|answer|reply|output)"
    r"|the\s+assistant(?:'s)?\s+(?:response|answer|reply|replied|answered|said))\b"
)
_REFUSALS = re.compile(
    r"^\W*(?:(?:i\s+apologi[sz]e,?\s+(?:but\s+)?|sorry,?\s+(?:but\s+)?)?i\s+(?:cannot|can['’]t|can not|am unable)"
    r"|i(?:['’]m|\s+am)\s+(?:sorry|unable)|as an ai\b|unable to (?:determine|comply))",
    re.IGNORECASE,
)
# What stands in a field in place of a value; what may be one, such as "none", is not among it.
_PLACEHOLDERS = re.compile(
    r"\s*(?:n\s*/\s*a|null|undefined|string|tbd|todo|placeholder|lorem ipsum.*"
    r"|[-\s.…–—_*?!/\\|<>{}()\[\]\"'`,;:#]+)[.\s]*",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
_ENDS = str.maketrans(".!?", "\n\n\n")
_LONGEST_PLACEHOLDER = 64  # characters
_SHORT = 24  # characters; shorter texts say too little to be called repeated

Turn = tuple[Mapping[str, Any] | None, str | None]
# The last turn, those before it, and the request as it stands.
WholeRow = tuple[Mapping[str, Any] | None, str | None, Sequence[Turn], str]
Row = Turn | WholeRow


@dataclass(frozen=True)
class Flags:
    """What looks wrong with one row, and the sum of the weights; 0 when nothing does."""

    names: tuple[str, ...] = ()
    suspicion: float = 0.0


@cache
def _flags(bits: int) -> Flags:
    names = tuple(flag for flag in FLAGS if bits & _BIT[flag])
    return Flags(names, sum(WEIGHTS[name] for name in names))


_SUSPICION = np.array([_flags(bits).suspicion for bits in range(1 << len(FLAGS))])


def check(rows: Iterable[Row]) -> list[Flags]:
    """The flags of all rows, looked at once; `Checks` keeps them true through edits."""
    return Checks(rows).flags


class _Seen(NamedTuple):
    """What one row says by itself: bits of its own flags, characters, and which fields state the response."""

    bits: int
    length: int
    agree: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()


_NOTHING = _Seen(0, 0)


class Checks:
    """What the checks say of every row; a change costs the row that changed.

    "too long" and "contradicted" are measured against the others: the median length, and the field that
    states the answer in nine of ten rows. Both are kept up to date, and only when one of them moves are the
    other rows marked anew, without being read again.

    Args:
        rows: reasoning by field name (None where there is none) and response of each row; then those of its earlier
            assistant turns, and its request, without which nothing is said of injection. A row has the flags of all of
            its turns.

    Attributes:
        flags: those of each row, by position; another list whenever rows beyond the changed one got new flags.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # rows share the few tuples that there are
        self._agreeing: Counter[str] = Counter()
        self._differing: Counter[str] = Counter()
        self._seen: list[_Seen] = []
        for row in rows:
            bits, length, agree, differ = _look(*_whole(row))
            seen = _Seen(bits, length, alike.setdefault(agree, agree), alike.setdefault(differ, differ))
            self._seen.append(seen)
            self._agreeing.update(agree)
            self._differing.update(differ)
        self._lengths = np.array([seen.length for seen in self._seen], dtype=np.int64)
        self._sorted: list[int] = np.sort(self._lengths[self._lengths > 0]).tolist()
        self._limit = self._long()
        self._deciding: str | None = self._deciding_field()
        self._mark()

    def __len__(self) -> int:
        return len(self._seen)

    def update(
        self,
        position: int,
        reasoning: Mapping[str, Any] | None,
        response: str | None,
        earlier: Sequence[Turn] = (),
        request: str = "",
    ) -> None:
        """Takes in a row's new reasoning and response, and what else is looked at."""
        old, new = self._seen[position], _look(reasoning, response, earlier, request)
        self._seen[position] = new
        self._lengths[position] = new.length
        if old.length:
            del self._sorted[bisect_left(self._sorted, old.length)]
        if new.length:
            insort(self._sorted, new.length)
        for counted, gone, come in (
            (self._agreeing, old.agree, new.agree),
            (self._differing, old.differ, new.differ),
        ):
            counted.subtract(gone)
            counted.update(come)
        limit, deciding = self._long(), self._deciding_field()
        between = (self._lengths > limit) != (self._lengths > self._limit)
        moved = deciding != self._deciding or bool(between.any())
        self._limit, self._deciding = limit, deciding
        if moved:
            self._mark()
        else:
            self._bits[position] = self._of(new)
            self.flags[position] = _flags(int(self._bits[position]))

    def of(self, turn: Turn) -> Flags:
        """The flags of one turn, by the measure of all rows."""
        return _flags(self._of(_look(*turn)))

    def flagged(self, flag: str) -> np.ndarray:
        """Which rows have a flag, or ``any``; bool by position."""
        return self._bits != 0 if flag == "any" else self._bits & _BIT[flag] != 0

    @property
    def suspicion(self) -> np.ndarray:
        """Float by position."""
        return _SUSPICION[self._bits]

    def _mark(self) -> None:
        self._bits = np.array([self._of(seen) for seen in self._seen], dtype=np.uint16)
        self.flags = [_flags(bits) for bits in self._bits.tolist()]

    def _of(self, seen: _Seen) -> int:
        contradicted = self._deciding in seen.differ
        return (
            seen.bits
            | (_BIT["contradicted"] if contradicted else 0)
            | (_BIT["too long"] if seen.length > self._limit else 0)
        )

    def _long(self) -> float:
        """Three times the median, and never under 400 characters: ordinary variation is not suspicious."""
        known = self._sorted
        return max(400.0, 3.0 * known[len(known) // 2]) if known else float("inf")

    def _deciding_field(self) -> str | None:
        """The field that states the answer in nine of ten rows, so that a row where it differs stands out."""
        counted = (
            (agreeing, agreeing + self._differing[name], name) for name, agreeing in self._agreeing.items()
        )
        stating = ((n / seen, n, name) for n, seen, name in counted if seen >= 10 and n >= 0.9 * seen)
        return max(stating, default=(0, 0, None))[2]


def _whole(row: Row) -> WholeRow:
    return row if len(row) == 4 else (row[0], row[1], (), "")


def _look(
    reasoning: Mapping[str, Any] | None, response: str | None, earlier: Sequence[Turn] = (), request: str = ""
) -> _Seen:
    """One row by itself; of several turns what any of them shows, and the length of the longest."""
    if earlier:
        return _together([*(_look(*turn) for turn in earlier), _look(reasoning, response, (), request)])
    if not reasoning:
        return _NOTHING
    texts: list[str] = []
    plain_texts: list[str] = []
    blank = refused = placed = unstated = False
    agree: list[str] = []
    differ: list[str] = []
    given = plain(response) if response else ""
    numbers: set[float | None] | None = None
    for name, value in reasoning.items():
        if value is None:
            unstated = True
            continue
        text = value if isinstance(value, str) else None
        if not visible(text) if text is not None else missing(value):
            blank = True
            continue
        texts.append(str(value) if text is None else text)
        if text is not None:
            refused = refused or _REFUSALS.match(text) is not None
            placed = placed or (
                len(text) < _LONGEST_PLACEHOLDER and _PLACEHOLDERS.fullmatch(text) is not None
            )
        elif isinstance(value, bool) or hasattr(value, "__len__"):
            blank = blank or (not isinstance(value, bool) and len(value) == 0)
            continue
        if not response:
            continue
        if isinstance(value, (int, float)):
            numbers = {_number(found) for found in _NUMBER.findall(response)} if numbers is None else numbers
            agrees = value in numbers
        else:
            said = plain(texts[-1])
            plain_texts.append(said)
            agrees = bool(said) and (said in given or given in said)
        (agree if agrees else differ).append(name)
    text = "\n".join(texts)
    folded = text.casefold()
    leaked = any(word in folded for word in _SAID) and _LEAKS.search(folded) is not None
    bits = (
        (_BIT["blank"] if blank or not texts else 0)
        | (_BIT["not stated"] if unstated else 0)
        | (_BIT["copied"] if given and copied(" ".join(plain_texts), given, request) else 0)
        | (_BIT["injection"] if request and injected(request, reasoning) else 0)
        | (_BIT["leaked"] if leaked else 0)
        | (_BIT["placeholder"] if placed else 0)
        | (_BIT["refused"] if refused else 0)
        | (_BIT["repeated"] if _repeats(folded) else 0)
    )
    return _Seen(bits, len(text), tuple(agree), tuple(differ))


def _together(seen: Sequence[_Seen]) -> _Seen:
    bits = 0
    for one in seen:
        bits |= one.bits
    agree = dict.fromkeys(name for one in seen for name in one.agree)
    differ = dict.fromkeys(name for one in seen for name in one.differ)
    return _Seen(bits, max(one.length for one in seen), tuple(agree), tuple(differ))


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _repeats(folded: str) -> bool:
    """Whether one line or sentence stands three times, or five words in a row stand four times."""
    parts = [part for part in map(str.strip, folded.translate(_ENDS).split("\n")) if len(part) >= _SHORT]
    words = folded.split()
    return _stands(3, parts) or _stands(4, list(zip(*(words[i:] for i in range(5)), strict=False)))


def _stands(times: int, things: Sequence[object]) -> bool:
    """Whether one of the things stands so many times; only many repeats are worth a count."""
    return len(things) - len(set(things)) >= times - 1 and max(Counter(things).values()) >= times
