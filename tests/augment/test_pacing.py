"""Pacing in simulated time: kinds of limits, stray refusals, overload; and a real limit on the server."""

import asyncio
import heapq

import pytest

from reasonbook.augment.engine.pacing import Pacer
from reasonbook.job import Status
from reasonbook.teachers import CallError, Limits
from tests.augment.conftest import check, frame
from tests.augment.test_live import teachers


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            while self._scheduled and self._scheduled[0]._cancelled:
                heapq.heappop(self._scheduled)
            if self._scheduled:
                self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()


class TokenBucket:
    def __init__(self, rate, burst):
        self.rate, self.burst, self.level, self.at = rate, burst, burst, 0.0

    def take(self, now):
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return None
        return (1 - self.level) / self.rate


class Window:
    def __init__(self, limit, seconds):
        self.limit, self.seconds, self.used, self.start = limit, seconds, 0, 0.0

    def take(self, now):
        if now - self.start >= self.seconds:
            self.start, self.used = now, 0
        self.used += 1
        return None if self.used <= self.limit else self.start + self.seconds - now


def simulate(limit, rows, *, concurrency=64, latency=0.05, hint=True, stray=0.0, seed=0):
    """Seconds, calls and refusals until all rows are through."""
    import random

    loop, drawn = Clock(), random.Random(seed)
    pacer = Pacer(concurrency, clock=loop.time)
    calls = [0]

    async def row():
        while True:
            await pacer.enter()
            calls[0] += 1
            wait = limit.take(loop.time()) if limit is not None else None
            if wait is None and drawn.random() < stray:
                wait = 1.0
            await asyncio.sleep(latency if wait is None else 0.005)
            if wait is None:
                pacer.succeeded()
                pacer.leave()
                return
            pacer.failed(CallError("rate", "slow down", retry_after=wait if hint else None, status=429))
            pacer.leave()
            await asyncio.sleep(wait if hint else 0.5)

    async def main():
        waiting = iter(range(rows))

        async def worker():
            for _ in waiting:
                await row()

        await asyncio.gather(*(worker() for _ in range(concurrency)))

    try:
        loop.run_until_complete(main())
        return loop.now, calls[0], pacer.refused, pacer
    finally:
        loop.close()


@pytest.mark.parametrize("rate", [5, 30, 200])
@pytest.mark.parametrize("latency", [0.05, 2.0])
def test_a_token_bucket_is_kept_near_its_rate(rate, latency):
    rows = 12 * rate
    seconds, calls, refused, _ = simulate(
        TokenBucket(rate, rate), rows, latency=latency, concurrency=max(64, 3 * rate)
    )
    ideal = max((rows - rate) / rate, latency)
    assert seconds <= 1.2 * (ideal + latency) and refused - 64 <= 0.25 * calls  # the first wave is unforeseen


def test_a_fixed_window_is_kept():
    seconds, calls, refused, _ = simulate(Window(100, 10.0), 600)
    assert seconds <= 1.2 * 60 and refused <= 0.3 * calls


def test_refusals_without_any_hint_are_lived_with():
    seconds, calls, refused, _ = simulate(TokenBucket(20, 5), 300, hint=False)
    assert seconds <= 1.5 * 15 and refused <= 0.4 * calls


class Shut:
    """Somebody else has used the allowance up; from a moment on it is there again."""

    def __init__(self, until, then):
        self.until, self.then = until, then

    def take(self, now):
        return self.until - now if now < self.until else self.then.take(now)


@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize("hint", [True, False])
def test_an_allowance_that_is_used_up_at_the_start_teaches_no_rate(hint, concurrency):
    seconds, _, refused, _ = simulate(
        Shut(20.0, TokenBucket(30, 30)), 300, hint=hint, concurrency=concurrency
    )
    free = 300 / concurrency * 0.05  # as fast as so few can go
    assert seconds <= 20 * (1.0 if hint else 2.0) + 1.5 * max(10.0, free)
    assert refused <= concurrency * (3 if hint else 12) + 0.3 * 300


def test_stray_refusals_do_not_slow_the_others():
    seconds, _, refused, pacer = simulate(None, 2000, stray=0.05)
    assert refused > 50 and pacer.rate is None
    assert seconds <= 2000 / (64 / 0.05) * 1.5 + 4


def test_overload_halves_and_recovers():
    pacer = Pacer(64, clock=lambda: 100.0)
    pacer.in_flight = 64
    pacer.failed(CallError("server", "overloaded", status=503))
    assert pacer.allowed == 32
    for _ in range(3000):
        pacer.succeeded()
    assert pacer.allowed == 64


def test_headers_set_the_rate_and_the_users_word_stays():
    pacer = Pacer(64, clock=lambda: 100.0)
    pacer.heard(Limits(requests=600, requests_left=10, requests_reset=30))
    assert pacer.rate == pytest.approx(10.0, rel=2)
    given = Pacer(64, rpm=60, clock=lambda: 100.0)
    given.heard(Limits(requests=6000))
    assert given.rate == 1.0


@pytest.mark.alone
def test_a_server_that_allows_thirty_a_second_is_used_to_the_full(provider, schema):
    from tests.servers.faults import Allowance

    provider.allowance, provider.latency = Allowance(30, 30), 0.05
    df = frame(150)
    job = df.reason.augment(schema, teacher=provider.chat).wait()
    assert job.status is Status.COMPLETED
    check(df)
    took, refused = provider.last_at - provider.first_at, provider.statuses[429]
    assert took <= 1.25 * (150 - 30) / 30 and refused <= 0.4 * provider.requests


def test_a_rate_that_is_given_is_kept_from_the_first_call(provider, schema):
    df = frame(30)
    df.reason.augment(schema, teacher=provider.chat, rpm=600).wait()
    assert provider.last_at - provider.first_at >= 0.8 * (30 - 10) / 10
    check(df)


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_two_jobs_of_one_teacher_each_hear_the_limits_of_their_own_calls(provider, schema, dialect):
    provider.headers, provider.latency = True, 0.05
    teacher, frames = teachers(provider)[dialect], (frame(30), frame(30, start=30))
    jobs = [df.reason.augment(schema, teacher=teacher) for df in frames]
    for job, df in zip(jobs, frames, strict=True):
        assert job.wait().status is Status.COMPLETED
        check(df)
        assert job._engine.pacer.rate == pytest.approx(100.0)
