"""Shared budget: a budget that several workers spend together, from the ledger of their job."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable

from ...errors import StoreError
from ...store import CapWatch, Ledger
from ...teachers import Request, Usage
from ...teachers.pricing.price import Price
from ..cost import Budget
from ..results import Totals

_AGAIN = 0.2  # seconds after which a worker that was granted too little asks again


class SharedBudget(Budget):
    """One worker's part of a budget: it is granted what its open rows are likely to cost, and gives the rest back.

    Args:
        ledger: of the job.
        price: as for `Budget`, like all that follows.
    """

    def __init__(
        self,
        ledger: Ledger,
        price: Price | None,
        totals: Totals,
        *,
        batch: bool = False,
        cap: CapWatch | None = None,
    ) -> None:
        super().__init__(ledger.dollars, price, totals, batch=batch, cap=cap)
        self._ledger = ledger
        self._granted = 0.0
        self._refused_at = -math.inf
        self._guessed = 0.0

    def left(self) -> float:
        """Dollars that this worker may still spend."""
        return min(super().left(), self._granted - self.totals.cost)

    def affordable(self, opened: int) -> bool:
        """Whether one row more may begin beside those opened; asks the ledger where the grant does not reach."""
        if self.left() < (opened + 1) * self._each or self._granted <= 0.0:
            self._ask((2 * opened + 2) * self._each or 0.01 * self._ledger.dollars)
        return super().affordable(opened)

    def fitting(self, requests: Iterable[Request]) -> int:
        """How many requests there is money for; what they are likely to cost is granted."""
        wanted = list(requests)
        self._granted, self._guessed = math.inf, 0.0
        super().fitting(wanted)
        self._refused_at = -math.inf
        self._ask(self._guessed)
        return super().fitting(wanted)

    def close(self) -> None:
        """Gives back what was not spent."""
        self._ledger.close(self.totals.cost)
        self._granted = self.totals.cost

    def _ask(self, wanted: float) -> None:
        now = time.monotonic()
        if now - self._refused_at < _AGAIN:
            return
        spent = self.totals.cost
        with contextlib.suppress(StoreError):
            self._granted = self._ledger.grant(spent, spent + wanted)
        if self._granted < spent + wanted:
            self._refused_at = now

    def _cost(self, usage: Usage) -> float | None:
        cost = super()._cost(usage)
        self._guessed += cost or 0.0
        return cost
