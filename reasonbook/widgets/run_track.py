"""RunTrack: what the curves' view keeps of one run, folded from its events."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..events import Event
from .points import Points, number

HEALTH = ("valid", "empty", "unfinished", "missing")
COLUMNS = {
    "step": ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory", "epoch"),
    "eval": ("eval_loss",),
    "health": (*HEALTH, "correct"),
}
DRAWN = {
    "step": ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory"),
    "eval": ("eval_loss",),
    "health": (*HEALTH, "correct"),
}
KEPT_SAMPLES = 60  # evaluations whose texts stay at hand
KEPT_LINES = 200


class RunTrack:
    """Follows a run's stream, the past first.

    ``take`` runs on the training thread and costs the same in a long run as in a short one.

    Args:
        run: anything with ``id``, ``status`` and ``stream``; ``history`` where the stream forgets old events.
        changed: called after each event, with its kind.
    """

    def __init__(self, run: Any, changed: Callable[[str], None]) -> None:
        self.run = run
        self.id = str(run.id)
        self.tables = {name: Points(columns) for name, columns in COLUMNS.items()}
        self.samples: deque[tuple[int, list[Mapping[str, Any]]]] = deque(maxlen=KEPT_SAMPLES)
        self.lines: deque[dict[str, Any]] = deque(maxlen=KEPT_LINES)
        self.alarms = self.notes = 0
        self.latest = {"alarm": "", "note": ""}
        self.step, self.total, self.epoch = 0, None, None
        self.eta: tuple[float, float] | None = None  # seconds to go, and when that was said
        self._changed = changed
        self._lock = threading.Lock()
        self._remember(run)
        self.unsubscribe = run.stream.subscribe(self.take)

    def _remember(self, run: Any) -> None:
        """Takes the curves of a run whose stream no longer holds its beginning."""
        first = next(iter(run.stream), None)
        if first is None or first.seq > 0:
            history = getattr(run, "history", None)
            for kind, columns in dict(history or {}).items():
                if kind not in self.tables or not len(columns.get("step", ())):
                    continue
                names = [name for name in columns if name in self.tables[kind].columns]
                rows = zip(columns["step"], *(columns[name] for name in names), strict=True)
                for step, *values in rows:
                    self._point(kind, {"step": step, **dict(zip(names, values, strict=True))})
            for step, rows in getattr(history, "samples", ()):
                self._samples(int(step), {"rows": rows})

    def take(self, event: Event) -> None:
        data = event.data
        with self._lock:
            if event.kind in ("step", "eval"):
                self._point(event.kind, data)
            elif event.kind == "samples":
                self._samples(int(data.get("step", self.step)), data)
            elif event.kind in ("alarm", "note"):
                self._line(event)
            elif event.kind == "eta":
                self.eta = (number(data.get("seconds", data.get("eta"))), event.at)
            if data.get("total") is not None:
                self.total = int(data["total"])
        self._changed(event.kind)

    def _point(self, kind: str, data: Mapping[str, Any]) -> None:
        step = int(data["step"])
        self.tables[kind].append(step, data)
        self.step = step if kind == "step" else max(self.step, step)
        if data.get("epoch") is not None:
            self.epoch = float(data["epoch"])

    def _samples(self, step: int, data: Mapping[str, Any]) -> None:
        """Keeps what was written; the shares are over all that were asked, of which some are shown."""
        while self.samples and self.samples[-1][0] >= step:
            self.samples.pop()
        rows = list(data.get("rows", ()))
        self.samples.append((step, rows))
        counts = data.get("health") or Counter(str(row.get("health", "")) for row in rows)
        total = sum(counts.values())
        shares: dict[str, float] = {}
        if total and getattr(self.run, "strategy", "") != "final_only":
            shares = {name: counts.get(name, 0) / total for name in HEALTH}
        right = [bool(row["correct"]) for row in rows if row.get("correct") is not None]
        if data.get("score") is not None or right:
            shares["correct"] = number(data.get("score")) if "score" in data else sum(right) / len(right)
        if shares:
            self.tables["health"].append(step, shares)

    def _line(self, event: Event) -> None:
        text = str(event.data.get("text", ""))
        alarm = event.kind == "alarm"
        self.alarms, self.notes = self.alarms + alarm, self.notes + (not alarm)
        self.latest[event.kind] = text
        data = event.data
        kind, step = str(data.get("alarm", data.get("kind", event.kind))), data.get("step")
        step = self.step or None if step is None else int(step)
        self.lines.append({"alarm": alarm, "kind": kind, "text": text, "step": step, "at": event.at})

    # -- for the page ------------------------------------------------------------------------------------
    def info(self) -> dict[str, Any]:
        """The small facts above the curves."""
        run, status = self.run, str(self.run.status)
        error = getattr(run, "error", None)
        problem = "" if error is None else f"{type(error).__name__}: {error}"
        left = None
        if self.eta is not None and status == "RUNNING":
            left = max(0.0, self.eta[0] - (time.time() - self.eta[1]))
        return {
            "id": self.id,
            "label": label(run),
            "status": status,
            "step": self.step,
            "total": self.total if self.total is not None else getattr(run, "total_steps", None),
            "epoch": self.epoch,
            "seconds": float(getattr(run, "seconds", 0.0)),
            "eta": left,
            "error": getattr(error, "problem", problem),
            "fix": getattr(error, "fix", "") or "",
            "samples": [step for step, _ in self.samples],
            "alarms": self.alarms,
            "notes": self.notes,
            "alarm": self.latest["alarm"],
            "note": self.latest["note"],
            "verbs": verbs(run, status),
        }

    def whole(self) -> tuple[dict[str, Any], list[bytes]]:
        """All curves for a page that opens, thinned where they are long."""
        with self._lock:
            tables, buffers = [], []
            for name, points in self.tables.items():
                content, parts = pack(name, points)
                tables.append(content)
                buffers += parts
            return {"info": self.info(), "tables": tables}, buffers

    def fresh(self) -> tuple[dict[str, Any], list[bytes]]:
        """What came since the last call."""
        with self._lock:
            tables, buffers = [], []
            for name, points in self.tables.items():
                start, x, values = points.fresh(DRAWN[name])
                if x:
                    tables.append(
                        {"name": name, "start": start, "count": len(x) // 8, "columns": DRAWN[name]}
                    )
                    buffers += [x, values]
            return {"info": self.info(), "tables": tables}, buffers

    def detail(self, low: float, high: float) -> tuple[dict[str, Any], list[bytes]]:
        """The step curves of a range of steps, finer than in the whole."""
        with self._lock:
            return pack("step", self.tables["step"], low, high)

    def at(self, step: float) -> tuple[int, float | None]:
        """The logged step nearest to a step, and its loss."""
        with self._lock:
            points = self.tables["step"]
            if not len(points):
                return round(step), None
            index = int(np.abs(points.x - step).argmin())
            loss = float(points.column("loss")[index])
            return int(points.x[index]), None if np.isnan(loss) else loss


def pack(
    name: str, points: Points, low: float = -np.inf, high: float = np.inf
) -> tuple[dict[str, Any], list[bytes]]:
    """A range of a table as the page reads it: what it holds, and its two buffers."""
    x, values, stride = points.window(DRAWN[name], low, high)
    content = {"name": name, "start": 0, "count": len(points), "columns": DRAWN[name], "stride": stride}
    return content, [x.tobytes(), values.tobytes()]


def label(run: Any) -> str:
    """What the person calls the run."""
    name = getattr(run, "name", None) or getattr(run, "label", None)
    return str(name) if isinstance(name, str) and name else str(run.id)


def verbs(run: Any, status: str) -> list[str]:
    """The verbs that make sense now, of those that the run has."""
    offered = {
        "RUNNING": ("pause", "stop"),
        "PAUSED": ("resume", "stop"),
        "CANCELLED": ("resume",),
        "FAILED": ("resume",),
    }.get(status, ())
    return [verb for verb in offered if callable(getattr(run, verb, None))]
