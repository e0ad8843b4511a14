"""Context: what many calls have in common; it is kept once, and each call names it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from ..notebook import notebook_name


@dataclass(frozen=True, eq=False)  # found by identity, at each call; two alike are one in the store
class Context:
    """For what, and how, a teacher is called.

    Attributes:
        purpose: ``augmentation``, ``repair`` or ``judge``.
        job: id of the job that makes the calls.
        method: of an augmentation.
        prompt: the fixed instructions.
        schema: the fields that are asked for, as JSON.
        parameters: what else the teacher gets, as JSON.
        price: dollars per million tokens read, written, and read from the provider's cache; None when unknown.
    """

    purpose: str
    job: str = ""
    method: str = ""
    prompt: str = ""
    schema: str = ""
    parameters: str = ""
    price: tuple[float, float, float] | None = None


_TEXTS = ("prompt", "schema", "parameters")  # kept apart, under their prints


def text_print(text: str) -> str:
    """16 hex digits of a text; none of an empty one."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() if text else ""


def row_print(name: str) -> bytes:
    """8 bytes of a row's key or content, by which calls name the rows that they are about."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def keep(db: sqlite3.Connection, context: Context) -> int:
    """The number of a context, which is written when it is new; within a transaction of the caller's."""
    texts = {name: getattr(context, name) for name in _TEXTS}
    db.executemany(
        "INSERT OR IGNORE INTO texts VALUES(?, ?)", [(text_print(t), t) for t in texts.values() if t]
    )
    told = {**vars(context), **{name: text_print(text) for name, text in texts.items()}}
    told["notebook"] = notebook_name()
    data = json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False)
    db.execute("INSERT OR IGNORE INTO contexts(data) VALUES(?)", (data,))
    return int(db.execute("SELECT id FROM contexts WHERE data = ?", (data,)).fetchone()[0])
