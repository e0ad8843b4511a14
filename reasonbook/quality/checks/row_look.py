"""Row look: what one row says by itself, and what it tells the measures that are taken of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as Set
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, cast

from ...data.conversation import missing
from ...safe_text import visible
from .early import Held
from .fitting import Fitting
from .flags import BIT
from .grounding import MOST, RESPONSE, Strange
from .stating import LIST, YES, Pair, answer_of, pair, pairs
from .texts import (
    ALWAYS,
    SHORTEST,
    canonical,
    copied,
    injected,
    leak,
    named,
    names_in,
    numbers_in,
    placeholder,
    plain,
    refusal,
    repeated,
    worked_out,
)
from .whole_row import WholeRow

_LEAST_SAID = 3  # letters of a response that can be known again in a text
_LARGEST = 1e15
_HEARD = 80  # letters of a text that may well come again


class Telling(NamedTuple):
    """What a row tells the measures; many rows tell the same.

    Attributes:
        fields: names that have a value, in order.
        agree: by which fields and rules the response is stated.
        differ: by which it could be and is not.
        holds: fields that hold the response, which is not in the request.
        strange: fields that have numbers, with those of them that come from nowhere.
    """

    fields: tuple[str, ...] = ()
    agree: tuple[Pair, ...] = ()
    differ: tuple[Pair, ...] = ()
    holds: tuple[Held, ...] = ()
    strange: tuple[Strange, ...] = ()


class Look(NamedTuple):
    """What one row says by itself: bits of its own flags, characters, and what it tells."""

    bits: int
    length: int
    telling: Telling


NOTHING = Look(0, 0, Telling())


def look(row: WholeRow, fitting: Fitting) -> Look:
    """One row by itself; of several turns what any of them shows, and the length of the longest."""
    reasoning, response, earlier, request = row
    if not earlier:
        return _look(reasoning, response, request, fitting)
    looks = [*(_look(*turn, "", fitting) for turn in earlier), _look(reasoning, response, request, fitting)]
    bits = 0
    for one in looks:
        bits |= one.bits
    told = [one.telling for one in looks]
    return Look(
        bits,
        max(one.length for one in looks),
        Telling(
            fields=tuple(chain.from_iterable(each.fields for each in told)),
            agree=tuple(chain.from_iterable(each.agree for each in told)),
            differ=tuple(chain.from_iterable(each.differ for each in told)),
            holds=tuple(chain.from_iterable(each.holds for each in told)),
            strange=tuple(chain.from_iterable(each.strange for each in told)),
        ),
    )


def _look(reasoning: Mapping[str, Any] | None, response: str | None, request: str, fitting: Fitting) -> Look:
    if not reasoning:
        return NOTHING
    texts: list[str] = []
    plain_texts: list[str] = []
    fields: list[str] = []
    agree: list[Pair] = []
    differ: list[Pair] = []
    holds: list[Held] = []
    strange: list[Strange] = []
    bits = 0
    answer = answer_of(response)
    said, padded = answer.text, answer.padded
    numbers = answer.numbers
    last = numbers[-1] if numbers else ""
    known = {*ALWAYS, *numbers_in(request)}
    folded = request.casefold()
    for name, value in reasoning.items():
        if value is None:
            bits |= BIT["not stated"]
            continue
        text = value if isinstance(value, str) else None
        if not (text[:1].isalnum() or visible(text)) if text is not None else missing(value):
            bits |= BIT["blank"]
            continue
        texts.append(str(value) if text is None else text)
        fields.append(name)
        if text is None and (isinstance(value, bool) or hasattr(value, "__len__")):
            if isinstance(value, bool):
                true = answer.states_truth(value) if said else None
                if true is not None:
                    (agree if true else differ).append(pair(name, YES))
            elif len(value) == 0:
                bits |= BIT["blank"]
            elif said and isinstance(value, (list, tuple)):
                items = cast("Sequence[Any]", value)
                (agree if answer.states_items(items) else differ).append(pair(name, LIST))
            continue
        by_text, by_last, by_number = pairs(name)
        if text is None:
            found = (canonical(texts[-1].lstrip("-")),) if _is_number(value) else ()
            names: tuple[str, ...] = ()
            worked = frozenset[str]()
        else:
            own, words, found, names, worked = _heard(text) if len(text) <= _HEARD else _hear(text)
            bits |= own
            if said:
                plain_texts.append(words)
                if len(words) > 2:
                    within = padded in words
                    (agree if within or words in padded else differ).append(by_text)
                    if within and len(said) >= _LEAST_SAID and len(words) > len(padded):
                        holds.append((name, ""))
        if last and found:
            (agree if found[-1] == last else differ).append(by_last)
            (agree if found[-1] in numbers else differ).append(by_number)
        if not request or not (found or names):
            continue
        new: tuple[str, ...] = ()
        if names or not known.issuperset(found):
            new = _new(found, names, known, worked, folded)
            known.update(found, names)
            if last in new:
                holds.append((name, last))
        strange.append((name, new))
    if request and (numbers or answer.names):
        strange.append((RESPONSE, _new(numbers, answer.names, known, frozenset(), folded)))
    text = "\n".join(texts)
    written = text.casefold()
    if not texts:
        bits |= BIT["blank"]
    if len(said) >= SHORTEST and copied(" ".join(map(str.strip, plain_texts)), said, request):
        bits |= BIT["copied"]
    if request and injected(request, reasoning):
        bits |= BIT["injection"]
    if leak(text, written):
        bits |= BIT["leaked"]
    if repeated(written):
        bits |= BIT["repeated"]
    if not fitting.fits(reasoning):
        bits |= BIT["off schema"]
    if holds and padded in f" {plain(request)} ":
        holds = [(name, number) for name, number in holds if number]
    telling = Telling(tuple(fields), tuple(agree), tuple(differ), tuple(holds), tuple(strange))
    return Look(bits, len(text), telling)


def _new(
    numbers: Sequence[str], names: Sequence[str], known: Set[str], worked: Set[str], request: str
) -> tuple[str, ...]:
    """What comes from nowhere: not from what is known, not from a sum, and in no other spelling from the request."""
    found = [n for n in numbers if n not in known and n not in worked and not named(n, request)]
    if names:
        found += [name for name in names if name not in known and name.casefold() not in request]
    return tuple(dict.fromkeys(found))[:MOST] if found else ()


def _hear(text: str) -> tuple[int, str, tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """One text by itself: bits of its flags, plain words between spaces, numbers, names, and what it works out."""
    worked, wrong = worked_out(text)
    bits = (
        (BIT["refused"] if refusal(text) else 0)
        | (BIT["placeholder"] if placeholder(text) else 0)
        | (BIT["sum wrong"] if wrong else 0)
    )
    names = () if worked else tuple(names_in(text))  # beside sums stand months and units
    return bits, f" {plain(text)} ", tuple(numbers_in(text)), names, worked


_heard = lru_cache(maxsize=1 << 15)(_hear)  # short texts come again and again


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and -_LARGEST < value < _LARGEST
