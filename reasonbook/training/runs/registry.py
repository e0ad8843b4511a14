"""Roster: the runs of this kernel; one of them trains at a time."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import TrainingError

if TYPE_CHECKING:
    from ..run import Run

_runs: weakref.WeakSet[Run] = weakref.WeakSet()
_training: weakref.ref[Run] | None = None
claiming = threading.Lock()  # held from `claim` until the run is started


def enter(run: Run) -> None:
    """Takes a run in; it leaves when nobody holds it any more."""
    _runs.add(run)


def find(folder: Path) -> Run | None:
    """The run of this folder, where this kernel has it already."""
    return next((run for run in _runs if run.folder.resolve() == folder.resolve()), None)


def training() -> Run | None:
    """The run that trains now."""
    run = _training() if _training is not None else None
    return run if run is not None and run.running else None


def claim(run: Run) -> None:
    """Makes a run the one that trains.

    Raises:
        TrainingError: another one is training.
    """
    global _training
    other = training()
    if other is not None and other is not run:
        raise TrainingError(
            f"{other.name} ({other.id}) is training in this kernel, and two at once would slow and "
            "confuse each other.",
            f"rb.Run.load({other.id!r}).wait()   or   .stop() instead, and then this cell again",
        )
    _training = weakref.ref(run)


def make_room(run: Run) -> None:
    """Takes from the GPU what other runs hold there; they load again when they are asked."""
    if run.plan.device == "cuda":
        for other in list(_runs):
            if other is not run and not other.running:
                other.unload()


def forget() -> None:
    """Empties the roster, as a new kernel would."""
    global _runs
    _runs = weakref.WeakSet()
