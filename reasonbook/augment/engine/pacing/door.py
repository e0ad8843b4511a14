"""Door: since when nothing gets through, when something did again, and when that will be the next time."""

from __future__ import annotations

from dataclasses import dataclass

_UNTOLD, _UNCLEAR, _TOLD = (
    0.15,
    2.0,
    15.0,
)  # seconds of a pause that nobody named; of one to look into; at most
_LATER, _LATEST = 0.1, 5.0  # then the next try: after this part of the time that has passed; at most
_FARTHEST = 60.0  # seconds; no provider counts in longer windows than a minute and waits for their end
_STRETCH, _ENOUGH = 0.4, 8  # seconds and calls between two closings that tell a rate
_SILENT = 3.0  # calls that would have got through while it was shut, if they only came too fast
_CALLS_A_PROBE = 16  # of a window, to find out when it begins; so many probes at most
_STEADY = 0.02  # by so much the count of a window differs from that of the next


@dataclass(frozen=True, slots=True)
class Between:
    """Somewhere between two times, or two lengths of time, in seconds."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """Half-way."""
        return (self.low + self.high) / 2

    def meets(self, other: Between) -> Between | None:
        """Where both are, if they meet."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Between(low, high) if low <= high else None


class Hints:
    """What refusals say of when to come back: whether they count down to one moment."""

    def __init__(self) -> None:
        self._first = self._last = self._low = self._high = 0.0
        self._count = 0

    def add(self, now: float, retry_after: float) -> None:
        """Takes in one refusal's."""
        moment = now + retry_after
        if not self._count:
            self._first, self._low, self._high = now, moment, moment
        self._count += 1
        self._last, self._low, self._high = now, min(self._low, moment), max(self._high, moment)

    def forget(self, at: float) -> None:
        """A call that left at a time was let in; what was said before is past."""
        if self._count and at > self._first:
            self._count = 0

    @property
    def moment(self) -> float | None:
        """The one that all of them mean; None where each means another, or there were too few."""
        passed = self._last - self._first
        return self._high if self._count > 1 and self._high - self._low < 0.5 * passed else None


class Door:
    """Follows the times when a provider lets nothing in.

    It may be away for a while; or it counts calls by the clock, lets in so many, and none until its next window
    begins. Such a window differs from a rate: it is silent. Of calls that only come too fast some get through at
    any time. Who knows a window uses it up at once, and asks for no more until the next one begins.

    Attributes:
        count: calls that a window lets in; None where none is known.
        steady: whether the last two let in as many.
        period: seconds from one opening to the next.
    """

    def __init__(self) -> None:
        self.count: int | None = None
        self.steady = False
        self.period: Between | None = None
        self.hints = Hints()
        self._opened: Between | None = None
        self._opened_with = 0
        self._shut_at, self._shut_with = (
            0.0,
            0,
        )  # when nothing got through the last time, and calls let in until then
        self._asked_at: float | None = None  # by the last call that was refused since
        self._silent = 0.0  # seconds that it was surely shut
        self._expected: Between | None = None
        self._cycle = 0.0  # calls a second between the last two closings
        self._keeps, self._named = False, 0.0  # whether it opens when it says so, and when it last said

    @property
    def rate(self) -> float | None:
        """Calls a second over whole windows."""
        return None if self.count is None or self.period is None else self.count / self.period.middle

    @property
    def window(self) -> tuple[int, Between, float] | None:
        """How many it lets in, from one opening to the next, and when it last opened; None where it is no window."""
        if not self.steady or self.count is None or self.period is None or self._opened is None:
            return None
        return self.count, self.period, self._opened.high

    def adopt(self, count: int, period: Between, opened: float, admitted: int) -> None:
        """Goes by a window that somebody else has found; so many calls were let in here until now."""
        self.count, self.period, self.steady = max(1, count), period, True
        self._opened, self._opened_with = Between(opened, opened), admitted
        self._shut_at, self._shut_with = opened, admitted

    def let_in(self, admitted: int) -> int:
        """Calls since it opened, of those let in in all."""
        return admitted - self._opened_with

    def forget(self) -> None:
        """It is no window."""
        self.count, self.period, self.steady, self._expected = None, None, False, None

    def shuts(self, now: float, admitted: int) -> tuple[float, bool] | None:
        """Notes that nothing gets through any more; gives the calls a second since the last time, and if exactly."""
        since, before = self._shut_at, self._shut_with
        if since and now - since < _STRETCH:
            return None
        self._shut_at, self._shut_with, self._asked_at = now, admitted, None
        count = admitted - before
        silent, self._silent = self._silent, 0.0
        if self.period is not None and self._opened is not None:
            passed = max(0, int((now - self._opened.high) / self.period.middle)) + 1
            self._expected = Between(
                self._opened.low + passed * self.period.low, self._opened.high + passed * self.period.high
            )
        if not since or count < _ENOUGH:
            self.forget()
            return None
        rate = count / (now - since)
        if self._opened is not None and silent * rate >= _SILENT:
            self.count = self.count or self.let_in(admitted)
            return None
        self.forget()
        known, self._cycle = self._cycle, rate
        # Twice the same is a limit that is used up again and again; once may be anything.
        return rate, 0.7 * known < rate < 1.4 * known

    def refuses(self, at: float) -> None:
        """Notes that a call that asked was refused."""
        self._keeps = self._keeps and (at < self._named or not self._named)
        self._asked_at = at
        self._silent = max(self._silent, at - self._shut_at)

    def opens(self, at: float, admitted: int) -> None:
        """Notes that a call that asked at a time was let in, the so-manieth."""
        moment = self.hints.moment or (self._named if self._keeps else None)
        if moment and at >= moment - 1e-3:
            self._silent, self._keeps = max(self._silent, moment - self._shut_at), True
        low = self._shut_at if self._asked_at is None else self._asked_at
        opened, expected = Between(min(low, at), at), self._expected
        if expected is not None:
            if at < expected.low:  # not shut when it should have been
                self.forget()
            opened = opened.meets(expected) or opened
        if self.count is not None:  # of all that left before the fate is known by now
            count = max(1, admitted - 1 - self._opened_with)
            self.steady = abs(count - self.count) <= _STEADY * count + 1
            self.count = count
        before, self._opened = self._opened, opened
        if before is not None:
            period = Between(max(0.0, opened.low - before.high), opened.high - before.low)
            self.period = (self.period and period.meets(self.period)) or period
        self._opened_with = admitted - 1

    def next_try(self, now: float, retry_after: float | None, since: float) -> float:
        """When a call should ask next."""
        moment, expected = self.hints.moment, self._expected
        if moment is None and self._keeps and retry_after:
            moment = now + retry_after
        self._named = moment or 0.0
        if moment is not None and moment > now:
            return min(moment, now + _FARTHEST)
        told = min(retry_after or 0.0, _TOLD)
        first = self._asked_at is None
        if expected is not None and self.count is not None and now < expected.high:
            if first and now < expected.low:
                return (now + expected.low) / 2  # is it really shut, or only not so fast?
            step = (expected.high - expected.low) / min(max(self.count // _CALLS_A_PROBE, 2), _CALLS_A_PROBE)
            return expected.low + step * (1 + max(0.0, now - expected.low) // step)
        if first:
            return now + (told / 2 if told >= _UNCLEAR else told or _UNTOLD)
        return now + min(max(told or _UNTOLD, _LATER * (now - since)), _LATEST)
