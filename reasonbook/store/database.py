"""Database: the store's file, opened, written and read by many threads and several notebooks at once."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..events import Event
from . import tables
from .context import Context, keep

_CHUNK = 500  # below SQLite's default limit of bound variables on every version


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

    What ``put`` or ``append`` returned from survives ``kill -9``.

    Args:
        folder: where the file stands; `home()` when None.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else home()
        self.path = self.folder / "store.sqlite"
        self._lock = threading.RLock()
        self._contexts: dict[Context, int] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise self._unwritable(error) from error
            self._set_aside()
            self._db = self._open()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    # -- paid answers ------------------------------------------------------------------------------------
    def put(self, calls: Sequence[Call]) -> None:
        """Writes calls and their answers in one transaction; an answer that stands already stays."""
        now, fresh = time.time(), dict[Context, int]()
        with self.writing() as db:
            for context in {call.context for call in calls}:
                if context is not None and context not in self._contexts:
                    fresh[context] = keep(db, context)
            [first] = db.execute("SELECT coalesce(max(id), 0) + 1 FROM calls").fetchone()
            numbered = list(enumerate(calls, first))
            _insert(
                db,
                "INSERT INTO calls(id, at, teacher, text, reasoning, usage, problem) VALUES",
                [
                    (n, now, call.teacher, call.text, call.reasoning, _dump(call.usage), call.problem)
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
                [(key, _dump(value), n) for n, call in numbered for key, value in call.answers.items()],
            )
        self._contexts.update(fresh)  # not before they are written for good

    def answers(self, keys: Iterable[str]) -> dict[str, Any]:
        """The answers that stand for these keys."""
        found: dict[str, Any] = {}
        wanted = list(keys)
        with self._lock:
            for start in range(0, len(wanted), _CHUNK):
                part = wanted[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, value FROM answers WHERE key IN ({marks})", part)
                found.update((key, json.loads(value)) for key, value in rows)
        return found

    def forget(self, keys: Iterable[str]) -> None:
        """Drops answers so that they are asked for again; the calls that gave them stay on record."""
        with self.writing() as db:
            db.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in keys])

    # -- events ------------------------------------------------------------------------------------------
    def append(self, subject: str, events: Sequence[Event]) -> None:
        """Writes events of a subject (a review, a run, a batch) in order, in one transaction."""
        with self.writing() as db:
            db.executemany(
                "INSERT INTO events(subject, at, kind, data) VALUES(?,?,?,?)",
                [(subject, e.at or time.time(), e.kind, _dump(e.data)) for e in events],
            )

    def events(self, subject: str, *, after: int = 0, kind: str | None = None) -> Iterator[Event]:
        """A subject's events, or those of one kind, oldest first; ``seq`` is their lasting number in the store.

        One that is no JSON any more comes as the kind ``unreadable``: it must not hide the others.
        """
        rows = self.query(
            "SELECT id, kind, data, at FROM events WHERE subject = ? AND id > ? AND kind = coalesce(?, kind) "
            "ORDER BY id",
            (subject, after, kind),
        )
        for number, of, data, at in rows:
            try:
                yield Event(of, json.loads(data), at, number)
            except (ValueError, TypeError, RecursionError):
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
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """One transaction: all of it is written, or nothing.

        Raises:
            StoreError: the disk is full, or the file cannot be written.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._unwritable(error) from error

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # -- inside ------------------------------------------------------------------------------------------
    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        tables.bring_up(db)
        return db

    def _unwritable(self, error: Exception) -> StoreError:
        return StoreError(
            f"The store {str(self.path)!r} cannot be written: {error}.",
            "free some space, or name another folder: os.environ['REASONBOOK_HOME'] = '/path/to/folder'",
        )

    def _set_aside(self) -> None:
        aside = self.path.with_suffix(f".unreadable-{int(time.time())}")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self.path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        warnings.warn(
            f"{self.path} is not a readable store; it was set aside as {aside.name} and a new one begun.",
            stacklevel=3,
        )


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


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


def _dump(value: object) -> str:
    return _ENCODER.encode(value)
