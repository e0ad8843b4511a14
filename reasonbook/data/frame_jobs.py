"""Frame jobs: who is filling the rows of this very frame, so that whoever reads it can wait for them.

A job says so itself when it starts, whichever verb began it. A copy or slice of the frame is another frame: rows that
were pending in it stay so, since no job writes there.
"""

from __future__ import annotations

import weakref

from ..errors import ReasonbookError
from ..job import Job, Status
from ..waiting import wait_for
from .frame_metadata import Remembered
from .typed_pandas import DataFrame

_jobs: Remembered[list[weakref.ref[Job]]] = Remembered()  # by start, oldest first; a job holds its frame


def announce(df: DataFrame, job: Job) -> None:
    """Says that a job is about to write rows into a frame."""
    others = [ref for ref in _jobs.get(df) or () if ref() not in (None, job)]
    _jobs.set(df, [*others, weakref.ref(job)])


def settle(df: DataFrame, *, wait: bool = True, purpose: str = "") -> bool:
    """Has everything that jobs found for the frame stand in it; whether there was a job to wait for.

    Args:
        df: the frame.
        wait: until running jobs have ended; an interrupt ends the waiting and leaves them alone.
        purpose: the verb that needs the rows, for the line that is shown.

    Raises:
        ReasonbookError: a job is running, and it cannot or shall not be waited for.
    """
    jobs = _of(df)
    for job in jobs:
        job.mailbox.drain()
    running = [job for job in jobs if job.running]
    if not running:
        return False
    if not wait:
        raise ReasonbookError(
            f"Rows of this frame are still on their way: {running[-1].how_far}.",
            "job.wait()   # and then this line again; without wait=False it waits by itself",
        )
    if not all(job.mailbox.mine for job in running):
        raise ReasonbookError(
            f"Rows arrive on the thread that began their job, and this is another: {running[-1].how_far}.",
            "job.wait()   # on the thread that began it, and then this line again",
        )
    wait_for(running, purpose=purpose)
    return True


def stopped_short(df: DataFrame) -> str:
    """How the newest job of a frame ended, where it did not do all that it was to; else empty."""
    jobs = [job for job in _of(df) if job.status is not Status.CREATED]
    if not jobs or jobs[-1].status is Status.COMPLETED or jobs[-1].running:
        return ""
    job = jobs[-1]
    why = getattr(job.error, "problem", job.error)
    return (
        f"The last job on this frame did not get through all rows: {job.how_far}{f' ({why})' if why else ''}."
    )


def _of(df: DataFrame) -> list[Job]:
    return [job for ref in _jobs.get(df) or () if (job := ref()) is not None]
