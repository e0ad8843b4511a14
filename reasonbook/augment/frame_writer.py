"""Frame writer: finished rows on their way into the frame, on its owner's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from ..data.frame import Frame
from ..errors import ReasonbookError
from ..job import Mailbox
from .row_turns import Cell

_LEAST = 0.06  # seconds between two deliveries: below 20 a second
_SHARE = 20  # a delivery that takes long makes the next one wait this many times as long,
_LONGEST = 0.75  # but no more than these seconds, as long as it takes less than a third of them itself

_Row = tuple[int, Cell | None, str, str | None]  # position, reasoning, status, error


class FrameWriter:
    """Collects rows from the worker and posts them to the owner.

    A delivery costs a copy of three columns, whatever its size, so the pause between two grows with what
    the last one took: the owner's thread is busy for about five per cent of the time, with frames of millions
    of rows for a quarter, and the work over all rows stays in proportion to their number.

    Attributes:
        lost: how many finished rows had no place in the frame any more.
        trouble: why the frame could not be written, if it could not.
    """

    def __init__(self, frame: Frame, mailbox: Mailbox) -> None:
        self.frame = frame
        self.mailbox = mailbox
        self.keys: Sequence[str] = ()
        self.lost = 0
        self.trouble: ReasonbookError | None = None
        self._lock = threading.Lock()
        self._ready: list[_Row] = []
        self._posted = False
        self._next = 0.0

    def add(self, position: int, reasoning: Cell | None, status: str, error: str | None) -> None:
        """Takes one finished row; ``reasoning`` None leaves the cell as it is."""
        with self._lock:
            self._ready.append((position, reasoning, status, error))

    def flush(self, *, now: bool = False) -> None:
        """Posts what is ready, unless a delivery is under way or was made a moment ago."""
        with self._lock:
            if not self._ready or self._posted or (not now and time.monotonic() < self._next):
                return
            self._posted = True
        self.mailbox.post(self._deliver)

    def _deliver(self) -> None:
        started = time.perf_counter()
        with self._lock:
            ready, self._ready, self._posted = self._ready, [], False
        rows = list({row[0]: row for row in ready}.values())  # pending, then ok: the newest word counts
        if not self.frame.known and len(self.keys) == len(self.frame):
            self.frame.adopt(self.keys)
        try:
            self._write([row for row in rows if row[1] is not None], True)
            self._write([row for row in rows if row[1] is None], False)
        except ReasonbookError as error:
            self.trouble = error
        except Exception as error:  # a frame that cannot be written must not end the kernel's loop
            self.trouble = ReasonbookError(f"The frame cannot be written: {error}.", "df = df.copy()")
        took = time.perf_counter() - started
        self._next = time.monotonic() + max(_LEAST, min(_SHARE * took, _LONGEST), 3 * took)

    def _write(self, rows: list[_Row], with_reasoning: bool) -> None:
        if not rows:
            return
        columns: dict[str, list[Any]] = {
            "reasoning_status": [row[2] for row in rows],
            "reasoning_error": [row[3] for row in rows],
        }
        if with_reasoning:
            columns["reasoning"] = [row[1] for row in rows]
        positions: list[int] = [row[0] for row in rows]
        self.lost += len(self.frame.write_rows(columns, [self.keys[p] for p in positions], positions))
