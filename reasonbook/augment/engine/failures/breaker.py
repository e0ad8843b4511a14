"""Breaker: lets no calls leave while their provider is down, but for a gentle probe now and then."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ....teachers import CallError
from ...results import Pause
from .attempts import Attempts, CallUnderWay
from .evidence import Evidence


@dataclass(frozen=True)
class Patience:
    """How an outage is waited out, in seconds.

    Attributes:
        first: until the first probe; each wait is twice the one before.
        longest: between two probes at most, answered or not.
        refused: of nothing but "slow down", after which that is an outage too.
        unreached: before a job ends that never had an answer and finds nobody at the address.
        unanswered: before one ends that never had anything but errors, for each retry that a row has.
    """

    first: float = 0.5
    longest: float = 15.0
    refused: float = 60.0
    unreached: float = 6.0
    unanswered: float = 15.0


PATIENCE = Patience()


class Breaker:
    """Says when calls may leave, and whether a failure is their provider's.

    In an outage, which `Evidence` tells, one probe leaves at a time. Each is the call of another row, so that no
    single row keeps an outage alive. The first answer ends it; the calls come back as they are answered, one more for
    each. What failed for an outage is taken back from the rows.

    Args:
        most: calls in flight at most.
        longest: seconds that an outage may last; where there never was an answer it is given less.
        ended: called when one lasts longer.
        retries: that a row has.
        clock: seconds that run on.
    """

    def __init__(
        self,
        most: int,
        *,
        longest: float,
        ended: Callable[[], object],
        retries: int = 8,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self.most, self.longest, self.retries, self.clock = most, longest, retries, clock
        self.patience = patience or PATIENCE
        self.evidence = Evidence(most, self.patience.refused)
        self.free = True
        self.answered_ever = False
        self.error = CallError("server", "")
        self._ended = ended
        self._since: float | None = None
        self._opened = self._probe_at = self._changed = 0.0
        self._gap = self.patience.first
        self._room: int | None = None  # calls at once, while they come back after an outage
        self._turns = 0
        self._sure = False  # whether a probe has failed
        self._over: asyncio.Event | None = None  # the present outage
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    # -- look --------------------------------------------------------------------------------------------
    @property
    def down(self) -> bool:
        """Whether the provider is taken to be down."""
        return self._since is not None

    @property
    def pause(self) -> Pause | None:
        """The outage in words, where there is one."""
        now = self.clock()
        if self._since is None or (not self._sure and now - self._opened < 2 * self.patience.first):
            return None  # what a first probe may put right at once is not worth a word
        return Pause(self.error.message, time.time() - (now - self._since), max(0.0, self._probe_at - now))

    @property
    def limit(self) -> float:
        """Seconds that this outage may last."""
        if self.answered_ever or self.error.kind == "rate":
            return self.longest
        if not self.error.connected:
            return min(self.longest, self.patience.unreached)
        return min(self.longest, self.patience.unanswered * max(0.1, self.retries))

    # -- a call's way through ----------------------------------------------------------------------------
    async def turn(self) -> None:
        """Waits for a turn: only needed while the breaker is not ``free``."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._serve()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._turns -= 1
                self._serve()
            raise

    async def recovered(self) -> None:
        """Returns when the provider is there."""
        if self._over is not None:
            await self._over.wait()

    def begin(self, attempts: Attempts, turn: bool = False) -> CallUnderWay:
        """Notes that a call leaves."""
        call = CallUnderWay(attempts, self.clock(), turn)
        self.evidence.sent(call)
        return call

    def end(self, call: CallUnderWay) -> None:
        """Notes that it is over, however it went."""
        self.evidence.over(call)
        if call.turn:
            self._turns -= 1
            self._serve()

    # -- what is learnt ----------------------------------------------------------------------------------
    def answered(self, call: CallUnderWay) -> float:
        """Takes in that the provider answered, be it with a refusal; gives the seconds that it took."""
        took = self.clock() - call.began
        call.attempts.spent += took
        self.answered_ever = True
        self.evidence.answered(call)
        if self.free:
            return took
        if self._since is not None:
            if call.began >= self._opened:
                self._close()
            elif self.evidence.contradicts(call):
                self._false_alarm()
        elif self._room is not None and call.turn:
            self._widen(self._room + 1)
        return took

    def failed(self, call: CallUnderWay, error: CallError, rows: int) -> bool:
        """Judges a call that failed; True when it is the provider's failure and none of the row's.

        Args:
            rows: how many are open; where there is but a handful, fewer of them tell of an outage.
        """
        if not error.transient or error.usage:
            self.answered(call)
            call.attempts.tries += 1
            return False
        now = self.clock()
        if self._since is not None:
            if error.kind != "rate" or self.error.kind == "rate" or call.began < self._opened:
                self._still_down(call, error, now)
                return True
            self._close()  # who asks to slow down is there again
        call.attempts.tries += 1
        few = self.evidence.few(rows if self._room is None else min(rows, 2 * self._room))
        if error.kind == "rate":
            outage = self.evidence.refused(call, now, few, error.retry_after or 0.0)
        else:
            call.attempts.spent += now - call.began
            outage = self.evidence.failed(call, now, few, connected=error.connected)
        if outage:
            self._open(now, self.evidence.since, error)
        return outage

    # -- shared with other processes -----------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """What is known of the provider, JSON-ready, for others who ask it; times are seconds since 1970."""
        ahead = time.time() - self.clock()
        return {
            "down": self.down,
            "changed": self._changed,
            "since": None if self._since is None else self._since + ahead,
            "probe": self._probe_at + ahead,
            "kind": self.error.kind,
            "why": self.error.message,
            "connected": self.error.connected,
            "answered": self.answered_ever,
        }

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Takes over what another knows, where it is newer."""
        if state["changed"] <= self._changed:
            return
        now = self.clock()
        ahead = time.time() - now
        self.answered_ever = self.answered_ever or bool(state["answered"])
        if state["down"]:
            if self._since is None:
                error = CallError(state["kind"], state["why"], connected=bool(state["connected"]))
                self._open(now, state["since"] - ahead, error, sure=True)
            self._probe_at = max(now, state["probe"] - ahead)
            self._arm(anew=True)
        elif self._since is not None:
            self._close()
        self._changed = state["changed"]

    # -- inside ------------------------------------------------------------------------------------------
    def _open(self, now: float, since: float, error: CallError, *, sure: bool = False) -> None:
        self._sure = sure or error.kind == "rate"
        self.evidence.forgive(sure=self._sure)
        self.free, self._room, self._over = False, None, asyncio.Event()
        self.error, self._since, self._opened = error, since, now
        self._plan(now)

    def _still_down(self, call: CallUnderWay, error: CallError, now: float) -> None:
        if call.began >= self._opened:
            self.error = error
        if call.turn:
            self._sure = True
            self._gap = min(self.patience.longest, 2 * self._gap)
            self._plan(now)
        self._too_long(now)

    def _too_long(self, now: float) -> bool:
        """Whether it has lasted for too long; says so."""
        over = self._since is not None and now - self._since >= self.limit
        if over:
            self._sure = True
            self._ended()
        return over

    def _plan(self, now: float) -> None:
        """Sets the time of the next probe, the last one where the end of the patience is."""
        assert self._since is not None
        end = max(now, self._since + self.limit)
        self._probe_at = min(now + self._gap * random.uniform(0.8, 1.2), end)
        self._changed = time.time()
        self._arm(anew=True)

    def _false_alarm(self) -> None:
        self.evidence.unforgive()
        self._close(self.most)

    def _close(self, room: int = 1) -> None:
        self._since, self._changed, self._gap = None, time.time(), self.patience.first
        if self._over is not None:
            self._over.set()
        self._widen(room)

    def _widen(self, room: int) -> None:
        if room >= self.most:
            self.free, self._room = True, None
        else:
            self._room = room
        self._serve()

    def _serve(self) -> None:
        """Gives the next in line their turns."""
        now = self.clock()
        if self._since is not None and self.evidence.alive(now):
            self._false_alarm()
            return
        if self._since is not None:
            if self._waiting and now >= self._probe_at:
                self._probe_at = (
                    now + self.patience.longest
                )  # one that hangs does not keep the next from leaving
                self._give_turn()
            self._arm()
            return
        while self._waiting and (self._room is None or self._turns < self._room):
            self._give_turn()

    def _give_turn(self) -> None:
        future = self._waiting.popleft()
        if not future.done():
            self._turns += 1
            future.set_result(None)

    def _arm(self, *, anew: bool = False) -> None:
        """Sees to it that the next probe leaves in time."""
        if anew and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._timer is None:
            delay = max(0.0, self._probe_at - self.clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        if not self._too_long(self.clock()):
            self._serve()
