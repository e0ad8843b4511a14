"""Folder: where a run keeps its things, and the lock that lets one process train it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from ..loop import checkpoints

MODEL, LOG, TOKENIZER = "model", "output.log", "tokenizer"  # in a run's folder


class RunLock:
    """A file that the training process holds; it falls free when that dies, and never refuses on Windows.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._file: TextIO | None = None
        self._held = False

    @property
    def held(self) -> bool:
        """Whether this process trains the run right now."""
        return self._held

    def take(self) -> bool:
        """Whether the lock is ours now; it may be ours already."""
        if self._held:
            return True
        try:
            import fcntl
        except ImportError:
            self._held = True
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file, self._held = file, True
        return True

    def held_elsewhere(self) -> bool:
        """Whether some process trains this run right now."""
        if self._held or not self.path.exists():
            return False
        if not self.take():
            return True
        self.release()
        return False

    def release(self) -> None:
        """Lets another process train the run."""
        self._held = False
        if self._file is not None:
            self._file.close()
            self._file = None


def weights_of(folder: Path) -> Path | None:
    """Where a run's newest weights stand: the final ones, those of a saved folder, or a checkpoint's."""
    for place in (folder / MODEL, folder):
        if any((place / name).is_file() for name in checkpoints.WEIGHTS):
            return place
    return checkpoints.latest(folder)
