"""Estimation: tokens, money and minutes before anything is sent."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from ..data.frame import Frame
from ..errors import ReasonbookError
from ..html_card import card
from ..review.decisions import Decisions
from ..schema import Schema
from ..store import Store, default_store
from ..teachers import TeacherSpec, resolve
from .augmentation import Augmentation
from .config import AugmentConfig
from .cost import Price, price_of
from .methods import METHODS
from .prompts import Prompts
from .work import AnswerKeys, FrameSnapshot, plan_work

_SAMPLE = 200  # rows whose length is looked at
# Tokens that a value of a type takes, low and high, its key and quotes counted in.
_VALUE = {"text": (12, 60), "number": (6, 9), "boolean": (5, 6), "choice": (6, 10), "list": (15, 80)}
_TRACE = (150, 1500)  # tokens of a thinking trace
_SECONDS = (0.8, 6.0)  # of one call, plus what its output takes
_SPEED = (120.0, 40.0)  # output tokens a second, fast and slow


@dataclass(frozen=True)
class CostEstimate:
    """What an augmentation would take; pairs are (low, high).

    Attributes:
        teacher: its name.
        rows: rows that the job is about.
        cached: rows that the store can answer already.
        calls: calls that have to be made; equal turns share one.
        input_tokens: tokens read.
        output_tokens: tokens written.
        dollars: None when the price is not known.
        minutes: wall time at the given concurrency.
        price: dollars per million tokens, with date and source.
        measured: how many rows of a pilot these figures rest on; 0 when they come from lengths alone.
        turns: assistant turns that the job is about; more than the rows where conversations have several.

    Example:
        >>> expected = df.reason.estimate(schema, teacher="openai:gpt-4o-mini")
        >>> low, high = expected.dollars
        >>> 0 < low < high < 1
        True
    """

    teacher: str
    rows: int
    cached: int
    calls: int
    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    dollars: tuple[float, float] | None
    minutes: tuple[float, float]
    price: Price | None
    measured: int = 0
    turns: int = 0

    def __repr__(self) -> str:
        money = "price not known" if self.dollars is None else _money(self.dollars)
        return f"CostEstimate({self.calls} calls, {money}, {_span(self.minutes)} minutes)"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {
            "rows": self.rows,
            **({"assistant turns": self.turns} if self.turns > self.rows else {}),
            "already paid": self.cached,
            "calls": self.calls,
            "tokens in": _span(self.input_tokens),
            "tokens out": _span(self.output_tokens),
            "minutes": _span(self.minutes),
            "cost": "not known" if self.dollars is None else _money(self.dollars),
        }
        notes: list[str] = []
        if self.price is None:
            notes.append(
                f"The price of {self.teacher} is not in the table: config price=(input, output) per million."
            )
        elif self.price.date:
            batch = self.price.batch
            notes.append(
                f"Price: ${self.price.input:g} in, ${self.price.output:g} out per million tokens "
                f"({self.price.source}, {self.price.date}). Check it before you rely on it."
            )
            if self.dollars and self.dollars[1]:
                half = (self.dollars[0] * batch, self.dollars[1] * batch)
                notes.append(f"The provider's batch API would take {_money(half)}, within 24 hours.")
        basis = f"measured on {self.measured} rows" if self.measured else "from the length of the rows"
        return card(
            f"Estimate for {self.teacher}, {basis}",
            facts,
            notes=notes,
            next_verb="job = df.reason.augment(schema, teacher=…, budget=…)",
        )


def estimate(
    frame: Frame,
    schema: Schema,
    teacher: TeacherSpec,
    config: AugmentConfig | None = None,
    *,
    store: Store | None = None,
    pilot: int = 0,
) -> CostEstimate:
    """What `Augmentation` would take for this frame.

    Args:
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
    asked = resolve(teacher, ready=False)
    schema = schema.snapshot()
    measured = _pilot(frame, schema, teacher, config, store, pilot) if pilot else None
    snapshot = FrameSnapshot(frame.df, frame.layout)
    keys = AnswerKeys(schema, asked.name, config)
    plan = plan_work(snapshot, keys, config, store, decision=Decisions(store).reader(snapshot.names))
    works, prompts = plan.open, Prompts(schema, config)
    calls = len(works) * config.samples
    looked = random.Random(0).sample(works, min(_SAMPLE, len(works)))
    lengths: list[float] = []
    for work in looked:
        request = prompts.request(snapshot.turn(work.places[0]), keys.names, work.shown)
        lengths.append(_tokens(request.system) + _tokens(request.user) + _tokens(str(request.schema or "")))
    read = sum(lengths) / max(1, len(lengths))
    if METHODS[config.method].fields:
        low, high = (8 + sum(_VALUE[field.type][i] for field in schema) for i in (0, 1))
    else:
        low, high = _TRACE
    inputs, outputs = (0.9 * read, 1.15 * read), (float(low), float(high))
    if measured is not None:
        inputs, outputs = ((0.9 * n, 1.15 * n) for n in measured)
    if config.max_tokens:
        outputs = (min(outputs[0], config.max_tokens), min(outputs[1], config.max_tokens))
    price = price_of(asked, config.price)
    input_tokens = (round(inputs[0] * calls), round(inputs[1] * calls))
    output_tokens = (round(outputs[0] * calls), round(outputs[1] * calls))
    dollars = None
    if price is not None:
        low_cost = (input_tokens[0] * price.input + output_tokens[0] * price.output) / 1e6
        high_cost = (input_tokens[1] * price.input + output_tokens[1] * price.output) / 1e6
        dollars = (low_cost, high_cost)
    at_once = min(config.concurrency, asked.capabilities.parallel or config.concurrency, max(1, calls))
    free = asked.capabilities.free and asked.name.startswith("python:")
    seconds = (0.0, 0.01) if free else tuple(_SECONDS[i] + outputs[i] / _SPEED[i] for i in (0, 1))
    minutes = tuple(calls / at_once * s / 60 for s in seconds)
    if config.rpm:
        minutes = tuple(max(m, calls / config.rpm) for m in minutes)
    return CostEstimate(
        teacher=asked.name,
        rows=plan.rows,
        cached=plan.rows
        - len(plan.unusable)
        - len({position for work in works for position, _ in work.places}),
        calls=calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        dollars=dollars,
        minutes=(minutes[0], minutes[1]),
        price=price,
        measured=pilot if measured is not None else 0,
        turns=plan.turns,
    )


def _pilot(
    frame: Frame, schema: Schema, teacher: TeacherSpec, config: AugmentConfig, store: Store, rows: int
) -> tuple[float, float] | None:
    """Input and output tokens per call, from so many rows asked for real."""
    from dataclasses import replace

    job = Augmentation(frame, schema, teacher, replace(config, limit=rows), store=store).start().wait()
    calls = job.usage.calls
    return (job.usage.input / calls, job.usage.output / calls) if calls else None


def _tokens(text: str) -> float:
    """Tokens by the rule of thumb that fits today's vocabularies: 4 ASCII letters, or 1.5 others."""
    ascii_letters = sum(1 for letter in text if letter.isascii())
    return ascii_letters / 4 + (len(text) - ascii_letters) / 1.5


def _span(pair: tuple[float, float]) -> str:
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in pair)
    return low if low == high else f"{low} – {high}"


def _money(pair: tuple[float, float]) -> str:
    return "nothing" if not pair[1] else f"${pair[0]:.2f} – ${pair[1]:.2f}"
