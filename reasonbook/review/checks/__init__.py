"""Checks: what looks wrong with a row's reasoning, found without asking anybody."""

from .checks import FLAGS, WEIGHTS, Checks, Flags, Row, Turn, WholeRow, check
from .injection import injected

__all__ = ["FLAGS", "WEIGHTS", "Checks", "Flags", "Row", "Turn", "WholeRow", "check", "injected"]
