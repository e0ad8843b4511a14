"""History: what has happened to the rows of a frame, what every job did, and what it cost."""

from .augmentations import FrameHistory, PastAugmentation
from .job_list import jobs
from .past_reasoning import PastReasoning
from .row_life import LifeStep, RowLife
from .run_list import runs
from .spending import Spending, spent

__all__ = [
    "FrameHistory",
    "LifeStep",
    "PastAugmentation",
    "PastReasoning",
    "RowLife",
    "Spending",
    "jobs",
    "runs",
    "spent",
]
