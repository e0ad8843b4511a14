"""Tables: what the store's file holds, and how the file of an older version is brought up to it.

Versions only ever add tables. One that is older writes its calls by position, so that a column more would turn it
away; beside tables that it does not know it goes on as before, and what it wrote says "not recorded".
"""

from __future__ import annotations

import sqlite3

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
)
VERSION = len(_VERSIONS)


def bring_up(db: sqlite3.Connection) -> None:
    """Makes what is missing, once however many processes open the file; a newer file is left as it is."""
    if _version(db) >= VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if _version(db) < VERSION:  # nobody was quicker
            for statements in _VERSIONS:
                for statement in statements:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
