r"""Travel: acts as lines of a file, to be sent by mail or git, and what of such a file can be taken in.

The file is JSON Lines. The first line is its header: ``{"reasonbook": "acts", "version": 1, "by": [names], "acts":
number, "rows": number of rows that the acts are about}``. Each line after it is one act: ``kind`` (``decision``,
``undo``, ``redo``, ``assign``), ``event`` (its name, a uuid), ``by``, ``at`` (seconds since the epoch), ``clock`` (the
order of acts) and what the journal keeps of it: ``id`` (of the act; of an undo, the act that is taken back), ``after``
and ``before`` (row → attributes of its decision), ``aliases`` and ``settled``. Other parts are kept and not read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..data.conversation import digest, is_mapping
from ..events import Event
from ..safe_text import encodable
from .acts import TURNS, UnusableEventError, author_of, change_of, id_of
from .assignment import ASSIGN, assignment_of
from .author import named

KINDS = ("decision", *TURNS, ASSIGN)
VERSION = 1
_MOST = 2**53  # of a clock: a count that no journal reaches
_LONGEST = 64  # characters of an act's name


class Clock(NamedTuple):
    """The place of an act among all; ``number`` is one more than the highest that its journal had known."""

    number: int = 0
    at: float = -math.inf
    name: str = ""


def clocked(events: Iterable[Event], newest: int) -> Iterator[tuple[Clock, Event]]:
    """Events of a journal with their clocks: told by what came from elsewhere, counted for what was written here."""
    for event in events:
        told: object = event.data.get("clock") if is_mapping(event.data) else None
        is_told = type(told) is int and 0 <= told <= _MOST
        count = told if is_told else min(newest + 1, _MOST)
        newest = max(newest, count)  # pyright: ignore[reportArgumentType]
        yield Clock(count, event.at, name_of(event)), event  # pyright: ignore[reportArgumentType]


def name_of(event: Event) -> str:
    """The name of an event itself; an undo of an older version had none, and is known by what it is about."""
    data: Mapping[str, Any] = event.data if is_mapping(event.data) else {}
    own = data.get("event", data.get("id") if event.kind not in TURNS else None)
    return own if isinstance(own, str) else digest([event.kind, str(data.get("id")), event.at, event.seq])


def header(events: Iterable[Event]) -> str:
    """The first line of a file with these acts."""
    found = list(events)
    told = {
        "reasonbook": "acts",
        "version": VERSION,
        "by": sorted({author_of(event) for event in found}),
        "acts": len(found),
        "rows": len({row for event in found for row in rows_of(event)}),
    }
    return json.dumps(told, ensure_ascii=False)


def line(clock: Clock, event: Event) -> str:
    """One act as a line."""
    told = {**event.data, "kind": event.kind, "event": name_of(event), "at": event.at, "clock": clock.number}
    return json.dumps(told, ensure_ascii=False, default=str)


def rows_of(event: Event) -> Iterable[str]:
    """The rows that an act is about; those of an undo are its act's."""
    rows: object = event.data.get("after")
    return rows.keys() if is_mapping(rows) else ()


def is_header(text: str) -> bool:
    """Whether a line is the header of a file, of a version that can be read.

    Raises:
        UnusableEventError: it is that of a newer version.
    """
    try:
        told: object = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not is_mapping(told) or told.get("reasonbook") != "acts":
        return False
    if told.get("version") != VERSION:
        raise UnusableEventError(f"its version is {told.get('version')!r:.20}, and this one reads {VERSION}")
    return True


def read(text: str) -> Event:
    """The act of a line.

    Raises:
        UnusableEventError: it is none; the text says why.
    """
    try:
        told: object = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise UnusableEventError("it is no JSON") from None
    if not is_mapping(told) or told.get("kind") not in KINDS:
        raise UnusableEventError("it is no act of a review")
    if not encodable(json.dumps(told, ensure_ascii=False)):
        raise UnusableEventError("it holds half a character")
    data = dict(told)
    kind, at, own, by = data.pop("kind"), data.pop("at", None), data.get("event"), data.get("by")
    if not isinstance(own, str) or not 0 < len(own) <= _LONGEST:
        raise UnusableEventError("it has no name")
    if not named(by):
        raise UnusableEventError("nobody has signed it")
    if type(data.get("clock")) is not int or not 0 <= data["clock"] <= _MOST:
        raise UnusableEventError("its clock is no count")
    if type(at) not in (int, float) or not 0 < at < 1e11:
        raise UnusableEventError("its time is no time")
    event = Event(kind, data, float(at))
    if kind == "decision":
        if change_of(event).id != own:
            raise UnusableEventError("it has two names")
    elif kind == ASSIGN:
        assignment_of(event)
    else:
        id_of(event)
    return event


def _no_number(text: str) -> object:
    raise ValueError(text)
