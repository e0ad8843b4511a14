"""Decisions: what people said of rows, in a journal that cannot be broken, with who said it."""

from .acts import Change
from .author import reviewer, who_decides
from .decision import UNDECIDED, Decision
from .decisions import GOOD, SUBJECT, Decisions
from .proposals import Proposals, Proposed
from .settled import Conflict

__all__ = [
    "GOOD",
    "SUBJECT",
    "UNDECIDED",
    "Change",
    "Conflict",
    "Decision",
    "Decisions",
    "Proposals",
    "Proposed",
    "reviewer",
    "who_decides",
]
