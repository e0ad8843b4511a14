"""Claims: which answers each member of a store asks for now, so that nobody else pays for them too."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ..errors import StoreError
from .database import Store
from .members import Membership

Ask = tuple[
    str, tuple[str, ...]
]  # the content of a row, and what is asked about it: the ends of the answers' keys
_Item = TypeVar("_Item")
_Claimed = dict[str, frozenset[str]]

_TABLE = "CREATE TABLE IF NOT EXISTS claims(owner INTEGER PRIMARY KEY, turn INTEGER, asks TEXT)"
_OTHERS = "FROM claims WHERE owner != ? AND owner IN (SELECT id FROM members)"


class Claims:
    """What one member asks for, for the others to see; it counts as long as the member lives.

    A member holds nothing of a row while it waits for another's claim on it, so that no two can wait for each other.

    Args:
        store: where they meet.
        member: whose claims these are.

    Raises:
        StoreError: the store cannot be written.
    """

    def __init__(self, store: Store, member: Membership) -> None:
        self.store = store
        self.member = member
        self._mine: dict[Ask, None] = {}
        self._told = True
        self._known: dict[int, tuple[int, _Claimed]] = {}  # another's claims, and the turn that they are of
        with store.writing() as db:
            db.execute(_TABLE)
            db.execute("DELETE FROM claims WHERE owner NOT IN (SELECT id FROM members)")

    def __len__(self) -> int:
        return len(self._mine)

    @property
    def owner(self) -> int:
        """The member's number; another one after it was taken for dead."""
        return self.member.id

    def take(
        self,
        items: Iterable[_Item],
        ask: Callable[[_Item], Ask],
        look_up: Callable[[Sequence[_Item]], object],
    ) -> tuple[list[_Item], list[_Item]]:
        """Claims what nobody else does, in one transaction.

        Args:
            items: rows.
            ask: what has to be asked for one; nothing of it when the answers are all there.
            look_up: notes the answers that have come for rows which nobody claims; called where there was company.

        Returns:
            The rows that are this member's to ask, or answered by now; and those that others ask for.
        """
        free, held = list(items), list[_Item]()
        with self.store.writing() as db:
            if self.member.met(db):
                free, held = self._split(free, ask)
                look_up(free)
            for each in map(ask, free):
                if each[1]:
                    self._mine[each] = None
            self._write(db)
        return free, held

    def freed(self, items: Sequence[_Item], ask: Callable[[_Item], Ask]) -> list[_Item]:
        """Those of the rows that no other member claims any more."""
        if {owner: turn for owner, (turn, _) in self._known.items()} == dict(self._turns()):
            return []
        return self._split(items, ask)[0]

    def release(self, ask: Ask) -> None:
        """Notes that a row is done with; the others hear of it at the next `take` or `tell`."""
        if self._mine.pop(ask, self) is None:
            self._told = False

    def tell(self) -> None:
        """Lets the others see what was released."""
        if not self._told:
            with self.store.writing() as db:
                self.member.met(db)
                self._write(db)

    def close(self) -> None:
        """Releases everything."""
        with contextlib.suppress(StoreError), self.store.writing() as db:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.member.id,))

    # -- inside ------------------------------------------------------------------------------------------
    def _write(self, db: sqlite3.Connection) -> None:
        groups: dict[tuple[str, ...], list[str]] = {}
        for row, parts in self._mine:
            groups.setdefault(parts, []).append(row)
        db.execute(
            "INSERT INTO claims VALUES(?1, 0, ?2) ON CONFLICT(owner) DO UPDATE SET turn = turn + 1, asks = ?2",
            (self.member.id, json.dumps(list(groups.items()), separators=(",", ":"))),
        )
        self._told = True

    def _turns(self) -> Iterator[tuple[int, int]]:
        yield from self.store.query(f"SELECT owner, turn {_OTHERS}", (self.member.id,))

    def _split(self, items: Iterable[_Item], ask: Callable[[_Item], Ask]) -> tuple[list[_Item], list[_Item]]:
        """Rows that nobody else claims, and the others."""
        self._read()
        claimed = [rows for _, rows in self._known.values() if rows]
        free, held = list[_Item](), list[_Item]()
        for item in items:
            row, parts = ask(item)
            taken = any(row in rows and not rows[row].isdisjoint(parts) for rows in claimed)
            (held if taken else free).append(item)
        return free, held

    def _read(self) -> None:
        """Brings what the others claim up to date; only what has changed is read."""
        turns = dict(self._turns())
        self._known = {owner: known for owner, known in self._known.items() if turns.get(owner) == known[0]}
        for owner in turns.keys() - self._known.keys():
            for turn, asks in self.store.query("SELECT turn, asks FROM claims WHERE owner = ?", (owner,)):
                self._known[owner] = (turn, _rows(asks))


def _rows(asks: str) -> _Claimed:
    rows: _Claimed = {}
    with contextlib.suppress(ValueError, TypeError):  # what nobody can read claims nothing
        for parts, contents in json.loads(asks):
            named = frozenset[str](parts)
            for content in contents:
                rows[content] = rows[content] | named if content in rows else named
    return rows
