"""Pacer: the gate that every call of a job passes on its way out."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ....teachers import CallError, Limits
from .bucket import Bucket
from .controller import Controller
from .evidence import SentCall
from .told import Told

_OVERLOADED = (503, 529)
_PROVIDER = "provider's"
_SHED = 0.03  # share of refusals that is worth a word
_LATELY = 5.0  # seconds for which a limit that held a call back is named
_current: ContextVar[SentCall | None] = ContextVar("call", default=None)  # the call that this task makes


class Pacer:
    """Lets calls go, as fast as the provider takes them and no faster.

    What the user or the provider's headers tell is kept from the first call on (`Told`); what they do not tell is
    found out from refusals (`Controller`).

    Args:
        concurrency: calls in flight at most.
        rpm: requests a minute, where the account's limit is known.
        tpm: tokens a minute, where it is known.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = concurrency
        self.in_flight = 0
        self.clock = clock
        self.told = Told(clock, rpm, tpm)
        self.found = Controller(concurrency, clock)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._held = ""  # by which limit the newest call was
        self._held_last = ("", -math.inf)  # by which one a call last was, and when
        self._slow_at = -math.inf
        self._room = float(concurrency)  # after time-outs, fewer calls at once

    # -- a call's way through --------------------------------------------------------------------------------
    async def enter(self, tokens: float = 0.0) -> None:
        """Waits until one more call may leave."""
        self._held = ""
        while self._waiting or self._wait() > 0:
            self._held = self._holder()
            self._held_last = (self._held, self.clock())
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            self._arm()
            try:
                await future
            except asyncio.CancelledError:
                self._wake()
                raise
            if self._wait() <= 0:
                break
        self.in_flight += 1
        call = self.found.leaves()
        _current.set(call)
        self.told.leaves(call, tokens)
        if self.found.rate is not None:
            self.found.rate.take(1.0)
        if self._waiting:
            self._arm()

    def leave(self) -> None:
        """Notes that a call has ended, however it did, and lets the next one go."""
        self.in_flight -= 1
        call = _current.get()
        if call is not None:  # it ended without a word, as one that was cancelled does
            self.found.traffic.ends(call)
            _current.set(None)
        self._wake()

    # -- what is heard ---------------------------------------------------------------------------------------
    def succeeded(self) -> None:
        """Takes in an answer."""
        self._room = min(self.most, self._room + 1.0 / self._room)
        call = _current.get()
        if call is not None:
            self.found.answered(call, (self._held_last[0] if self._waiting else self._held) == "found")
            self.told.ended(call)

    def failed(self, error: CallError, *, own: bool = False) -> None:
        """Takes in a call that failed; ``own`` says that it is its row's failure, whatever the provider calls it."""
        call = _current.get()
        overloaded = error.kind == "server" and error.status in _OVERLOADED
        if error.kind == "timeout" and self.clock() - self._slow_at > 1.0:
            self._slow_at = self.clock()
            self._room = max(1.0, 0.9 * self._room)
        if call is None:
            return
        if not own and (error.kind == "rate" or overloaded):
            self.found.refused(call, error.retry_after, closes=not overloaded)
        else:  # it was let in, whatever came of it
            self.found.traffic.ends(call)
            if own and self.found.rate is not None:
                self.found.rate.take(-1.0)
        self.told.ended(call)

    def forget(self) -> None:
        """Begins anew but for a limit that is proven: what was found out was no limit of the calls that are left."""
        self.found = self.found.begun_anew()
        self._wake()

    def heard(self, limits: Limits | None) -> None:
        """Takes in the limits of a provider's headers, where it has any."""
        if limits is not None:
            self.told.heard(limits, self.in_flight)

    def pause(self, seconds: float) -> None:
        """Lets nothing leave for so long; then one call, and ever more while they are let in."""
        self.found.pause(self.clock() + seconds)

    # -- what it knows ---------------------------------------------------------------------------------------
    @property
    def refused(self) -> int:
        """Calls that the provider refused, as too many or too fast."""
        return self.found.traffic.refused

    @property
    def tokens(self) -> Bucket | None:
        """The allowance of tokens, where somebody told it."""
        return self.told.tokens

    @property
    def rate(self) -> float | None:
        """Requests a second at most, where there is such a limit."""
        buckets = (self.told.requests, self.found.rate)
        rates = [None if bucket is None else bucket.rate for bucket in buckets]
        return min((rate for rate in (*rates, self.found.door.rate) if rate is not None), default=None)

    @property
    def brake(self) -> str:
        """What keeps the job from going faster, in words; empty where nothing does."""
        found, told, now = self.found, self.told, self.clock()
        held_by, at = self._held_last
        if found.door.steady and found.door.count is not None and found.door.period is not None:
            return f"{_PROVIDER} limit {found.door.count} per {found.door.period.middle:.3g} s"
        if found.paused_until > now:
            return f"nothing gets through, next try in {math.ceil(found.paused_until - now)} s"
        if now - at > _LATELY + (1 / rate if (rate := self.rate) else 0.0):
            held_by = ""
        if held_by == "requests" and told.requests is not None:
            return f"{'your' if told.given[0] else _PROVIDER} limit {_speed(told.requests.rate)}"
        if held_by == "tokens" and told.tokens is not None:
            return f"{'your' if told.given[1] else _PROVIDER} limit {_speed(told.tokens.rate, ' tokens')}"
        if held_by == "found" and found.rate is not None:
            return f"{_PROVIDER} limit {_speed(found.rate.held)}"
        if held_by == "found" and found.cap is not None:
            return f"{found.cap.held} calls at once, the provider's cap"
        if found.shedding and found.shed >= _SHED:
            return f"{found.shed:.0%} shed, not a rate limit"
        return ""

    # -- what processes of one store share -------------------------------------------------------------------
    @property
    def share(self) -> float:
        """The part of every limit of the provider that this process may use; 1.0 when it is alone."""
        return self.told.share

    @share.setter
    def share(self, share: float) -> None:
        self.found.scale(share / self.told.share)
        self.told.share = share
        self._wake()

    def state(self) -> dict[str, Any]:
        """What was found out, for all processes together, as plain data; times by the wall clock.

        ``rate`` (requests a second) and ``cap`` (calls at once) are None where no such limit is known,
        ``paused_until`` where calls may leave, ``window`` (calls from one opening to the next) where it counts by none.
        """
        found, share = self.found, self.share
        pause = found.paused_until - self.clock()
        rate = found.door.rate if found.rate is None else found.rate.held
        count, period, opened = found.door.window or (None, None, 0.0)
        return {
            "window": None if count is None else count / share,
            "period": None if period is None else (period.low, period.high),
            "opened": time.time() + opened - self.clock(),
            "rate": None if rate is None else rate / share,
            "cap": None if found.cap is None else found.cap.held / share,
            "shed": found.shed if found.shedding else 0.0,
            "paused_until": time.time() + pause if pause > 0 else None,
        }

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Goes by what another process has found out: a `state` of its own pacer."""
        rate, cap, until = state.get("rate"), state.get("cap"), state.get("paused_until")
        if state.get("window") is not None:
            low, high = state["period"]
            opened = self.clock() + state["opened"] - time.time()
            self.found.adopt_window(state["window"] * self.share, (low, high), opened)
        self.found.adopt(
            rate=None if rate is None else rate * self.share,
            cap=None if cap is None else cap * self.share,
            shed=state.get("shed") or 0.0,
        )
        if until is not None and until > time.time():
            self.pause(until - time.time())
        self._wake()

    # -- inside ----------------------------------------------------------------------------------------------
    def _wait(self) -> float:
        """Seconds until the next call may leave; infinite when one has to come back first."""
        found = self.found
        wait = max(found.paused_until - self.clock(), self.told.delay(found.traffic.patience))
        if found.rate is not None:
            wait = max(wait, found.rate.delay(1.0))
        if wait <= 0 and self.in_flight >= min(found.at_once(), int(self._room)):
            return found.wider_in()
        return wait

    def _holder(self) -> str:
        """Which limit holds the next call back the longest: of ``requests``, of ``tokens``, or one that was found."""
        told, rate = self.told, self.found.rate
        waits = {
            "found": 0.0 if rate is None else rate.delay(1.0),
            "requests": 0.0 if told.requests is None else told.requests.delay(1.0),
            "tokens": 0.0 if told.tokens is None else told.tokens.delay(),
        }
        return max(waits, key=waits.__getitem__)

    def _arm(self) -> None:
        """Sees to it that the first in line is woken when its time comes."""
        wait = self._wait()
        if wait <= 0:
            self._wake()
        elif wait < math.inf:
            loop = asyncio.get_running_loop()
            if self._timer is not None and self._timer.when() > loop.time() + wait + 1e-3:
                self._timer.cancel()
                self._timer = None
            if self._timer is None:
                self._timer = loop.call_later(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        if not self._waiting:
            return
        if self._wait() > 0:
            self._arm()
            return
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return


def _speed(rate: float, unit: str = "") -> str:
    """A rate as a person says it."""
    if rate >= 10:
        return f"{rate:.0f}{unit}/s"
    return f"{rate:.1f}{unit}/s" if rate >= 1 else f"{60 * rate:.0f}{unit}/min"
