"""Spending cap: the most that all calls of a store may cost together, over every run and notebook."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import StoreError
from ..events import Event
from ..html_card import card
from ..options import checked
from .database import Store, default_store

_SUBJECT = "spending_cap"
_FRESH = 1.0  # seconds for which a look into the store is good enough


@dataclass(frozen=True)
class SpendingCap:
    """A store's cap and what stands against it.

    Attributes:
        dollars: at most; None where there is no cap.
        spent: dollars of all calls on record, as they were noted with the calls.
        unpriced: calls that noted no cost, since nobody knew their price; they are not in ``spent``.

    Example:
        >>> rb.store.cap().dollars is None
        True
    """

    dollars: float | None
    spent: float
    unpriced: int = 0

    @property
    def left(self) -> float:
        """Dollars that may still be spent; infinite where there is no cap."""
        return math.inf if self.dollars is None else _left(self.dollars, self.spent)

    @property
    def refusal(self) -> StoreError:
        """What is said to a call for which nothing is left."""
        bound = self.dollars or 0.0
        return StoreError(
            f"The cap of this store, ${bound:,.2f} for all runs together, is used up: ${self.spent:,.4f} are spent.",
            f"rb.store.cap({_more(max(bound, self.spent)):g})   or   rb.store.cap(remove=True)",
        )

    def __repr__(self) -> str:
        bound = "none" if self.dollars is None else f"${self.dollars:,.2f}, ${max(0.0, self.left):,.4f} left"
        return f"SpendingCap({bound}; ${self.spent:,.4f} spent)"

    def _repr_html_(self) -> str:
        facts = {"spent": f"${self.spent:,.4f}"}
        if self.dollars is not None:
            facts |= {"cap": f"${self.dollars:,.2f}", "left": f"${max(0.0, self.left):,.4f}"}
        return card(
            "This store has no spending cap" if self.dollars is None else "Spending cap of this store",
            facts,
            notes=[f"{self.unpriced} calls noted no cost and are not counted."] if self.unpriced else [],
            next_verb="rb.store.cap(20.0)" if self.dollars is None else "rb.spent()",
        )


@checked(StoreError, "rb.store.cap(20.0)")
def cap(dollars: float | None = None, *, remove: bool = False, store: Store | None = None) -> SpendingCap:
    """The most that all calls of this store may cost together: shown, or set, raised and removed.

    ``budget=`` bounds one call of ``augment``; this bounds all runs of all notebooks on the store: augmentations,
    batches, repairs and judges. It is kept in the store, and running jobs heed it within a second.

    Args:
        dollars: the new cap; shown when None.
        remove: take the cap away.
        store: the default store when None.

    Raises:
        StoreError: the cap is not a sum of money.

    Example:
        >>> rb.store.cap(20.0)
        SpendingCap($20.00, $20.0000 left; $0.0000 spent)
        >>> rb.store.cap(remove=True).dollars is None
        True
    """
    store = store or default_store()
    if dollars is not None and not 0 < dollars < math.inf:
        raise StoreError(f"A cap is a sum of dollars above 0, not {dollars!r}.", "rb.store.cap(20.0)")
    if dollars is not None and remove:
        raise StoreError("A cap is set or removed, not both.", f"rb.store.cap({dollars:g})")
    if remove or dollars is not None:
        store.append(_SUBJECT, [Event("set", {"dollars": dollars})])
    return cap_of(store)


def cap_of(store: Store) -> SpendingCap:
    """The cap of a store as it stands."""
    [(spent, calls, noted)] = store.query(
        "SELECT (SELECT total(cost) FROM asked), (SELECT count(*) FROM calls), (SELECT count(cost) FROM asked)"
    )
    return SpendingCap(_dollars(store), float(spent), calls - noted)


class CapWatch:
    """What is left under a store's cap while a job runs; the store is looked into once a second at most.

    Args:
        store: with or without a cap.
        own: dollars that the job itself has paid, also those that are not in the store yet.
    """

    def __init__(self, store: Store, own: Callable[[], float] = lambda: 0.0) -> None:
        self._store, self._own = store, own
        self._next = 0.0
        self._cap: float | None = None
        self._last = 0  # number of the newest call that is in the sum
        self._spent = self._seen = 0.0

    @property
    def stands(self) -> bool:
        """Whether there is a cap now."""
        self._look()
        return self._cap is not None

    def left(self) -> float:
        """Dollars that may still be spent by all together; infinite where there is no cap."""
        self._look()
        if self._cap is None:
            return math.inf
        return _left(self._cap, self._spent + self._own() - self._seen)

    @property
    def refusal(self) -> StoreError:
        """What is said when nothing is left."""
        return cap_of(self._store).refusal

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _FRESH
        self._cap = _dollars(self._store)
        if self._cap is None:
            return
        [(spent, last)] = self._store.query(
            "SELECT total(cost), max(call) FROM asked WHERE call > ?", (self._last,)
        )
        self._seen = self._own()
        self._spent += spent
        self._last = last or self._last


def _dollars(store: Store) -> float | None:
    bound = None
    for event in store.events(_SUBJECT, kind="set"):
        if event.kind == "set":  # one that is damaged says nothing, and takes no cap away
            bound = event.data.get("dollars")
    return None if bound is None else float(bound)


def _left(cap: float, spent: float) -> float:
    return round(cap - spent, 9)  # many small sums do not add up to the last bit


def _more(bound: float) -> float:
    return round(1.5 * bound, 2) if bound >= 0.02 else 2 * bound
