"""Augment: a teacher fills the schema for every row, in the caller's frame."""

from .config import AugmentConfig
from .dataset import DatasetAugmentation, augment_dataset
from .estimate import Estimate, estimate
from .job import Augmentation
from .outcome import Candidate, Outcome, Progress, RowError
from .partitions import augment_partitions

__all__ = [
    "AugmentConfig",
    "Augmentation",
    "Candidate",
    "DatasetAugmentation",
    "Estimate",
    "Outcome",
    "Progress",
    "RowError",
    "augment_dataset",
    "augment_partitions",
    "estimate",
]
