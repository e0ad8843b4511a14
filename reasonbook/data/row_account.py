"""Row account: every row of a frame is kept, or left out for one reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Why a row is left out before anything is made of it; the first four are a row's `reasoning_status`.
PENDING, ERROR, STALE, INVALID = "pending", "error", "stale", "invalid"
EMPTY, PLAIN, REJECTED, SPLIT = "no reasoning", "plain", "rejected", "split"
CONFLICT = "conflict"  # reviewers do not agree on the row; also what its verdict says
UNFILLED = (PENDING, ERROR, EMPTY)  # a teacher was to fill these rows, and did not


@dataclass(frozen=True)
class RowAccount:
    """What became of the rows of a frame; a row counts once, however many training rows it gives.

    Attributes:
        rows: of the frame, or that came in.
        rows_kept: of which something remains, for training, validation or test.
        left_out: reason → rows of which nothing remains.

    Raises:
        AssertionError: a row is missing from the account, or counted twice.
    """

    rows: int
    rows_kept: int
    left_out: Mapping[str, int]

    def __post_init__(self) -> None:
        told = self.rows_kept + sum(self.left_out.values())
        if told != self.rows:
            raise AssertionError(f"{self.rows} rows came in, and {told} are accounted for: {self.left_out}")

    @property
    def account(self) -> dict[str, Any]:
        """The three figures, JSON-ready."""
        return {"rows": self.rows, "rows_kept": self.rows_kept, "left_out": dict(self.left_out)}

    @property
    def kept_of(self) -> str:
        """``10 of 50``."""
        return f"{self.rows_kept} of {self.rows}"

    @property
    def why_left_out(self) -> str:
        """``plain 38, error 2``, most first; empty where all rows were kept."""
        most = sorted(self.left_out.items(), key=lambda item: -item[1])
        return ", ".join(f"{reason} {count}" for reason, count in most)
