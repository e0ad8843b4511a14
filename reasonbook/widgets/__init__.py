"""Widgets: live views of the core's objects; each folds over events and calls their verbs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .augment_progress import AugmentProgress
    from .chat_box import ChatBox
    from .comparison import Comparison
    from .mask_preview import MaskPreview
    from .sample_review import SampleReview
    from .schema_editor import SchemaEditor
    from .training_curves import TrainingCurves

__all__ = [
    "AugmentProgress",
    "ChatBox",
    "Comparison",
    "MaskPreview",
    "SampleReview",
    "SchemaEditor",
    "TrainingCurves",
]

_MODULES = {
    "AugmentProgress": "augment_progress",
    "ChatBox": "chat_box",
    "Comparison": "comparison",
    "MaskPreview": "mask_preview",
    "SampleReview": "sample_review",
    "SchemaEditor": "schema_editor",
    "TrainingCurves": "training_curves",
}


def __getattr__(name: str) -> object:
    """Loads a widget, and ipywidgets with it, only when it is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
