"""AugmentProgress: a running augmentation — how far, how fast, at what cost, what came back, what failed."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from ..errors import ReasonbookError
from ..events import Event
from .base import View, verb
from .wire import plain

_NEWEST = 8  # rows that are shown as they come in
_CAUSES = 12
_EXAMPLES = 5
_TEXT = 240  # characters of a request or a value


class AugmentProgress(View):
    """The live view of an `Augmentation`."""

    _name = "augment_progress"

    def __init__(self, job: Any) -> None:
        self._newest: deque[int] = deque(maxlen=_NEWEST)
        self._notes: deque[str] = deque(maxlen=20)
        self._list = threading.Lock()
        for event in job.stream:  # what came before this view was opened
            self._remember(event)
        super().__init__(job)

    def snapshot(self) -> dict[str, Any]:
        return {**self._state(), "newest": self._rows(), "errors": self._errors(), "notes": list(self._notes)}

    def fold(self, event: Event) -> None:
        self._remember(event)
        self.touch(event.kind)

    def collect(self, topics: set[str]) -> dict[str, Any]:
        news: dict[str, Any] = self._state()
        if "rows" in topics or "status" in topics:
            news["newest"] = self._rows()
            news["errors"] = self._errors()
        if "note" in topics:
            news["notes"] = list(self._notes)
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
        if self.core.running:
            raise ReasonbookError("The augmentation is running already.", "job.stop()")
        self.core.start()

    # -- inside ------------------------------------------------------------------------------------------
    def _remember(self, event: Event) -> None:
        with self._list:
            if event.kind == "rows":
                self._newest.extend(event.data.get("positions", [])[-_NEWEST:])
            elif event.kind == "note":
                self._notes.append(str(event.data.get("text", "")))

    def _state(self) -> dict[str, Any]:
        job = self.core
        return {
            "status": str(job.status),
            "running": job.running,
            "stopping": job.running and job.stopping,
            "seconds": job.seconds,
            "error": _sentence(job.error),
            "progress": plain(job.progress),
            "usage": plain(job.usage),
            "teacher": str(getattr(getattr(job, "teacher", None), "name", "")),
            "method": str(getattr(getattr(job, "config", None), "method", "")),
        }

    def _rows(self) -> list[dict[str, Any]]:
        with self._list:
            positions = list(dict.fromkeys(reversed(self._newest)))
        return [self._row(position) for position in positions]

    def _row(self, position: int) -> dict[str, Any]:
        outcome = self.core.outcome(position)
        return {
            "position": position,
            "request": _clip(outcome.request),
            "error": outcome.error,
            "reasoning": [(name, _clip(value)) for name, value in (outcome.reasoning or {}).items()],
        }

    def _errors(self) -> list[dict[str, Any]]:
        """Causes with their counts, the most frequent first."""
        causes: Counter[str] = Counter()
        examples: dict[str, list[int]] = {}
        for row in _records(self.core.errors):
            cause = str(row.get("error") or row.get("reason") or "")
            causes[cause] += int(row.get("count", 1))
            examples.setdefault(cause, []).append(int(row.get("position", -1)))
        return [
            {"cause": cause, "count": count, "positions": examples[cause][:_EXAMPLES]}
            for cause, count in causes.most_common(_CAUSES)
        ]


def _records(errors: Any) -> list[Mapping[str, Any]]:
    if hasattr(errors, "to_dict"):
        return errors.to_dict("records")
    return list(errors)


def _sentence(error: BaseException | None) -> dict[str, str] | None:
    if error is None:
        return None
    if isinstance(error, ReasonbookError):
        return {"problem": error.problem, "fix": error.fix}
    return {"problem": f"{type(error).__name__}: {error}", "fix": ""}


def _clip(value: Any) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
