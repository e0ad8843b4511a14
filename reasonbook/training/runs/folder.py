"""Folder: where a run keeps its things, and the lock that lets one process train it."""

from __future__ import annotations

from pathlib import Path

from ...store import FileLock
from ..loop import checkpoints

MODEL, LOG, TOKENIZER = "model", "output.log", "tokenizer"  # in a run's folder


class RunLock(FileLock):
    """Held by the process that trains a run.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "lock")


def weights_of(folder: Path) -> Path | None:
    """Where a run's newest weights stand: the final ones, those of a saved folder, or a checkpoint's."""
    for place in (folder / MODEL, folder):
        if any((place / name).is_file() for name in checkpoints.WEIGHTS):
            return place
    return checkpoints.latest(folder)
