"""Weather: how a provider limits, sheds and lies, as data; the simulator and the server on loopback both live in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Hint = float | Literal["honest"] | None


@dataclass(frozen=True)
class Weather:
    """What a provider does with the calls that come in; times in seconds.

    Attributes:
        rate: requests a second that it lets in, with a burst of ``burst`` (one second's worth when None).
        window: seconds of a fixed window that holds ``rate * window`` requests, instead of a bucket.
        tokens: tokens a second that it lets in, with a burst of one second's worth.
        cap: calls that it works on at once.
        shed: share of calls that it refuses whatever anybody does.
        shut: whether it refuses everything.
        never: every so-many-th row, which it refuses at every try (503 or 429, as it does the others).
        status: of its refusals.
        hint: the ``retry-after`` of a refusal: the truth, a number, or none.
        told: what its headers say: the truth, (requests a minute, requests left), or nothing.
        latency: of an answer; its median where it has a ``spread`` (the sigma of a log-normal distribution).
        phases: (from this second on, what is different then), in order.
        cycle: seconds after which the phases begin anew.
        rows: a job that takes long enough to judge the pacing.
        call: tokens of one call.
    """

    rate: float | None = None
    burst: float | None = None
    window: float | None = None
    tokens: float | None = None
    cap: int | None = None
    shed: float = 0.0
    shut: bool = False
    never: int | None = None
    status: int = 429
    hint: Hint = None
    told: Literal["honest"] | tuple[float, float] | None = None
    latency: float = 0.1
    spread: float = 0.0
    phases: tuple[tuple[float, Mapping[str, Any]], ...] = ()
    cycle: float | None = None
    rows: int = 1000
    call: float = 500.0

    @property
    def limited(self) -> bool:
        """Whether it is calls beyond a limit that it refuses."""
        return bool(self.rate or self.tokens or self.cap or any("rate" in then for _, then in self.phases))


_SHED = {
    f"{share:.0%} shed, {words}": Weather(shed=share, hint=hint, rows=4000)
    for share in (0.1, 0.2, 0.3, 0.4, 0.5)
    for words, hint in (("retry-after 1", 1.0), ("no hint", None))
}
_BUCKET = Weather(rate=30, burst=30, hint="honest", latency=0.05, spread=0.3, rows=900)
_CAP = Weather(cap=8, hint=1.0, spread=0.3, rows=1500)
_SHUT = (0.0, {"shut": True})
WEATHERS: dict[str, Weather] = {
    "clear": Weather(spread=0.3, rows=6000),
    "30 a second": _BUCKET,
    "30 a second, short job": replace(_BUCKET, rows=300),
    "30 a second, burst of one": replace(_BUCKET, burst=1, hint=1.0),
    "30 a second, slow answers": replace(_BUCKET, hint=1.0, latency=1.5, spread=0.5, rows=1500),
    "20 a second, no hint": replace(_BUCKET, rate=20, burst=5, hint=None, rows=600),
    "200 a second": replace(_BUCKET, rate=200, burst=200, rows=3000),
    "600 a minute, all at once": replace(_BUCKET, rate=10, burst=600, rows=1800),
    "100 per ten seconds": replace(_BUCKET, rate=10, window=10.0, rows=800),
    "100 per ten seconds, no hint": replace(_BUCKET, rate=10, window=10.0, hint=None, rows=800),
    "15 000 tokens a second": replace(_BUCKET, rate=None, tokens=15_000, rows=900),
    "15 000 tokens a second, told": replace(_BUCKET, rate=None, tokens=15_000, told="honest", rows=900),
    "told truly": replace(_BUCKET, told="honest"),
    "looser headers than limit": replace(_BUCKET, told=(6000, 5900)),
    "retry-after 0": replace(_BUCKET, hint=0.0),
    "headers that lie": Weather(told=(60, 0), latency=0.5, spread=0.3, rows=3000),
    "8 at once": _CAP,
    "8 at once, no hint": replace(_CAP, hint=None),
    "8 at once, slow answers": replace(_CAP, latency=4.0, spread=0.5, rows=400),
    **_SHED,
    "30% shed, slow answers": Weather(shed=0.3, hint=1.0, latency=5.0, spread=0.5, rows=900),
    "20% shed as 503": Weather(shed=0.2, status=503, rows=6000),
    "bursts": Weather(latency=0.5, rows=4000, phases=(_SHUT, (2.0, {})), cycle=10.0),
    "bursts, retry-after 1": Weather(latency=0.5, hint=1.0, rows=4000, phases=(_SHUT, (2.0, {})), cycle=10.0),
    "a slow drip": Weather(rate=1 / 3, burst=3, hint="honest", latency=0.5, rows=400),
    "10 s shut, then free": Weather(hint=1.0, rows=3000, phases=(_SHUT, (10.0, {}))),
    "10 s shut, then free, no hint": Weather(rows=3000, phases=(_SHUT, (10.0, {}))),
    "two minutes shut": Weather(
        latency=0.5, rows=5000, phases=((0.0, {}), (10.0, {"shut": True}), (130.0, {}))
    ),
    "a limit by the hour": Weather(
        rate=2.0, hint=1.0, latency=0.5, rows=3600, phases=((0.0, {}), (600.0, {"rate": 0.8}), (1200.0, {"rate": 4.0})),
    ),
}  # fmt: skip
# The same kinds with other numbers, lest the pacing be fitted to those above.
OTHERS: dict[str, Weather] = {
    "30 a second by the clock": replace(_BUCKET, window=1.0),
    "30 a second by the clock, no hint": replace(_BUCKET, window=1.0, hint=None),
    "90 per three seconds, slow answers": replace(_BUCKET, window=3.0, latency=1.5, spread=0.5),
    "40 per four seconds, retry-after 1": replace(_BUCKET, rate=10, window=4.0, hint=1.0, latency=0.2, rows=600),
    "250 per seven seconds": replace(_BUCKET, rate=250 / 7, window=7.0, latency=1.0, spread=0.6, rows=2100),
    "400 a minute by the clock": replace(_BUCKET, rate=400 / 60, window=60.0, latency=0.5, rows=2600),
    "400 a minute by the clock, no hint": replace(
        _BUCKET, rate=400 / 60, window=60.0, latency=0.5, hint=None, rows=2600
    ),
    "50 a second, burst of ten": replace(_BUCKET, rate=50, burst=10, hint=1.0, latency=0.2, rows=1500),
    "5 a second, burst of two, no hint": replace(_BUCKET, rate=5, burst=2, hint=None, latency=0.8, rows=300),
    "shut 3 of 15 s": Weather(
        latency=0.3, spread=0.4, hint=1.0, rows=6000, phases=(_SHUT, (3.0, {})), cycle=15.0
    ),
    "shut 1 of 6 s, no hint": Weather(
        latency=0.3, spread=0.4, rows=6000, phases=((0.0, {}), (5.0, {"shut": True})), cycle=6.0
    ),
    "headers that lie by half": Weather(told=(60, 30), latency=0.5, spread=0.3, rows=3000),
    "headers that lie, slow answers": Weather(told=(300, 0), latency=2.0, spread=0.5, rows=2000),
    "a limit that changes, no hint": Weather(
        rate=10.0, latency=0.5, spread=0.4, rows=5000,
        phases=((0.0, {}), (200.0, {"rate": 3.0}), (400.0, {"rate": 15.0})),
    ),
    "a limit that rises and falls": Weather(
        rate=5.0, hint="honest", latency=0.3, spread=0.3, rows=3000,
        phases=((0.0, {}), (100.0, {"rate": 20.0}), (150.0, {"rate": 2.0}), (400.0, {"rate": 8.0})),
    ),
}  # fmt: skip
# Two reasons at once: what slowing down can cure, and what it cannot.
MIXED = Weather(rate=100, shed=0.2, hint=1.0, rows=3000)
# An outage is more than refusals: rows and time-outs have a say, so it takes the whole engine.
OUTAGE = Weather(latency=0.1, rows=3000, status=503, phases=((0.0, {}), (2.0, {"shut": True}), (122.0, {})))


@dataclass(frozen=True)
class Refusal:
    """What a refused call gets."""

    status: int
    retry_after: float | None


@dataclass
class _Level:
    """A level that refills with time up to ``most``."""

    rate: float
    most: float
    at: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.most

    def lacking(self, need: float, now: float) -> float:
        """0 when so much is there, else the seconds until it will be."""
        self.level = min(self.most, self.level + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, min(need, self.most) - self.level) / self.rate


class Sky:
    """One provider in a weather, from the first call on."""

    def __init__(self, weather: Weather, clock: Callable[[], float], seed: int = 0) -> None:
        self.weather, self.now = weather, weather
        self._clock, self._drawn, self._began = clock, random.Random(seed), None
        self._requests = self._tokens = None
        self._window = (0, 0)
        self._phase: int | None = None
        self.working = 0

    def arrive(self, tokens: float = 0.0, row: int = 0) -> Refusal | None:
        """Lets a call in (`leave` must follow), or refuses it."""
        at = self._clock()
        self._began = at if self._began is None else self._began
        until = self._turn(at - self._began)
        weather = self.now
        if weather.shut:
            return self._refusal(until)
        if weather.never and row % weather.never == weather.never - 1:
            return self._refusal(1.0)
        if weather.shed and self._drawn.random() < weather.shed:
            return self._refusal(1.0)
        if weather.cap is not None and self.working >= weather.cap:
            return self._refusal(weather.latency)
        wait = self._wait(tokens, at)
        if wait > 0:
            return self._refusal(wait)
        self.working += 1
        return None

    def leave(self) -> None:
        """An answer has gone out."""
        self.working -= 1

    def latency(self) -> float:
        """Seconds that one answer takes."""
        return self.now.latency * self._drawn.lognormvariate(0.0, self.now.spread)

    def size(self, row: int) -> float:
        """Tokens of a row's calls."""
        return self.now.call * (0.6 + 0.8 * (row * 0.618 % 1))

    def limits(self) -> dict[str, float]:
        """What the headers say, by the names of `reasonbook.teachers.Limits`."""
        told = self.now.told
        if told is None:
            return {}
        if told != "honest":
            return {"requests": told[0], "requests_left": told[1], "requests_reset": 60.0}
        said: dict[str, float] = {}
        for name, level in (("requests", self._requests), ("tokens", self._tokens)):
            if level is not None:
                said |= {name: 60 * level.rate, f"{name}_left": max(0.0, int(level.level)),
                         f"{name}_reset": (level.most - level.level) / level.rate}  # fmt: skip
        return said

    def _turn(self, age: float) -> float:
        """Brings the phase up to date; seconds until the next one."""
        phases, cycle = self.weather.phases, self.weather.cycle
        age = age % cycle if cycle else age
        phase = sum(start <= age for start, _ in phases) - 1
        if phase != self._phase:
            self._phase = phase
            self.now = replace(self.weather, **phases[phase][1]) if phase >= 0 else self.weather
            self._fill()
        ends = phases[phase + 1][0] if phase + 1 < len(phases) else cycle or age
        return ends - age

    def _fill(self) -> None:
        """The levels of this phase; what was used up stays so."""
        at, now = self._clock(), self.now
        for name, rate, most in (("_requests", now.rate, now.burst or now.rate),
                                 ("_tokens", now.tokens, now.tokens)):  # fmt: skip
            before = getattr(self, name)
            level = None if rate is None else _Level(rate, max(1.0, most or 1.0), at)
            if level is not None and before is not None:
                level.level = min(level.most, before.level)
            setattr(self, name, level)

    def _wait(self, tokens: float, at: float) -> float:
        """Takes one call and its tokens, when they are there; else the seconds until they are."""
        if self.now.window is not None:
            assert self.now.rate is not None and self._began is not None
            number = int((at - self._began) / self.now.window)
            used = self._window[1] if self._window[0] == number else 0
            if used >= self.now.rate * self.now.window:
                return (number + 1) * self.now.window - (at - self._began)
            self._window = (number, used + 1)
            return 0.0
        needs = [(level, need) for level, need in ((self._requests, 1.0), (self._tokens, tokens)) if level]
        wait = max((level.lacking(need, at) for level, need in needs), default=0.0)
        if wait <= 1e-9:
            for level, need in needs:
                level.level -= need
            return 0.0
        return wait

    def _refusal(self, wait: float) -> Refusal:
        hint = self.now.hint
        return Refusal(self.now.status, wait if hint == "honest" else hint)
