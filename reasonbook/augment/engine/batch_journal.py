"""Batch journal: which rows lie with a provider as batches, written into the store and read back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...events import Event
from ...store import Store

_KEPT = 28 * 86400.0  # seconds for which providers keep results

Rows = dict[str, list[str]]  # a row's name in its batch → the keys of the answers that it asks for


@dataclass(frozen=True)
class UnconfirmedBatch:
    """A batch that was on its way when its process ended or its connection broke.

    Attributes:
        mark: what was sent along to know it again.
        at: when, by this machine's clock.
        rows: what it asks for.
    """

    mark: str
    at: float
    rows: Rows


class BatchJournal:
    """The journal of one teacher's batches.

    A batch is announced before it is sent, so that one whose receipt never came can be looked for.

    Attributes:
        lying: batch → rows that have not been taken in, for batches whose receipt came.
        unconfirmed: announced batches without a receipt.
        known: every batch with a receipt, also those taken in.
    """

    def __init__(self, store: Store, teacher: str) -> None:
        self.store = store
        self._subject = f"batch:{teacher}"
        self.outstanding: dict[str, Rows] = {}
        self.known: set[str] = set()
        announced: dict[str, UnconfirmedBatch] = {}
        settled: set[str] = set()
        for event in store.events(self._subject):
            data = event.data
            if event.at < time.time() - _KEPT:
                continue
            if event.kind == "sending":
                announced[data["mark"]] = UnconfirmedBatch(data["mark"], event.at, dict(data["rows"]))
            elif event.kind == "sent" and data["mark"] in announced:
                self.outstanding[data["id"]] = announced[data["mark"]].rows
                self.known.add(data["id"])
                settled.add(data["mark"])
            elif event.kind == "lost":
                settled.add(data["mark"])
            elif event.kind == "collected" and data["id"] in self.outstanding:
                for name in data["names"]:  # other rows of the batch may belong to another frame
                    self.outstanding[data["id"]].pop(name, None)
        self.unconfirmed = tuple(one for mark, one in announced.items() if mark not in settled)

    def sending(self, rows: Mapping[str, list[str]]) -> str:
        """Announces a batch; the mark is to be sent along with it."""
        mark = secrets.token_hex(8)
        self._say("sending", mark=mark, rows=dict(rows))
        return mark

    def sent(self, mark: str, batch: str) -> None:
        """Notes the receipt of an announced batch."""
        self._say("sent", mark=mark, id=batch)
        self.known.add(batch)

    def lost(self, mark: str) -> None:
        """Notes that the provider never got an announced batch."""
        self._say("lost", mark=mark)

    def collected(self, batch: str, names: Iterable[str]) -> None:
        """Notes rows of a batch as taken in."""
        self._say("collected", id=batch, names=list(names))

    def _say(self, kind: str, **data: object) -> None:
        self.store.append(self._subject, [Event(kind, data)])
