"""Stating: the field that states the response, and the rule by which it does, learnt from the rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from typing import Any

from ...html_card import clip
from .flags import Finding
from .texts import names_in, numbers_in, plain

# Rules, the strictest first.
TEXT, LAST, NUMBER, LIST, YES = "its text", "its last number", "a number of it", "its items", "yes or no"
_RULES = (TEXT, LAST, NUMBER, LIST, YES)
_STRICT = {rule: -place for place, rule in enumerate(_RULES)}
LEAST, SHARE = 10, 0.9  # rows in which a field must be known, and the part of them in which it must agree
_YES, _NO = frozenset(("yes", "true", "y", "correct")), frozenset(("no", "false", "n", "incorrect"))
_SHORT = 80  # letters
_PIECES = re.compile(r"[,;\n]|\band\b|•")

Pair = tuple[str, str]  # a field, and a rule by which it may state the response


class Answer:
    """A response, taken apart as far as anybody asks.

    Attributes:
        text: in plain words.
        padded: the same between two spaces, to be looked for word for word.
        numbers: its numbers, in order.
        names: its names.
    """

    def __init__(self, response: str | None) -> None:
        self.response = response or ""
        self.text = plain(response) if response else ""
        self.padded = f" {self.text} "
        self.numbers = numbers_in(self.response)
        self.names = names_in(self.response)

    @cached_property
    def _yes(self) -> bool | None:
        first = self.text.partition(" ")[0].strip(".-")
        return True if first in _YES else False if first in _NO else None

    @cached_property
    def _pieces(self) -> frozenset[str]:
        return frozenset(filter(None, map(plain, _PIECES.split(self.response))))

    def states_items(self, value: Sequence[Any]) -> bool:
        """Whether these are the items that the response lists."""
        items = frozenset(plain(str(item)) for item in value)
        return all(item in self.text for item in items) and self._pieces == items

    def states_truth(self, value: bool) -> bool | None:
        """Whether it says yes to what is true; None where it says neither yes nor no."""
        return None if self._yes is None else self._yes == value


_short_answer = lru_cache(maxsize=1 << 12)(Answer)


def answer_of(response: str | None) -> Answer:
    """A response, taken apart; short ones come again and again."""
    return Answer(response) if response and len(response) > _SHORT else _short_answer(response)


class Stating:
    """Which field states the response in nine of ten rows, and how."""

    def __init__(self) -> None:
        self._agree: Counter[Pair] = Counter()
        self._differ: Counter[Pair] = Counter()
        self.learnt: Pair | None = None

    def count(self, agree: Sequence[Pair], differ: Sequence[Pair], rows: int) -> None:
        """Takes rows in, or out where their number is negative."""
        for pair in agree:
            self._agree[pair] += rows
        for pair in differ:
            self._differ[pair] += rows

    def settle(self) -> None:
        """Learns the field and the rule anew: of those that nearly all rows know, the one that agrees most often."""
        best, _ = self._best()
        self.learnt = best

    def _best(self) -> tuple[Pair | None, tuple[Pair, float] | None]:
        """The pair that is learnt, and the one that comes nearest to it."""
        shares = [
            (agreeing / seen, seen, pair)
            for pair, agreeing in self._agree.items()
            if agreeing and (seen := agreeing + self._differ[pair]) >= LEAST
        ]
        nearest = max(shares, key=lambda each: (each[0], _STRICT[each[2][1]]), default=None)
        stating = [each for each in shares if each[0] >= SHARE]
        most = max((seen for _, seen, _ in stating), default=0)
        best = max(
            (each for each in stating if 2 * each[1] >= most),
            key=lambda each: (each[0], _STRICT[each[2][1]], each[1], each[2][0]),
            default=None,
        )
        return best and best[2], nearest and (nearest[2], nearest[0])

    @property
    def words(self) -> str:
        """What was learnt, or why the check is off."""
        if self.learnt is not None:
            field, rule = self.learnt
            agreeing = self._agree[self.learnt]
            return f"{field} states the response ({rule}) in {agreeing} of {agreeing + self._differ[self.learnt]} rows"
        _, nearest = self._best()
        best = f" (best: {nearest[0][0]}, {nearest[1]:.0%})" if nearest else ""
        return f"off, no field states the response in nine of ten rows{best}"

    def find(self, field: str, text: str, answer: Answer, numbers: Sequence[tuple[str, int, int]]) -> Finding:
        """What is to be said of a row whose field does not state its response."""
        said, span = clip(text, 60), None
        if self.learnt is not None and self.learnt[1] in (LAST, NUMBER) and numbers:
            _, start, end = numbers[-1]
            said, span = text[start:end], (start, end)
        return Finding(
            "contradicted", f"{field} says {said}, the response says {clip(answer.response, 60)}", field, span
        )


@cache
def pairs(field: str) -> tuple[Pair, Pair, Pair]:
    """The pairs of a field that is a text or a number: by its text, its last number, a number of it."""
    return pair(field, TEXT), pair(field, LAST), pair(field, NUMBER)


@cache
def pair(field: str, rule: str) -> Pair:
    """One tuple for each field and rule, however many rows name it."""
    return field, rule
