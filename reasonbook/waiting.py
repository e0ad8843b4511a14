"""Waiting: shows how far jobs are while somebody waits for them; an interrupt ends the waiting alone."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .errors import ReasonbookError
from .job import Job, Status

if TYPE_CHECKING:
    from typing_extensions import Self

_EVERY = 0.25  # seconds between two updates of the line
_PATIENCE = {"notebook": 0.5, "terminal": 3.0}  # seconds before a line is shown at all


def wait_for(jobs: Sequence[Job], *, purpose: str = "") -> None:
    """Waits until all jobs have ended, well or not; one line says how far they are.

    In a notebook the line is one display, updated in place; in a terminal one line on stderr. An interrupt ends the
    waiting alone: the jobs go on, the line says so, and the interrupt is raised on.

    Args:
        jobs: the caller looks at their status afterwards.
        purpose: what it is waited for.

    Raises:
        ReasonbookError: a job is paused, and would be waited for for ever.
    """
    line = StatusLine(f"{purpose} waits" if purpose else "Waiting")
    try:
        for job in jobs:
            while not job.deliver(_EVERY):
                if job.status is Status.PAUSED:
                    line.end(job.how_far, quick=True)
                    raise ReasonbookError(f"{job.how_far}.", "run.resume()   or   run.stop()")
                line.show(job.how_far)
    except KeyboardInterrupt:
        told = " · ".join(job.how_far for job in jobs if job.running)
        line.end(f"No longer waited for, and it goes on: {told}. Its .stop() ends it.")
        raise
    line.end(f"Waited for: {' · '.join(job.how_far for job in jobs)}.", quick=True)


class WatchedJob(Job):
    """A job whose ``wait`` shows in one line how far it is, where that lasts."""

    def wait(self, timeout: float | None = None) -> Self:
        """Waits for the end, and says how far it is; an interrupt stops the job and is raised on.

        Args:
            timeout: seconds; when they pass the job goes on in the background.

        Raises:
            ReasonbookError: the job as a whole failed.
        """
        line = StatusLine(type(self).__name__)
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        try:
            while not self.deliver(max(0.0, min(_EVERY, until - time.monotonic()))):
                line.show(self.how_far)
                if time.monotonic() >= until:
                    return self
        except KeyboardInterrupt:
            self.stop()
            raise
        finally:
            line.end(self.how_far, quick=True)
        return super().wait()


class StatusLine:
    """One line that is written over while something lasts; nothing is shown of what is short.

    Args:
        title: what it begins with.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = time.monotonic()
        self._notebook = _in_notebook()
        self._patience = _PATIENCE["notebook" if self._notebook else "terminal"]
        self._handle: Any = None
        self._told = ""

    def show(self, text: str) -> None:
        """How far it is by now."""
        if time.monotonic() - self._began > self._patience:
            self._tell(f"{self._title}: {text}")

    def end(self, text: str, *, quick: bool = False) -> None:
        """The last word; a wait that was too short for a line needs none where it is `quick`."""
        if self._told or not quick:
            self._tell(text, last=True)

    def _tell(self, text: str, *, last: bool = False) -> None:
        before, self._told = self._told, text
        if self._notebook:
            from IPython.display import HTML, display  # pyright: ignore[reportUnknownVariableType]

            html = HTML(f'<div class="rb-card" style="opacity:.8">{escape(text)}</div>')
            if self._handle is None:
                self._handle = display(html, display_id=True)
            else:
                self._handle.update(html)
        elif sys.stderr.isatty():
            end = "\n" if last else ""
            print(f"\r{text.ljust(len(before))}", end=end, file=sys.stderr, flush=True)
        elif last or not before:  # a file gets the first word and the last
            print(text, file=sys.stderr, flush=True)


def _in_notebook() -> bool:
    """Whether a kernel shows what is displayed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
