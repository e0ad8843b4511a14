"""File lock: a file that one process holds; it falls free when that dies, and never refuses on Windows."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TextIO


class FileLock:
    """The right to do something alone, as long as the process lives.

    Args:
        path: the file; its folder is made when the lock is taken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None
        self._held = False

    @property
    def held(self) -> bool:
        """Whether this object holds it right now."""
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
        with contextlib.suppress(OSError):  # a full disk: it is held without our name in it as well
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), str(os.getpid()).encode())
        self._file, self._held = file, True
        return True

    def held_elsewhere(self) -> bool:
        """Whether somebody else holds it right now."""
        if self._held or not self.path.exists():
            return False
        if not self.take():
            return True
        self.release()
        return False

    def release(self) -> None:
        """Lets another process take it."""
        self._held = False
        if self._file is not None:
            self._file.close()
            self._file = None
