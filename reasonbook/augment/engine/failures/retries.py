"""Retries: whether a call that failed is worth making again, and when; why a row or a job is given up."""

from __future__ import annotations

import random

from ....errors import TeacherError
from ....html_card import duration
from ....teachers import CallError, Teacher
from ...config import AugmentConfig
from ...results import Totals
from .attempts import Attempts
from .evidence import LONG_WAIT

_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0
_LONGEST_REFUSED = 2.0  # the pacer sees to it that calls are not made too fast
_SECOND_LOOK = 5.0  # seconds after which a row that is told to wait for hours is asked once more
_TRUSTED = 12  # refusals of one row after which the wait that the provider names is not enough
_LAST_TRIES = 4  # of a row that is refused while others are let in, after 1, 2, 4 and
_OWN_WAIT = 8.0  # seconds; it waits no longer than that, whatever the provider names
_SAME_REFUSAL = 20  # so many first rows refused as they stand: the request is wrong, not the rows
_NEARLY = 0.97  # of a row's time; what is left is too little for one more call


class Retries:
    """What one job has seen fail so far."""

    def __init__(self, teacher: Teacher, config: AugmentConfig, totals: Totals) -> None:
        self.teacher = teacher
        self.config = config
        self.totals = totals

    def hopeless(self, error: CallError) -> bool:
        """Whether the job as a whole must end; counts the failure."""
        if error.kind == "request":
            self.totals.refused += 1
            paid = self.totals.answered or self.teacher.capabilities.free
            return self.totals.refused >= _SAME_REFUSAL and not paid
        return error.fatal

    def delay(self, error: CallError, attempts: Attempts) -> float | None:
        """Seconds until the same request may be made again; None when it is not worth it."""
        wait = self._wait(error, attempts)
        if wait is not None:
            self.totals.retried += 1
        return wait

    def _wait(self, error: CallError, attempts: Attempts) -> float | None:
        tries, asked = attempts.tries, error.retry_after or 0.0
        # Being told to slow down says nothing against the row; it may be told so more often.
        if error.kind == "request" or tries > self.config.max_retries * (4 if error.kind == "rate" else 1):
            return None
        if attempts.stuck or attempts.singled > _LAST_TRIES:
            return None
        if asked > LONG_WAIT:
            attempts.told_off += 1
            return _SECOND_LOOK if attempts.told_off == 1 else None
        longest = _LONGEST_REFUSED if error.kind == "rate" else _LONGEST_BACKOFF
        backoff = min(longest, _BACKOFF * 2 ** min(tries - 1, 10)) * random.uniform(0.5, 1.0)
        if error.kind == "rate" and error.retry_after is not None and tries <= _TRUSTED:
            backoff = 0.0  # the provider said when; the pacer sees to it that not all come back at once
        wait = max(asked, backoff) + random.uniform(0.0, 0.05)
        if attempts.singled:
            wait = 2.0 ** (attempts.singled - 1)
        elif attempts.own:
            wait = min(wait, _OWN_WAIT)
        if error.kind == "rate":
            return wait
        attempts.hangs += error.kind == "timeout"
        if attempts.spent + wait >= _NEARLY * self.config.longest_row:
            attempts.late = True
            return None
        attempts.spent += wait
        return wait

    def reason(self, error: CallError, attempts: Attempts) -> str:
        """Why a row is given up."""
        said = error.message.rstrip(".")
        if (error.retry_after or 0.0) > LONG_WAIT:
            return (
                f"{said}: the provider asks to wait {duration(error.retry_after or 0.0)} for this row alone"
            )
        if attempts.stuck or attempts.singled > _LAST_TRIES:
            return f"{said}: this row was refused {attempts.refusals} times while others were answered"
        if attempts.late:
            return f"{said}; given up after {attempts.tries} calls in {duration(attempts.spent)}"
        return error.message


def job_error(teacher: str, error: CallError) -> TeacherError:
    """What a person reads when no further row makes sense."""
    said = error.message.rstrip(".")
    if error.kind == "auth":
        return TeacherError(
            f"{teacher} refused the API key: {said}.", "check the key, then run the cell again"
        )
    if error.kind in ("quota", "rate"):
        return TeacherError(
            f"{teacher} gives no more answers to this account: {said}.",
            "add credit or wait, then run the cell again: what is paid for is kept",
        )
    if error.kind in ("server", "timeout"):
        return TeacherError(
            f"{teacher} cannot be reached: {said}.", "check the address and the network, run again"
        )
    return TeacherError(
        f"{teacher} refuses every request: {said}.", "change the model or the config, run again"
    )
