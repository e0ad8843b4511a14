"""Throttle: one clock for all views, so that none sends more than 20 messages a second."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import lru_cache

INTERVAL = 0.05  # seconds between two rounds; Jupyter's server drops messages far above 1000/s


class Throttle:
    """Calls each function that was asked for once per round, on its own thread.

    The first round after a rest comes at once. Without threads (Pyodide) the kernel's loop keeps the time.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._due: dict[Callable[[], None], None] = {}
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def ask(self, function: Callable[[], None]) -> None:
        """Has a function called in the next round, once however often it is asked for."""
        with self._condition:
            self._due[function] = None
            if self._thread is None and self._loop is None:
                self._start()
            self._condition.notify()
            if self._loop is not None and len(self._due) == 1:
                self._loop.call_later(self._interval, self._round)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="reasonbook-throttle", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread, self._loop = None, asyncio.get_running_loop()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._due:
                    self._condition.wait()
            self._round()
            time.sleep(self._interval)

    def _round(self) -> None:
        with self._condition:
            due, self._due = self._due, {}
        for function in due:
            try:
                function()
            except Exception:  # one broken view must not stop the others
                continue


@lru_cache(maxsize=1)
def throttle() -> Throttle:
    """The process's one throttle."""
    return Throttle()
