"""Attempts: the calls for one sample of a row, or for a pack of rows, and what they have come to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Attempts:
    """What the calls so far have come to.

    Attributes:
        tries: failures that count against it.
        spent: seconds of its calls, and of the waits that were its own.
        hangs: time-outs among the failures.
        told_off: how often it was told to wait for very long.
        late: whether its time is used up.
        doomed: whether it is given up, unless its last failure turns out to be the provider's.
        refusals: of its calls, whatever they count.
        refused_at: when the last of them was sent.
        own: nats that speak for its being refused while others are let in.
        singled: calls since that was sure.
        stuck: whether nobody but such rows is left, and nothing gets through.
    """

    tries: int = 0
    spent: float = 0.0
    hangs: int = 0
    told_off: int = 0
    late: bool = False
    doomed: bool = False
    refusals: int = 0
    refused_at: float | None = None
    own: float = 0.0
    singled: int = 0
    stuck: bool = False


@dataclass(eq=False)
class CallUnderWay:
    """One call.

    Attributes:
        attempts: of the row, or of the rows, that it asks for.
        began: when it was sent.
        turn: whether it left by a turn of its own, as a probe or in the first moments after an outage.
        refused: whether the provider did; None while that is open.
    """

    attempts: Attempts
    began: float
    turn: bool = False
    refused: bool | None = None
