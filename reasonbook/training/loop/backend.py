"""Backend: the contract between a run and whoever holds its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..planning.language_model import LanguageModel
from ..planning.plan import Plan
from ..run_events import Emit
from .batches import Examples
from .control import Control


@dataclass(frozen=True)
class FitTask:
    """What a backend is to learn, beside the model.

    Attributes:
        train: the arrays of the chat dataset, as they are.
        validation: the same for the evaluation; None without one.
        plan: every setting, decided.
        folder: the run's folder; checkpoints go below it.
        pad_id: the token that fills short rows.
        resume_from: a checkpoint to go on from.
        observe: called with the model and the step at each evaluation; returns the task's score, if any.
        keep_row_losses: called with an epoch, rows and their mean losses, when the epoch has ended.
        before_checkpoint: called before a checkpoint is written, which must not be ahead of what was told.
    """

    train: Examples
    validation: Examples | None
    plan: Plan
    folder: Path
    pad_id: int
    resume_from: Path | None = None
    observe: Callable[[LanguageModel, int], float | None] = lambda model, step: None
    keep_row_losses: Callable[[int, list[int], list[float]], None] = lambda epoch, rows, losses: None
    before_checkpoint: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class FitResult:
    """How a fit ended.

    Attributes:
        step: optimizer steps done, those before a resume included.
        ended: ``"done"``, ``"stopped"`` or ``"early"``.
        best_step: the step whose weights were kept, where early stopping chose one.
    """

    step: int
    ended: str
    best_step: int | None = None


class Backend(Protocol):
    """One way to load a student and train it."""

    name: str

    def unavailable(self) -> str | None:
        """Why it cannot run here, with the line that fixes it; None when it can."""
        ...

    def load(self, plan: Plan, *, weights: Path | None = None) -> LanguageModel:
        """The model, ready to train, with the adapter or full weights in ``weights`` where given."""
        ...

    def fit(self, model: LanguageModel, task: FitTask, emit: Emit, control: Control) -> FitResult:
        """Runs the steps on the calling thread; between them and afterwards the model is as its file has it."""
        ...
