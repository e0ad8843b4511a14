"""Evidence: the calls under way, what came of the newest, and whether sending less helped."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

_WINDOW = 64  # newest calls that tell a wave of refusals from stray ones
_FEW = 3  # calls by which something can be said
_SOME, _MOST = (
    0.15,
    0.6,
)  # share refused with which a slower rate may do better; no provider sheds more than most
_KNOWN, _SLOWER = 16, 0.75  # calls that tell a share, and what is really fewer than before
_LONG = 64  # calls of a trial, at most
_SURE = 4.0  # nats for one reading over another: about 50 to 1


@dataclass(eq=False, slots=True)
class SentCall:
    """One call of the pacer.

    Attributes:
        seq: its number, from 1.
        at: when it left.
        beside: calls under way then, itself included.
        refused: whether the provider did.
    """

    seq: int
    at: float
    beside: int
    refused: bool = False


@dataclass(slots=True)
class Mark:
    """A refused call: at that moment the provider's allowance was used up.

    Attributes:
        refused: later calls that were refused too.
    """

    seq: int
    at: float
    refused: int = 0


class Traffic:
    """What is under way, and what came of the newest calls.

    A provider refuses at once, and answers when it has thought. So what is under way counts as let in, the surer
    the longer.
    """

    def __init__(self, most: int) -> None:
        self.sent = 0
        self.refused = 0
        self.under_way: dict[SentCall, None] = {}
        self.refusal_time, self.answer_time = 0.05, 0.0
        self._newest: deque[SentCall] = deque(maxlen=_WINDOW + most)

    def leaves(self, at: float) -> SentCall:
        """Notes a call that goes out."""
        self.sent += 1
        call = SentCall(self.sent, at, len(self.under_way) + 1)
        self.under_way[call] = None
        self._newest.append(call)
        return call

    def ends(self, call: SentCall, now: float | None = None) -> None:
        """Notes a call that has come back, with whatever; ``now`` where it is an answer."""
        self.under_way.pop(call, None)
        if now is not None:
            took = now - call.at
            self.answer_time += 0.2 * (took - self.answer_time) if self.answer_time else took

    def refuses(self, call: SentCall, now: float) -> None:
        """Notes a refusal."""
        self.under_way.pop(call, None)
        call.refused = True
        self.refused += 1
        self.refusal_time += 0.2 * (now - call.at - self.refusal_time)

    def forget(self) -> None:
        """Begins anew with the newest calls, after something was changed."""
        self._newest.clear()

    @property
    def patience(self) -> float:
        """Seconds after which a call that is still under way would have been refused."""
        # Nobody refuses later than it answers, but on a machine that is busy.
        return 3.0 * min(self.refusal_time, self.answer_time or 1.0) + 0.005

    def fates(self, now: float) -> tuple[int, int]:
        """Of the newest calls that left long enough ago: how many were refused, how many let in."""
        settled = [call.refused for call in self._newest if call.at <= now - self.patience]
        return sum(settled), len(settled) - sum(settled)

    def passed(self, after: int, before: int) -> bool:
        """Whether a call between two numbers is under way: it was let in, where those around it were refused."""
        return any(after < call.seq < before for call in self.under_way)

    def open_fates(self, now: float) -> int:
        """Calls under way that left so lately that they may yet be refused."""
        count, young = 0, now - self.patience
        for call in reversed(self.under_way):
            if call.at <= young:
                break
            count += 1
        return count

    def refusals(self, now: float, newest: int = _WINDOW) -> tuple[int, int]:
        """How many of the newest calls were refused, of how many that could have been.

        At first only refusals have come back; half a window of what is under way counts as let in so far.
        """
        refused = decided = young = 0
        for call in reversed(self._newest):
            if call in self.under_way and call.at > now - self.patience:
                young += 1
                continue
            refused += call.refused
            decided += 1
            if decided == newest:
                break
        return refused, decided + min(young, newest // 2)

    def share_since(self, at: float = 0.0) -> tuple[int, int]:
        """How many of the newest calls since a time were refused, of how many in all."""
        calls = [call for call in self._newest if call.at >= at]
        return sum(call.refused for call in calls), len(calls)

    def first_refused(self) -> Mark:
        """The first of the newest refusals."""
        refused = [call for call in self._newest if call.refused]
        return Mark(refused[0].seq, refused[0].at, len(refused) - 1)

    def admitted_since(self, mark: Mark) -> int:
        """Calls that left after a mark and were not refused."""
        return self.sent - mark.seq - mark.refused


Verdict = Literal["helps", "helps some", "does not", "too many"]


@dataclass(slots=True)
class Slowdown:
    """Fewer calls for a while, to see whether a smaller share of them is refused.

    Attributes:
        of: what is held down: calls at once, or calls a second.
        after: the number of the last call before it.
        bad: calls before it that were refused; one more for each that comes back late.
        calls: before it, these among them.
        floor: share that is refused at any speed, as was found before.
        let_in: calls before it that it goes by; one less for each that comes back late.
        over: seconds in which they were let in.
        helped: calls a second of the trial before it, if that helped and still there were refusals.
        slower: calls a second now, as a part of those when the first refusals came.
    """

    of: Literal["cap", "rate"]
    after: int
    bad: int
    calls: int
    floor: float = 0.0
    let_in: int = 0
    over: float = 0.0
    helped: float | None = None
    slower: float = 0.0

    def late(self) -> None:
        """A call that left before it is refused: fewer were let in than it seemed."""
        self.bad += 1
        self.let_in -= 1

    def verdict(self, refused: int, admitted: int) -> Verdict | None:
        """Whether it helps, by its own calls; None while that is open.

        Weighed are two readings: the share is what it was, or it has gone down by three quarters of what it could.
        Some calls may be refused all the same, or more than any provider sheds: then it was perhaps not enough.
        That nothing helps is said only of calls that are really fewer, beside a share that is really known.
        """
        decided = refused + admitted
        seen = refused / max(1, decided)
        before = min(0.98, max(self.bad / max(1, self.calls), 0.02))
        after = max(0.01, self.floor + 0.25 * (before - self.floor))
        weight = refused * math.log(after / before) + admitted * math.log((1 - after) / (1 - before))
        if (abs(weight) < _SURE and decided < _LONG) or (
            admitted < _FEW and (weight > 0 or self.of == "rate")
        ):
            return None
        if weight > 0 and (refused < _FEW or seen <= _SOME):
            return "helps"
        if decided < _KNOWN and (admitted or decided < _KNOWN / 2):
            return None
        if weight > 0:
            return "helps some"
        vague = self.of == "rate" and (self.calls < _KNOWN or self.slower > _SLOWER)
        return "too many" if vague or seen > min(_MOST, before + 0.1) else "does not"

    @property
    def certain(self) -> bool:
        """Whether it goes by calls enough to be exact."""
        return self.let_in >= 16

    @property
    def rate(self) -> float:
        """Calls a second that were let in before it, a little less to be careful."""
        careful = 0.98 if self.certain else 0.9
        return careful * max(0.5, self.let_in) / max(1e-3, self.over)
