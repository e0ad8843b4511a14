"""Salvage: what a damaged store still holds, written into a new one; the damaged file is kept aside.

A page that cannot be read costs its rows, not the store. Rows are told by their form, since the trees that would say
to which table a page belongs may be what is damaged; answers and events are taken by their checksums.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .. import tables
from ..context import text_print
from .checksums import BARE, answer_holds, event_holds
from .pages import PageFile, PageRow, Value
from .signs import ERRORS

_CHUNK = 2_000
_Schema = tuple[str, str, str]  # table or index, its name, how it was made
_MARKS = {
    "calls": "(id, at, teacher, text, reasoning, usage, problem) VALUES(?,?,?,?,?,?,?)",
    "asked": "(call, context, rows, cost) VALUES(?,?,?,?)",
    "contexts": "(id, data) VALUES(?,?)",
    "texts": "(print, text) VALUES(?,?)",
    "answers": "(key, value, call) VALUES(?,?,?)",
    "events": "(id, subject, at, kind, data, sum) VALUES(?,?,?,?,?,?)",
}


@dataclass
class Salvaged:
    """What was read from a damaged store, and what was not.

    Attributes:
        saved: rows by table; ``runs`` are trainings of which there are events.
        gone: rows by table as far as one can tell: exact for calls and events, about for answers.
    """

    saved: dict[str, int] = field(default_factory=dict[str, int])
    gone: dict[str, int] = field(default_factory=dict[str, int])

    def __str__(self) -> str:
        saved, gone = self.saved, self.gone
        if not any(saved.values()):
            return "Nothing could be read from it: what was paid for is asked, and paid, again"
        kept = ", ".join(_count(saved, name) for name in ("answers", "calls", "events"))
        kept += f" and {_count(saved, 'runs')}"
        if not any(gone.values()):
            return f"{kept} were read from it, and nothing is missing as far as one can tell"
        lost = f"{_count(gone, 'answers')}, {_count(gone, 'calls')} and {_count(gone, 'events')}"
        return f"{kept} were read from it; about {lost} are gone: what a row needs of them is asked, and paid, again"


def mend(path: Path, why: str) -> str:
    """Puts a store of what can be read in the place of a damaged one; tells what became of it.

    Raises:
        OSError: there is no room for it, or the folder cannot be written; the damaged file stays where it is.
        sqlite3.Error: as `OSError`.
    """
    new = path.with_name(f"{path.name}.mending")
    new.unlink(missing_ok=True)
    try:
        found = salvage(path, new)
        aside = _aside(path)
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}{suffix}", f"{aside}{suffix}")
        try:
            os.link(path, aside)  # at no time is there no store
        except OSError:
            os.replace(path, aside)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    return (
        f"The store {path.name!r} was damaged ({why}): it is set aside as {aside.name!r}, and a new one stands in its "
        f"place. {found}.\n"
        '  → rb.store.clean("unreadable", confirm=True)   deletes the damaged file'
    )


def salvage(path: Path, new: Path) -> Salvaged:
    """Writes what the pages of a store hold into a new one."""
    file = PageFile(path)
    db = sqlite3.connect(new.absolute().as_uri(), uri=True, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=MEMORY")
        db.execute("PRAGMA synchronous=OFF")
        tables.bring_up(db)
        db.execute("BEGIN")
        broken, schemas = _copy(file.rows(), db)
        _drop_strangers(db)
        found = _counted(db, file, broken)
        db.execute("COMMIT")
        _copy_other_tables(path, db, schemas)
        db.execute("PRAGMA main.journal_mode=WAL")
    finally:
        db.close()
        file.close()
    with new.open("r+b") as written:
        os.fsync(written.fileno())
    return found


def _copy(rows: Iterable[PageRow], db: sqlite3.Connection) -> tuple[int, list[_Schema]]:
    """Writes every row that has the form of one of ours; returns how many answers do not hold, and what was defined."""
    waiting: dict[str, list[tuple[Value, ...]]] = {name: [] for name in _MARKS}
    schemas: list[_Schema] = []
    broken = 0

    def write(name: str) -> None:
        db.executemany(f"INSERT OR IGNORE INTO {name}{_MARKS[name]}", waiting[name])
        waiting[name].clear()

    for row in rows:
        told = _told(row)
        if told is None:
            broken += [type(value) for value in row.values] == [str, str, int]
            match row.values:
                case ("table" | "index" as kind, str(name), str(), int(), str(sql)):
                    schemas.append((kind, name, sql))
                case _:
                    pass
            continue
        name, values = told
        waiting[name].append(values)
        if len(waiting[name]) >= _CHUNK:
            write(name)
    for name in waiting:
        write(name)
    return broken, schemas


def _told(row: PageRow) -> tuple[str, tuple[Value, ...]] | None:
    """The table of a row by its form, and its values; None where it is none of ours, or does not hold."""
    number, values = row
    match values:
        case (str(key), str(value), int(call)) if number is None:
            if answer_holds(key, value, call, BARE) and (call >= BARE or _is(object, value)):
                return "answers", values
        case (str(name), str(text)) if number is None and name == text_print(text):
            return "texts", values
        case (None, str(data)) if _is(dict, data):
            return "contexts", (number, data)
        case (None, int(context), bytes(rows), int() | float() | None as cost):
            return "asked", (number, context, rows, cost)
        case (None, int() | float() as at, str(), str(), str(), str(usage), str(), *_):
            if number is not None and 0 < number < BARE:
                kept = usage if _is(dict, usage) else "{}"
                return "calls", (number, at, *values[2:5], kept, values[6])
        case (None, str(subject), int() | float() as at, str(kind), str(data), *rest) if len(rest) < 2:
            check = rest[0] if rest else None
            if event_holds(subject, at, kind, data, check) and _is(dict, data):
                return "events", (number, subject, at, kind, data, check)
        case _:
            pass
    return None


def _is(kind: type, text: str) -> bool:
    """Whether a text is the JSON of such a thing."""
    try:
        return isinstance(json.loads(text), kind)
    except (ValueError, RecursionError):
        return False


def _drop_strangers(db: sqlite3.Connection) -> None:
    """An answer without a checksum that names no call is a row of another table that looks like one."""
    db.execute(f"DELETE FROM answers WHERE call < {BARE} AND call > (SELECT coalesce(max(id), 0) FROM calls)")


def _counted(db: sqlite3.Connection, file: PageFile, broken: int) -> Salvaged:
    def one(sql: str) -> int:
        return int(db.execute(sql).fetchone()[0])

    def last(name: str, number: str, count: int) -> int:
        """The highest number, by the fourth highest where there are many: a few may be damaged themselves."""
        passed = 3 if count > 100 else 0
        found = f"SELECT {number} FROM {name} ORDER BY {number} DESC LIMIT 1 OFFSET {passed}"
        return passed + one(f"SELECT coalesce(({found}), 0)")

    numbers = {"calls": "id", "events": "id", "asked": "call"}
    saved = {name: one(f"SELECT count(*) FROM {name}") for name in ("answers", *numbers)}
    gone = {name: max(0, last(name, number, saved[name]) - saved[name]) for name, number in numbers.items()}
    # Pages that cannot be read were of tables as far as numbers are missing there; the others held answers or an index.
    per_page = max(1.0, sum(saved[name] for name in numbers) / max(1, file.table_pages))
    others = max(0.0, file.lost_pages - sum(gone.values()) / per_page)
    gone["answers"] = broken + file.broken_rows + round(others * saved["answers"] / max(1, file.index_pages))
    saved["runs"] = one("SELECT count(DISTINCT subject) FROM events WHERE subject LIKE 'run:%'")
    return Salvaged(saved, gone)


def _copy_other_tables(path: Path, db: sqlite3.Connection, schemas: Iterable[_Schema]) -> None:
    """Tables that this version does not know, with their rows as far as SQLite itself can still read them."""
    known = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    with contextlib.suppress(*ERRORS):
        db.execute("ATTACH ? AS old", (f"{path.absolute().as_uri()}?mode=ro",))
    for kind, name, sql in sorted(schemas, reverse=True):  # a table before its indexes
        if name not in known:
            with contextlib.suppress(*ERRORS):
                db.execute(sql)
                for row in db.execute(f'SELECT * FROM old."{name}"') if kind == "table" else ():
                    db.execute(f'INSERT INTO main."{name}" VALUES({",".join("?" * len(row))})', row)


def _aside(path: Path) -> Path:
    aside = path.with_suffix(f".unreadable-{int(time.time())}")
    while aside.exists():
        aside = aside.with_suffix(f"{aside.suffix}x")
    return aside


def _count(counts: dict[str, int], name: str) -> str:
    number = counts.get(name, 0)
    return f"{number:,} {name if number != 1 else name[:-1]}".replace(",", " ")
