"""Checks: what looks wrong with a row's reasoning, found without asking anybody."""

from .checks import FLAGS, WEIGHTS, Checks, Flags, Row, Turn, WholeRow, check
from .injection import injected
from .whole_row import cells_of, checked_row

__all__ = [
    "FLAGS",
    "WEIGHTS",
    "Checks",
    "Flags",
    "Row",
    "Turn",
    "WholeRow",
    "cells_of",
    "check",
    "checked_row",
    "injected",
]
