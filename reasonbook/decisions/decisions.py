"""Decisions: what people said of each row, folded from the journal, with undo and redo.

Every act belongs to the layer of the reviewer who took it, acts of nobody to a layer below all others, and what was
settled for all to one of its own. Acts are folded in the order of their clocks, which count on from all that a journal
knew, so that journals with the same acts give the same state in whatever order they came together. A row's settled
view, which the frame holds, takes each attribute from whoever speaks of it; where all agree it is that, and edits of
different fields come together. Where two verdicts, or two edits of one field, differ, the row is in conflict: it has no
verdict and does not train until it is settled, which is an act with an author like any other. A reviewer undoes their
own acts alone, and sees of others' opinions nothing before having judged the row.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..events import Event
from ..store import Store
from .acts import TURNS, Attributes, Change, UnusableEventError, author_of, change_of, id_of, used_in
from .assignment import ASSIGN, Assignment, assignment_of
from .author import who_decides
from .decision import ORIGINALS, Decision
from .layers import Layers
from .row_names import RowNames
from .settled import Conflict
from .travel import Clock, clocked

SUBJECT = "review"
GOOD = 4  # a rating from which on a row is right, with or without a verdict


class Decisions:
    """The fold of the journal, shared by every notebook on one store.

    Rows are named by the key under which they were first decided: an edited response changes a row's key,
    and the journal remembers which row it was.

    Attributes:
        set_aside: what the journal holds and cannot be applied, each with its number and why.
        assignment: who was to look at which rows.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._because = threading.local()
        self._lock = threading.RLock()
        self._forget()
        self.refresh()

    def _forget(self) -> None:
        self.set_aside: list[str] = []
        self.assignment = Assignment()
        self._layers = Layers()
        self._names = RowNames()
        self._renaming: list[Change] = []  # acts that stand and gave rows other names, oldest first
        self._changes: dict[str, Change] = {}
        self._last = Clock()
        self._newest = 0  # the highest clock of the journal
        self._read = 0

    def refresh(self) -> set[str]:
        """Reads what the journal has gained, also from other notebooks; returns the rows that changed."""
        changed: set[str] = set()
        with self._lock:
            fresh = list(clocked(self.store.events(SUBJECT, after=self._read), self._newest))
            ordered = sorted(fresh, key=lambda one: one[0])
            if ordered and ordered[0][0] < self._last:  # what was merged belongs before what is known
                changed |= self.roots
                self._forget()
                fresh = list(clocked(self.store.events(SUBJECT), 0))
                ordered = sorted(fresh, key=lambda one: one[0])
            for clock, event in ordered:
                self._last = clock
                try:
                    changed |= self._apply(event)
                except UnusableEventError as problem:
                    self.set_aside.append(f"event {event.seq} ({event.kind!r:.40}): {problem}")
            if fresh:
                self._read = fresh[-1][1].seq
                self._newest = max(self._newest, *(clock.number for clock, _ in fresh))
        return changed

    def of(self, root: str) -> Decision:
        """The decision on a row of the journal, settled; an empty one where nobody has looked."""
        return self._layers.of(root)

    def seen(self, root: str) -> Decision:
        """The decision as whoever reviews here may see it: others' opinions not before their own."""
        if self._layers.unsigned or not (who := who_decides()) or self._layers.alone(who):
            return self.of(root)
        return self._layers.seen_by(who, root, blind=self._blind(who, root))

    def own(self, root: str) -> Decision:
        """What whoever reviews here has said themselves, over what was said for all."""
        who = who_decides()
        return self.of(root) if self._layers.alone(who) else self._layers.own(who, root)

    def _blind(self, who: str, root: str) -> bool:
        """Whether a reviewer has yet to judge a row; nobody waits for it where only others are to look at it."""
        return not self._layers.has_judged(who, root) and self.assignment.awaits(who, root)

    def conflict(self, root: str, *, seen: bool = False) -> Conflict | None:
        """What reviewers do not agree on in a row; as far as it may be ``seen`` by whoever reviews here."""
        clash = self._layers.conflict(root)
        if not clash or (seen and (who := who_decides()) and self._blind(who, root)):
            return None
        return Conflict(tuple(sorted(clash)), self._layers.versions(root))

    @property
    def several(self) -> bool:
        """Whether others than whoever reviews here have decided."""
        return not self._layers.unsigned and not self._layers.alone(who_decides())

    def verdicts(self) -> dict[str, dict[str, str]]:
        """The verdicts that reviewers gave by themselves, by name and row, whatever was settled since."""
        found: dict[str, dict[str, str]] = {}
        for change in self._layers.done:
            for root, new in change.after.items() if change.by else ():
                if "verdict" in new and root not in change.settled:
                    mine = found.setdefault(change.by, {})
                    if new["verdict"] is None:
                        mine.pop(root, None)
                    else:
                        mine[root] = new["verdict"]
        return found

    def roots_of(self, keys: Sequence[str]) -> list[str]:
        """The names under which the rows of a frame stand in the journal, by their keys in order."""
        with self._lock:
            return self._names.roots(keys)

    def reader(self, keys: Callable[[], Sequence[str]]) -> Callable[[str], Decision]:
        """The decision on a row of a frame, by its key; where edits are to be found all ``keys`` of it are read."""
        if not self._names:
            return self.of
        names = keys()
        roots = dict(zip(names, self.roots_of(names), strict=True))
        return lambda key: self.of(roots.get(key, key))

    @property
    def roots(self) -> frozenset[str]:
        """The rows that anybody has decided on."""
        return self._layers.roots

    @property
    def last(self) -> Change | None:
        """The newest act that stands."""
        return self._layers.done[-1] if self._layers.done else None

    @property
    def standing(self) -> tuple[Change, ...]:
        """Every act that stands, oldest first."""
        return tuple(self._layers.done)

    def take(
        self,
        changes: Mapping[str, Mapping[str, Any]],
        *,
        aliases: Mapping[str, str] | None = None,
        settled: Collection[str] = (),
        signed: bool = True,
    ) -> Change:
        """Writes one act to the journal, then makes it true.

        Args:
            changes: row → attributes of `Decision` with their new values.
            aliases: new row key → the row it belongs to, where an edit has changed the key.
            settled: the rows of which it is said for all reviewers.
            signed: by the reviewer who is named.
        """
        with self._lock:
            self.refresh()
            after = {root: dict(new) for root, new in changes.items()}
            before = {
                root: {name: getattr(self.of(root), name) for name in new if name not in ORIGINALS}
                for root, new in after.items()
            }
            named = dict(aliases or {})
            told = {"settled": list(settled)} if settled else {}
            by = who_decides() if signed else ""
            change = Change(uuid.uuid4().hex, before, after, named, by, frozenset(settled))
            self._write(
                "decision", signed=signed, id=change.id, before=before, after=after, aliases=named, **told
            )
            return change

    def assign(self, rows: Mapping[str, Sequence[str]], **told: Any) -> None:
        """Writes who is to look at which rows."""
        self._write(ASSIGN, id=uuid.uuid4().hex, rows=rows, **told)

    def undo(self, among: Callable[[str], bool]) -> Change | None:
        """Takes back one's own last act on rows that are ``among``; None when there is none."""
        return self._turn("undo", among)

    def redo(self, among: Callable[[str], bool]) -> Change | None:
        """Does again what `undo` took back last; None when there is none."""
        return self._turn("redo", among)

    def can(self, kind: str, among: Callable[[str], bool]) -> bool:
        """Whether an ``undo`` or a ``redo`` is possible."""
        return self._layers.next(kind, who_decides(), among) is not None

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
            self._write("use", after={root: dict(new) for root, new in changes.items()}, **told)

    def names(self, root: str) -> list[str]:
        """Every key that a row of the journal has had, the first one first."""
        return self._names.of(root)

    def acts(self) -> Iterator[tuple[Clock, Event]]:
        """The events of the journal with their clocks, as they were written."""
        return clocked(self.store.events(SUBJECT), 0)

    def merge(self, events: Iterable[Event]) -> set[str]:
        """Takes in acts of another journal; their names and clocks are told by themselves."""
        with self._lock:
            self.store.append(SUBJECT, list(events))
            return self.refresh()

    def versions(self) -> dict[tuple[str, str], list[tuple[Mapping[str, Any], Mapping[str, Any]]]]:
        """The reasonings that people gave turns and that stand, each with the teacher's before; oldest first.

        By row and turn: "" is the last one, earlier ones are named as in `Decision.turns`.
        """
        found: dict[tuple[str, str], list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
        with self._lock:
            for change in self._layers.done:
                for key, new in change.after.items():
                    if new.get("reasoning") is not None:
                        before: Mapping[str, Any] = new.get("teacher_reasoning") or {}
                        found.setdefault((key, ""), []).append((new["reasoning"], before))
                    known: Attributes = change.before.get(key, {}).get("turns") or {}
                    turns: Attributes = new.get("turns") or {}
                    wrote: Attributes = new.get("teacher_turns") or {}
                    for turn, mine in turns.items():
                        if known.get(turn) != mine:  # an edit of one turn names those of the others too
                            before = wrote.get(turn) or {}
                            found.setdefault((key, turn), []).append((mine, before))
        return found

    def _turn(self, kind: str, among: Callable[[str], bool]) -> Change | None:
        with self._lock:
            self.refresh()
            change = self._layers.next(kind, who_decides(), among)
            if change is not None:
                self._write(kind, id=change.id, event=uuid.uuid4().hex)
            return change

    def _write(self, kind: str, *, signed: bool = True, **data: Any) -> None:
        who = who_decides() if signed else ""
        told = {**data, **getattr(self._because, "told", {}), **({"by": who} if who else {})}
        self.store.append(SUBJECT, [Event(kind, told)])
        self.refresh()

    def _apply(self, event: Event) -> set[str]:
        if event.kind == "decision":
            change = change_of(event)
            if change.id in self._changes:
                raise UnusableEventError("another act has its name")
            self._changes[change.id] = change
            self._rename(change)
            return self._layers.do(change)
        if event.kind == "use":
            return self._layers.assume(used_in(event))
        if event.kind == ASSIGN:
            self.assignment = self.assignment.after(assignment_of(event))
            return set()
        if event.kind not in TURNS:
            raise UnusableEventError("no review knows what it is")
        change = self._changes.get(id_of(event))
        if change is None:
            raise UnusableEventError("the act that it is about is not known")
        if "clock" in event.data and author_of(event) != change.by:
            raise UnusableEventError("it is about the act of another reviewer")
        done = self._layers.undo(change) if event.kind == "undo" else self._layers.redo(change)
        if done is None:
            return set()
        if event.kind == "undo":
            self._rename_back(change)
        else:
            self._rename(change)
        return done

    def _rename(self, change: Change) -> None:
        if change.aliases:
            self._renaming.append(change)
            self._names.take(change.aliases)

    def _rename_back(self, change: Change) -> None:
        """The rows of an edit that was taken back have the names that the edits have given them that stand."""
        if change.aliases:
            self._renaming = [other for other in self._renaming if other is not change]
            names = dict.fromkeys(change.aliases.values(), "")
            names.update((root, root) for root in names)
            for other in self._renaming:
                names.update((root, name) for name, root in other.aliases.items() if root in names)
            self._names.turn(names)
