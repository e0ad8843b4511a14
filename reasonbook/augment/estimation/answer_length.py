"""Answer length: tokens that a teacher is likely to write, by a field's type and its instruction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...schema import Field
from ...teachers.pricing.tokens import count

Range = tuple[float, float, float]  # low, likely, high

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "single": 1, "ein": 1, "einem": 1, "einen": 1, "einer": 1, "zwei": 2, "drei": 3, "vier": 4,
    "fünf": 5, "sechs": 6,
}  # fmt: skip
_NUMBER = rf"\d+|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}"
# English tokens of each; a sentence is one of a teacher that explains.
_UNITS: Mapping[str, Range] = {
    r"words?|wort|worten|wörter[n]?": (1.1, 1.4, 2.2),
    r"sentences?|s[aä]tz(?:e|en)?": (9, 20, 36),
    r"paragraphs?|abs[aä]tz(?:e|en)?": (45, 90, 180),
    r"(?:bullet )?points?|bullets?|items?|steps?|examples?|reasons?|facts?|lines?|punkte[n]?|schritte[n]?": (
        5,
        14,
        32,
    ),
    r"characters?|letters?|zeichen": (0.2, 0.28, 0.6),
}
_COUNTED = re.compile(
    rf"(?P<least>at least|no fewer than|minimum(?: of)?|mindestens)?\s*"
    rf"(?P<most>at most|up to|no more than|not more than|fewer than|less than|under|within|maximum(?: of)?|höchstens|"
    rf"maximal)?\s*\b(?P<from>{_NUMBER})(?:\s*(?:-|–|to|or|bis|oder|and)\s*(?P<to>{_NUMBER}))?[\s-]+"
    rf"(?:(?!and\b|und\b)[\w]+\s+){{0,2}}?(?P<unit>{'|'.join(_UNITS)})\b",
    re.IGNORECASE,
)
_WORDED: tuple[tuple[re.Pattern[str], Range], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), tokens)
    for pattern, tokens in (
        (r"\byes or no\b|\byes/no\b|\bja oder nein\b", (1, 1, 3)),
        (
            r"\bin detail\b|\bdetailed\b|\bthorough|\bat length\b|\bstep by step\b|\bausführlich",
            (50, 130, 360),
        ),
        (r"\bbrief|\bshort|\bconcise|\bin a phrase\b|\bname the\b|\bkurz", (3, 14, 40)),
        (
            r"\bexplain|\bdescribe|\bsummari[sz]e|\bjustify|\bwhy\b|\berkläre|\bbegründe|\bbeschreib",
            (15, 45, 130),
        ),
    )
)
_TEXT: Range = (8, 26, 72)
_ITEM: Range = (2, 7, 20)
_ITEMS: Range = (1, 3, 7)
_NUMERIC: Range = (1, 2, 5)
_FRAME: Range = (4, 5, 8)  # quotes, colon, comma and what white space there is
TRACE: Range = (150, 500, 1_500)  # of thinking that is written out
ANSWER: Range = (15, 120, 500)  # of an answer that follows it


def answer_tokens(
    fields: Mapping[str, Field], past: Mapping[str, float], foreign: float, model: str
) -> Range:
    """Tokens of an answer: low, likely, high.

    Args:
        fields: by the key that the teacher writes.
        past: tokens of an average value of those fields that teachers have answered before, by the same keys.
        foreign: tokens that a text in the rows' language takes for one that it takes in English.
        model: the teacher's name.
    """
    total = (2.0, 2.0, 4.0)
    for key, field in fields.items():
        seen = past.get(key)
        value = (0.75 * seen, seen, 1.35 * seen) if seen else _value(field, foreign, model)
        total = _plus(total, value, _times(_FRAME, 1.0, count(key, model).typical))
    return total


def _value(field: Field, foreign: float, model: str) -> Range:
    if field.type == "number":
        value = _NUMERIC
    elif field.type == "boolean":
        value = (1.0, 1.0, 1.5)
    elif field.type == "choice":
        each = [count(option, model).typical for option in field.options] or [2.0]
        value = (min(each), sum(each) / len(each), 1.2 * max(each))
    else:
        low, likely, high = _list(field) if field.type == "list" else _said(field.instruction) or _TEXT
        # Nobody has said in which language it is written.
        value = (low * min(1.0, foreign), likely * (1 + foreign) / 2, high * max(1.0, foreign))
        value = _bounded(value, field.json_schema())
    return (1.0, value[1], value[2]) if field.optional else value


def _list(field: Field) -> Range:
    said = _said(field.instruction)
    if said is not None:
        return said
    return (_ITEMS[0] * _ITEM[0], _ITEMS[1] * _ITEM[1], _ITEMS[2] * _ITEM[2])


def _said(instruction: str) -> Range | None:
    """What an instruction asks for outright: a number of words, sentences, points; or how long, in words."""
    found = _COUNTED.search(instruction)
    if found is None:
        return next((tokens for pattern, tokens in _WORDED if pattern.search(instruction)), None)
    unit = next(tokens for name, tokens in _UNITS.items() if re.fullmatch(name, found["unit"], re.IGNORECASE))
    first = _number(found["from"])
    last = _number(found["to"]) if found["to"] else first
    if found["least"] or re.match(r"\W*or more\b", instruction[found.end() :]):
        low, likely, high = last, 1.25 * last, 2.0 * last + 1
    elif found["most"]:
        low, likely, high = min(last, max(1.0, 0.3 * last)), 0.7 * last, last
    else:
        low, likely, high = 0.9 * first, (first + last) / 2, 1.2 * last
    return low * unit[0], likely * unit[1], high * unit[2]


def _number(word: str) -> float:
    return float(word) if word.isdigit() else float(_NUMBERS[word.lower()])


def _bounded(value: Range, schema: Mapping[str, Any]) -> Range:
    """Held to the length that the schema allows."""
    letters = schema.get("maxLength")
    if not isinstance(letters, int):
        return value
    low, likely, high = value
    return min(low, letters / 6), min(likely, letters / 4), min(high, letters / 2)


def _plus(*ranges: Range) -> Range:
    low, likely, high = (sum(parts) for parts in zip(*ranges, strict=True))
    return low, likely, high


def _times(one: Range, factor: float, more: float = 0.0) -> Range:
    low, likely, high = one
    return factor * low + more, factor * likely + more, factor * high + more
