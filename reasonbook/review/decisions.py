"""Decisions: what people said of each row, folded from the journal, with undo and redo."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..events import Event
from ..store import Store
from .author import reviewer

SUBJECT = "review"


@dataclass(frozen=True)
class Decision:
    """The state of one row's review.

    Attributes:
        verdict: ``accepted``, ``rejected`` or None.
        rating: 1 to 5, or None.
        reasoning: the person's reasoning of the last turn by field, where it differs from the teacher's.
        response: the person's response, where it differs from the data's.
        stale: the response was changed and the reasoning was not looked at since.
        teacher_reasoning: what the teacher had written, kept from the first edit on.
        data_response: what the data had as the response, kept from the first edit on.
        turns: the person's reasoning of earlier assistant turns, by their number as a text.
        teacher_turns: what the teacher had written of these turns, kept from the first edit of each on.
    """

    verdict: str | None = None
    rating: int | None = None
    reasoning: Mapping[str, Any] | None = None
    response: str | None = None
    stale: bool = False
    teacher_reasoning: Mapping[str, Any] | None = None
    data_response: str | None = None
    turns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    teacher_turns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def written(self, count: int) -> list[Mapping[str, Any] | None]:
        """What the person has written, by assistant turn, of a conversation that has so many."""
        return [*(self.turns.get(str(number)) for number in range(count - 1)), self.reasoning]


UNDECIDED = Decision()
ATTRIBUTES = tuple(f.name for f in fields(Decision))
ORIGINALS = (
    "teacher_reasoning",
    "data_response",
    "teacher_turns",
)  # once recorded they stay: an undo needs them


@dataclass(frozen=True)
class Change:
    """One act of a person, for each row: attributes of its decision, before and after."""

    id: str
    before: Mapping[str, Mapping[str, Any]]
    after: Mapping[str, Mapping[str, Any]]


class Decisions:
    """The fold of the journal, shared by every notebook on one store.

    Rows are named by the key under which they were first decided: an edited response changes a row's key,
    and the journal remembers which row it was.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rows: dict[str, Decision] = {}
        self._roots: dict[str, str] = {}
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._changes: dict[str, Change] = {}
        self._read = 0
        self._because = threading.local()
        self._lock = threading.RLock()
        self.refresh()

    def refresh(self) -> set[str]:
        """Reads what the journal has gained, also from other notebooks; returns the rows that changed."""
        changed: set[str] = set()
        with self._lock:
            for event in self.store.events(SUBJECT, after=self._read):
                self._read = event.seq
                changed |= self._apply(event)
        return changed

    def of(self, key: str) -> Decision:
        """The decision on a row; an empty one where nobody has looked."""
        return self._rows.get(self.root(key), UNDECIDED)

    def root(self, key: str) -> str:
        """The key under which a row stands in the journal."""
        return self._roots.get(key, key)

    @property
    def roots(self) -> frozenset[str]:
        """The rows that anybody has decided on."""
        return frozenset(self._rows)

    @property
    def last(self) -> Change | None:
        """The newest act that stands."""
        return self._done[-1] if self._done else None

    def take(
        self, changes: Mapping[str, Mapping[str, Any]], *, aliases: Mapping[str, str] | None = None
    ) -> Change:
        """Writes one act to the journal, then makes it true.

        Args:
            changes: row key → attributes of `Decision` with their new values.
            aliases: new row key → the row it belongs to, where an edit has changed the key.
        """
        with self._lock:
            self.refresh()
            after = {self.root(key): dict(new) for key, new in changes.items()}
            before = {
                key: {name: getattr(self.of(key), name) for name in new if name not in ORIGINALS}
                for key, new in after.items()
            }
            change = Change(uuid.uuid4().hex, before, after)
            links = {new: self.root(key) for new, key in (aliases or {}).items()}
            self._write("decision", id=change.id, before=before, after=after, aliases=links)
            return change

    def undo(self, among: Callable[[str], bool]) -> Change | None:
        """Takes back the last act on rows that are ``among``; None when there is none."""
        return self._turn("undo", self._done, among)

    def redo(self, among: Callable[[str], bool]) -> Change | None:
        """Does again what `undo` took back last; None when there is none."""
        return self._turn("redo", self._undone, among)

    def can(self, kind: str, among: Callable[[str], bool]) -> bool:
        """Whether an ``undo`` or a ``redo`` is possible."""
        return self._find(self._done if kind == "undo" else self._undone, among) is not None

    @contextmanager
    def because(self, **told: Any) -> Generator[None]:
        """What is decided inside says this too, JSON-ready: how a person came to it."""
        self._because.told = told
        try:
            yield
        finally:
            self._because.told = {}

    def adopt(self, changes: Mapping[str, Mapping[str, Any]], **told: Any) -> None:
        """Makes other reasoning the one that stands in rows; that is no act to undo, since the frame goes along."""
        with self._lock:
            self.refresh()
            after = {self.root(key): dict(new) for key, new in changes.items()}
            self._write("use", after=after, **told)

    def names(self, key: str) -> list[str]:
        """Every key that a row has had, the one of its root first."""
        root = self.root(key)
        return [root, *(name for name, of in self._roots.items() if of == root and name != root)]

    def versions(self) -> dict[tuple[str, str], list[tuple[Mapping[str, Any], Mapping[str, Any]]]]:
        """The reasonings that people gave turns and that stand, each with the teacher's before; oldest first.

        By row and turn: "" is the last one, earlier ones are named as in `Decision.turns`.
        """
        found: dict[tuple[str, str], list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
        with self._lock:
            for change in self._done:
                for key, new in change.after.items():
                    if new.get("reasoning") is not None:
                        before: Mapping[str, Any] = new.get("teacher_reasoning") or {}
                        found.setdefault((key, ""), []).append((new["reasoning"], before))
                    known: Mapping[str, Any] = change.before.get(key, {}).get("turns") or {}
                    turns: Mapping[str, Any] = new.get("turns") or {}
                    for turn, mine in turns.items():
                        if known.get(turn) != mine:  # an edit of one turn names those of the others too
                            before = (new.get("teacher_turns") or {}).get(turn) or {}
                            found.setdefault((key, turn), []).append((mine, before))
        return found

    def _turn(self, kind: str, changes: list[Change], among: Callable[[str], bool]) -> Change | None:
        with self._lock:
            self.refresh()
            change = self._find(changes, among)
            if change is not None:
                self._write(kind, id=change.id)
            return change

    @staticmethod
    def _find(changes: list[Change], among: Callable[[str], bool]) -> Change | None:
        return next((change for change in reversed(changes) if any(among(key) for key in change.after)), None)

    def _write(self, kind: str, **data: Any) -> None:
        who = reviewer()
        told = {**data, **getattr(self._because, "told", {}), **({"by": who} if who else {})}
        self.store.append(SUBJECT, [Event(kind, told)])
        self.refresh()

    def _apply(self, event: Event) -> set[str]:
        if event.kind == "decision":
            change = Change(event.data["id"], event.data["before"], event.data["after"])
            self._roots.update(event.data.get("aliases") or {})
            self._changes[change.id] = change
            self._done.append(change)
            self._undone.clear()
            return self._set(change.after)
        if event.kind == "use":
            return self._set(event.data["after"])
        change = self._changes.get(event.data.get("id", ""))
        if change is None or event.kind not in ("undo", "redo"):
            return set()
        source, target = (self._done, self._undone) if event.kind == "undo" else (self._undone, self._done)
        if change not in source:
            return set()
        source.remove(change)
        target.append(change)
        return self._set(change.before if event.kind == "undo" else change.after)

    def _set(self, values: Mapping[str, Mapping[str, Any]]) -> set[str]:
        for key, new in values.items():
            known = {name: value for name, value in new.items() if name in ATTRIBUTES}
            self._rows[key] = replace(self._rows.get(key, UNDECIDED), **known)
        return set(values)


def human(decisions: Decisions, keys: Iterable[str]) -> dict[int, Decision]:
    """Position → decision, for rows whose reasoning a person has written or whose response they changed."""
    found: dict[int, Decision] = {}
    for position, key in enumerate(keys):
        decision = decisions.of(key)
        if decision.reasoning is not None or decision.stale:
            found[position] = decision
    return found
