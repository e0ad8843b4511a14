"""Save: a trained student in the form that somebody else's program reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TrainingError, choices
from ..loop import checkpoints
from .adapter import Saved, adapter
from .gguf import gguf
from .hub import hub
from .merged import merged
from .ollama import ollama

if TYPE_CHECKING:
    from ..runs.trained import TrainedStudent

# What writes each form, from a student and a path; a new form is one file and one line here.
FORMATS: dict[str, Callable[..., Saved]] = {
    "adapter": adapter,
    "merged": merged,
    "gguf": gguf,
    "ollama": ollama,
    "hub": hub,
}


def save(student: TrainedStudent, path: str | Path, *, format: str = "adapter", **options: Any) -> Saved:
    """Writes the weights of a trained student.

    Args:
        student: what is saved.
        path: where to.
        format: see `FORMATS`.
        **options: of the format.

    Raises:
        TrainingError: no such format, or it cannot be written here.
    """
    if format not in FORMATS:
        raise TrainingError(f"A run cannot be saved as {format!r}.", choices(format, FORMATS))
    if student.training:
        raise TrainingError(
            f"{student.name} is still training.", "run.wait()   or   run.stop()   and then save"
        )
    try:
        saved = FORMATS[format](student, path if format == "hub" else Path(path).expanduser(), **options)
    except Exception as error:
        if not checkpoints.disk_full(error):
            raise
        raise TrainingError(
            f"The disk is full: {str(path)!r} could not be written.",
            "free some space, then run.save(…) again; the trained weights are safe in run.folder",
        ) from error
    return replace(saved, note=" ".join(filter(None, [saved.note, *student.format.serving_notes])))
