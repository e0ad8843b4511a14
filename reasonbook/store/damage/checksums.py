"""Checksums: 23 bits beside an answer and 31 beside an event, by which damage is told from what was written.

An answer's stands above the number of its call, where it takes three bytes and no column: versions that know nothing of
it write their answers by position. What they write has none, and is taken as it stands, and so are the answers of a
store's calls beyond 16 million.
"""

from __future__ import annotations

import sqlite3
from zlib import crc32

_CALL = 0xFFFFFF  # the number of the call, under the checksum,
BARE = 1 << 32  # and below this there is only the number
CALL = f"iif(call < {BARE}, call, call & {_CALL})"  # in SQL: the number of the call that gave an answer
_MOST_CALLS = 1 << 31


def sealed(call: int, key: str, value: str) -> int:
    """The number of a call, with the checksum of one of its answers above it."""
    return call if call > _CALL else _check(call, key, value) << 24 | call


def _check(call: int, key: str, value: str) -> int:
    check = crc32((key + value).encode(), call) >> 9
    return check if check > 0xFF else check + 0x100  # above a call's number: at least BARE, at most six bytes


def answer_holds(key: str, value: str, call: object, calls: int) -> bool:
    """Whether an answer is what was written.

    Args:
        key: of the answer.
        value: as JSON.
        call: as `sealed` gave it.
        calls: how many there are: one without a checksum must name one of them.
    """
    if not isinstance(call, int):
        return False
    return 0 <= call <= calls if call < BARE else call >> 24 == _check(call & _CALL, key, value)


def next_call(number: int) -> int:
    """A number for a call.

    Raises:
        sqlite3.DatabaseError: there cannot be so many; the number before it is damaged.
    """
    if number > _MOST_CALLS:
        raise sqlite3.DatabaseError(f"the number of a call is {number}")
    return number


def event_sum(subject: str, at: float, kind: str, data: str) -> int:
    """The checksum of an event."""
    return crc32(f"{subject}\0{at!r}\0{kind}\0{data}".encode()) >> 1


def event_holds(subject: object, at: object, kind: object, data: object, check: object) -> bool:
    """Whether an event is what was written; one that has no checksum is taken as it stands."""
    if not (isinstance(subject, str) and isinstance(kind, str) and isinstance(data, str)):
        return False
    if not isinstance(at, (int, float)):
        return False
    return check is None or check == event_sum(subject, float(at), kind, data)
