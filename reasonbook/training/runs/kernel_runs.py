"""Kernel runs: the runs of this kernel; one of them trains at a time, the others wait in line."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from .trained import TrainedStudent


class RegisteredRun(Protocol):
    """What the registry knows of a run."""

    @property
    def trained(self) -> TrainedStudent:
        """What it trains."""
        ...


_runs: weakref.WeakSet[RegisteredRun] = weakref.WeakSet()
_line: list[RegisteredRun] = []  # the run that trains, then those that wait for their turn, in order
starting = threading.Lock()  # held while a run is lined up and started
_moved = threading.Condition()  # held to look at the line or to change it


def enter(run: RegisteredRun) -> None:
    """Takes a run in; it leaves when nobody holds it any more."""
    _runs.add(run)


def find(folder: Path) -> RegisteredRun | None:
    """The run of this folder, where this kernel has it already."""
    return next((run for run in _runs if run.trained.folder.resolve() == folder.resolve()), None)


def training() -> RegisteredRun | None:
    """The run that trains now."""
    with _moved:
        return _line[0] if _line else None


def line_up(run: RegisteredRun) -> None:
    """Puts a run at the end of the line; it trains when all before it have left."""
    with _moved:
        if run not in _line:
            _line.append(run)


def place(run: RegisteredRun) -> int:
    """Where a run stands in the line: 1 for the one that trains, 0 for one that is not in it."""
    with _moved:
        return _line.index(run) + 1 if run in _line else 0


def wait_turn(run: RegisteredRun, *, stopping: Callable[[], bool], moved: Callable[[], object]) -> bool:
    """Waits until a run is the first of the line; whether it may train.

    Args:
        run: that has been lined up.
        stopping: whether it was asked to end; `look_again` has it asked anew.
        moved: called when a run before it has left, and it is still not the first.
    """
    at = place(run)
    while True:
        with _moved:
            while not stopping() and _line[0] is not run and _line.index(run) + 1 == at:
                _moved.wait()
            if stopping():
                return False
            if _line[0] is run:
                return True
            at = _line.index(run) + 1
        moved()


def look_again() -> None:
    """Wakes those who wait for their turn, to see whether one of them was stopped."""
    with _moved:
        _moved.notify_all()


def leave(run: RegisteredRun) -> None:
    """Takes a run out of the line, trained or not; the next one begins."""
    with _moved:
        if run in _line:
            _line.remove(run)
        _moved.notify_all()


def make_room(run: RegisteredRun) -> None:
    """Takes from the GPU what other runs hold there; they load again when they are asked."""
    if run.trained.plan.device == "cuda":
        for other in list(_runs):
            if other is not run and not place(other):
                other.trained.unload()


def forget() -> None:
    """Empties the registry, as a new kernel would."""
    global _runs
    _runs = weakref.WeakSet()
