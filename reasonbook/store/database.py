"""Database: paid answers and events in the store's file, for many threads and several notebooks at once."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import orjson

from ..errors import StoreError
from ..events import Event
from .context import Context, keep
from .damage.checksums import answer_holds, event_holds, event_sum, next_call, sealed
from .store_file import StoreFile

_CHUNK = 500  # below SQLite's default limit of bound variables on every version
_ANSWERS = "SELECT key, value, call, (SELECT coalesce(max(id), 0) FROM calls) FROM answers"


def home() -> Path:
    """The folder of the store and the runs: ``REASONBOOK_HOME``, else ``.reasonbook`` beside the notebook."""
    return Path(os.environ.get("REASONBOOK_HOME") or ".reasonbook").expanduser().resolve()


@dataclass(frozen=True)
class Call:
    """One paid call and the answers that it gave.

    Attributes:
        teacher: the teacher's name.
        text: the raw text, kept even when it could not be used.
        answers: answer key → JSON-ready value.
        reasoning: the teacher's own thinking, where it showed it.
        usage: token counts.
        problem: why the text could not be used; empty when it could.
        context: what was asked for, and how.
        rows: the prints of the rows that it is about, joined; see `row_print`.
        cost: in dollars; None when nobody knows it.
    """

    teacher: str
    text: str
    answers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reasoning: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""
    context: Context | None = None
    rows: bytes = b""
    cost: float | None = None


class Store:
    """The SQLite file in WAL mode, safe for many threads and several notebooks at once.

    What ``put`` or ``append`` returned from survives ``kill -9``. A damaged file costs what cannot be read of it: the
    rest is brought into a new one, with a warning that says how much. Where nothing can be written, what stands is
    read all the same.

    Args:
        folder: where the file stands; `home()` when None.

    Raises:
        StoreError: there is no store, and none can be made; or one is damaged, and there is no room for what it holds.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else home()
        self.path = self.folder / "store.sqlite"
        self._file = StoreFile(self.path)
        self._contexts: dict[Context, int] = {}
        self._opened = self._file.opened
        self._said: set[str] = set()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    # -- paid answers ------------------------------------------------------------------------------------
    def put(self, calls: Sequence[Call]) -> None:
        """Writes calls and their answers in one transaction; an answer that stands already stays."""
        self._contexts.update(
            self._file.write(lambda db: self._put(db, calls))
        )  # now they are written for good

    def _put(self, db: sqlite3.Connection, calls: Sequence[Call]) -> dict[Context, int]:
        now, fresh = time.time(), dict[Context, int]()
        if self._opened != self._file.opened:  # another file has its own numbers
            self._opened = self._file.opened
            self._contexts.clear()
        for context in {call.context for call in calls}:
            if context is not None and context not in self._contexts:
                fresh[context] = keep(db, context)
        [first] = db.execute("SELECT coalesce(max(id), 0) + 1 FROM calls").fetchone()
        numbered = list(enumerate(calls, next_call(first)))
        _insert(
            db,
            "INSERT INTO calls(id, at, teacher, text, reasoning, usage, problem) VALUES",
            [
                (n, now, call.teacher, call.text, call.reasoning, _counts(call.usage), call.problem)
                for n, call in numbered
            ],
        )
        _insert(
            db,
            "INSERT OR REPLACE INTO asked(call, context, rows, cost) VALUES",
            [
                (n, fresh.get(call.context) or self._contexts[call.context], call.rows, call.cost)
                for n, call in numbered
                if call.context is not None
            ],
        )
        _insert(
            db,
            "INSERT OR IGNORE INTO answers(key, value, call) VALUES",
            [
                (key, value, sealed(n, key, value))
                for n, call in numbered
                for key, value in zip(call.answers, map(_dump, call.answers.values()), strict=True)
            ],
        )
        return fresh

    def answers(self, keys: Iterable[str]) -> dict[str, Any]:
        """The answers that stand for these keys; one that is not what was written counts as not there."""
        found: dict[str, Any] = {}
        broken: list[tuple[Any, Any]] = []
        wanted = list(keys)
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            for key, value, call, calls in self.query(f"{_ANSWERS} WHERE key IN ({marks})", part):
                try:
                    if answer_holds(key, value, call, calls):
                        found[key] = _read(value)
                        continue
                except (ValueError, TypeError, RecursionError):
                    pass
                broken.append((key, call))
        if broken and self._file.mended_on_suspicion():
            return self.answers(wanted)  # what a damaged tree hid is found now
        if broken:
            self._drop(broken)
        return found

    def _drop(self, broken: Sequence[tuple[Any, Any]]) -> None:
        """Makes room for what is asked again; a newer answer that somebody has put there since stays."""
        with contextlib.suppress(StoreError), self.writing() as db:
            db.executemany("DELETE FROM answers WHERE key = ? AND call IS ?", broken)
        count = "1 answer" if len(broken) == 1 else f"{len(broken)} answers"
        self._say(
            "answers",
            f"{count} in {str(self.path)!r} {'is' if len(broken) == 1 else 'are'} not what was written: a disk or "
            "another program has changed it. It counts as not there, and its row is asked again.",
        )

    def forget(self, keys: Iterable[str]) -> None:
        """Drops answers so that they are asked for again; the calls that gave them stay on record."""
        gone = [(key,) for key in keys]
        self._file.write(lambda db: db.executemany("DELETE FROM answers WHERE key = ?", gone))

    # -- events ------------------------------------------------------------------------------------------
    def append(self, subject: str, events: Sequence[Event]) -> None:
        """Writes events of a subject (a review, a run, a batch) in order, in one transaction."""
        rows = [(subject, float(e.at or time.time()), e.kind, _dump(e.data)) for e in events]
        insert = "INSERT INTO events(subject, at, kind, data, sum) VALUES(?,?,?,?,?)"
        self._file.write(lambda db: db.executemany(insert, [(*row, event_sum(*row)) for row in rows]))

    def events(self, subject: str, *, after: int = 0, kind: str | None = None) -> Iterator[Event]:
        """A subject's events, or those of one kind, oldest first; ``seq`` is their lasting number in the store.

        One that is not what was written comes as the kind ``unreadable``: it must not hide the others.
        """
        rows = self.query(
            f"SELECT id, kind, data, at, {self._file.event_sum} FROM events "
            "WHERE subject = ? AND id > ? AND kind = coalesce(?, kind) ORDER BY id",
            (subject, after, kind),
        )
        for number, of, data, at, check in rows:
            if event_holds(subject, at, of, data, check):
                try:
                    yield Event(of, json.loads(data), at, number)
                    continue
                except (ValueError, RecursionError):
                    pass
            self._say(
                "events",
                f"Event {number} ({of!r:.40}) in {str(self.path)!r} is not what was written: a disk or another program "
                "has changed it. It is passed over, and so is any other like it.",
            )
            yield Event("unreadable", {"kind": of}, at, number)

    def subjects(self, prefix: str = "") -> list[str]:
        """Names of everything that has events, oldest first."""
        rows = self.query(
            "SELECT subject FROM events WHERE substr(subject, 1, ?) = ? GROUP BY subject ORDER BY min(id)",
            (len(prefix), prefix),
        )
        return [subject for (subject,) in rows]

    # -- for the rest of this room -------------------------------------------------------------------------
    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a question that changes nothing."""
        return self._file.query(sql, values)

    def writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction: all of it is written, or nothing.

        Raises:
            StoreError: the disk is full, or the file cannot be written.
            StoreMendedError: the file was damaged and is mended now.
        """
        return self._file.writing()

    def mend(self, why: str) -> None:
        """Brings what can be read of the file into a new one, with a warning that says how much."""
        self._file.mend(why)

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        self._file.close()

    def _say(self, what: str, text: str) -> None:
        if what not in self._said:
            self._said.add(what)
            warnings.warn(f"{text}\n  → rb.store.check()   looks at all of it", stacklevel=4)


