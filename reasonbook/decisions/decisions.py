"""Decisions: what people said of each row, folded from the journal, with undo and redo."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..data.layout.original import Original
from ..events import Event
from ..store import Store
from .acts import TURNS, Attributes, Change, UnusableEventError, change_of, id_of, used_in
from .author import reviewer
from .row_names import RowNames

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
        note: what a person wrote about the row, or None.
        tags: words that a person put on the row, in their order.
        later: put aside to come back to.
        teacher_reasoning: what the teacher had written, kept from the first edit on.
        data_response: what the data had as the response, kept from the first edit on.
        data_cell: the cell of that response where it was no plain text, as `Original.to_dict` gives it.
        turns: the person's reasoning of earlier assistant turns, by their number as a text.
        teacher_turns: what the teacher had written of these turns, kept from the first edit of each on.
    """

    verdict: str | None = None
    rating: int | None = None
    reasoning: Mapping[str, Any] | None = None
    response: str | None = None
    stale: bool = False
    note: str | None = None
    tags: tuple[str, ...] = ()
    later: bool = False
    teacher_reasoning: Mapping[str, Any] | None = None
    data_response: str | None = None
    data_cell: Mapping[str, Any] | None = None
    turns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    teacher_turns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", tuple(self.tags))  # JSON has lists

    def written(self, count: int) -> list[Mapping[str, Any] | None]:
        """What the person has written, by assistant turn, of a conversation that has so many."""
        return [*(self.turns.get(str(number)) for number in range(count - 1)), self.reasoning]

    @property
    def reaches_frame(self) -> bool:
        """Whether more was said of the row than what the journal alone keeps."""
        return replace(self, note=None, tags=(), later=False) != UNDECIDED

    @property
    def stands(self) -> str | Original | None:
        """What the frame has to hold as the response; None where nobody has ever changed it."""
        if self.response is not None:
            return self.response
        return self.data_response if self.data_cell is None else Original.from_dict(self.data_cell)


UNDECIDED = Decision()
ATTRIBUTES = tuple(f.name for f in fields(Decision))
PLAIN = frozenset(("verdict", "rating", "stale", "note", "later"))  # those with values that can be hashed
# Once recorded they stay: an undo needs them.
ORIGINALS = ("teacher_reasoning", "data_response", "data_cell", "teacher_turns")


class Decisions:
    """The fold of the journal, shared by every notebook on one store.

    Rows are named by the key under which they were first decided: an edited response changes a row's key,
    and the journal remembers which row it was.

    Attributes:
        set_aside: what the journal holds and cannot be applied, each with its number and why.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rows: dict[str, Decision] = {}
        self.set_aside: list[str] = []
        self._names = RowNames()
        self._renamed: dict[str, dict[str, str]] = {}  # act → names of its rows before it, by root
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
                try:
                    changed |= self._apply(event)
                except UnusableEventError as problem:
                    self.set_aside.append(f"event {event.seq} ({event.kind!r:.40}): {problem}")
        return changed

    def of(self, root: str) -> Decision:
        """The decision on a row of the journal; an empty one where nobody has looked."""
        return self._rows.get(root, UNDECIDED)

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
            changes: row → attributes of `Decision` with their new values.
            aliases: new row key → the row it belongs to, where an edit has changed the key.
        """
        with self._lock:
            self.refresh()
            after = {root: dict(new) for root, new in changes.items()}
            before = {
                root: {name: getattr(self.of(root), name) for name in new if name not in ORIGINALS}
                for root, new in after.items()
            }
            change = Change(uuid.uuid4().hex, before, after, dict(aliases or {}))
            self._write("decision", id=change.id, before=before, after=after, aliases=change.aliases)
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
            self._write("use", after={root: dict(new) for root, new in changes.items()}, **told)

    def names(self, root: str) -> list[str]:
        """Every key that a row of the journal has had, the first one first."""
        return self._names.of(root)

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
                    known: Attributes = change.before.get(key, {}).get("turns") or {}
                    turns: Attributes = new.get("turns") or {}
                    wrote: Attributes = new.get("teacher_turns") or {}
                    for turn, mine in turns.items():
                        if known.get(turn) != mine:  # an edit of one turn names those of the others too
                            before = wrote.get(turn) or {}
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
            change = change_of(event)
            self._renamed[change.id] = self._names.take(change.aliases)
            self._changes[change.id] = change
            self._done.append(change)
            self._undone.clear()
            return self._set(change.after)
        if event.kind == "use":
            return self._set(used_in(event))
        if event.kind not in TURNS:
            raise UnusableEventError("no review knows what it is")
        change = self._changes.get(id_of(event))
        if change is None:
            raise UnusableEventError("the act that it is about is not known")
        source, target = (self._done, self._undone) if event.kind == "undo" else (self._undone, self._done)
        if change not in source:
            return set()
        source.remove(change)
        target.append(change)
        if event.kind == "undo":
            self._names.turn(self._renamed[change.id])
            return self._set(change.before)
        self._names.turn({root: name for name, root in change.aliases.items()})
        return self._set(change.after)

    def _set(self, values: Mapping[str, Mapping[str, Any]]) -> set[str]:
        alike: dict[
            tuple[Any, ...], Decision
        ] = {}  # an act on many rows leaves most of them with one decision
        for key, new in values.items():
            known = {name: value for name, value in new.items() if name in ATTRIBUTES}
            old = self._rows.get(key, UNDECIDED)
            plain = old is UNDECIDED and known.keys() <= PLAIN
            made = alike.get(tuple(known.items())) if plain else None
            if made is None:
                made = replace(old, **known)
                if plain:
                    alike[tuple(known.items())] = made
            self._rows[key] = made
        return set(values)
