"""History: a run's events as curves, samples and messages, and the journal that keeps them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...errors import StoreError
from ...events import Event, Stream
from ..run_events import (
    HEALTH,
    SERIES,
    SOURCE,
    TYPES,
    AlarmEvent,
    EtaEvent,
    EvalEvent,
    NoteEvent,
    SamplesEvent,
    StepEvent,
    from_event,
)

if TYPE_CHECKING:
    from ...store import Store

KEPT_SAMPLES = 200  # evaluations whose texts stay at hand
KEPT_MESSAGES = 200
KEPT_EVENTS = 4_000  # in a run's stream; the history has folded what went before
_FLUSH_SECONDS = 1.0
_URGENT = frozenset(TYPES) - {StepEvent.kind, EtaEvent.kind}


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
        """Takes an event in; the time that is left is not kept."""
        if event.kind == EtaEvent.kind:
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


class CurveTable:
    """The points of one curve family, by rising step; appending costs no more in a long history.

    Args:
        columns: names of the figures; a point may lack some of them (NaN).

    Attributes:
        cuts: lengths to which the table was cut when a run went back to a checkpoint, oldest first; whoever
            follows it learns from them what it has to read again.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.cuts: list[int] = []
        self._steps: np.ndarray = np.empty(256, np.float64)
        self._values: np.ndarray = np.empty((len(self.columns), 256), np.float64)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def steps(self) -> np.ndarray:
        """float64, one per point."""
        return self._steps[: self._length]

    @property
    def values(self) -> np.ndarray:
        """float64, columns × points."""
        return self._values[:, : self._length]

    def column(self, name: str) -> np.ndarray:
        """One figure, by point."""
        return self.values[self.columns.index(name)]

    def append(self, step: float, figures: Mapping[str, object]) -> None:
        """Adds a point; a step that is run again after a resume replaces what stood there and after it."""
        if self._length and step <= self._steps[self._length - 1]:
            self._length = int(np.searchsorted(self.steps, step))
            self.cuts.append(self._length)
        if self._length == len(self._steps):
            self._steps = np.concatenate([self._steps, np.empty_like(self._steps)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)], axis=1)
        self._steps[self._length] = step
        for index, name in enumerate(self.columns):
            self._values[index, self._length] = _number(figures.get(name))
        self._length += 1

    def last(self) -> dict[str, float]:
        """The newest point; empty where there is none."""
        if not self._length:
            return {}
        newest = self._values[:, self._length - 1].tolist()
        return {
            "step": float(self._steps[self._length - 1]),
            **dict(zip(self.columns, newest, strict=True)),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Name → a copy of the column, ``step`` first."""
        return {
            "step": np.array(self.steps),
            **{name: np.array(self.column(name)) for name in self.columns},
        }


@dataclass(frozen=True)
class Message:
    """An alarm or a note.

    Attributes:
        alarm: False for a note.
        name: which alarm; ``note`` for a note.
        text: in words.
        step: at which step, where that is known.
        at: seconds since the epoch.
    """

    alarm: bool
    name: str
    text: str
    step: int | None
    at: float


class History:
    """What a run's events add up to: the same live, for a view that opens late, and in another kernel.

    `take` is called for each event, oldest first, and costs the same in a long run as in a short one.

    Args:
        thinking: whether the student is taught to think; without it there is no thinking to judge.

    Attributes:
        tables: curve family → its points: ``step``, ``eval``, ``health``, ``source``.
        samples: what was written at the newest evaluations.
        messages: the newest alarms and notes.
        counts: how many alarms and notes there were in all, by kind.
        eta: seconds that were left, and when that was said.
        total: steps of the plan, as the training said; None before the first step.
        lock: held while something is read that must not change meanwhile.
    """

    def __init__(self, *, thinking: bool = True) -> None:
        self.tables = {kind: CurveTable(columns) for kind, columns in SERIES.items()}
        self.samples: deque[SamplesEvent] = deque(maxlen=KEPT_SAMPLES)
        self.messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self.counts = {AlarmEvent.kind: 0, NoteEvent.kind: 0}
        self.eta: tuple[float, float] | None = None
        self.total: int | None = None
        self.lock = threading.RLock()
        self._thinking = thinking

    @property
    def step(self) -> int:
        """The newest step."""
        return int(self.tables[StepEvent.kind].last().get("step", 0))

    def latest(self, *, alarm: bool) -> str:
        """The newest alarm or note in words; empty where there is none."""
        return next((each.text for each in reversed(self.messages) if each.alarm is alarm), "")

    def take(self, event: Event) -> None:
        """Folds one event in; what is none of a run's is passed over."""
        said = from_event(event)
        with self.lock:
            if isinstance(said, StepEvent):
                self.tables[StepEvent.kind].append(said.step, vars(said))
                self.total = said.total or self.total
            elif isinstance(said, EvalEvent):
                self.tables[EvalEvent.kind].append(said.step, vars(said))
                if said.sources:
                    self._source_table(said.sources).append(said.step, said.sources)
            elif isinstance(said, SamplesEvent):
                self._take_samples(said)
            elif isinstance(said, (AlarmEvent, NoteEvent)):
                alarm = isinstance(said, AlarmEvent)
                step = said.step if said.step is not None else self.step or None
                self.counts[said.kind] += 1
                name = said.alarm if isinstance(said, AlarmEvent) else NoteEvent.kind
                self.messages.append(Message(alarm, name, said.text, step, event.at))
            elif isinstance(said, EtaEvent):
                self.eta = (said.seconds, event.at)

    def _source_table(self, sources: Iterable[str]) -> CurveTable:
        """The points by source; its columns are those that the first evaluation names."""
        if not self.tables[SOURCE].columns:
            self.tables[SOURCE] = CurveTable(tuple(sources))
        return self.tables[SOURCE]

    def _take_samples(self, said: SamplesEvent) -> None:
        """Keeps what was written; the shares are over all that were asked, of which some are shown."""
        while self.samples and self.samples[-1].step >= said.step:
            self.samples.pop()
        self.samples.append(said)
        shares: dict[str, float] = {}
        asked = sum(said.health.values())
        if asked and self._thinking:
            shares = {name: said.health.get(name, 0) / asked for name in HEALTH}
        if said.score is not None:
            shares["correct"] = said.score
        if shares:
            self.tables["health"].append(said.step, shares)

    def arrays(self) -> dict[str, dict[str, np.ndarray]]:
        """Curve family → column → float64 array, ``step`` among them."""
        with self.lock:
            return {kind: table.arrays() for kind, table in self.tables.items() if table.columns}

    def fill(self, curves: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        """Takes the curves of a run card, for a run whose events are not at hand."""
        self._source_table(name for name in curves.get(SOURCE, {}) if name != "step")
        for kind, table in self.tables.items():
            series = curves.get(kind, {})
            known = [name for name in table.columns if name in series]
            for i, step in enumerate(series.get("step", ())):
                table.append(step, {name: series[name][i] for name in known})


def recorded(history: History, store: Store | None, subject: str) -> tuple[Stream, Journal | None]:
    """A run's stream: the history folds it, and the journal keeps it where there is a store."""
    journal = None if store is None else Journal(store, subject)
    stream = Stream(persist=journal, keep=KEPT_EVENTS)
    stream.subscribe(history.take)
    return stream, journal


def _number(value: object) -> float:
    """A float, NaN for what is none."""
    try:
        return float(cast(Any, value))
    except (TypeError, ValueError):
        return float("nan")
