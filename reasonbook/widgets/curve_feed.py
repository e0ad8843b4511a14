"""Curve feed: how one run's history reaches the page of the curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ReasonbookError
from ..training.run import Run
from ..training.run_events import SERIES, SOURCE, StepEvent
from .points import Points

# Curve family → the columns that the page draws.
DRAWN: dict[str, tuple[str, ...]] = {
    "step": ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory"),
    "eval": ("eval_loss",),
    "health": SERIES["health"],
}

Part = tuple[dict[str, Any], list[bytes]]  # what a page reads, and its buffers


class CurveFeed:
    """One view's place in a run's history; the history itself is the run's, the same for every view.

    Args:
        run: the run.
        changed: called on the training thread after each event, with its kind.
    """

    def __init__(self, run: Run, changed: Callable[[str], None]) -> None:
        self.run = run
        self.history = run.trained.history
        self.points = {name: Points(self.history.tables[name], names) for name, names in DRAWN.items()}
        self.unsubscribe = run.stream.subscribe(lambda event: changed(event.kind), replay=False)

    def info(self) -> dict[str, Any]:
        """The small facts above the curves."""
        run, history = self.run, self.history
        problem, fix = error_of(run)
        epoch = history.tables[StepEvent.kind].last().get("epoch", float("nan"))
        return {
            "id": run.id,
            "label": run.name or run.id,
            "status": str(run.status),
            "waits": run.waits,
            "step": history.step,
            "total": history.total or run.total_steps,
            "epoch": None if np.isnan(epoch) else epoch,
            "seconds": run.seconds,
            "eta": run.seconds_left,
            "error": problem,
            "fix": fix,
            "samples": [each.step for each in history.samples],
            "alarms": history.counts["alarm"],
            "notes": history.counts["note"],
            "alarm": history.latest(alarm=True),
            "note": history.latest(alarm=False),
            "verbs": list(run.possible),
        }

    def whole(self) -> Part:
        """All curves for a page that opens, thinned where they are long."""
        with self.history.lock:
            self._follow_sources()
            tables: list[dict[str, Any]] = []
            buffers: list[bytes] = []
            for name, points in self.points.items():
                content, parts = _window(name, points)
                tables.append(content)
                buffers += parts
            return {"info": self.info(), "tables": tables}, buffers

    def fresh(self) -> Part:
        """What came since the last call."""
        with self.history.lock:
            self._follow_sources()
            tables: list[dict[str, Any]] = []
            buffers: list[bytes] = []
            for name, points in self.points.items():
                start, steps, values = points.fresh()
                if steps:
                    count = len(steps) // 8
                    tables.append({"name": name, "start": start, "count": count, "columns": points.names})
                    buffers += [steps, values]
            return {"info": self.info(), "tables": tables}, buffers

    def _follow_sources(self) -> None:
        """The sources of a mixture, once an evaluation has named them."""
        table = self.history.tables[SOURCE]
        if table.columns and SOURCE not in self.points:
            self.points[SOURCE] = Points(table, table.columns)

    def detail(self, low: float, high: float) -> Part:
        """The step curves of a range of steps, finer than in the whole."""
        with self.history.lock:
            return _window(StepEvent.kind, self.points[StepEvent.kind], low, high)

    def at(self, step: float) -> tuple[int, float | None]:
        """The logged step nearest to a step, and its loss."""
        with self.history.lock:
            table = self.history.tables[StepEvent.kind]
            if not len(table):
                return round(step), None
            index = int(np.abs(table.steps - step).argmin())
            loss = float(table.column("loss")[index])
            return int(table.steps[index]), None if np.isnan(loss) else loss

    def log(self) -> list[dict[str, Any]]:
        """Alarms and notes, newest first; what ended the run before them."""
        entries = [
            {"alarm": each.alarm, "kind": each.name, "text": each.text, "step": each.step, "at": each.at}
            for each in reversed(self.history.messages)
        ]
        text = " → ".join(filter(None, error_of(self.run)))
        if text:
            at, step = self.run.ended_at or 0.0, self.history.step
            entries.insert(0, {"alarm": True, "kind": "error", "text": text, "step": step, "at": at})
        return entries


def error_of(run: Run) -> tuple[str, str]:
    """What ended a run, and what to type; empty where nothing did."""
    error = run.error
    if error is None:
        return "", ""
    if isinstance(error, ReasonbookError):
        return error.problem, error.fix
    return f"{type(error).__name__}: {error}", ""


def _window(name: str, points: Points, low: float = -np.inf, high: float = np.inf) -> Part:
    """A range of a table as the page reads it: what it holds, and its two buffers."""
    steps, values, stride = points.window(low, high)
    count = len(points.table)
    content = {"name": name, "start": 0, "count": count, "columns": points.names, "stride": stride}
    return content, [steps.tobytes(), values.tobytes()]
