"""Members: which jobs work on a store at this moment, known by a beat that the others watch.

No clock is compared with another: a member counts its beats up, and whoever watches it measures with a clock of its
own how long the count has stood still. So machines may differ in the time, and the time may be set back.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StoreError
from .context import text_print
from .database import Store

_SILENT = 10.0  # seconds without a beat after which a member is taken for dead,
_STUCK = 60.0  # and one whose process is seen to live, which may be held up

_TABLE = """CREATE TABLE IF NOT EXISTS members(
    id INTEGER PRIMARY KEY, host TEXT, pid INTEGER, born TEXT, endpoint TEXT, met INTEGER, beat INTEGER, state TEXT)"""


@dataclass(frozen=True)
class Neighbour:
    """Another job that works on the store.

    Attributes:
        id: its number.
        endpoint: whom it asks.
        beat: how often it has been heard.
        state: what it tells the others.
    """

    id: int
    endpoint: str
    beat: int
    state: Mapping[str, Any]


class Membership:
    """One job's place among those that work on a store.

    Args:
        store: where they meet.
        endpoint: whom the job asks; limits and outages are an endpoint's.

    Attributes:
        id: its number; another one after it was taken for dead.

    Raises:
        StoreError: the store cannot be written, so that nobody can meet there.
    """

    def __init__(self, store: Store, endpoint: str) -> None:
        self.store = store
        self.endpoint = endpoint
        self.id = 0
        self._watched: dict[
            int, tuple[int, float]
        ] = {}  # another's newest beat, and since when it is that one
        with store.writing() as db:
            db.execute(_TABLE)
            self._come(db)

    def met(self, db: sqlite3.Connection) -> bool:
        """Whether anybody else was here since this one came; within a transaction of the caller's.

        One that was taken for dead comes again, with a new number: what it had claimed is free.
        """
        row = db.execute("SELECT met FROM members WHERE id = ?", (self.id,)).fetchone()
        if row is None:
            self._come(db)
            db.execute("UPDATE members SET met = 1 WHERE id = ?", (self.id,))
            return True
        return bool(row[0])

    def beat(self, state: Mapping[str, Any]) -> list[Neighbour]:
        """Says that this one is here, and how it is; gives the others that live, and forgets those that do not."""
        with self.store.writing() as db:
            self.met(db)
            told = json.dumps(state, separators=(",", ":"), default=str)
            db.execute("UPDATE members SET beat = beat + 1, state = ? WHERE id = ?", (told, self.id))
        return self.others()

    def others(self) -> list[Neighbour]:
        """The others that live; those that do not are forgotten, and what they had claimed is free."""
        living: list[Neighbour] = []
        dead: list[tuple[int, int]] = []
        rows = self.store.query(
            "SELECT id, host, pid, born, endpoint, beat, state FROM members WHERE id != ?", (self.id,)
        )
        for number, host, pid, born, endpoint, beat, state in rows:
            if self._is_dead(number, beat, _lives(host, pid, born)):
                dead.append((number, beat))
            else:
                living.append(Neighbour(number, endpoint, beat, _read(state)))
        self._watched = {other.id: self._watched[other.id] for other in living}
        if dead:
            with self.store.writing() as db:  # one that has been heard again meanwhile stays
                db.executemany("DELETE FROM members WHERE id = ? AND beat = ?", dead)
        return living

    def leave(self) -> None:
        """Takes its leave; what it had claimed is free."""
        with contextlib.suppress(StoreError), self.store.writing() as db:
            db.execute("DELETE FROM members WHERE id = ?", (self.id,))

    def _come(self, db: sqlite3.Connection) -> None:
        """Takes a new number, and says so to everybody who is here."""
        self.id = secrets.randbits(62)
        greeted = db.execute("UPDATE members SET met = 1").rowcount
        db.execute(
            "INSERT INTO members VALUES(?, ?, ?, ?, ?, ?, 0, '{}')",
            (self.id, _host(), os.getpid(), _born(os.getpid()), self.endpoint, int(greeted > 0)),
        )

    def _is_dead(self, number: int, beat: int, lives: bool | None) -> bool:
        now = time.monotonic()
        known, since = self._watched.get(number, (None, now))
        if known != beat:
            since = now
        self._watched[number] = (beat, since)
        return lives is False or now - since > (_STUCK if lives else _SILENT)


def membership(store: Store, endpoint: str) -> Membership | None:
    """A place among those that work on a store; None where it cannot be written."""
    try:
        return Membership(store, endpoint)
    except StoreError:
        return None


def _read(state: str) -> Mapping[str, Any]:
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        return dict(json.loads(state))
    return {}


# -- processes -----------------------------------------------------------------------------------------------
@functools.cache
def _host() -> str:
    """Names what process numbers count for: this boot of this machine or container; tells nothing else of it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        return text_print(boot + os.readlink("/proc/self/ns/pid"))
    except OSError:
        return text_print(platform.node())


def _born(pid: int) -> str:
    """When a process began, so that another one with its number is told from it; empty where that is not known.

    Raises:
        ProcessLookupError: it has ended.
    """
    try:
        # The name, in brackets, may hold anything; its state is what follows, and its start the 20th from there.
        after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            raise ProcessLookupError(pid) from None
        return ""
    except OSError:
        return ""
    if after[0] in "ZX":
        raise ProcessLookupError(pid)
    return after[19]


def _lives(host: str, pid: int, born: str) -> bool | None:
    """Whether a process is still there; None where that cannot be seen from here."""
    if host != _host() or os.name == "nt":  # there, asking whether one is alive would end it
        return None
    try:
        os.kill(pid, 0)
        return _born(pid) == born
    except ProcessLookupError:
        return False
    except OSError:
        return None
