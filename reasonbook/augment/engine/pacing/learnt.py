"""Learnt limits: what a provider was seen to allow, tried upward all the time and measured anew."""

from __future__ import annotations

from collections.abc import Callable

from .bucket import Bucket

_GROWTH, _FASTEST = 0.02, 0.2  # a rate is tried this much faster at each step, ever bolder
_STEP, _CALLS = 1.0, 8  # a step takes so many seconds and so many answers at least
_OUTGROWN = 2.0  # a rate that is passed this far without a refusal is none
_MINUTE = 60.0  # and not within the window that providers count in
_ROUGH = 4.0  # what was measured by few calls: steps of a quarter, and passed so much farther


class LearntRate(Bucket):
    """Requests a second.

    Args:
        rate: as it was measured.
        rough: it was measured by few calls, so that it is tried upward boldly.

    Attributes:
        measured: what it began with.
        held: the fastest that was not refused.
        grown_at: since when it is as fast as now.
    """

    def __init__(self, rate: float, clock: Callable[[], float], *, rough: bool = False) -> None:
        super().__init__(rate, max(1.0, 0.1 * rate), clock, level=0.0)
        self.measured = self.held = rate
        self.rough, self._times = rough, _ROUGH if rough else 1.0
        self._growth = 1.0 if rough else _GROWTH
        self._since = self.grown_at = clock()
        self._answers = 0

    def measure(self, rate: float, *, rough: bool = False) -> None:
        """Takes a better measurement."""
        self.measured = self.held = rate
        if rough:
            self.rough, self._times, self._growth = True, _ROUGH, 1.0
        self.set(rate=rate, burst=max(1.0, 0.1 * rate))

    def climb(self, sent: float, now: float) -> bool:
        """Counts the answer to a call that had to wait for it; False when the limit is outgrown."""
        self._answers += sent >= self.grown_at
        most = self._times * _OUTGROWN * self.measured
        times = 1.0 if self.rate >= most else self._times
        if now - self.grown_at >= _STEP / times and self._answers >= _CALLS / times:
            if self.rate >= most and (self.rough or now - self._since >= _MINUTE):
                return False
            self.grown_at, self._answers, self.held = now, 0, self.rate
            faster = min(most, self.rate * (1 + self._growth))
            self.set(rate=faster, burst=max(1.0, 0.1 * faster))
            self._growth = max(self._growth, min(_FASTEST, 1.5 * self._growth))
        return True

    def refuses(self, *, plainly: bool) -> None:
        """Takes in a refusal; where nothing else explains it, this step is not over."""
        if plainly:
            self._answers = 0


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
