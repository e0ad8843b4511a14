"""Events: what happened, in order; a stream that widgets, the journal and tests follow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Listener = Callable[["Event"], None]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: a short noun such as ``"rows"``, ``"decision"``, ``"step"``.
        data: JSON-ready values; large text never stands here, only where it can be found.
        at: seconds since the epoch.
        seq: position in its stream, from 0; given by the stream.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = 0.0
    seq: int = -1


class Stream:
    """An append-only list of events that can be replayed and followed from any thread.

    A listener is called on the thread that emits and must be quick; one that raises is dropped, so that a
    broken view never stops the work. Only the newest ``keep`` events stay in memory (all, when None):
    subjects with long histories fold them into a snapshot of their own.
    """

    def __init__(self, *, persist: Listener | None = None, keep: int | None = None) -> None:
        self._events: list[Event] = []
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()
        self._persist = persist
        self._keep = keep
        self._next = 0

    def emit(self, kind: str, /, **data: Any) -> Event:
        """Appends an event, writes it to the journal where there is one, then tells every listener."""
        with self._lock:
            event = Event(kind, data, time.time(), self._next)
            if self._persist is not None:
                self._persist(event)
            self._append(event)
            listeners = tuple(self._listeners)
            for listener in listeners:
                try:
                    listener(event)
                except Exception:
                    self._drop(listener)
        return event

    def restore(self, events: Iterable[Event]) -> None:
        """Puts all events of an earlier process back, from the first on, without writing or announcing them."""
        with self._lock:
            for event in events:
                self._append(Event(event.kind, event.data, event.at, self._next))

    def subscribe(self, listener: Listener, *, replay: bool = True) -> Callable[[], None]:
        """Follows the stream, the past first; returns the function that ends it."""
        with self._lock:
            if replay:
                for event in self._events:
                    listener(event)
            self._listeners.append(listener)
        return lambda: self._drop(listener)

    def since(self, seq: int) -> list[Event]:
        """The events whose ``seq`` is at least this, oldest first."""
        with self._lock:
            first = self._events[0].seq if self._events else self._next
            return self._events[max(0, seq - first) :]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.since(0))

    def __len__(self) -> int:
        return self._next

    def _append(self, event: Event) -> None:
        self._events.append(event)
        self._next += 1
        if self._keep is not None and len(self._events) > 2 * self._keep:
            del self._events[: -self._keep]

    def _drop(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
