"""Cost: what is left of a job's budget and of its store's cap, call by call."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..errors import ReasonbookError, StoreError
from ..store import CapWatch
from ..teachers import Request, Teacher, Usage
from ..teachers.pricing.price import Price
from ..teachers.pricing.price_table import price_of
from ..teachers.pricing.tokens import count, quick_count
from .results import Totals

_ANSWER = 200.0  # tokens of an answer, while none has been seen,
_LONG_ANSWER = 400.0  # and where it must not be guessed too low


def need_price(
    teacher: Teacher, own: Price | tuple[float, float] | None, why: str = "budget"
) -> Price | None:
    """The price, for a job whose money is bounded; None where the provider says with each answer what it cost.

    Raises:
        ReasonbookError: nobody knows it.
    """
    price = price_of(teacher, own)
    if price is None and not teacher.capabilities.tells_cost:
        raise ReasonbookError(
            f"A {why} needs the price of {teacher.name}, which is not in the price table.",
            "df.reason.augment(…, budget=5.0, price=(0.25, 2.00))   # dollars per million tokens, input and output",
        )
    return price


class Budget:
    """Keeps a job's tokens and dollars.

    Args:
        dollars: at most, for this job alone; None for no bound.
        price: None when nobody knows it.
        totals: the job's, which are shown.
        batch: whether the calls are made through the batch API, at its price.
        cap: of the store, for all jobs together.
    """

    def __init__(
        self,
        dollars: float | None,
        price: Price | None,
        totals: Totals,
        *,
        batch: bool = False,
        cap: CapWatch | None = None,
    ) -> None:
        self.dollars = dollars
        self.price = price
        self.totals = totals
        self.batch = batch
        self.cap = cap
        self._answer = 0.0  # tokens of an average answer
        self._system = ("", 0.0)  # the newest instructions, and their tokens

    @property
    def bounded(self) -> bool:
        """Whether there is anything that money is held to."""
        return self.dollars is not None or (self.cap is not None and self.cap.stands)

    def left(self) -> float:
        """Dollars that may still be spent; infinite without a bound. Nothing else asks what is spent."""
        return self._own() if self.cap is None else min(self._own(), self.cap.left())

    def pay(self, usage: Usage) -> float | None:
        """Notes what a call has used; returns its dollars, None when nobody knows them.

        A call whose answer tells of no tokens, such as one that nobody could read, is taken for an average one.
        """
        untold = not (usage.input or usage.output or usage.dollars is not None)
        cost = usage.calls * self._each if untold and self._each else self._cost(usage)
        if usage:
            self.totals.usage = self.totals.usage + usage
            self.totals.cost += cost or 0.0
            self.totals.unpriced += cost is None
            self._answer += 0.1 * (usage.output - self._answer)
        return cost

    def affordable(self, opened: int) -> bool:
        """Whether one row more may begin beside those opened, which cost what experience says."""
        if not self.bounded:
            return True
        left = self.left()
        return not self.totals.unpriced and left > 0 and (opened + 1) * self._each <= left

    def fitting(self, requests: Iterable[Request]) -> int:
        """How many requests, from the first on, there is money for; each is guessed high until some are paid."""
        left, seen = self.left(), self.totals.usage
        many = 0
        for request in requests:
            written = seen.output / seen.calls if seen.calls else request.max_tokens or _LONG_ANSWER
            read = count(request.system + request.user + str(request.schema or "")).high
            left -= self._cost(Usage(input=round(read), output=round(1.1 * written))) or 0.0
            if left < 0:
                break
            many += 1
        return many

    def tokens(self, request: Request) -> float:
        """Tokens that a call will count for, roughly, for an account with a limit of tokens."""
        if request.system is not self._system[0]:
            self._system = (request.system, quick_count(request.system))
        read = (
            self._system[1] + quick_count(request.user) + sum(quick_count(text) for _, text in request.turns)
        )
        return read + (self._answer or _ANSWER)

    @property
    def refusal(self) -> StoreError | None:
        """The error of a job for which the store's cap leaves nothing; None where the budget is what bounds it."""
        return self.cap.refusal if self.cap is not None and self.cap.left() < self._own() else None

    def used_up(self, left: int) -> str:
        """Why so many rows were left out, and what to type."""
        rows = f"{left} rows were not asked."
        if self.totals.unpriced:
            return (
                f"The provider did not say what a call has cost, so that money cannot be bounded; {rows} "
                "price=(0.25, 2.00) gives the price, in dollars per million tokens read and written."
            )
        refusal = self.refusal
        if refusal is not None:
            return f"{refusal.problem} {rows} {refusal.fix}"
        return (
            f"The budget of ${self.dollars:g} is used up; {rows} It bounds one run: the same line again may spend "
            f"${self.dollars:g} more and goes on from here. rb.store.cap(20.0) bounds all runs together."
        )

    @property
    def _each(self) -> float:
        """Dollars of an average call so far."""
        calls = self.totals.usage.calls
        return self.totals.cost / calls if calls else 0.0

    def _own(self) -> float:
        return math.inf if self.dollars is None else self.dollars - self.totals.cost

    def _cost(self, usage: Usage) -> float | None:
        return usage.dollars if self.price is None else self.price.cost(usage, batch=self.batch)
