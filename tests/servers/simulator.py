"""Simulator: a job in a weather, in virtual time, paced by the real pacer, by the plain SDK, or by fixed settings.

The pacer runs as in a job: workers ask it for leave on an event loop whose time jumps to the next thing that is due.
The other two are short event loops of their own, so that many fixed settings can be tried.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from reasonbook.augment.config import AugmentConfig
from reasonbook.augment.engine.failures.attempts import Attempts, CallUnderWay
from reasonbook.augment.engine.failures.own_refusals import OwnRefusals
from reasonbook.augment.engine.failures.retries import Retries
from reasonbook.augment.engine.pacing import Pacer
from reasonbook.augment.results import Totals
from reasonbook.teachers import CallError, Limits

from .virtual_loop import VirtualLoop
from .weather import Sky, Weather

REFUSAL = 0.01  # seconds until a refusal is back
CONCURRENCY = 64


@dataclass
class Run:
    """What came of a job.

    Attributes:
        seconds: until the last row was answered.
        calls: that went out.
        refused: of them.
        lost: rows that were given up.
        answered_at: when the last answer came.
        pacer: the real one, where it ran.
    """

    seconds: float
    calls: int
    refused: int
    lost: int = 0
    answered_at: float = 0.0
    pacer: Pacer | None = None

    @property
    def share(self) -> float:
        """Of the calls that were refused."""
        return self.refused / max(1, self.calls)


def ours(
    weather: Weather,
    *,
    rows: int | None = None,
    concurrency: int = CONCURRENCY,
    seed: int = 0,
    watch: Callable[[float, Pacer], None] | None = None,
    **limits: Any,
) -> Run:
    """The job as the live engine runs it: the real pacer, the real rule of what is asked again and when."""
    loop = VirtualLoop()
    sky = Sky(weather, loop.time, seed)
    pacer = Pacer(concurrency, clock=loop.time, **limits)
    config = AugmentConfig(concurrency=concurrency)
    teacher: Any = _Nobody()
    retries, own = Retries(teacher, config, Totals(answered=1)), OwnRefusals(loop.time)
    fresh, again = iter(range(rows or weather.rows)), deque[tuple[int, Attempts]]()
    idle: deque[asyncio.Future[None]] = deque()
    run = Run(0.0, 0, 0, pacer=pacer)
    left = rows or weather.rows

    def wake() -> None:
        while idle:
            future = idle.popleft()
            if not future.done():
                future.set_result(None)
                return

    def back(task: tuple[int, Attempts]) -> None:
        again.append(task)
        wake()

    async def worker() -> None:
        nonlocal left
        while left:
            if again:
                row, attempts = again.popleft()
            elif (row := next(fresh, -1)) >= 0:
                attempts = Attempts()
            else:
                future: asyncio.Future[None] = loop.create_future()
                idle.append(future)
                await future
                continue
            size = sky.size(row)
            await pacer.enter(size if pacer.tokens is not None else 0.0)
            run.calls += 1
            call = own.sent(CallUnderWay(attempts, loop.now))
            refusal = sky.arrive(size, row)
            said = sky.limits()
            heard = Limits(**said) if said else None
            if refusal is None:
                await asyncio.sleep(sky.latency())
                sky.leave()
                pacer.heard(heard)
                pacer.succeeded()
                own.passed(call)
                pacer.leave()
                left -= 1
                run.answered_at = loop.now
            else:
                run.refused += 1
                await asyncio.sleep(REFUSAL)
                kind = "rate" if refusal.status == 429 else "server"
                error = CallError(kind, "", retry_after=refusal.retry_after, status=refusal.status)
                pacer.heard(heard)
                pacer.failed(error, own=own.refused(call, error, left))
                if own.alone:
                    pacer.forget()
                pacer.leave()
                attempts.tries += 1
                delay = retries.delay(error, attempts)
                if delay is None:
                    own.closed(attempts)
                    run.lost += 1
                    left -= 1
                else:
                    own.wait(delay, attempts, partial(back, (row, attempts)))
            run.seconds = loop.now
            if watch is not None:
                watch(loop.now, pacer)
            if not left:
                for _ in range(len(idle)):
                    wake()

    async def main() -> None:
        await asyncio.gather(*(worker() for _ in range(concurrency)))

    state = random.getstate()
    random.seed(seed)
    try:
        loop.run_until_complete(main())
    finally:
        random.setstate(state)
        loop.close()
    return run


class _Nobody:
    """What `Retries` wants to know of a teacher."""

    class capabilities:
        free = False


def fixed(
    weather: Weather,
    *,
    rows: int | None = None,
    concurrency: int = CONCURRENCY,
    rate: float | None = None,
    seed: int = 0,
    holds: bool = False,
    tries: int | None = None,
    until: float = 1e9,
) -> Run:
    """So many calls at once and so many a second, whatever comes back.

    Args:
        holds: a refused row keeps its place while it waits, as in the SDK.
        tries: after so many in a row a row is put back to be asked anew, at the end, as by a person who runs
            the cell again.
        until: gives up after so many seconds.
    """
    drawn, now = random.Random(seed), 0.0
    sky = Sky(weather, lambda: now, seed)
    total = left = rows or weather.rows
    ready: deque[tuple[int, int]] = deque((row, 0) for row in range(total))
    events: list[tuple[float, int, str, tuple[int, int]]] = []
    numbers = itertools.count()
    run = Run(0.0, 0, 0)
    busy, next_at, asked = 0, 0.0, False
    refused_with: dict[int, float | None] = {}

    def plan(at: float, what: str, task: tuple[int, int]) -> None:
        heapq.heappush(events, (at, next(numbers), what, task))

    def send(task: tuple[int, int]) -> None:
        run.calls += 1
        refusal = sky.arrive(sky.size(task[0]))
        if refusal is None:
            plan(now + sky.latency(), "answer", task)
        else:
            run.refused += 1
            refused_with[task[0]] = refusal.retry_after
            plan(now + REFUSAL, "refusal", task)

    while left and now <= until:
        while ready and busy < concurrency and now >= next_at:
            busy += 1
            send(ready.popleft())
            if rate is not None:
                next_at = max(next_at, now - 1e-9) + 1 / rate
        if ready and busy < concurrency and not asked:
            asked = True
            plan(next_at, "leave", (0, 0))
        now, _, what, (row, tried) = heapq.heappop(events)
        if what == "leave":
            asked = False
        elif what == "answer":
            sky.leave()
            busy -= 1
            left -= 1
            run.seconds = now
        elif what == "refusal":
            hint = refused_with.pop(row)
            if tries is not None and tried + 1 > tries:
                busy -= holds
                ready.append((row, 0))
                continue
            wait = hint if hint else min(8.0, 0.5 * 2**tried) * (1 - 0.25 * drawn.random())
            busy -= not holds
            plan(now + wait, "again", (row, tried + 1))
        elif holds:
            send((row, tried))
        else:
            ready.append((row, tried))
    if left:
        run.seconds = float("inf")
    return run


def sdk(weather: Weather, *, rows: int | None = None, concurrency: int = CONCURRENCY, seed: int = 0) -> Run:
    """The plain SDK with 12 retries: 0.5 s doubling to 8 s, or what ``retry-after`` says."""
    return fixed(weather, rows=rows, concurrency=concurrency, seed=seed, holds=True, tries=12)


def best(weather: Weather, *, rows: int | None = None, seed: int = 0) -> tuple[Run, int, float | None]:
    """The best of the fixed settings: the run, its calls at once, its rate."""
    nominal = weather.rate or (weather.tokens / weather.call if weather.tokens else None)
    rates = [nominal * part for part in (1.0, 0.97, 1.05, 1.5, 3.0)] if nominal else [None]
    found: tuple[Run, int, float | None] = (Run(1e9, 0, 0), 0, None)
    at_once = (CONCURRENCY, weather.cap or 16)
    for concurrency, rate in itertools.product(at_once, rates):
        run = fixed(weather, rows=rows, concurrency=concurrency, rate=rate, seed=seed, until=found[0].seconds)
        if run.seconds < found[0].seconds:
            found = (run, concurrency, rate)
    return found
