"""Cost: what models cost, as data with its date, and what is left of a job's budget."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ReasonbookError
from ..teachers import Request, Teacher, Usage
from .results import Totals


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens.

    Attributes:
        input: read tokens.
        output: written tokens, thinking among them.
        cached: read tokens that the provider had cached; ``input`` when None.
        batch: share of the price that the batch API asks.
        date: when the figures were looked up; empty for the user's own.
        source: where.
    """

    input: float
    output: float
    cached: float | None = None
    batch: float = 0.5
    date: str = ""
    source: str = "your own figure"

    def cost(self, usage: Usage, *, batch: bool = False) -> float:
        """Dollars for a usage."""
        cached = min(usage.cached, usage.input)
        cheap = self.input if self.cached is None else self.cached
        dollars = (usage.input - cached) * self.input + cached * cheap + usage.output * self.output
        return dollars / 1e6 * (self.batch if batch else 1.0)


FREE = Price(0.0, 0.0, source="costs nothing")
# From the providers' price pages by way of public price tables, for prompts below the long-context tier
# (100 000 tokens at Haiku 5.5, 272 000 at GPT-6); what writing to a cache costs more is left out.
_DATE = "2026-11"
_OPENAI, _ANTHROPIC = "OpenAI's price list, second hand", "Anthropic's price list, second hand"


def _table(source: str, *rows: tuple[str, float, float, float]) -> dict[str, Price]:
    return {name: Price(given, made, cached, date=_DATE, source=source) for name, given, cached, made in rows}


# Model → input, cached input, output. Dated variants (-2025-04-14) share the entry of their family.
PRICES: dict[str, Price] = {
    **_table(
        _OPENAI,
        ("openai:gpt-6-astra", 10.0, 1.0, 50.0),
        ("openai:gpt-6.1-sol", 2.0, 0.1, 10.0),
        ("openai:gpt-6.1-terra", 1.0, 0.05, 5.0),
        ("openai:gpt-6-sol", 2.0, 0.2, 10.0),
        ("openai:gpt-6-luna", 0.1, 0.01, 0.5),
        ("openai:gpt-5.6-terra", 2.0, 0.2, 12.0),
        ("openai:gpt-5.6-luna", 0.2, 0.02, 1.2),
        ("openai:gpt-5.4", 2.5, 0.25, 15.0),
        ("openai:gpt-5.4-mini", 0.75, 0.075, 4.5),
        ("openai:gpt-5.1", 1.25, 0.125, 10.0),
        ("openai:gpt-5", 1.25, 0.125, 10.0),
        ("openai:gpt-5-mini", 0.25, 0.025, 2.0),
        ("openai:gpt-5-nano", 0.05, 0.005, 0.4),
        ("openai:gpt-4.1", 2.0, 0.5, 8.0),
        ("openai:gpt-4.1-mini", 0.4, 0.1, 1.6),
        ("openai:gpt-4.1-nano", 0.1, 0.025, 0.4),
        ("openai:gpt-4o", 2.5, 1.25, 10.0),
        ("openai:gpt-4o-mini", 0.15, 0.075, 0.6),
        ("openai:o3", 2.0, 0.5, 8.0),
        ("openai:o4-mini", 1.1, 0.275, 4.4),
    ),
    **_table(
        _ANTHROPIC,
        ("anthropic:claude-fable-5-1", 10.0, 0.25, 50.0),
        ("anthropic:claude-fable-5", 10.0, 1.0, 50.0),
        ("anthropic:claude-opus-5-5", 4.0, 0.2, 20.0),
        ("anthropic:claude-opus-5", 5.0, 0.5, 25.0),
        ("anthropic:claude-opus-4-8", 5.0, 0.5, 25.0),
        ("anthropic:claude-opus-4-7", 5.0, 0.5, 25.0),
        ("anthropic:claude-opus-4-6", 5.0, 0.5, 25.0),
        ("anthropic:claude-opus-4-5", 5.0, 0.5, 25.0),
        ("anthropic:claude-sonnet-5-5", 2.0, 0.1, 10.0),
        ("anthropic:claude-sonnet-5", 2.0, 0.2, 10.0),
        ("anthropic:claude-sonnet-4-6", 3.0, 0.3, 15.0),
        ("anthropic:claude-sonnet-4-5", 3.0, 0.3, 15.0),
        ("anthropic:claude-haiku-5-5", 0.1, 0.01, 0.5),
        ("anthropic:claude-haiku-4-5", 1.0, 0.1, 5.0),
    ),
}
_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest|0)$")


