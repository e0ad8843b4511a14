"""Control: stop, pause, or borrow the model of a training between two of its steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Control:
    """The switches of one training.

    The training thread calls `between_steps` after each optimizer step. Whoever wants the model meanwhile
    takes it with `borrow`, which waits for that moment, at most one step.

    Args:
        stopping: whether the training was asked to end; whoever steers the training sets it.
    """

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        self.stopping = stopping
        self._paused = threading.Event()
        self._lock = threading.RLock()
        self._waiting = 0
        self._count = threading.Lock()

    @property
    def pausing(self) -> bool:
        """Whether the training was asked to pause."""
        return self._paused.is_set()

    def pause(self) -> None:
        """Asks the training to hold after the current step."""
        self._paused.set()

    def go_on(self) -> None:
        """Ends a pause."""
        self._paused.clear()

    def wait_while_paused(self) -> None:
        """Blocks while paused; a stop ends the wait. The model can be borrowed meanwhile."""
        while self._paused.is_set() and not self.stopping():
            time.sleep(0.05)

    @contextmanager
    def working(self) -> Generator[None]:
        """Held by the training thread while it touches the model."""
        while self._waiting:  # a plain lock would be taken back before a waiter wakes up
            time.sleep(0.002)
        with self._lock:
            yield

    @contextmanager
    def borrow(self) -> Generator[None]:
        """Takes the model between two steps."""
        with self._count:
            self._waiting += 1
        try:
            with self._lock:
                yield
        finally:
            with self._count:
                self._waiting -= 1
