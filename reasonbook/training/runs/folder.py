"""Lock: one process at a time trains a run; the lock falls by itself when its process dies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..loop import checkpoints


class RunLock:
    """A file that the training process holds; without file locks (Windows) it never refuses.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._file: Any = None

    def take(self) -> bool:
        """Whether the lock is ours now."""
        try:
            import fcntl
        except ImportError:
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
        self._file = file
        return True

    def held_elsewhere(self) -> bool:
        """Whether some process trains this run right now."""
        if not self.path.exists():
            return False
        if not self.take():
            return True
        self.release()
        return False

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


MODEL, LOG, TOKENIZER = "model", "output.log", "tokenizer"  # in a run's folder


def first_process() -> bool:
    """Whether this process speaks for all that train together."""
    return os.environ.get("RANK", "0") == "0"


def weights_of(folder: Path) -> Path | None:
    """Where a run's newest weights stand: the final ones, those of a saved folder, or a checkpoint's."""
    for place in (folder / MODEL, folder):
        if any((place / name).is_file() for name in checkpoints.WEIGHTS):
            return place
    return checkpoints.latest(folder)
