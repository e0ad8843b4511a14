"""Evidence: failures that no answer explains yet, and whether they are the provider's."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from .attempts import Attempts, CallUnderWay

LONG_WAIT = 300.0  # seconds; a provider that asks for more is out of quota for practical purposes
_FEW = 5  # rows that may fail by chance one after the other; half of those under way, where these are more
_ALIVE = 16  # failures to each call that stays under way; with fewer of them the provider takes calls in
_BREATH = 0.25  # seconds after which a call counts as taken in, where others fail at once


@dataclass(frozen=True)
class _Failure:
    attempts: Attempts
    began: float
    took: float
    ended: float
    connected: bool


class Evidence:
    """Weighs the failures since the newest answer.

    A failure is a row's own when a call that was sent later got its answer. Failures of several rows that have no
    such answer are the provider's, unless calls that were sent with them stay under way: a provider that sheds
    a share of its load refuses at once and answers slowly. A connection that cannot be made is nobody's own. "Slow
    down" is an outage only when nothing else is said for long.

    Args:
        most: calls in flight at most.
        refused: seconds of nothing but "slow down" that are an outage too.

    Attributes:
        out_of_quota: whether several rows, and nobody else, were told to wait for very long.
        since: when what it weighs began.
    """

    def __init__(self, most: int, refused: float) -> None:
        self._few = max(_FEW, most // 2)
        self.out_of_quota = False
        self.since = 0.0
        self._silence = refused
        self._calls: dict[CallUnderWay, None] = {}
        self._failures: list[_Failure] = []
        self._forgiven: list[Attempts] = []
        self._refusals: deque[tuple[float, Attempts]] = deque(maxlen=4096)
        self._told_off: set[Attempts] = set()
        self._answered = float("-inf")  # when the newest call that got an answer was sent
        self._onset = self._age = 0.0  # calls sent since then count as taken in at this age,
        self._enough = float("inf")  # and so many of them say that there is no outage

    def sent(self, call: CallUnderWay) -> None:
        """Notes a call that leaves."""
        self._calls[call] = None

    def over(self, call: CallUnderWay) -> None:
        """Notes that it is over."""
        self._calls.pop(call, None)

    def answered(self, call: CallUnderWay) -> None:
        """Takes an answer in: it explains the failures of calls that were sent before."""
        if call.began > self._answered:
            self._answered = call.began
        if self._failures:
            self._failures = [failure for failure in self._failures if failure.began > call.began]
        if self._refusals:
            self._refusals.clear()
            self._told_off.clear()

    def failed(self, call: CallUnderWay, now: float, few: int, *, connected: bool) -> bool:
        """Whether this failure, with those before it, is an outage.

        Args:
            few: how many rows are too many to fail by chance.
        """
        if connected and call.began <= self._answered:
            return False
        took = now - call.began
        self._failures.append(_Failure(call.attempts, call.began, took, now, connected))
        self.since = self._failures[0].ended
        counts = Counter(failure.attempts for failure in self._failures)
        # A row that failed while others were answered may well fail for its own sake again.
        rows = sum(attempts.tries == count for attempts, count in counts.items())
        unreached = sum(not failure.connected for failure in self._failures)
        if rows < few and unreached < max(2, few // 4):
            return False
        # By the middle one: those that were under way when it began may have been sent long before.
        self._onset = sorted(failure.began for failure in self._failures)[len(self._failures) // 2]
        self._age = max(_BREATH, 3 * max(failure.took for failure in self._failures))
        self._enough = len(self._failures) / _ALIVE
        return not self.alive(now)

    def refused(self, call: CallUnderWay, now: float, few: int, wait: float) -> bool:
        """Whether this "slow down", with those before it, is an outage."""
        self._refusals.append((now, call.attempts))
        self.since = self._refusals[0][0]
        if wait > LONG_WAIT:
            self._told_off.add(call.attempts)
            self.out_of_quota = len(self._told_off) >= few
        return now - self.since >= self._silence and len({row for _, row in self._refusals}) >= few

    def alive(self, now: float) -> bool:
        """Whether calls that were sent with those that failed stay under way."""
        taken = sum(call.began >= self._onset and now - call.began > self._age for call in self._calls)
        return taken >= self._enough

    def contradicts(self, call: CallUnderWay) -> bool:
        """Whether an answer to this call says that there was no outage."""
        return self._enough < float("inf") and call.began >= self._onset

    def forgive(self, *, sure: bool = False) -> None:
        """Takes back what was counted against the rows; when it is sure, no call under way raises a doubt."""
        for failure in self._failures:
            failure.attempts.spent -= failure.took
        self._forgiven = [failure.attempts for failure in self._failures]
        self._forgiven += [attempts for _, attempts in self._refusals]
        for attempts in self._forgiven:
            attempts.tries -= 1
            attempts.late = attempts.doomed = False
        self._failures = []
        self._refusals.clear()
        if sure:
            self._enough = float("inf")

    def unforgive(self) -> None:
        """There was no outage: the failures are the rows' own."""
        for attempts in self._forgiven:
            attempts.tries += 1
        self._forgiven = []

    def weighs(self, attempts: Attempts) -> bool:
        """Whether a failure of these may still turn out to be the provider's."""
        return any(failure.attempts is attempts for failure in self._failures)

    def few(self, rows: int) -> int:
        """How many rows are too many to fail by chance, of so many that are open."""
        return max(2, min(self._few, rows))
