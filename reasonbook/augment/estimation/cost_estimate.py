"""Cost estimate: what an augmentation would take, with its band, and what the figures rest on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...data.frame import Frame
from ...errors import ReasonbookError
from ...html_card import card
from ...schema import Schema
from ...store import CapWatch, Store, default_store
from ...teachers import Teacher, TeacherSpec, resolve
from ...teachers.pricing.price import Price
from ...teachers.pricing.price_table import price_of
from ..config import AugmentConfig
from .answer_length import Range
from .call_sizes import CallSizes, ReadTokens
from .calls_before import calls_before

_CACHEABLE = (
    1024  # tokens of a shared beginning that providers give a discount on, the newest from half of it
)
_SECONDS = (0.8, 6.0)  # of one call, plus what its output takes
_SPEED = (120.0, 40.0)  # output tokens a second, fast and slow

Pair = tuple[float, float]


@dataclass(frozen=True)
class CostEstimate:
    """What an augmentation would take; pairs are (low, high).

    Attributes:
        teacher: its name.
        rows: rows that the job is about.
        cached: rows that the store can answer already.
        calls: calls that have to be made; equal turns share one.
        input_tokens: tokens read.
        output_tokens: tokens written, thinking among them.
        dollars: None when the price is not known.
        minutes: wall time at the given concurrency.
        price: dollars per million tokens, with date and source.
        measured: how many calls the output rests on, of a pilot or of earlier runs; 0 when it is guessed.
        turns: assistant turns that the job is about; more than the rows where conversations have several.
        thinking_tokens: tokens of hidden thinking among the output; None where nobody knows whether the model thinks.
        likely: dollars in the middle of what is expected; None when the price is not known.
        left: dollars that the store's cap leaves; infinite where there is none.

    Example:
        >>> expected = df.reason.estimate(schema, teacher="openai:gpt-4o-mini")
        >>> low, high = expected.dollars
        >>> 0 < low < expected.likely < high < 1
        True
    """

    teacher: str
    rows: int
    cached: int
    calls: int
    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    dollars: Pair | None
    minutes: Pair
    price: Price | None
    measured: int = 0
    turns: int = 0
    thinking_tokens: tuple[int, int] | None = (0, 0)
    likely: float | None = None
    left: float = math.inf

    def __repr__(self) -> str:
        money = "price not known" if self.dollars is None else _money(self.dollars)
        return f"CostEstimate({self.calls} calls, {money}, {_span(self.minutes)} minutes)"

    def _repr_html_(self) -> str:
        thought = self.thinking_tokens
        facts: dict[str, Any] = {
            "rows": self.rows,
            **({"assistant turns": self.turns} if self.turns > self.rows else {}),
            "already paid": self.cached,
            "calls": self.calls,
            "tokens in": _span(self.input_tokens),
            "tokens out": _span(self.output_tokens),
            **({"of it thinking": _span(thought)} if thought and thought[1] else {}),
            "minutes": _span(self.minutes),
            "cost": "not known" if self.dollars is None else _money(self.dollars),
            **({"likely": f"${self.likely:.2f}"} if self.likely else {}),
        }
        basis = (
            f"output measured on {self.measured} calls" if self.measured else "from the length of the rows"
        )
        return card(
            f"Estimate for {self.teacher}, {basis}",
            facts,
            notes=[*self._thinking_notes(), *self._money_notes()],
            next_verb="job = df.reason.augment(schema, teacher=…, budget=…)",
        )

    def _thinking_notes(self) -> list[str]:
        if self.measured or not self.calls:
            return []
        if self.thinking_tokens is None:
            return [
                f"Whether {self.teacher} thinks before it answers is not known here; if it does, that comes on top. "
                "pilot=5 asks five rows and measures it."
            ]
        if not self.thinking_tokens[1]:
            return []
        low, high = (total / self.calls for total in self.thinking_tokens)
        return [
            f"{self.teacher} thinks before it answers: {_span((low, high))} tokens a call by rule of thumb for its "
            "family, billed as output. pilot=5 asks five rows and puts what it measures in their place."
        ]

    def _money_notes(self) -> list[str]:
        if self.price is None:
            return [
                f"The price of {self.teacher} is not in the table: config price=(input, output) per million."
            ]
        notes: list[str] = []
        if self.price.date:
            notes.append(
                f"Price: ${self.price.input:g} in, ${self.price.output:g} out per million tokens "
                f"({self.price.source}, {self.price.date}). Check it before you rely on it."
            )
            if self.dollars and self.dollars[1] and self.price.batch < 1:
                half = (self.dollars[0] * self.price.batch, self.dollars[1] * self.price.batch)
                notes.append(f"The provider's batch API would take {_money(half)}, within 24 hours.")
        if self.dollars and self.dollars[1] > self.left:
            notes.append(f"The store's cap leaves ${max(0.0, self.left):,.2f}: rb.store.cap()")
        return notes


def estimate(
    frame: Frame,
    schema: Schema,
    teacher: TeacherSpec,
    config: AugmentConfig | None = None,
    *,
    store: Store | None = None,
    pilot: int = 0,
    decided_too: bool = False,
) -> CostEstimate:
    """What `Augmentation` would take for this frame.

    Args:
        decided_too: as for `Augmentation`.
        pilot: ask so many rows for real and measure; they are paid for, and kept like any others.

    Example:
        >>> from reasonbook.augment import estimate
        >>> from reasonbook.data.frame import Frame
        >>> estimate(Frame(df, df.reason.layout()), schema, "openai:gpt-4o-mini").input_tokens[0] > 1000
        True
    """
    if pilot < 0:
        raise ReasonbookError(f"A pilot is a number of rows, not {pilot!r}.", "pilot=5")
    config = config or AugmentConfig()
    store = store or default_store()
    schema = schema.snapshot()
    sizes = CallSizes(frame, schema, resolve(teacher, ready=False), config, store)
    ratio = sizes.pilot(teacher, pilot) if pilot else None
    plan = sizes.plan(config, decided_too=decided_too)
    before = calls_before(store, sizes.teacher.name, schema, config)
    read = sizes.read(plan.open, ratio)
    written, thought = sizes.written(read, before)
    works = len(plan.open)
    calls = math.ceil(works / config.pack) if config.pack > 1 else works * config.samples
    price = price_of(sizes.teacher, config.price)
    money = None if price is None else _dollars(price, read, written, calls, config)
    return CostEstimate(
        teacher=sizes.teacher.name,
        rows=plan.rows,
        cached=plan.rows
        - len(plan.unusable)
        - len({place[0] for work in plan.open for place in work.places}),
        calls=calls,
        input_tokens=_totals(calls, read.each),
        output_tokens=_totals(calls, written),
        dollars=None if money is None else (money[0], money[2]),
        minutes=_minutes(sizes.teacher, calls, written, config),
        price=price,
        measured=before.calls,
        turns=plan.turns,
        thinking_tokens=None if thought is None else _totals(calls, thought),
        likely=None if money is None else money[1],
        left=CapWatch(store).left(),
    )


def _dollars(price: Price, read: ReadTokens, written: Range, calls: int, config: AugmentConfig) -> Range:
    """Money for all calls: low where the shared beginning is read from a cache, high where it is written to one."""
    share = price.batch if config.mode == "batch" else 1.0
    fixed = read.fixed if read.fixed >= _CACHEABLE / 2 else 0.0
    saved = fixed * (price.input - price.cached) * max(0, calls - 1) if price.cached is not None else 0.0
    more = fixed * (price.written - price.input) * min(calls, config.concurrency) if price.written else 0.0
    low, likely, high = (
        share * calls * (i * price.input + o * price.output) / 1e6
        for i, o in zip(read.each, written, strict=True)
    )
    saved, more = share * saved / 1e6, share * more / 1e6
    return max(0.0, low - saved), max(0.0, likely - (saved / 2 if fixed >= _CACHEABLE else 0.0)), high + more


def _minutes(teacher: Teacher, calls: int, written: Range, config: AugmentConfig) -> Pair:
    at_once = min(config.concurrency, teacher.capabilities.parallel or config.concurrency, max(1, calls))
    free = teacher.capabilities.free and teacher.name.startswith("python:")
    least = calls / config.rpm if config.rpm else 0.0
    low, high = (0.0, 0.01) if free else (_SECONDS[i] + written[2 * i] / _SPEED[i] for i in (0, 1))
    return max(least, calls / at_once * low / 60), max(least, calls / at_once * high / 60)


def _totals(calls: int, each: Range) -> tuple[int, int]:
    return round(each[0] * calls), round(each[2] * calls)


def _span(pair: tuple[float, float]) -> str:
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in pair)
    return low if low == high else f"{low} – {high}"


def _money(pair: Pair) -> str:
    return "nothing" if not pair[1] else f"${pair[0]:.2f} – ${pair[1]:.2f}"
