"""Decisions: what people said of rows, in a journal that cannot be broken, with who said it."""

from .acts import Change
from .author import reviewer
from .decisions import SUBJECT, UNDECIDED, Decision, Decisions

__all__ = ["SUBJECT", "UNDECIDED", "Change", "Decision", "Decisions", "reviewer"]
