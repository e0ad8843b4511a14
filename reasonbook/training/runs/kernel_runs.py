"""Kernel runs: the runs of this kernel; one of them trains at a time."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Protocol

from ...errors import TrainingError
from .trained import TrainedStudent


class RegisteredRun(Protocol):
    """What the registry knows of a run."""

    @property
    def trained(self) -> TrainedStudent:
        """What it trains."""
        ...

    @property
    def running(self) -> bool:
        """Whether its training is under way."""
        ...


_runs: weakref.WeakSet[RegisteredRun] = weakref.WeakSet()
_training: weakref.ref[RegisteredRun] | None = None
claiming = threading.Lock()  # held from `claim` until the run is started


def enter(run: RegisteredRun) -> None:
    """Takes a run in; it leaves when nobody holds it any more."""
    _runs.add(run)


def find(folder: Path) -> RegisteredRun | None:
    """The run of this folder, where this kernel has it already."""
    return next((run for run in _runs if run.trained.folder.resolve() == folder.resolve()), None)


def training() -> RegisteredRun | None:
    """The run that trains now."""
    run = _training() if _training is not None else None
    return run if run is not None and run.running else None


def claim(run: RegisteredRun) -> None:
    """Makes a run the one that trains.

    Raises:
        TrainingError: another one is training.
    """
    global _training
    other = training()
    if other is not None and other is not run:
        held = other.trained
        raise TrainingError(
            f"{held.name} ({held.id}) is training in this kernel, and two at once would slow and "
            "confuse each other.",
            f"rb.Run.load({held.id!r}).wait()   or   .stop() instead, and then this cell again",
        )
    _training = weakref.ref(run)


def make_room(run: RegisteredRun) -> None:
    """Takes from the GPU what other runs hold there; they load again when they are asked."""
    if run.trained.plan.device == "cuda":
        for other in list(_runs):
            if other is not run and not other.running:
                other.trained.unload()


def forget() -> None:
    """Empties the registry, as a new kernel would."""
    global _runs
    _runs = weakref.WeakSet()
