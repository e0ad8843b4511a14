"""Training: a student learns in the background, answers, is compared, and is saved."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ablation import Ablation, ablate
    from .chat import ChatSession
    from .comparison import Comparison, compare
    from .config import TrainConfig
    from .evaluation import Evaluation
    from .generate import Reply
    from .plan import Plan
    from .run import Run
    from .scores import judge
    from .start import make_plan, train

_HOMES = {
    "Ablation": "ablation",
    "ChatSession": "chat",
    "Comparison": "comparison",
    "Evaluation": "evaluation",
    "Plan": "plan",
    "Reply": "generate",
    "Run": "run",
    "TrainConfig": "config",
    "ablate": "ablation",
    "compare": "comparison",
    "judge": "scores",
    "make_plan": "start",
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


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