_stores: dict[Path, Store] = {}
_stores_lock = threading.Lock()


def default_store() -> Store:
    """The store of `home()`, one per process and folder."""
    folder = home()
    with _stores_lock:
        store = _stores.get(folder)
        if store is None or not store.path.exists():
            store = _stores[folder] = Store(folder)
        return store


def _insert(db: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Many rows a statement: each statement hands the interpreter to whoever waits for it."""
    width = len(rows[0]) if rows else 1
    for start in range(0, len(rows), _CHUNK // width):
        part = rows[start : start + _CHUNK // width]
        marks = ",".join(["(" + ",".join("?" * width) + ")"] * len(part))
        db.execute(into + marks, [value for row in part for value in row])


_DECODER = json.JSONDecoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


def _dump(value: object) -> str:
    if type(value) is str:  # the quick ways to the same
        return encode_basestring(value)
    return int.__repr__(value) if type(value) is int else _ENCODER.encode(value)


def _counts(usage: Mapping[str, Any]) -> str:
    """As `_dump`; a call's usage is a few numbers."""
    try:
        return orjson.dumps(usage).decode()
    except TypeError:
        return _dump(usage)


def _read(text: str) -> object:
    """What `_dump` wrote; `json.loads` takes five times as long, most of it for blanks that we do not write."""
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("something stands behind it")
    return value