def price_of(teacher: Teacher, own: Price | tuple[float, float] | None = None) -> Price | None:
    """The price of a teacher: the user's own, nothing for a free one, the table's, or None when unknown."""
    if own is not None:
        return own if isinstance(own, Price) else Price(float(own[0]), float(own[1]))
    return FREE if teacher.capabilities.free else listed_price(teacher.name)


def listed_price(name: str) -> Price | None:
    """The table's price of a teacher of this name; None where it has none."""
    return PRICES.get(name) or PRICES.get(_DATED.sub("", name))


def need_price(teacher: Teacher, own: Price | tuple[float, float] | None) -> Price:
    """The price, for a job that has a budget.

    Raises:
        ReasonbookError: nobody knows it.
    """
    price = price_of(teacher, own)
    if price is None:
        raise ReasonbookError(
            f"A budget needs the price of {teacher.name}, which is not in the price table.",
            "df.reason.augment(…, budget=5.0, price=(0.25, 2.00))   # dollars per million tokens, input and output",
        )
    return price


_ANSWER = 200.0  # tokens of an answer, while none has been seen,
_LONG_ANSWER = 400.0  # and where it must not be guessed too low


class Budget:
    """Keeps a job's tokens and dollars.

    Args:
        dollars: at most; None for no bound.
        price: None when nobody knows it.
        totals: the job's, which are shown.
        batch: whether the calls are made through the batch API, at its price.
    """

    def __init__(
        self, dollars: float | None, price: Price | None, totals: Totals, *, batch: bool = False
    ) -> None:
        self.dollars = dollars
        self.price = price
        self.totals = totals
        self.batch = batch
        self._answer = 0.0  # tokens of an average answer

    def pay(self, usage: Usage) -> float | None:
        """Notes what a call has used; returns its dollars, None when nobody knows the price.

        A call whose answer tells of no tokens, such as one that nobody could read, is taken for an average one.
        """
        cost = self._cost(usage) if usage.input or usage.output else usage.calls * self._each
        if usage:
            self.totals.usage = self.totals.usage + usage
            self.totals.cost += cost
            self._answer += 0.1 * (usage.output - self._answer)
        return None if self.price is None else cost

    @property
    def _each(self) -> float:
        """Dollars of an average call so far."""
        calls = self.totals.usage.calls
        return self.totals.cost / calls if calls else 0.0

    def affordable(self, opened: int) -> bool:
        """Whether one row more may begin beside those opened, which cost what experience says."""
        if self.dollars is None:
            return True
        return self.totals.cost + (opened + 1) * self._each <= self.dollars

    def fitting(self, requests: Iterable[Request]) -> int:
        """How many requests, from the first on, there is money for; each is guessed high until some are paid."""
        left, seen = math.inf if self.dollars is None else self.dollars - self.totals.cost, self.totals.usage
        count = 0
        for request in requests:
            written = seen.output / seen.calls if seen.calls else request.max_tokens or _LONG_ANSWER
            letters = len(request.system) + len(request.user) + len(str(request.schema or ""))
            left -= self._cost(Usage(input=letters // 3, output=round(1.1 * written)))
            if left < 0:
                break
            count += 1
        return count

    def tokens(self, request: Request) -> float:
        """Tokens that a call will count for, roughly, for an account with a limit of tokens."""
        read = len(request.system) + len(request.user) + sum(len(text) for _, text in request.turns)
        return read / 4 + (self._answer or _ANSWER)

    def _cost(self, usage: Usage) -> float:
        return self.price.cost(usage, batch=self.batch) if self.price is not None else 0.0
