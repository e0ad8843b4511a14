"""Training: a student learns in the background, answers, is compared, and is saved."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ablation import Ablation, ablate
    from .answering.generate import Reply
    from .answering.scoring import judge
    from .chat_session import ChatSession
    from .evaluation.comparison import Comparison, compare
    from .evaluation.evaluation import Evaluation
    from .planner import make_plan
    from .planning.config import TrainConfig
    from .planning.plan import Plan
    from .run import Run
    from .start import train

_HOMES = {
    "Ablation": "ablation",
    "ChatSession": "chat_session",
    "Comparison": "evaluation.comparison",
    "Evaluation": "evaluation.evaluation",
    "Plan": "planning.plan",
    "Reply": "answering.generate",
    "Run": "run",
    "TrainConfig": "planning.config",
    "ablate": "ablation",
    "compare": "evaluation.comparison",
    "judge": "answering.scoring",
    "make_plan": "planner",
    "train": "start",
}
__all__ = [
    "Ablation",
    "ChatSession",
    "Comparison",
    "Evaluation",
    "Plan",
    "Reply",
    "Run",
    "TrainConfig",
    "ablate",
    "compare",
    "judge",
    "make_plan",
    "train",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
