"""Bucket: an allowance that refills with time."""

from __future__ import annotations

from collections.abc import Callable


class Bucket:
    """A level that refills with time up to ``burst``; one withdrawal may overdraw it."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float], level: float | None = None
    ) -> None:
        self.rate = max(per_second, 1e-3)
        self.burst = burst
        self._clock = clock
        self._level = burst if level is None else level
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

    def set(
        self, *, rate: float | None = None, level: float | None = None, burst: float | None = None
    ) -> None:
        """Changes the refill per second, the present level, the most that it holds."""
        self._refill()
        if rate is not None:
            self.rate = max(rate, 1e-3)
        if burst is not None:
            self.burst = burst
        if level is not None:
            self._level = min(level, self.burst)

    def scale(self, factor: float) -> None:
        """Makes it larger or smaller, rate and all."""
        self.set(rate=self.rate * factor, burst=max(1.0, self.burst * factor))

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
