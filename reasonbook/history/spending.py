"""Spending: what calls have cost, by day, teacher, job and notebook, beside the store's cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Literal

from ..augment.engine.job_journal import read
from ..data.typed_pandas import DataFrame, new_frame
from ..errors import ReasonbookError
from ..html_card import card, table
from ..options import checked
from ..store import Expense, SpendingCap, Store, cap_of, default_store, expenses
from ..teachers import Usage
from ..teachers.pricing.price_table import listed_price
from .listing import dollars

By = Literal["day", "teacher", "job", "notebook", "purpose"]
_NO_JOB = "no job"
_NEWEST = 8  # jobs on the card


@dataclass(frozen=True)
class SpentLine:
    """What the calls of one day, teacher, job, notebook or purpose have cost together.

    Attributes:
        name: which.
        calls: how many.
        usage: their tokens.
        cost: dollars of the calls whose price is known.
        estimated: dollars among them at today's list price, since the calls themselves noted none.
        unknown: calls of a teacher whose price nobody knows.
    """

    name: str
    calls: int
    usage: Usage
    cost: float
    estimated: float
    unknown: int


class Spending:
    """What the calls of a store have cost; rows that came from the store made none.

    Args:
        found: what they have used, by day, teacher, job, notebook and purpose.
        cap: of the store.

    Example:
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
        >>> [(line.name, line.calls, line.cost) for line in rb.spent().by("purpose")]
        [('augmentation', 40, 0.0)]
    """

    def __init__(self, found: Sequence[Expense], cap: SpendingCap) -> None:
        self._found = tuple(found)
        self.cap = cap

    @property
    def total(self) -> SpentLine:
        """All of it."""
        return _line("in all", self._found)

    def by(self, what: By) -> list[SpentLine]:
        """One line per ``day``, ``teacher``, ``job``, ``notebook`` or ``purpose``."""
        name = attrgetter(what)
        names = sorted({name(one) for one in self._found})
        return [_line(each, [one for one in self._found if name(one) == each]) for each in names]

    def to_frame(self) -> DataFrame:
        """One row per day, teacher, job, notebook and purpose."""
        return new_frame(
            [
                {
                    "day": one.day, "teacher": one.teacher, "job": one.job, "notebook": one.notebook,
                    "purpose": one.purpose, "calls": one.calls, **one.usage,
                    "cost": one.cost if one.cost is not None else _listed(one), "noted": one.cost is not None,
                }
                for one in self._found
            ]
        )  # fmt: skip

    def __repr__(self) -> str:
        total = self.total
        return f"Spending({dollars(total.cost)} for {total.calls} calls{_unknown(total)})"

    def _repr_html_(self) -> str:
        total = self.total
        notes: list[str] = []
        if total.estimated:
            notes.append(f"{dollars(total.estimated)} of it at today's list price: those calls noted none.")
        if total.unknown:
            notes.append(f"{total.unknown} calls are of teachers whose price nobody knows.")
        facts = {"cost": dollars(total.cost), "calls": str(total.calls)}
        if self.cap.dollars is not None:
            facts |= {"cap": dollars(self.cap.dollars), "left": dollars(max(0.0, self.cap.left))}
        return card(
            "Spent",
            facts,
            notes=notes,
            body="".join(_table(what, self.by(what)) for what in ("day", "teacher", "notebook"))
            + _table("newest jobs", self.by("job")[-_NEWEST:]),
            next_verb="rb.spent().to_frame()   ·   rb.jobs()   ·   rb.store.cap()",
        )


@checked(ReasonbookError, "rb.spent()")
def spent(*, store: Store | None = None) -> Spending:
    """What all calls in the store have cost, by day, teacher, job and notebook.

    Augmentations, batches, repairs and judges are counted, and so are calls that failed after they were paid for;
    rows that came from the store are free.

    Args:
        store: the default store when None.

    Example:
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
        >>> rb.spent()
        Spending($0 for 40 calls)
    """
    store = store or default_store()
    whole = {job.id: job.part_of for job in read(store).jobs if job.part_of}
    found = [replace(one, job=whole.get(one.job, one.job) or _NO_JOB) for one in expenses(store)]
    return Spending(found, cap_of(store))


def _line(name: str, found: Sequence[Expense]) -> SpentLine:
    usage = sum((Usage(calls=one.calls, **one.usage) for one in found), Usage())
    noted = sum(one.cost for one in found if one.cost is not None)
    listed = [(one, _listed(one)) for one in found if one.cost is None]
    estimated = sum(cost for _, cost in listed if cost is not None)
    unknown = sum(one.calls for one, cost in listed if cost is None)
    return SpentLine(name, usage.calls, usage, noted + estimated, estimated, unknown)


def _listed(one: Expense) -> float | None:
    """Dollars at today's list price; None for a teacher that the list does not have."""
    price = listed_price(one.teacher)
    return None if price is None else price.cost(Usage(calls=one.calls, **one.usage))


def _table(what: str, lines: Sequence[SpentLine]) -> str:
    return table(
        (what, "calls", "tokens in", "tokens out", "cost"),
        [
            (line.name, line.calls, line.usage.input, line.usage.output, dollars(line.cost) + _unknown(line))
            for line in lines
        ],
    )


def _unknown(line: SpentLine) -> str:
    return f", {line.unknown} of unknown price" if line.unknown else ""
