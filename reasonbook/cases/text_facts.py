"""Text facts: the numbers, dates and names that a text states, whatever its words."""

from __future__ import annotations

import re

MONTHS = "january february march april may june july august september october november december".split()
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_NUMBERED = {word: str(number) for number, word in enumerate(_WORDS)}
_ABOVE_ONE = "|".join(_WORDS[2:])  # "one" is a pronoun as often as a number
_NUMBER = re.compile(rf"(?<![\w.,])-?\d+(?:[.,]\d+)*|(?<=\w-)\d+|\b(?:{_ABOVE_ONE})\b", re.IGNORECASE)
_MONTH = rf"(?P<month>{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in MONTHS)})\b\.?"
_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"\b(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})\b",
        rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>\d{{4}}))?",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?{_MONTH}(?:,? (?P<year>\d{{4}}))?",
    )
)
_DATED = re.compile(rf"\d{{4}}-\d|{_MONTH}", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“«]([^\"”»\n]{1,60})[\"”»]")
_NAME = re.compile(r"(?<![.!?:;\n] )(?<!^)(?<![\w'’-])(?:[A-Z][\w'’-]*\w)(?: [A-Z][\w'’-]*\w)*")
_CODE = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\b")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?:\D|$))")
_EDGES = " \t\n.,;:!?\"'“”‘’()[]"


def numbers_in(text: str) -> list[str]:
    """The numbers of a text in one spelling, in order: 1,200 and 1200.0 are the same, and so are 3 and three."""
    return [_number(found.lower()) for found in _NUMBER.findall(text)]


def last_number(text: str) -> str | None:
    """The last number of a text; None where it has none."""
    found = numbers_in(text)
    return found[-1] if found else None


def facts_in(text: str, *, numbers: bool = True) -> tuple[str, ...]:
    """What a text states: its numbers and dates, and its names (capitals inside a sentence, quotes, codes)."""
    dates: list[str] = []

    def date(found: re.Match[str]) -> str:
        told = found.groupdict()
        month = told.get("number") or f"{1 + _month(told['month']):02}"
        dates.append(f"{told['year'] or ''}-{month}-{int(told['day']):02}")
        return "."

    if _DATED.search(text):
        for form in _DATES:
            text = form.sub(date, text)
    names = {found.casefold() for form in (_QUOTED, _NAME, _CODE) for found in form.findall(text)}
    return tuple(sorted({*names, *((*numbers_in(text), *dates) if numbers else ())}))


def label(text: str) -> str:
    """A short text as one compares it: without case, currency, outer punctuation, and with numbers in one spelling."""
    words = _NUMBER.sub(lambda found: _number(found.group().lower()), text.casefold())
    return " ".join(words.translate(_SIGNS).strip(_EDGES).split())


def plain(text: str) -> str:
    """A longer text without case, punctuation and blanks: what is left differs when a word or a number does."""
    return " ".join(re.findall(r"\w+(?:[.,]\d+)*", text.casefold()))


_SIGNS = str.maketrans("", "", "$€£¥%")


def _number(found: str) -> str:
    if found in _NUMBERED:
        return _NUMBERED[found]
    exact = _THOUSANDS.sub("", found).replace(",", ".")
    try:
        return f"{float(exact):.12g}"
    except ValueError:  # 1.2.3 is a version or a date
        return exact


def _month(found: str) -> int:
    return next(place for place, name in enumerate(MONTHS) if name.startswith(found[:3].lower()))
