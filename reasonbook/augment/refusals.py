"""Refusals: the one sentence with which a provider ends a job."""

from __future__ import annotations

from ..errors import TeacherError
from ..teachers import Failure


def fatal(teacher: str, error: Failure) -> TeacherError:
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
