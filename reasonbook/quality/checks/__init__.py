"""Checks: what looks wrong with a row's reasoning, found without asking anybody."""

from .checks import Checks, check
from .fitting import Schemas
from .flags import FLAGS, PRECISION, WEIGHTS, Finding, Flags
from .texts import injected
from .whole_row import Row, Turn, WholeRow, cells_of, checked_row

__all__ = [
    "FLAGS",
    "PRECISION",
    "WEIGHTS",
    "Checks",
    "Finding",
    "Flags",
    "Row",
    "Schemas",
    "Turn",
    "WholeRow",
    "cells_of",
    "check",
    "checked_row",
    "injected",
]
