"""Prices: what models cost, as data with its date; a model that is not here is said to be unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ReasonbookError
from ..teachers import Teacher, Usage


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
_DATE = "2025-08-01"
_OPENAI, _ANTHROPIC = "OpenAI's public price list", "Anthropic's public price list"


def _table(source: str, *rows: tuple[str, float, float, float]) -> dict[str, Price]:
    return {name: Price(given, made, cached, date=_DATE, source=source) for name, given, cached, made in rows}


# Model → input, cached input, output. Dated variants (-2025-04-14) share the entry of their family.
PRICES: dict[str, Price] = {
    **_table(
        _OPENAI,
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
        ("anthropic:claude-opus-4-1", 15.0, 1.5, 75.0),
        ("anthropic:claude-opus-4", 15.0, 1.5, 75.0),
        ("anthropic:claude-sonnet-4", 3.0, 0.3, 15.0),
        ("anthropic:claude-3-7-sonnet", 3.0, 0.3, 15.0),
        ("anthropic:claude-3-5-haiku", 0.8, 0.08, 4.0),
    ),
}
_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest|0)$")


def price_of(teacher: Teacher, own: Price | tuple[float, float] | None = None) -> Price | None:
    """The price of a teacher: the user's own, nothing for a free one, the table's, or None when unknown."""
    if own is not None:
        return own if isinstance(own, Price) else Price(float(own[0]), float(own[1]))
    if teacher.capabilities.free:
        return FREE
    return PRICES.get(teacher.name) or PRICES.get(_DATED.sub("", teacher.name))


def need_price(teacher: Teacher, own: Price | tuple[float, float] | None) -> Price:
    """The price, for a job that has a budget.

    Raises:
        ReasonbookError: nobody knows it.
    """
    price = price_of(teacher, own)
    if price is None:
        raise ReasonbookError(
            f"A budget needs the price of {teacher.name}, which is not in the price table.",
            "rb.AugmentConfig(price=(0.25, 2.00), budget=5.0)   # dollars per million tokens, input and output",
        )
    return price
