"""Store file: the SQLite file of a store, opened, followed when it moves, mended when it is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..errors import StoreError
from . import tables
from .damage.salvage import mend
from .damage.signs import ERRORS, cut_short, in_words, is_damage, odd
from .file_lock import FileLock

_Found = TypeVar("_Found")
_POLL = 0.05  # seconds between two looks at what another process does with the file
_PATIENCE = 30.0  # seconds that it may take for it
_LOG = 4_000  # pages of the log, 16 MB, that are brought into the file at once: one that many answers share, once
_ELSEWHERE = "free some space, or name another folder: os.environ['REASONBOOK_HOME'] = '/path/to/folder'"


class StoreMendedError(StoreError):
    """The file was damaged, and what could be read of it is in a new one; the act may be tried again."""


class StoreFile:
    """One connection to the file, for all threads of this process.

    Args:
        path: of the file; its folder is made when it is missing.

    Attributes:
        path: of the file.
        opened: how often another file was found, or put, under its name; what was read before may not stand in it.
        refusal: why nothing can be written here, where that is so; it is tried anew whenever something is to be.
        event_sum: the column of an event's checksum, in SQL.

    Raises:
        StoreError: there is no file, and none can be made; or it is damaged, and there is no room for what it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = self._looked_at = 0
        self.refusal: Exception | None = None
        self._lock = threading.RLock()
        self._mending = FileLock(path.with_name("store.mending.lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            ignore = path.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            if not path.exists():
                raise self._unwritable(error) from error
        self._open()

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a question that changes nothing."""
        with self._lock:
            self._follow()
            try:
                return self._fetch(sql, values)
            except ERRORS as error:
                if self._is_damage(error):
                    self._mend(in_words(error))
                    with contextlib.suppress(*ERRORS):
                        return self._fetch(sql, values)
                raise self._unreadable(error) from error

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """One transaction: all of it is written, or nothing.

        Raises:
            StoreError: the disk is full, or the file cannot be written.
            StoreMendedError: the file was damaged and is mended now.
        """
        with self._lock:
            try:
                self._begin()
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except ERRORS as error:
                if not self._is_damage(error):
                    raise self._unwritable(error) from error
                self._mend(in_words(error))
                raise StoreMendedError(
                    f"The store {str(self.path)!r} was damaged while something was written, which is not in it now.",
                    "run the same line again: the store is mended",
                ) from error

    def write(self, act: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """As `writing`; where the file was damaged, once more in the mended one."""
        try:
            with self.writing() as db:
                return act(db)
        except StoreMendedError:
            with self.writing() as db:
                return act(db)

    def mended_on_suspicion(self) -> bool:
        """Looks at the whole file, once, where a part of it is not what was written; mends it if need be."""
        with self._lock:
            if self.refusal is not None or self._looked_at == self.opened:
                return False
            [(said,)] = self.query("PRAGMA quick_check(1)")
            if said != "ok":
                self._mend(said)
            self._looked_at = self.opened
            return bool(said != "ok")

    def mend(self, why: str) -> None:
        """Opens a store of what can be read in the place of the damaged one; one process does it, others wait."""
        with self._lock:
            self._mend(why)

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # -- inside ------------------------------------------------------------------------------------------
    def _fetch(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        self._db.text_factory = _readable  # slower, and only where a text is no UTF-8 any more
        try:
            return self._db.execute(sql, values).fetchall()
        finally:
            self._db.text_factory = str

    def _is_damage(self, error: Exception) -> bool:
        if isinstance(error, sqlite3.IntegrityError):  # a number twice, perhaps since the newest was not seen
            with contextlib.suppress(*ERRORS):
                return self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
        asked_for = "readonly" in str(error) and self._db.execute("PRAGMA query_only").fetchone() == (1,)
        return self.refusal is None and not asked_for and is_damage(error, self.path)

    def _begin(self) -> None:
        """Begins to write, in the file that stands under our name once nobody else writes."""
        if self.refusal is not None:
            self._reopen()
        refusal = self.refusal
        if refusal is not None:
            raise refusal
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except ERRORS:
                # Whoever mends holds the file as long as it takes; one that is gone cannot be written.
                if not (self._moved() or self._mending.held_elsewhere()):
                    raise
            else:
                if not self._moved():
                    return
                self._db.execute("ROLLBACK")
            self._reopen()

    def _follow(self) -> None:
        """Another process may have mended the file, or a person deleted it."""
        if self.refusal is None and self._moved():
            self._reopen()

    def _moved(self) -> bool:
        return _identity(self.path) != self._file

    def _reopen(self) -> None:
        with contextlib.suppress(*ERRORS):
            self._db.close()
        while self._mending.held_elsewhere():
            time.sleep(_POLL)
        self._open()

    def _open(self) -> None:
        self.opened += 1
        self.refusal = None
        try:
            self._db = self._connect()
        except OSError as error:
            raise self._unwritable(error) from error
        except ERRORS as error:
            if is_damage(error, self.path):
                self._mend(in_words(error))
            else:
                self._db = self._connect_to_read(error)

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _identity(self.path)
        wrong = cut_short(self.path)
        if wrong:
            raise sqlite3.DatabaseError(wrong)
        db = sqlite3.connect(self.path, timeout=_PATIENCE, check_same_thread=False, isolation_level=None)
        try:
            _write_ahead(db)
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint={_LOG}")
            # What was deleted is not found again by whoever reads pages.
            db.execute("PRAGMA secure_delete=ON")
            tables.bring_up(db)
            wrong = odd(db)
            if wrong:
                raise sqlite3.DatabaseError(wrong)
        except BaseException:
            db.close()
            raise
        self._file = self._file or _identity(self.path)
        self.event_sum = "sum"
        return db

    def _connect_to_read(self, error: Exception) -> sqlite3.Connection:
        """Where nothing can be written: on a medium to read from, or a full disk."""
        for option in ("mode=ro", "immutable=1") if "locked" not in str(error) else ():
            address = f"{self.path.absolute().as_uri()}?{option}"
            with contextlib.suppress(*ERRORS):
                db = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
                db.execute("SELECT 1 FROM answers LIMIT 1").fetchall()
                self.event_sum = "sum" if tables.whole(db) else "NULL"  # an old one cannot be brought up here
                self.refusal = error
                return db
        raise self._unwritable(error) from error

    def _mend(self, why: str) -> None:
        self.opened += 1
        with contextlib.suppress(AttributeError, *ERRORS):
            self._db.close()
        said = ""
        try:
            while not self._mending.take():
                time.sleep(_POLL)
            if not self._moved():  # nobody was quicker
                with _nobody_writes(self.path):
                    said = mend(self.path, why)
            self._db = self._connect()
        except (OSError, *ERRORS) as error:
            self._file = None  # the next one who needs it tries again
            raise StoreError(
                f"The store {str(self.path)!r} is damaged ({why}), and what it holds cannot be brought into a new "
                f"one: {error}. It was left as it is.",
                _ELSEWHERE,
            ) from error
        finally:
            self._mending.release()
        if said:
            warnings.warn(said, stacklevel=4)

    def _unwritable(self, error: Exception) -> StoreError:
        return StoreError(f"The store {str(self.path)!r} cannot be written: {error}.", _ELSEWHERE)

    def _unreadable(self, error: Exception) -> StoreError:
        return StoreError(f"The store {str(self.path)!r} cannot be read: {error}.", _ELSEWHERE)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Chooses the journal; SQLite itself does not wait where two processes make a file at the same moment."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_POLL)


@contextmanager
def _nobody_writes(path: Path) -> Generator[None]:
    """Whoever has the file open waits, and then sees that another stands in its place."""
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        with contextlib.suppress(*ERRORS):
            db.execute("BEGIN IMMEDIATE")
        yield
    finally:
        db.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _readable(text: bytes) -> str:
    return text.decode("utf-8", "replace")
