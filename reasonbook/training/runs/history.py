"""History: a run's curves as arrays, and the journal that keeps its events over a kernel's death."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import StoreError
from ...events import Event

if TYPE_CHECKING:
    from ...store import Store

SERIES = {
    "step": ("step", "loss", "learning_rate", "grad_norm", "tokens", "tokens_per_second", "memory", "epoch"),
    "eval": ("step", "eval_loss", "score"),
}
_FLUSH_SECONDS = 1.0
_URGENT = {"status", "eval", "checkpoint", "alarm", "note", "samples", "row_loss"}


class Journal:
    """Writes a run's events to the store in batches, at most one a second while nothing special happens.

    Args:
        store: where they go.
        subject: under which name.
    """

    def __init__(self, store: Store, subject: str) -> None:
        self.store, self.subject = store, subject
        self._waiting: list[Event] = []
        self._lock = threading.Lock()
        self._at = 0.0

    def __call__(self, event: Event) -> None:
        if event.kind == "eta":
            return
        with self._lock:
            self._waiting.append(event)
        if event.kind in _URGENT or time.monotonic() - self._at > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what is waiting; a store that cannot be written never stops a training."""
        with self._lock:
            batch, self._waiting = self._waiting, []
            self._at = time.monotonic()
            if not batch:
                return
            try:
                self.store.append(self.subject, batch)
            except StoreError:
                self._waiting = batch[-10_000:]


class Curves:
    """Folds events into series; a step that is run again after a resume replaces what stood there."""

    def __init__(self) -> None:
        self._points: dict[str, dict[int, tuple[float, ...]]] = {kind: {} for kind in SERIES}
        self._lock = threading.Lock()

    def take(self, event: Event) -> None:
        names = SERIES.get(event.kind)
        if names is None:
            return
        step = int(event.data["step"])
        values = tuple(_number(event.data.get(name)) for name in names)
        with self._lock:
            points = self._points[event.kind]
            if points and step <= next(reversed(points)):
                for later in [s for s in points if s >= step]:
                    del points[later]
            points[step] = values

    def arrays(self) -> dict[str, dict[str, np.ndarray]]:
        """Kind → series name → float64 array, by step."""
        with self._lock:
            copies = {kind: list(points.values()) for kind, points in self._points.items()}
        return {
            kind: dict(zip(names, _columns(copies[kind], len(names)), strict=True))
            for kind, names in SERIES.items()
        }

    def last(self, kind: str = "step") -> dict[str, float]:
        """The newest point of a kind; empty where there is none."""
        with self._lock:
            points = self._points[kind]
            if not points:
                return {}
            return dict(zip(SERIES[kind], points[next(reversed(points))], strict=True))

    def fill(self, curves: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        """Takes the curves of a run card."""
        for kind, names in SERIES.items():
            series = curves.get(kind, {})
            for i, step in enumerate(series.get("step", ())):
                values = tuple(_number(series[n][i]) if n in series else float("nan") for n in names)
                self._points[kind][int(step)] = values


def _columns(rows: list[tuple[float, ...]], count: int) -> list[np.ndarray]:
    table = np.array(rows, dtype=float).reshape(-1, count)
    return [table[:, i] for i in range(count)]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
