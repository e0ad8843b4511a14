"""Backends: who holds the model and runs the steps; picked by what the machine has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import TrainingError, choices
from ..batches import Examples
from ..control import Control

if TYPE_CHECKING:
    from ..device import Machine
    from ..plan import Plan

Emit = Callable[..., Any]
NAMES = ("unsloth", "peft")


@dataclass(frozen=True)
class Task:
    """What a backend is to learn, beside the model.

    Attributes:
        train: the arrays of the chat dataset, as they are.
        validation: the same for the evaluation; None without one.
        plan: every setting, decided.
        folder: the run's folder; checkpoints go below it.
        pad_id: the token that fills short rows.
        resume_from: a checkpoint to go on from.
        observe: called with the model and the step at each evaluation; returns the task's score, if any.
    """

    train: Examples
    validation: Examples | None
    plan: Plan
    folder: Path
    pad_id: int
    resume_from: Path | None = None
    observe: Callable[[Any, int], float | None] = lambda model, step: None


@dataclass(frozen=True)
class Outcome:
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

    def load(self, plan: Plan, *, weights: Path | None = None) -> Any:
        """The model, ready to train, with the adapter or full weights in ``weights`` where given."""
        ...

    def fit(self, model: Any, task: Task, emit: Emit, control: Control) -> Outcome:
        """Runs the steps on the calling thread; between them and afterwards the model is as its file has it."""
        ...


def get(name: str) -> Backend:
    """A backend by name; nothing heavy is imported."""
    if name == "peft":
        from .peft import PeftBackend

        return PeftBackend()
    if name == "unsloth":
        from .unsloth import UnslothBackend

        return UnslothBackend()
    raise TrainingError(f"There is no backend {name!r}.", choices(name, NAMES))


def pick(wanted: str, machine: Machine, *, tuning: str = "auto") -> tuple[str, str]:
    """The backend to use and why.

    Raises:
        TrainingError: the one asked for cannot run here.
    """
    if wanted != "auto":
        reason = get(wanted).unavailable()
        if reason is not None:
            raise TrainingError(
                f"The backend {wanted!r} cannot run here: {reason}", 'TrainConfig(backend="auto")'
            )
        return wanted, "asked for"
    missing = get("unsloth").unavailable()
    if machine.device == "cuda" and missing is None and machine.gpus == 1 and tuning != "full":
        return "unsloth", "one NVIDIA GPU and the unsloth package"
    reason = get("peft").unavailable()
    if reason is not None:
        raise TrainingError(f"Nothing can train here: {reason}", 'pip install "reasonbook[train]"')
    if machine.device != "cuda":
        return "peft", "no NVIDIA GPU: transformers and PEFT train here, small students only"
    if machine.gpus > 1:
        return "peft", f"{machine.gpus} GPUs: plain PyTorch shares the work"
    if tuning == "full":
        return "peft", "all weights of a small student: plain PyTorch is enough"
    return "peft", f"unsloth would be faster: {missing}"
