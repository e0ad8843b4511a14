"""Augment: a teacher fills the schema for every row, in the caller's frame."""

from .config import AugmentConfig
from .estimate import Estimate, estimate
from .job import Augmentation
from .outcome import Candidate, Outcome, Progress, RowError

__all__ = [
    "AugmentConfig",
    "Augmentation",
    "Candidate",
    "Estimate",
    "Outcome",
    "Progress",
    "RowError",
    "estimate",
]
