"""Signs: by what a damaged store is known.

The file is looked at through SQLite alone: closing a file of one's own would take the locks away by which other
connections of this process hold it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from .. import tables

_HEADER = 100  # bytes
_BEING_MADE = 10.0  # seconds for which an empty file may be somebody's who is just beginning


ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the second where SQLite's own sentence quotes what is damaged


def is_damage(error: BaseException, path: Path) -> bool:
    """Whether SQLite could not make sense of the file, which is something else than a disk that is full or busy."""
    if type(error) in (sqlite3.DatabaseError, UnicodeDecodeError):
        return True
    text = str(error)
    refused = "readonly" in text and all(os.access(place, os.W_OK) for place in (path, path.parent))
    return refused or "malformed" in text or "unsupported file format" in text


def in_words(error: BaseException) -> str:
    """What an error says of the file."""
    return "its schema is damaged" if isinstance(error, UnicodeDecodeError) else str(error)


def cut_short(path: Path) -> str:
    """What the length of a file says against it, before it is opened and begun anew; "" when nothing."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    if not found.st_size:
        return "it is empty" if time.time() - found.st_mtime > _BEING_MADE else ""
    return "it is cut off" if found.st_size < _HEADER else ""


def odd(db: sqlite3.Connection) -> str:
    """What an open store says of itself that cannot be; "" when nothing."""
    if db.execute("PRAGMA encoding").fetchone() != ("UTF-8",):
        return "it names another encoding of texts"
    return "" if tables.whole(db) else "not all of its tables are there"
