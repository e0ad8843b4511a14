"""What a provider does wrong, decided by seed and row, so that every client meets the same faults."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

# A script says what happens to one call: row name and attempt (from 1) → one of these, or None for an answer.
FAULTS = ("rate", "server", "overloaded", "malformed", "hang", "refuse", "cut", "auth", "quota", "request", "reset",
          "wrong", "html", "fenced", "in_reasoning")  # fmt: skip
Script = Callable[[str, int], "str | None"]


@dataclass(frozen=True)
class Chances:
    """Parts of the rows whose first attempt meets a fault."""

    rate: float = 0.0
    server: float = 0.0
    malformed: float = 0.0
    hang: float = 0.0
    seed: int = 0

    def __call__(self, row: str, attempt: int) -> str | None:
        if attempt > 1:
            return None
        digest = hashlib.blake2b(f"{self.seed}:{row}".encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest, "big") / 2**64
        for name in ("rate", "server", "malformed", "hang"):
            drawn -= getattr(self, name)
            if drawn < 0:
                return name
        return None


class Allowance:
    """A server-side rate limit: so many requests a second, and a burst of so many."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.rate, self.burst = per_second, burst
        self.level, self.at = burst, time.monotonic()

    def take(self) -> float:
        """0 when the request may pass, else the honest seconds until the next one may."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate
