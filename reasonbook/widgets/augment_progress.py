"""Augment progress: a running augmentation: how far, how fast, at what cost, what failed."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, cast

from ..augment import Augmentation
from ..errors import ReasonbookError
from ..events import Event
from .base import View, verb

_NEWEST = 8  # rows that are shown as they come in
_CAUSES = 12
_EXAMPLES = 5
_TEXT = 240  # characters of a request or a value
_PAUSE = 1.0  # seconds between two looks at all failures while the job runs


class AugmentProgress(View):
    """The live view of an `Augmentation`.

    Example:
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules)
        >>> view = rb.widgets.AugmentProgress(job)
    """

    _name = "augment_progress"

    core: Augmentation

    def __init__(self, job: Augmentation) -> None:
        self._newest: deque[int] = deque(maxlen=_NEWEST)
        self._notes: deque[str] = deque(maxlen=20)
        self._causes: list[dict[str, Any]] = []
        self._counted = (-1, 0.0)  # failures that the causes were counted from, and when
        self._list = threading.Lock()
        for event in job.stream:  # what came before this view was opened
            self._remember(event)
        super().__init__(job)

    def snapshot(self) -> dict[str, Any]:
        """How far the job is, its newest rows, what failed, and its notes."""
        return {**self._state(), "newest": self._rows(), "errors": self._errors(), "notes": self._noted()}

    def fold(self, event: Event) -> None:
        """Keeps the rows and notes of an event that the page shows."""
        self._remember(event)
        self.touch(event.kind)

    def collect(self, topics: set[str]) -> dict[str, Any]:
        """How far the job is, and the lists that changed."""
        news: dict[str, Any] = self._state()
        if "rows" in topics or "status" in topics:
            news["newest"] = self._rows()
            news["errors"] = self._errors()
        if "note" in topics:
            news["notes"] = self._noted()
        return news

    # -- what the page may ask ---------------------------------------------------------------------------
    @verb(once=True)
    def stop(self) -> None:
        """Asks the job to end soon; finished rows stay."""
        self.core.stop()

    @verb(once=True)
    def retry(self) -> None:
        """Asks again for the rows that failed."""
        self.core.retry()

    @verb(once=True)
    def start(self) -> None:
        """Goes on with the rows that are open."""
        self.core.start()

    # -- inside ------------------------------------------------------------------------------------------
    def _remember(self, event: Event) -> None:
        with self._list:
            if event.kind == "rows":
                self._newest.extend(event.data.get("positions", [])[-_NEWEST:])
            elif event.kind == "note":
                self._notes.append(str(event.data.get("text", "")))

    def _noted(self) -> list[str]:
        with self._list:
            return list(self._notes)

    def _state(self) -> dict[str, Any]:
        job = self.core
        return {
            "status": str(job.status),
            "running": job.running,
            "stopping": job.running and job.stopping,
            "seconds": job.seconds,
            "error": _sentence(job.error),
            "progress": job.progress,
            "teacher": job.teacher.name,
            "method": job.config.method,
        }

    def _rows(self) -> list[dict[str, Any]]:
        with self._list:
            positions = list(dict.fromkeys(reversed(self._newest)))
        return [row for row in map(self._row, positions) if row is not None]

    def _row(self, position: int) -> dict[str, Any] | None:
        outcome = self.core.outcome(position)
        if outcome is None:
            return None
        return {
            "position": position,
            "request": _clip(outcome.request),
            "error": outcome.error,
            "reasoning": [(name, _clip(value)) for name, value in (outcome.reasoning or {}).items()],
        }

    def _errors(self) -> list[dict[str, Any]]:
        """Causes with their counts, the most frequent first."""
        failed, now = self.core.progress.failed, time.monotonic()
        known, when = self._counted
        if failed != known and (now - when > _PAUSE or not self.core.running):
            self._counted = (failed, now)
            table = cast("Any", self.core.errors)  # pandas has no types
            places: dict[str, list[int]] = {}
            for cause, position in zip(table["error"], table["position"], strict=True):
                places.setdefault(str(cause), []).append(int(position))
            most = sorted(places.items(), key=lambda item: -len(item[1]))[:_CAUSES]
            self._causes = [
                {"cause": cause, "count": len(positions), "positions": positions[:_EXAMPLES]}
                for cause, positions in most
            ]
        return self._causes


def _sentence(error: BaseException | None) -> dict[str, str] | None:
    if error is None:
        return None
    if isinstance(error, ReasonbookError):
        return {"problem": error.problem, "fix": error.fix}
    return {"problem": f"{type(error).__name__}: {error}", "fix": ""}


def _clip(value: object) -> str:
    if isinstance(value, list):
        value = "; ".join(map(str, cast("list[Any]", value)))
    text = "" if value is None else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
