"""Own refusals: rows that a provider refuses while it lets others in, told from those that meet its limit."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from ....teachers import CallError
from .attempts import Attempts, CallUnderWay

_REFUSALS = (429, 503, 529)
_LIKELY, _SURE, _TRIES = 2.5, 14.0, 5  # nats against chance: it may be the row; it is, after so many refusals
_NEWEST = 256  # calls that tell how many are refused
_LEFT = 1.0  # nats of each row that is left, on average, when nobody is there to compare with
_OWN_WAIT = 8.0  # seconds of a wait after which it is seen whether others get through
_PAUSE, _SILENT = (
    3.0,
    15.0,
)  # seconds in which nothing has got through then: they may be alone; they are stuck
_MINUTE = 75.0  # of one last row that nothing is known of: no provider counts in longer windows than a minute


class OwnRefusals:
    """Weighs every refusal of a row by how others fared that were sent after the one before.

    Where a third of the calls are refused, being refused once says little; where all others are let in, it says much;
    while nobody is let in it says nothing. A row that is refused too often for chance is singled out, and few tries
    are left to it. At the end of a job there is nobody to compare with: rows that were refused while others got
    through, and with which nothing gets through for a while, are stuck.

    Args:
        clock: seconds that run on.

    Attributes:
        alone: whether nobody but such rows is left.
        stuck: whether nothing has got through since, for so long that nothing will.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.alone = self.stuck = False
        self._clock = clock
        self._newest: deque[CallUnderWay] = deque(maxlen=_NEWEST)
        self._refused: set[Attempts] = set()  # the rows whose last call was
        self._passed_at = clock()
        self._gap = 0.0  # the longest time in which nothing got through, and then something did
        self._took = 0.05  # seconds until the latest refusal came

    def sent(self, call: CallUnderWay) -> CallUnderWay:
        """Notes a call that leaves."""
        self._newest.append(call)
        return call

    def passed(self, call: CallUnderWay) -> None:
        """Notes a call that was let in, whatever came of it."""
        call.refused = False
        self._refused.discard(call.attempts)
        now = self._clock()
        self._gap = max(self._gap, now - self._passed_at)
        self._passed_at, self.alone, self.stuck = now, False, False

    def refused(self, call: CallUnderWay, error: CallError, rows: int) -> bool:
        """Weighs a failure; True where it says nothing of the provider.

        Args:
            rows: that are left in all.
        """
        if error.kind != "rate" and error.status not in _REFUSALS:
            return False
        attempts = call.attempts
        attempts.own += self._weight(attempts)
        attempts.refusals += 1
        attempts.refused_at, call.refused = call.began, True
        self._took = max(self._took, self._clock() - call.began)
        self._refused.add(attempts)
        attempts.singled += attempts.own >= _SURE and attempts.refusals >= _TRIES
        silent, last = self._clock() - self._passed_at, len(self._refused) >= rows
        self.alone = last and silent >= max(_PAUSE, 2 * self._gap) and self._all_own()
        enough = max(_SILENT, 2 * self._gap) if self.alone else _MINUTE if rows == 1 else math.inf
        self.stuck = self.stuck or (last and silent >= enough)
        attempts.stuck = self.stuck
        return self.alone or attempts.own >= _LIKELY

    def closed(self, attempts: Attempts) -> None:
        """Notes that no further call is made for these."""
        self._refused.discard(attempts)

    def wait(self, seconds: float, attempts: Attempts, act: Callable[[], object]) -> None:
        """Acts after so many seconds; sooner when a long wait, as others get through, is not for everybody."""
        step = min(seconds, _OWN_WAIT)
        asyncio.get_running_loop().call_later(step, self._waited, seconds - step, attempts, act)

    def _waited(self, left: float, attempts: Attempts, act: Callable[[], object]) -> None:
        if left <= 0 or self.stuck or self._weight(attempts) > 0:
            act()
        else:
            self.wait(left, attempts, act)

    def _weight(self, attempts: Attempts) -> float:
        """Nats by which its last refusal was its own."""
        if attempts.refused_at is None:
            return 0.0
        # Nobody refuses later than it answers: what is under way for long is let in.
        known = self._clock() - 2 * self._took
        since = [call for call in self._newest if call.began > attempts.refused_at]
        since = [call for call in since if call.refused is not None or call.began < known]
        refused = {call.attempts for call in since if call.refused} | {attempts}
        passed = sum(not call.refused for call in since)
        return math.log((passed + len(refused)) / len(refused))

    def _all_own(self) -> bool:
        nats = sum(attempts.own + self._weight(attempts) for attempts in self._refused)
        return nats >= _LEFT * len(self._refused)
