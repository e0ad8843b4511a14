"""Contents: what stands in a store, how much of it and how old, and whether all of it is what was written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ...errors import StoreError
from ...html_card import card, table
from ...options import checked
from ..damage.checksums import BARE, CALL
from ..database import Store, default_store
from .cleaning import KINDS, bytes_of, in_bytes
from .space import in_words

_CHUNK = 5_000
_DAY = 86400.0


@dataclass(frozen=True)
class StorePart:
    """One kind of thing in a store.

    Attributes:
        what: its name; `clean` takes it where ``can_go``.
        rows: how many there are.
        bytes: that they take.
        oldest: seconds since the epoch; None where there are none, or nobody noted it.
        newest: as ``oldest``.
    """

    what: str
    rows: int
    bytes: int
    oldest: float | None = None
    newest: float | None = None

    @property
    def can_go(self) -> bool:
        """Whether `clean` takes it."""
        return self.what in KINDS


@dataclass(frozen=True)
class StoreSize:
    """What a store takes, by kind.

    Attributes:
        parts: paid ``answers``, ``raw`` texts of teachers, ``calls`` with what they asked and cost, ``events`` of
            jobs, reviews and runs; folders of ``runs``, their ``checkpoints`` among them, and damaged stores.
        file: bytes of the store's own file, with its log.
        unused: bytes of them that the next answers fill.

    Example:
        >>> rb.store.size()["answers"].rows
        0
    """

    parts: tuple[StorePart, ...]
    file: int
    unused: int

    def __getitem__(self, what: str) -> StorePart:
        return next(part for part in self.parts if part.what == what)

    @property
    def bytes(self) -> int:
        """All of the folder: the file, and what stands beside it."""
        return self.file + self["runs"].bytes + self["unreadable"].bytes

    def __repr__(self) -> str:
        parts = ", ".join(f"{part.what}: {part.rows} ({in_words(part.bytes)})" for part in self.parts)
        return f"StoreSize({in_words(self.bytes)}; {parts})"

    def _repr_html_(self) -> str:
        rows = [
            (part.what, part.rows, in_words(part.bytes), _age(part), "yes" if part.can_go else "no")
            for part in self.parts
        ]
        return card(
            "What the store takes",
            {"all": in_words(self.bytes), "its file": in_words(self.file), "unused": in_words(self.unused)},
            body=table(("what", "how many", "space", "age", "can go"), rows),
            next_verb="rb.store.clean()",
        )


@checked(StoreError, "rb.store.size()")
def size(*, store: Store | None = None) -> StoreSize:
    """What the store takes, by kind, how old it is, and what of it can go.

    Args:
        store: the default store when None.

    Example:
        >>> rb.store.size().unused
        0
    """
    store = store or default_store()
    [(page, pages, free)] = store.query(
        "SELECT page_size, page_count, freelist_count "
        "FROM pragma_page_size(), pragma_page_count(), pragma_freelist_count()"
    )
    log = store.path.with_name(f"{store.path.name}-wal")
    return StoreSize(
        tuple(chain(_tables(store), _folders(store))),
        int(page * pages) + (log.stat().st_size if log.exists() else 0),
        int(page * free),
    )


def _tables(store: Store) -> Iterator[StorePart]:
    of_answers = f"FROM answers LEFT JOIN calls ON calls.id = {CALL}"
    own = in_bytes("teacher", "usage", "problem")
    beside = " + ".join(
        f"(SELECT {in_bytes(name)} FROM {of})"
        for name, of in (("rows", "asked"), ("data", "contexts"), ("text", "texts"))
    )
    for what, sql in {
        "answers": f"SELECT count(*), {in_bytes('key', 'value')}, min(at), max(at) {of_answers}",
        "raw": f"SELECT count(*), {in_bytes('text', 'reasoning')}, min(at), max(at) FROM calls "
        "WHERE text != '' OR reasoning != ''",
        "calls": f"SELECT count(*), {own} + {beside}, min(at), max(at) FROM calls",
        "events": f"SELECT count(*), {in_bytes('subject', 'kind', 'data')}, min(at), max(at) FROM events",
    }.items():
        [(rows, taken, oldest, newest)] = store.query(sql)
        yield StorePart(what, int(rows), int(taken), oldest, newest)


def _folders(store: Store) -> Iterator[StorePart]:
    for what, pattern in (
        ("runs", "runs/*"), ("checkpoints", "runs/*/checkpoint-*"), ("unreadable", "store.unreadable-*"),
    ):  # fmt: skip
        yield _part(what, store.folder.glob(pattern))


def _part(what: str, paths: Iterable[Path]) -> StorePart:
    found = list(paths)
    ages = [path.stat().st_mtime for path in found]
    taken = sum(map(bytes_of, found))
    return StorePart(what, len(found), taken, min(ages, default=None), max(ages, default=None))


def _age(part: StorePart) -> str:
    if part.oldest is None or part.newest is None:
        return ""
    first, last = (round((time.time() - at) / _DAY) for at in (part.oldest, part.newest))
    return f"{last} to {first} days" if first != last else f"{first} days"


@dataclass(frozen=True)
class StoreCheck:
    """Whether everything in a store is what was written.

    Attributes:
        answers: that are.
        events: that are.
        unchecked: answers of an older version, which wrote no checksums; they are among ``answers``.
        broken_answers: that are not; they are asked, and paid, again.
        broken_events: that are not; they are passed over.
        mended: what was wrong with the file itself, from which everything that reads is in a new one now.

    Example:
        >>> rb.store.check().sound
        True
    """

    answers: int
    events: int
    unchecked: int = 0
    broken_answers: int = 0
    broken_events: int = 0
    mended: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.broken_answers or self.broken_events or self.mended)

    def __repr__(self) -> str:
        said = (
            "sound" if self.sound else f"{self.broken_answers} answers and {self.broken_events} events broken"
        )
        mended = f"; mended: {self.mended}" if self.mended else ""
        return f"StoreCheck({said}; {self.answers} answers, {self.events} events{mended})"

    def _repr_html_(self) -> str:
        facts = {
            "answers": self.answers,
            "events": self.events,
            "broken answers": self.broken_answers,
            "broken events": self.broken_events,
        }
        notes = [f"The file was damaged and is mended: {self.mended}."] if self.mended else []
        if self.unchecked:
            notes.append(f"{self.unchecked} answers are of an older version, which wrote no checksums.")
        title = "The store is sound" if self.sound else "Not all of the store is what was written"
        return card(title, facts, notes=notes, next_verb="rb.store.size()")


@checked(StoreError, "rb.store.check()")
def check(*, store: Store | None = None) -> StoreCheck:
    """Reads everything in the store and holds it to its checksums; mends the file where it is damaged.

    Args:
        store: the default store when None.

    Example:
        >>> rb.store.check()
        StoreCheck(sound; 0 answers, 0 events)
    """
    store = store or default_store()
    [(said,)] = store.query("PRAGMA integrity_check(1)")
    mended = "" if said == "ok" else str(said)
    if mended:
        store.mend(mended)
    answers = read = 0
    key = ""
    while found := [key for (key,) in store.query(_KEYS, (key, _CHUNK))]:
        key = found[-1]
        read += len(found)
        answers += len(store.answers(found))
    events = unreadable = 0
    for subject in store.subjects():
        for event in store.events(subject):
            unreadable += event.kind == "unreadable"
            events += event.kind != "unreadable"
    [(unchecked,)] = store.query(f"SELECT count(*) FROM answers WHERE call < {BARE}")
    return StoreCheck(answers, events, int(unchecked), read - answers, unreadable, mended)


_KEYS = "SELECT key FROM answers WHERE key > ? ORDER BY key LIMIT ?"
