"""Augment: a teacher fills the schema for every row, in the caller's frame."""

from .augmentation import Augmentation
from .config import AugmentConfig
from .datasets.dask_frame import augment_partitions
from .datasets.file_dataset import DatasetAugmentation, augment_dataset
from .estimation.cost_estimate import CostEstimate, estimate
from .results import Candidate, Outcome, Progress, RowError

__all__ = [
    "AugmentConfig",
    "Augmentation",
    "Candidate",
    "CostEstimate",
    "DatasetAugmentation",
    "Outcome",
    "Progress",
    "RowError",
    "augment_dataset",
    "augment_partitions",
    "estimate",
]
