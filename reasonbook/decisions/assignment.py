"""Assignment: who is to look at which rows, drawn by a seed, so that some are looked at by several."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..data.conversation import is_mapping, is_sequence
from ..events import Event
from .acts import UnusableEventError
from .author import named

ASSIGN = "assign"
Rows = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Assignment:
    """Who was to look at which rows, the newest word on each.

    Attributes:
        rows: reviewer → the rows that are theirs.
    """

    rows: Rows = field(default_factory=dict[str, frozenset[str]])

    def awaits(self, who: str, row: str) -> bool:
        """Whether a reviewer may be asked about a row: it is theirs, or nobody's."""
        return row in self.rows.get(who, ()) or not any(row in rows for rows in self.rows.values())

    def after(self, newer: Rows) -> Assignment:
        """This one, with what a newer one says of its rows."""
        told = frozenset[str]().union(*newer.values())
        names = dict.fromkeys([*self.rows, *newer])
        left = {
            name: (self.rows.get(name, frozenset()) - told) | newer.get(name, frozenset()) for name in names
        }
        return Assignment({name: rows for name, rows in left.items() if rows})


def drawn(rows: Sequence[str], shares: Mapping[str, float], seed: int) -> dict[str, list[str]]:
    """Each reviewer's rows: a share of all, drawn by content and seed, whatever the order of the rows.

    The shares lie one after the other around a circle of all rows, so that as few rows as can be are anybody's twice.
    """
    order = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}:{row}".encode()).digest())
    found: dict[str, list[str]] = {}
    begin = 0.0
    for name, share in shares.items():
        first, end = round(begin * len(order)), round((begin + share) * len(order))
        found[name] = [order[place % len(order)] for place in range(first, end)]
        begin += share
    return found


def assignment_of(event: Event) -> Rows:
    """Reviewer → rows, of an event that assigns them.

    Raises:
        UnusableEventError: it has another shape.
    """
    rows: object = event.data.get("rows")
    if not is_mapping(rows):
        raise UnusableEventError("`rows` are not those of reviewers")
    for name, those in rows.items():
        if not named(name) or not is_sequence(those) or not all(isinstance(row, str) for row in those):
            raise UnusableEventError("`rows` are not those of reviewers")
    return {name: frozenset(those) for name, those in rows.items()}
