"""Space: whether what a job is about to pay for can be kept, found out before anything is asked."""

from __future__ import annotations

import shutil

from ...errors import StoreError
from ..database import Store

# Bytes: a row with two short answers was measured at 390, one of a talkative teacher takes three times as much.
_CALL = 250
_ANSWER = 350
_LOG = 4 << 20  # the write-ahead log is emptied at this size,
_LOG_PER_CALL = 8 << 10  # and takes a page or two for each call until then


def room_for(calls: int, answers: int) -> int:
    """Bytes that so many calls and answers are likely to take, with the log through which they go."""
    return calls * _CALL + answers * _ANSWER + min(_LOG, calls * _LOG_PER_CALL)


def make_sure_of_room(store: Store, calls: int, answers: int) -> None:
    """Returns when so many answers can be kept, as far as one can know.

    Raises:
        StoreError: nothing can be written, or the disk has no room for them.
    """
    with store.writing() as db:  # really written: a quota, or a limit on files, is told by nothing else
        [(version,)] = db.execute("PRAGMA user_version").fetchall()
        db.execute(f"PRAGMA user_version={version}")
    free, needed = shutil.disk_usage(store.folder).free, room_for(calls, answers)
    if free < needed:
        raise StoreError(
            f"The disk of {str(store.folder)!r} has {in_words(free)} left, and the answers of {calls:,} calls take "
            f"about {in_words(needed)}; nothing was asked.",
            "free some space, or name another folder: os.environ['REASONBOOK_HOME'] = '/path/to/folder'",
        )


def in_words(count: int) -> str:
    """Bytes as a person says them: ``1.5 MB``."""
    size, units = float(count), ["bytes", "KB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} bytes" if units[0] == "bytes" else f"{size:.1f} {units[0]}"
