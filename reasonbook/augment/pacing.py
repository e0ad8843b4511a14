"""Pacing: how many calls may be in flight, and how fast they may leave."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from ..teachers import Failure, Limits

_WINDOW = 16  # newest outcomes that tell a wave of refusals from a stray one
_WAVE = 6
_LONGEST_PAUSE = 60.0
_PROBE = 0.03  # a learnt rate is tried this much faster after each clean second
_CAUTION = 0.97


class Bucket:
    """A level that refills with time up to ``burst``; one withdrawal may overdraw it."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = per_second
        self.burst = burst
        self._clock = clock
        self._level = burst
        self._at = clock()

    def delay(self, need: float = 0.0) -> float:
        """Seconds until the level is at ``need``."""
        self._refill()
        lacking = min(need, self.burst) - self._level
        return 0.0 if lacking <= 1e-9 else lacking / self.rate

    def take(self, amount: float) -> None:
        self._refill()
        self._level -= amount

    def set(self, *, rate: float | None = None, level: float | None = None) -> None:
        self._refill()
        if rate is not None:
            self.rate = max(rate, 1e-3)
        if level is not None:
            self._level = min(level, self.burst)

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now


class Pacer:
    """Lets calls go.

    Four rules, each simple. The provider's own numbers come first: a rate that is given, or that its headers
    tell, is kept from the first call. A wave of refusals (not a stray one, which only sends its own row to the back)
    stops everything until the time that the provider names; what got through since the last wave, over the
    time it took, is then the rate. A learnt rate is probed upward slowly and taken back at a refusal. An
    overloaded provider (5xx, time-outs) gets half the calls at once, and more again one by one.

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
        self.allowed = float(concurrency)
        self.in_flight = 0
        self.clock = clock
        self.requests = Bucket(rpm / 60, max(1.0, rpm / 60), clock) if rpm else None
        self.tokens = Bucket(tpm / 60, max(1.0, tpm / 60), clock) if tpm else None
        self.given = rpm is not None
        self.learnt = False
        self.refused = 0
        self.paused_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._outcomes: deque[bool] = deque(maxlen=_WINDOW)
        self._accepted: deque[float] = deque(maxlen=4096)
        self._wave_at = clock()
        self._probed_at = self._halved_at = 0.0
        self._tokens_each = 0.0

    @property
    def rate(self) -> float | None:
        """Requests a second at most, where there is such a limit."""
        return self.requests.rate if self.requests else None

    # -- a call's way through ----------------------------------------------------------------------------
    async def enter(self, tokens: float = 0.0) -> None:
        """Waits until one more call may leave."""
        while self._waiting or self._delay() > 0 or self.in_flight >= int(self.allowed):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            self._arm()
            try:
                await future
            except asyncio.CancelledError:
                self._wake()
                raise
            if self._delay() <= 0 and self.in_flight < int(self.allowed):
                break
        self.in_flight += 1
        if self.requests:
            self.requests.take(1.0)
        if self.tokens:
            self.tokens.take(tokens)
        if self._waiting:
            self._arm()

    def leave(self) -> None:
        self.in_flight -= 1
        self._wake()

    # -- what is learnt ----------------------------------------------------------------------------------
    def succeeded(self) -> None:
        now = self.clock()
        self._outcomes.append(True)
        self._accepted.append(now)
        if self.allowed < self.most:
            self.allowed = min(self.most, self.allowed + 1.0 / max(1.0, self.allowed))
        if self.learnt and self.requests and now - self._probed_at >= 1.0:
            self._probed_at = now
            if self._waiting:  # only a limit that binds is worth trying
                self.requests.set(rate=self.requests.rate * (1 + _PROBE))

    def failed(self, error: Failure) -> None:
        """Takes a failed call into account."""
        now = self.clock()
        if error.kind == "rate":
            self.refused += 1
            self._outcomes.append(False)
            if list(self._outcomes).count(False) >= _WAVE and now >= self.paused_until:
                self._wave(now, error.retry_after)
            elif self.learnt and self.requests and now - self._probed_at > 0.5:
                self._probed_at = now + 1.0
                self.requests.set(rate=min(self.requests.rate, self._measured(now, 3.0)) * _CAUTION)
        elif error.kind in ("server", "timeout"):
            self._outcomes.append(True)
            trouble = error.status in (503, 529) or error.kind == "timeout"
            if trouble and now - self._halved_at > 1.0 and self.in_flight > 1:
                self._halved_at = now
                self.allowed = max(1.0, self.allowed * (0.5 if error.status in (503, 529) else 0.9))

    def heard(self, limits: Limits) -> None:
        """Takes the limits of a provider's headers; what the user gave stays."""
        if limits.requests and not self.given:
            self._heard("requests", limits.requests, limits.requests_left, limits.requests_reset)
        if limits.tokens:
            self._heard("tokens", limits.tokens, limits.tokens_left, limits.tokens_reset)

    # -- inside ------------------------------------------------------------------------------------------
    def _heard(self, name: str, limit: float, left: float | None, reset: float | None) -> None:
        bucket: Bucket | None = getattr(self, name)
        if bucket is None:
            bucket = Bucket(limit / 60, limit, self.clock)
            setattr(self, name, bucket)
        if left is not None:
            own = left - (self.in_flight if name == "requests" else 0)
            bucket.set(level=own)
            if reset and own <= 0 and reset <= _LONGEST_PAUSE:
                bucket.set(rate=max(limit / 60, (limit - left) / reset))

    def _wave(self, now: float, retry_after: float | None) -> None:
        pause = min(_LONGEST_PAUSE, retry_after if retry_after is not None else 1.0)
        self.paused_until = now + pause
        passed = max(self.paused_until - self._wave_at, 0.05)
        got = sum(1 for at in self._accepted if at >= self._wave_at)
        rate = max(got, 1) / passed
        if self.requests is None:
            self.requests = Bucket(rate, max(1.0, rate), self.clock)
        elif not self.given:
            self.requests.burst = max(1.0, rate)
            self.requests.set(rate=rate)
        self.learnt = not self.given
        # What the provider's own bucket refills during the pause may leave at once after it.
        self.requests.set(level=-rate * 0.05)
        self._wave_at = now
        self._probed_at = self.paused_until
        self._outcomes.clear()

    def _measured(self, now: float, window: float) -> float:
        span = min(window, max(0.25, now - self._wave_at))
        return max(1, sum(1 for at in self._accepted if at > now - span)) / span

    def _delay(self) -> float:
        wait = self.paused_until - self.clock()
        if self.requests:
            wait = max(wait, self.requests.delay(1.0))
        if self.tokens:
            wait = max(wait, self.tokens.delay())
        return wait

    def _arm(self) -> None:
        """Sees to it that the first in line is woken when its time comes."""
        delay = self._delay()
        if delay <= 0:
            self._wake()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        if self._delay() > 0:
            if self._waiting:
                self._arm()
            return
        while self._waiting and self.in_flight < int(self.allowed):
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
