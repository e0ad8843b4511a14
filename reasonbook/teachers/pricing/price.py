"""Price: dollars per million tokens of one model, and what a usage costs at it."""

from __future__ import annotations

from dataclasses import dataclass

from ..teacher import Usage


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
        written: read tokens that were written to the provider's cache; ``input`` when None.
        written_hour: those that stay there for an hour; ``written`` when None, and only beside it.
    """

    input: float
    output: float
    cached: float | None = None
    batch: float = 0.5
    date: str = ""
    source: str = "your own figure"
    written: float | None = None
    written_hour: float | None = None

    def cost(self, usage: Usage, *, batch: bool = False) -> float:
        """Dollars for a usage; what its provider itself says of them is believed."""
        if usage.dollars is not None:
            return usage.dollars
        dollars = usage.input * self.input + usage.output * self.output
        cached = min(usage.cached, usage.input)
        if cached and self.cached is not None:
            dollars += cached * (self.cached - self.input)
        written = min(usage.written, usage.input - cached)
        if written and self.written is not None:
            hour = min(usage.written_hour, written)
            longer = self.written if self.written_hour is None else self.written_hour
            dollars += (written - hour) * self.written + hour * longer - written * self.input
        return dollars / 1e6 * (self.batch if batch else 1.0)


FREE = Price(0.0, 0.0, source="costs nothing")
