"""Proposals: what a teacher would put into rows that have reasoning, until a person accepts or declines it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..data.conversation import is_mapping, is_sequence, json_ready
from ..events import Event
from ..store import Store
from .decisions import Decisions

SUBJECT = "proposals"


@dataclass(frozen=True)
class Proposed:
    """What was proposed for one row of the journal.

    Attributes:
        root: the row.
        reasoning: of the last turn, whole.
        response: the new response; None leaves it as it is.
        told: who proposes, and what for: ``teacher``, ``feedback``, ``schema``, JSON-ready.
    """

    root: str
    reasoning: Mapping[str, Any]
    response: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)


class Proposals:
    """The fold of what was proposed, accepted and declined, shared by every notebook on one store.

    The newest proposal of a row counts. An accepted one waits again once its act is undone; a declined one never
    does, also when the same is proposed anew.
    """

    def __init__(self, store: Store, decisions: Decisions) -> None:
        self.store = store
        self._decisions = decisions
        self._newest: dict[str, Proposed] = {}
        self._taken: dict[str, tuple[Proposed, str]] = {}  # row → what was accepted, by which act
        self._declined: dict[str, list[Proposed]] = {}
        self._read = 0
        self._lock = threading.RLock()

    @property
    def waiting(self) -> dict[str, Proposed]:
        """Row → what is proposed for it and neither accepted nor declined."""
        with self._lock:
            self._refresh()
            taken = self._standing()
            return {
                root: one
                for root, one in self._newest.items()
                if taken.get(root) != one and one not in self._declined.get(root, ())
            }

    @property
    def accepted(self) -> dict[str, Proposed]:
        """Row → the proposal that was accepted for it last, where that act stands."""
        with self._lock:
            self._refresh()
            return self._standing()

    def add(self, found: Iterable[Proposed]) -> int:
        """Proposes for rows; what was proposed for them already is passed over. Returns how many are new."""
        with self._lock:
            self._refresh()
            new = [
                one
                for one in found
                if self._newest.get(one.root) != one and one not in self._declined.get(one.root, ())
            ]
            events = [
                Event(
                    "proposed",
                    {
                        "row": one.root,
                        "reasoning": json_ready(one.reasoning),
                        "response": one.response,
                        "told": dict(one.told),
                    },
                )
                for one in new
            ]
            if events:
                self.store.append(SUBJECT, events)
                self._refresh()
            return len(new)

    def take(self, rows: Iterable[str], act: str) -> None:
        """Notes that what waits for rows was accepted by an act of the review's journal."""
        self.store.append(SUBJECT, [Event("accepted", {"rows": list(rows), "act": act})])

    def decline(self, rows: Iterable[str]) -> None:
        """Notes that what waits for rows is not wanted."""
        self.store.append(SUBJECT, [Event("declined", {"rows": list(rows)})])

    def _standing(self) -> dict[str, Proposed]:
        if not self._taken:
            return {}
        acts = {act.id for act in self._decisions.standing}
        return {root: one for root, (one, act) in self._taken.items() if act in acts}

    def _refresh(self) -> None:
        for event in self.store.events(SUBJECT, after=self._read):
            self._read = event.seq
            data: object = event.data
            if is_mapping(data):
                self._apply(event.kind, data)

    def _apply(self, kind: str, data: Mapping[str, Any]) -> None:
        """Takes one event in; one of another shape says nothing."""
        if kind == "proposed":
            root, reasoning, response, told = (
                data.get(name) for name in ("row", "reasoning", "response", "told")
            )
            if isinstance(root, str) and is_mapping(reasoning) and isinstance(response, str | None):
                self._newest[root] = Proposed(root, reasoning, response, told if is_mapping(told) else {})
            return
        rows = data.get("rows")
        for root in rows if is_sequence(rows) else ():
            one = self._newest.get(root) if isinstance(root, str) else None
            if one is not None and kind == "accepted":
                self._taken[root] = (one, str(data.get("act")))
            elif one is not None and kind == "declined":
                self._declined.setdefault(root, []).append(one)
