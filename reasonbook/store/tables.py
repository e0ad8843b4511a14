"""Tables: what the store's file holds, and how the file of an older version is brought up to it.

Versions add tables, and columns only where every older one writes by name, as it does events. The first one writes
calls and answers by position, so that a column more would turn it away; beside what it does not know it goes on as
before, and what it wrote says "not recorded". Nothing is rewritten: what has no checksum is taken as it stands.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from itertools import chain

_SUM = "ALTER TABLE events ADD COLUMN sum INTEGER"
# Version → what it added. A file's own version stands in its user_version.
_VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS calls(
            id INTEGER PRIMARY KEY, at REAL, teacher TEXT, text TEXT, reasoning TEXT, usage TEXT, problem TEXT)""",
        "CREATE TABLE IF NOT EXISTS answers(key TEXT PRIMARY KEY, value TEXT, call INTEGER) WITHOUT ROWID",
        """CREATE TABLE IF NOT EXISTS events(
            id INTEGER PRIMARY KEY, subject TEXT, at REAL, kind TEXT, data TEXT)""",
        "CREATE INDEX IF NOT EXISTS events_by_subject ON events(subject, id)",
    ),
    (
        # What was asked with a call: in which context, about which rows (their prints, joined), for how many dollars.
        "CREATE TABLE IF NOT EXISTS asked(call INTEGER PRIMARY KEY, context INTEGER, rows BLOB, cost REAL)",
        "CREATE TABLE IF NOT EXISTS contexts(id INTEGER PRIMARY KEY, data TEXT UNIQUE)",
        "CREATE TABLE IF NOT EXISTS texts(print TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID",
    ),
    # Checksums: an event's stands in a column, an answer's above the number of its call.
    (_SUM,),
)
VERSION = len(_VERSIONS)


def bring_up(db: sqlite3.Connection) -> None:
    """Makes what is missing, once however many processes open the file; a newer file is left as it is."""
    if _version(db) >= VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if _version(db) < VERSION:  # nobody was quicker
            known = _columns(db, "events")
            for statement in chain(*_VERSIONS):
                if (
                    statement != _SUM or "sum" not in known
                ):  # unlike a table, a column cannot be there already
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def whole(db: sqlite3.Connection) -> bool:
    """Whether everything is there that this version works with; a newer file is not judged."""
    if _version(db) > VERSION:
        return True
    return all(columns <= _columns(db, name) for name, columns in _ours().items())


@cache
def _ours() -> dict[str, set[str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        bring_up(db)
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: _columns(db, name) for name in names}


def _columns(db: sqlite3.Connection, name: str) -> set[str]:
    return {column for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (name,))}


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
