"""Cleaning: what of a store can go, what would be lost with it, and its end when that is said outright."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import StoreError, choices
from ...html_card import card, table
from ...options import checked
from ..damage.checksums import CALL
from ..database import Store, default_store
from ..file_lock import FileLock
from .space import in_words

_DAY = 86400.0


@dataclass(frozen=True)
class CleanItem:
    """One kind of thing that can go.

    Attributes:
        what: as `clean` takes it.
        rows: how many there are: texts, answers or folders.
        bytes: that they take.
        lost: what is lost with them, in words.
    """

    what: str
    rows: int
    bytes: int
    lost: str


@dataclass(frozen=True)
class CleanQuote:
    """What would go, or what went.

    Attributes:
        items: by kind.
        command: the line that has it deleted.
        done: whether it is deleted.
        kept: why the file is not smaller all the same; empty where it is.

    Example:
        >>> quote = rb.store.clean()
        >>> quote.done, [item.what for item in quote.items][:2]
        (False, ['raw', 'answers'])
    """

    items: tuple[CleanItem, ...]
    command: str = ""
    done: bool = False
    kept: str = ""

    @property
    def bytes(self) -> int:
        """All of them together."""
        return sum(item.bytes for item in self.items)

    def __repr__(self) -> str:
        parts = ", ".join(f"{item.what}: {item.rows} ({in_words(item.bytes)})" for item in self.items)
        return f"CleanQuote({'deleted' if self.done else 'nothing deleted yet'}; {parts})"

    def _repr_html_(self) -> str:
        rows = [(item.what, item.rows, in_words(item.bytes), item.lost) for item in self.items]
        return card(
            "Deleted from the store" if self.done else "What can go from the store: nothing is deleted yet",
            {"space": in_words(self.bytes)},
            body=table(("what", "how many", "space", "what was lost" if self.done else "what is lost"), rows),
            notes=[self.kept] if self.kept else [],
            next_verb=self.command,
        )


@checked(StoreError, 'rb.store.clean("raw")')
def clean(
    *what: str,
    older_than: float = 0.0,
    confirm: bool = False,
    paid: bool = False,
    store: Store | None = None,
) -> CleanQuote:
    """Says what of the store can go and what is lost with it; deletes it only when told ``confirm=True``.

    Args:
        *what: ``raw`` (teachers' raw texts), ``answers`` (paid answers), ``checkpoints`` and ``runs`` (of trainings
            that have ended), ``unreadable`` (damaged stores that were set aside); all of them are quoted without it.
        older_than: days; what is younger stays.
        confirm: delete what is named.
        paid: said beside ``confirm`` for ``answers``, since whoever asks again pays again.
        store: the default store when None.

    Raises:
        StoreError: there is no such kind; or something is to be deleted and it is not said what, or not that paid
            answers shall go.

    Example:
        >>> rb.store.clean("raw", older_than=30)
        CleanQuote(nothing deleted yet; raw: 0 (0 bytes))
    """
    store = store or default_store()
    for name in what:
        if name not in KINDS:
            raise StoreError(f"A store has no {name!r} to clean.", choices(name, KINDS))
    said = "".join(f'"{name}", ' for name in what or ("raw",)) + (
        f"older_than={older_than:g}, " if older_than else ""
    )
    needs = "confirm=True, paid=True" if "answers" in what else "confirm=True"
    if confirm and not what:
        raise StoreError("What shall be deleted is not said.", f"rb.store.clean({said}{needs})")
    if confirm and "answers" in what and not paid:
        raise StoreError(
            "These answers are paid for; a row that needs one again is asked, and paid, again.",
            f"rb.store.clean({said}{needs})",
        )
    before = time.time() - older_than * _DAY
    kinds = [(name, KINDS[name]) for name in what or KINDS]
    quote = CleanQuote(
        tuple(kind.quote(name, store, before) for name, kind in kinds), f"rb.store.clean({said}{needs})"
    )
    if not confirm:
        return quote
    for _, kind in kinds:
        kind.delete(store, before)
    return replace(quote, done=True, command="", kept=_give_back(store))


def _give_back(store: Store) -> str:
    """Makes the file smaller; says why where that is not possible now."""
    try:
        store.query("VACUUM")
        [(busy, *_)] = store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    except StoreError as error:
        return f"The file is not smaller yet, but its space is used again: {error.problem}"
    return "The file gets smaller when another notebook has read what it is reading." if busy else ""


# -- the kinds -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Kind:
    """What can go under one name."""

    count: Callable[[Store, float], tuple[int, int]]  # how many, and bytes
    delete: Callable[[Store, float], None]
    lost: str

    def quote(self, name: str, store: Store, before: float) -> CleanItem:
        """How much of it there is from before a time."""
        rows, size = self.count(store, before)
        return CleanItem(name, rows, size, self.lost)


def in_bytes(*columns: str) -> str:
    """In SQL: the bytes of texts, all rows together."""
    return f"total({' + '.join(f'length(CAST({name} AS BLOB))' for name in columns)})"


_RAW = "at < ? AND (text != '' OR reasoning != '')"
_ANSWERS = f"coalesce((SELECT at FROM calls WHERE id = {CALL}), 0) < ?"


def _count(sql: str) -> Callable[[Store, float], tuple[int, int]]:
    def count(store: Store, before: float) -> tuple[int, int]:
        [(rows, size)] = store.query(sql, (before,))
        return int(rows), int(size)

    return count


def _execute(sql: str) -> Callable[[Store, float], None]:
    def execute(store: Store, before: float) -> None:
        with store.writing() as db:
            db.execute(sql, (before,))

    return execute


def _count_paths(find: Callable[[Store, float], Sequence[Path]]) -> Callable[[Store, float], tuple[int, int]]:
    def count(store: Store, before: float) -> tuple[int, int]:
        paths = find(store, before)
        return len(paths), sum(bytes_of(path) for path in paths)

    return count


def _delete_paths(find: Callable[[Store, float], Sequence[Path]]) -> Callable[[Store, float], None]:
    def delete(store: Store, before: float) -> None:
        for path in find(store, before):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    return delete


def _runs(store: Store, before: float) -> list[Path]:
    """The folders of trainings that have ended, by the time at which their card was last written."""
    cards = [card for card in store.folder.glob("runs/*/card.json") if card.stat().st_mtime < before]
    return [card.parent for card in cards if not FileLock(card.parent / "lock").held_elsewhere()]


def _checkpoints(store: Store, before: float) -> list[Path]:
    """Those beside final weights: of a training that was killed they are all that there is."""
    runs = [run for run in _runs(store, before) if (run / "model").is_dir()]
    return [path for run in runs for path in run.glob("checkpoint-*") if path.is_dir()]


def _unreadable(store: Store, before: float) -> list[Path]:
    return [path for path in store.folder.glob("store.unreadable-*") if path.stat().st_mtime < before]


KINDS = {
    "raw": Kind(
        _count(f"SELECT count(*), {in_bytes('text', 'reasoning')} FROM calls WHERE {_RAW}"),
        _execute(f"UPDATE calls SET text = '', reasoning = '' WHERE {_RAW}"),
        "teachers' texts as they came, and their own thinking; the values, the calls and what they cost stay",
    ),
    "answers": Kind(
        _count(f"SELECT count(*), {in_bytes('key', 'value')} FROM answers WHERE {_ANSWERS}"),
        _execute(f"DELETE FROM answers WHERE {_ANSWERS}"),
        "paid answers: rows are asked and paid again, and past augmentations cannot be viewed or used; frames "
        "keep what stands in them",
    ),
    "checkpoints": Kind(
        _count_paths(_checkpoints), _delete_paths(_checkpoints),
        "run.resume() of trainings that were stopped; finished weights, cards and curves stay",
    ),
    "runs": Kind(
        _count_paths(_runs), _delete_paths(_runs),
        "trained students that are not saved elsewhere, with their cards and data",
    ),
    "unreadable": Kind(
        _count_paths(_unreadable), _delete_paths(_unreadable), "damaged stores, for whoever could still repair them"
    ),
}  # fmt: skip


def bytes_of(path: Path) -> int:
    """What a file, or everything in a folder, takes."""
    return sum(part.stat().st_size for part in _files(path) if part.is_file() and not part.is_symlink())


def _files(path: Path) -> Iterator[Path]:
    return path.rglob("*") if path.is_dir() else iter((path,))
