"""Acts: what one event of a review's journal says, checked, so that no event can bring a review down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..data.conversation import is_mapping, is_sequence
from ..data.layout.original import Original
from ..events import Event

TURNS = ("undo", "redo")
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One act of a person, for each row: attributes of its decision, before and after.

    Attributes:
        id: its name in the journal.
        before: row → attributes as they were.
        after: row → attributes as they are.
        aliases: name that an edit has given a row, or an equal of it → the row.
        by: the reviewer; empty where nobody was named.
        settled: the rows of which it is said for all reviewers, so that their versions no longer differ.
    """

    id: str
    before: Mapping[str, Attributes]
    after: Mapping[str, Attributes]
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    by: str = ""
    settled: frozenset[str] = frozenset()


class UnusableEventError(Exception):
    """An event that cannot be applied; the text says why."""


def change_of(event: Event) -> Change:
    """The act that a ``decision`` tells of.

    Raises:
        UnusableEventError: it has another shape, or a value that a decision cannot have.
    """
    data = _content(event)
    before, after = _rows(data.get("before"), "before"), _rows(data.get("after"), "after")
    aliases: object = data.get("aliases") or {}
    if not is_mapping(aliases) or not all(isinstance(part, str) for pair in aliases.items() for part in pair):
        raise UnusableEventError("`aliases` are not names of rows")
    settled: object = data.get("settled") or ()
    if not is_sequence(settled) or not all(isinstance(root, str) for root in settled):
        raise UnusableEventError("`settled` are not names of rows")
    return Change(id_of(event), before, after, aliases, author_of(event), frozenset(settled))


def used_in(event: Event) -> Mapping[str, Attributes]:
    """Row → attributes that a ``use`` of other reasoning makes true.

    Raises:
        UnusableEventError: it has another shape, or a value that a decision cannot have.
    """
    return _rows(_content(event).get("after"), "after")


def id_of(event: Event) -> str:
    """The name of the act that an event is about.

    Raises:
        UnusableEventError: it names none.
    """
    name = _content(event).get("id")
    if not isinstance(name, str):
        raise UnusableEventError("it names no act")
    return name


def author_of(event: Event) -> str:
    """Who took an act; empty where nobody was named."""
    by: object = _content(event).get("by") or ""
    return by if isinstance(by, str) else str(by)


def _content(event: Event) -> Mapping[str, Any]:
    data: object = event.data
    if not is_mapping(data):
        raise UnusableEventError("it is no JSON object")
    return data


def _rows(rows: object, what: str) -> Mapping[str, Attributes]:
    if not is_mapping(rows):  # its names are texts: it was JSON
        raise UnusableEventError(f"`{what}` is not a decision per row")
    for attributes in rows.values():
        if not is_mapping(attributes):
            raise UnusableEventError(f"`{what}` is not a decision per row")
        for name, value in attributes.items():
            fits = _VALUES.get(name)
            if fits is not None and not fits(value):
                raise UnusableEventError(f"`{name}` cannot be {value!r:.60}")
    return rows


def _is_reasoning(value: object) -> bool:
    return value is None or is_mapping(value)


def _is_by_turn(value: object) -> bool:
    """Reasoning of turns by their number; its names are texts: it was JSON."""
    return is_mapping(value) and all(_is_reasoning(turn) for turn in value.values())


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_original(value: object) -> bool:
    if not is_mapping(value):
        return value is None
    try:
        Original.from_dict(value)
    except ValueError:
        return False
    return True


_VALUES: Mapping[str, Callable[[object], bool]] = {
    "verdict": lambda value: value in (None, "accepted", "rejected"),
    "rating": lambda value: value is None or (type(value) is int and 1 <= value <= 5),
    "reasoning": _is_reasoning,
    "response": _is_text,
    "stale": lambda value: isinstance(value, bool),
    "note": _is_text,
    "tags": lambda value: is_sequence(value) and all(isinstance(tag, str) for tag in value),
    "later": lambda value: isinstance(value, bool),
    "teacher_reasoning": _is_reasoning,
    "data_response": _is_text,
    "data_cell": _is_original,
    "turns": _is_by_turn,
    "teacher_turns": _is_by_turn,
}
