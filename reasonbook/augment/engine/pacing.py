"""Pacing: how many calls may be in flight, and how fast they may leave."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from ...teachers import CallError, Limits

_WINDOW = 16  # newest outcomes that tell a wave of refusals from stray ones
_WAVE, _WAVELET = 6, 3  # refusals among them that count: while no rate is learnt, and later
_LONGEST_PAUSE = 60.0
_UNTOLD = 0.15  # seconds of a pause that nobody named
_SAME = 0.4  # refusals within so many seconds tell of the same moment
_CAUTION = 0.98
_GROWTH, _FASTEST = 0.02, 0.2  # a learnt rate is tried this much faster each second, ever bolder


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
        """Withdraws an amount, even more than there is."""
        self._refill()
        self._level -= amount

    def set(self, *, rate: float | None = None, level: float | None = None) -> None:
        """Changes the refill per second, the present level, or both."""
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

    The provider's own numbers come first: a rate that is given, or that its headers tell, is kept from the first
    call. Where there is none, a wave of refusals (a stray one only sends its own row to the back) stops all calls
    until the time that the provider names, and a rate is learnt. At the moment of a refusal the provider's allowance is
    empty, so the calls that it admitted between two such moments, over the time between them, are its rate,
    whatever kind of limit it keeps. A learnt rate is raised slowly until a few calls are refused again:
    then the allowance is used up to the full and measured anew. An overloaded provider (5xx, time-outs) gets half the
    calls at once, and more again one by one.

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
        self._sent: deque[float] = deque(maxlen=4096)
        self._admitted = 0  # calls sent and not refused
        self._empty_at: float | None = None  # when the allowance was last seen to be empty
        self._admitted_then = 0
        self._refused_then = self._shut = 0  # before the last time nothing got through; how often in a row
        self._guessed = self._bound = False
        self._growth = _GROWTH
        self._grown_at = self._halved_at = 0.0

    @property
    def rate(self) -> float | None:
        """Requests a second at most, where there is such a limit."""
        return self.requests.rate if self.requests else None

    # -- a call's way through ----------------------------------------------------------------------------
    async def enter(self, tokens: float = 0.0) -> None:
        """Waits until one more call may leave."""
        self._bound = self.requests is not None and self.requests.delay(1.0) > 0
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
        self._admitted += 1
        if self.requests:
            self.requests.take(1.0)
        else:
            self._sent.append(self.clock())
        if self.tokens:
            self.tokens.take(tokens)
        if self._waiting:
            self._arm()

    def leave(self) -> None:
        """Notes that a call has ended, however it did, and lets the next one go."""
        self.in_flight -= 1
        self._wake()

    # -- what is learnt ----------------------------------------------------------------------------------
    def succeeded(self) -> None:
        """Learns from an answer: more calls at once, and after a while a faster rate."""
        self._outcomes.append(True)
        self._shut = 0
        if self.allowed < self.most:
            self.allowed = min(self.most, self.allowed + 1.0 / max(1.0, self.allowed))
        # Only a limit that binds is worth trying; a single worker is never seen waiting, but it had to.
        if self.learnt and self.requests and (self._waiting or self._bound):
            now = self.clock()
            if now - self._grown_at >= 1.0:
                self._grown_at = now
                self._learn(self.requests.rate * (1 + self._growth))
                self._growth = min(_FASTEST, 1.5 * self._growth)

    def failed(self, error: CallError) -> None:
        """Takes a failed call into account."""
        now = self.clock()
        if error.kind == "rate":
            self.refused += 1
            self._admitted -= 1
            self._outcomes.append(False)
            few = _WAVELET
            if (
                not self.learnt
            ):  # refusals come back before answers do, so those under way count as good so far
                told = len(self._outcomes) + min(self.in_flight, 2 * _WINDOW)
                few = max(min(_WAVE, max(2, self.most // 2)), 0.2 * told)
            if self._outcomes.count(False) >= few or now < self.paused_until:
                self._wave(now, error.retry_after)
        elif error.kind in ("server", "timeout"):
            self._outcomes.append(True)
            trouble = error.status in (503, 529) or error.kind == "timeout"
            if trouble and now - self._halved_at > 1.0 and self.in_flight > 1:
                self._halved_at = now
                self.allowed = max(1.0, self.allowed * (0.5 if error.status in (503, 529) else 0.9))

    def heard(self, limits: Limits | None) -> None:
        """Takes the limits of a provider's headers, where it has any; what the user gave stays."""
        if limits is None:
            return
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
        pause = min(_LONGEST_PAUSE, retry_after if retry_after is not None else _UNTOLD)
        self.paused_until = max(self.paused_until, now + pause)
        before, admitted = self._empty_at, self._admitted - self._admitted_then
        self._empty_at, self._admitted_then = now, self._admitted
        self._growth, self._grown_at = _GROWTH, self.paused_until
        same = before is not None and now - before < _SAME
        if self.given or (same and not self._guessed):
            return
        self._outcomes.clear()
        if before is None or same:  # the last second's calls: a burst is often worth about a second
            rate = float(sum(at > now - 1.0 for at in self._sent) - (self.refused - self._refused_then))
            if rate <= 0:
                self._shut_out(now, retry_after)
                return
            self._growth, self._guessed = _FASTEST, True
        else:
            rate = _CAUTION * admitted / (now - before)
            self._guessed = False
        self._learn(max(rate, 0.2))
        assert self.requests is not None
        self.requests.set(level=0.0)

    def _shut_out(self, now: float, retry_after: float | None) -> None:
        """Nothing got through at all, which tells of no rate: waits, ever longer where nobody says how long."""
        self._shut += 1
        if retry_after is None:
            pause = min(_LONGEST_PAUSE, _UNTOLD * 2.0 ** min(self._shut, 10))
            self.paused_until = max(self.paused_until, now + pause)
        self.requests, self.learnt, self._empty_at = None, False, None
        self._sent.clear()
        self._refused_then = self.refused

    def _learn(self, rate: float) -> None:
        burst = max(1.0, 0.1 * rate)
        if self.requests is None:
            self.requests = Bucket(rate, burst, self.clock)
        self.requests.burst = burst
        self.requests.set(rate=rate)
        self.learnt = True

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
