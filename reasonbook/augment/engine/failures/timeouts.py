"""Time-outs: how long a call may take, by how long the answers of late have taken."""

from __future__ import annotations

from collections import deque

from ...config import AugmentConfig
from .attempts import Attempts

_WINDOW, _EACH = 512, 32  # newest answers that tell how long one takes; looked at after so many
_TYPICAL, _LONGEST = 10, 4  # times what 95 % of them took at most, and times the longest
_SHORTEST = 30.0  # seconds that a call is given however quick the others are


class CallTimeouts:
    """How long a call may take: what the newest answers took, several times over, and never more than the config says.

    So quick teachers get short time-outs, and one that thinks for twenty seconds gets all there is. A row that was
    cut is given twice the time at each further try. Nothing is adapted before every call that can be under way at
    once has been answered twice: behind a local server they stand in line.

    Args:
        config: its ``timeout`` is the most.
        parallel: calls in flight at most.
        adapts: whether the teacher's answers tell how long the next one takes; those of a server that is loaded with
            the first call, or of a function, do not.
    """

    def __init__(self, config: AugmentConfig, parallel: int, *, adapts: bool) -> None:
        self.config = config
        self.usual = self._most = min(config.timeout, config.longest_row)
        self._enough = max(_EACH, 2 * parallel) if adapts else None
        self._recent: deque[float] = deque(maxlen=_WINDOW)
        self._seen = 0

    def took(self, seconds: float) -> None:
        """Learns from an answer."""
        if self._enough is None:
            return
        self._recent.append(seconds)
        self._seen += 1
        if self._seen >= self._enough and (self._seen % _EACH == 0 or seconds > self.usual / _LONGEST):
            ordered = sorted(self._recent)
            seen = max(_TYPICAL * ordered[int(0.95 * (len(ordered) - 1))], _LONGEST * ordered[-1])
            self.usual = round(min(self._most, max(_SHORTEST, seen)), 1)

    def limit(self, attempts: Attempts) -> float:
        """Seconds for the next call."""
        if not attempts.spent:
            return self.usual
        return min(self.longest(attempts), self.usual * 2**attempts.hangs)

    def longest(self, attempts: Attempts) -> float:
        """Seconds for it at the very most."""
        left = self.config.longest_row - attempts.spent
        return round(max(0.1, min(self._most, left)), 1)
