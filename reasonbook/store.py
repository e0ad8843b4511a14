"""Store: one SQLite file that holds every paid answer, every decision and every run's events."""

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

from .errors import StoreError
from .events import Event

_TABLES = """
CREATE TABLE IF NOT EXISTS calls(
    id INTEGER PRIMARY KEY, at REAL, teacher TEXT, text TEXT, reasoning TEXT, usage TEXT, problem TEXT);
CREATE TABLE IF NOT EXISTS answers(key TEXT PRIMARY KEY, value TEXT, call INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events(
    id INTEGER PRIMARY KEY, subject TEXT, at REAL, kind TEXT, data TEXT);
CREATE INDEX IF NOT EXISTS events_by_subject ON events(subject, id);
"""
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
    """

    teacher: str
    text: str
    answers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reasoning: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""


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
        now = time.time()
        with self._writing() as db:
            [first] = db.execute("SELECT coalesce(max(id), 0) + 1 FROM calls").fetchone()
            numbered = list(enumerate(calls, first))
            _insert(
                db,
                "INSERT INTO calls VALUES",
                [
                    (n, now, call.teacher, call.text, call.reasoning, _dump(call.usage), call.problem)
                    for n, call in numbered
                ],
            )
            _insert(
                db,
                "INSERT OR IGNORE INTO answers VALUES",
                [(key, _dump(value), n) for n, call in numbered for key, value in call.answers.items()],
            )

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
        with self._writing() as db:
            db.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in keys])

    # -- events ------------------------------------------------------------------------------------------
    def append(self, subject: str, events: Sequence[Event]) -> None:
        """Writes events of a subject (a review, a run, a batch) in order, in one transaction."""
        with self._writing() as db:
            db.executemany(
                "INSERT INTO events(subject, at, kind, data) VALUES(?,?,?,?)",
                [(subject, e.at or time.time(), e.kind, _dump(e.data)) for e in events],
            )

    def events(self, subject: str, *, after: int = 0) -> Iterator[Event]:
        """A subject's events, oldest first; ``seq`` is their lasting number in the store.

        One that is no JSON any more comes as the kind ``unreadable``: it must not hide the others.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT id, kind, data, at FROM events WHERE subject = ? AND id > ? ORDER BY id",
                (subject, after),
            ).fetchall()
        for number, kind, data, at in rows:
            try:
                yield Event(kind, json.loads(data), at, number)
            except (ValueError, TypeError, RecursionError):
                yield Event("unreadable", {"kind": kind}, at, number)

    def subjects(self, prefix: str = "") -> list[str]:
        """Names of everything that has events, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT subject FROM events WHERE substr(subject, 1, ?) = ? "
                "GROUP BY subject ORDER BY min(id)",
                (len(prefix), prefix),
            ).fetchall()
        return [subject for (subject,) in rows]

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # -- inside ------------------------------------------------------------------------------------------
    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_TABLES)
        return db

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
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
