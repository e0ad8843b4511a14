"""Values: numbers, booleans and dates as the texts of answers, and what a cell is in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

from ..conversation import is_mapping, is_sequence, missing

Kind = str
NUMBERS, BOOLEANS, DATES = "numbers", "booleans", "dates"
_BOOLEANS: tuple[type[Any], ...] = (bool, np.bool_)
_FLOATS: tuple[type[Any], ...] = (float, np.floating)
_NUMBERS: tuple[type[Any], ...] = (int, Decimal, np.integer, *_FLOATS)
# How each kind is written, for people.
FORMS: Mapping[Kind, str] = {
    NUMBERS: "whole ones without a point",
    BOOLEANS: "True or False",
    DATES: "year-month-day, with the time where there is one",
}


def kind_of(value: Any) -> Kind | None:
    """What a value is if it has one plain text; None for texts themselves and for all else."""
    if isinstance(value, _BOOLEANS):
        return BOOLEANS
    if isinstance(value, _NUMBERS):
        return NUMBERS if math.isfinite(value) else None
    return DATES if isinstance(value, (date, time)) and not missing(value) else None


def text_of(value: object) -> str | None:
    """A number, boolean or date as text; None for everything else.

    The form depends on the value alone, never on the rest of its column: a row read from a slice has the name
    that it has in the whole frame. 7.0 is what pandas makes of 7 in a column with gaps, so it is ``7`` again.
    """
    kind = kind_of(value)
    if kind == NUMBERS:
        return _number(value)
    if kind == BOOLEANS:
        return str(bool(value))
    if isinstance(value, datetime) and kind == DATES:
        midnight = value.tzinfo is None and not (value.hour or value.minute or value.second)
        exact = value.microsecond or getattr(value, "nanosecond", 0)
        return value.date().isoformat() if midnight and not exact else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, (date, time)) and kind == DATES else None


def _number(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    whole = isinstance(value, _FLOATS) and float(value).is_integer()
    return str(int(value)) if whole else str(value)  # of a 32-bit number, its own digits


def said(value: object) -> str:
    """What a cell is, in words: ``a number``, ``a list``, ``a dict with the key 'a'``."""
    kind = kind_of(value)
    if missing(value):
        return "empty"
    if isinstance(value, str):
        return "a text"
    if kind is not None:
        return f"a {kind.removesuffix('s')}"
    if isinstance(value, _FLOATS):
        return "an infinite number"
    if is_mapping(value):
        names = [repr(name) for name in value][:4]
        return f"a dict with the key{'s' * (len(names) > 1)} {', '.join(names)}" if names else "an empty dict"
    if is_sequence(value):
        return "a list" if len(value) else "an empty list"
    return f"of type {type(value).__name__}"
