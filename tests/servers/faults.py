"""What a provider does wrong, decided by seed and row, so that every client meets the same faults."""

from __future__ import annotations

import hashlib
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
