"""Learnt limits: what a provider was seen to allow, tried upward all the time and measured anew."""

from __future__ import annotations

from collections.abc import Callable

from .bucket import Bucket

_GROWTH, _FASTEST = 0.05, 1.0  # a rate is tried this much faster at each step,
_BOLDER, _SOONER = 4.0, 0.3  # at the next one so many times that, after the less time the bolder it is
_STEP, _CALLS = 1.0, 8  # a step takes so many seconds and so many answers; fewer the bolder it is,
_FEWEST, _FEWEST_SLOW = 2.0, 4.0  # but these; the latter where a step is less than a call a second
_ALIKE, _NEAR = 0.1, 0.94  # by so much two measurements of one limit differ; so near is a rate to one proven
_ROUGH = 4.0  # what was measured by few calls: steps of a quarter
_REFUND = 0.75  # of a refused call, which took nothing of the provider's allowance: the next may leave soon


class LearntRate(Bucket):
    """Requests a second.

    Args:
        rate: as it was measured.
        rough: it was measured by few calls, so that it is tried upward boldly.

    Attributes:
        held: the fastest that was not refused.
        grown_at: since when it is as fast as now.
        proven: the rate where two trials, one after the other, have found a limit; 0 where they have not.
    """

    def __init__(self, rate: float, clock: Callable[[], float], *, rough: bool = False) -> None:
        super().__init__(rate, max(1.0, 0.1 * rate), clock, level=0.0)
        self.held = rate
        self.rough, self._times = rough, _ROUGH if rough else 1.0
        self._growth = 1.0 if rough else _GROWTH
        self.grown_at = clock()
        self.proven = 0.0
        self._answers = 0

    def measure(self, rate: float, *, rough: bool = False) -> None:
        """Takes a better measurement."""
        self.held = rate
        if rough:
            self.rough, self._times, self._growth = True, _ROUGH, 1.0
        self._goes(rate)

    def helped(self, before: float) -> None:
        """Notes a trial in which it helped, after one in which another rate did."""
        if abs(self.held - before) < _ALIKE * before:
            self.proven = self.held

    def adjust(self, rate: float, now: float) -> bool:
        """Goes by a new measurement of a proven limit, so that it climbs on; False where that takes a trial."""
        if not self.proven or rate < max(1.0, _NEAR * self.proven):
            return False
        self.grown_at = now
        self.measure(rate)
        return True

    def climb(self, sent: float, now: float) -> None:
        """Counts the answer to a call that had to wait for it: it is tried ever faster while nothing is refused."""
        self._answers += sent >= self.grown_at
        bold = self._growth / _GROWTH
        enough = max(_FEWEST if self.rate >= 1 else _FEWEST_SLOW, _CALLS / bold)
        if now - self.grown_at < _STEP / self._times / bold**_SOONER or self._answers < enough / self._times:
            return
        self.grown_at, self._answers, self.held = now, 0, self.rate
        self.proven = max(self.proven, self.held) if self.proven else 0.0
        self._goes(self.rate * (1 + self._growth))
        self._growth = max(self._growth, min(_FASTEST, _BOLDER * self._growth))

    def refuses(self, *, plainly: bool) -> None:
        """Takes in a refusal; where nothing else explains it, this step was too fast."""
        if not plainly:
            return
        self._answers = 0
        self.take(-_REFUND)
        if self.rate > self.held:
            self._growth = _GROWTH
            self._goes(self.held)

    def _goes(self, rate: float) -> None:
        self.set(rate=rate, burst=max(1.0, 0.1 * rate))


class LearntCap:
    """Calls at once.

    Attributes:
        held: so many were worked on.
        calls: so many are tried.
    """

    def __init__(self, calls: int) -> None:
        self.held = self.calls = calls
        self._step = max(1, calls // 2)  # the first guess is the burst that got through; more may work
        self._answers = 0
        self._beyond = [0, 0]  # of the calls beyond what was held: answered, refused
        self._within = 0  # refusals of other calls

    def answers(self, beside: int, bound: bool) -> None:
        """Takes in an answer to a call, the so-manieth in flight; ``bound`` says that calls had to wait."""
        self._beyond[0] += beside > self.held
        self._answers += bound
        if self._answers >= max(self.calls, 16):
            self.held = self.calls
            self.calls += self._step
            self._step *= 2
            self._answers, self._beyond, self._within = 0, [0, 0], self._within // 2

    def refuses(self, beside: int) -> bool:
        """Takes in a refusal of a call, the so-manieth in flight; False when no cap explains it.

        A cap refuses all that is beyond it, and nothing else.
        """
        self._beyond[1] += beside > self.held
        self._within += beside <= self.held
        answered, refused = self._beyond
        self.calls = self.held = max(1, min(self.held, beside - 1))
        self._step, self._answers = 1, 0
        return self._within < 6 and not (answered >= 3 and answered >= refused)
