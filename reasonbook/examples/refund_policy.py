"""Refund policy: a table, and what it makes of one request.

This is the known right answer of the refund data. The maker of the data (`refunds`) and the rule teacher
(`refund_rules`) both ask it, and neither sees the other's facts: one draws them, the other reads the text.

Policy 2026, and what 2027 changes:

| membership | days to return | restocking, each opened item | return label, each order |
|------------|----------------|------------------------------|--------------------------|
| standard   | 30 (2027: 20)  | $12 (2027: $15)              | $7 (2027: $9)            |
| plus       | 45 (2027: 30)  | $6 (2027: $8)                | $4 (2027: $6)            |
| gold       | 60 (2027: 45)  | $3 (2027: $5)                | nothing                  |
| damaged    | 75 (2027: 60)  | nothing                      | nothing                  |

Goods that came damaged follow the last row, whatever the membership. After the last day there is no refund.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import ReasonbookError, choices

Tier = Literal["standard", "plus", "gold"]
Condition = Literal["sealed", "opened", "damaged"]

TIERS: tuple[Tier, ...] = ("standard", "plus", "gold")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_DAYS = (
    31,
    28,
    31,
    30,
    31,
    30,
    31,
    31,
    30,
    31,
    30,
    31,
)  # requests name no year; none of ours is a leap year


@dataclass(frozen=True)
class Terms:
    """One row of the policy: days to return, and dollars kept back."""

    days: int
    restocking: int
    label: int


@dataclass(frozen=True)
class RefundRequest:
    """The facts of one request. `price` is dollars for one item, `days` is days since the purchase."""

    quantity: int
    item: str
    price: int
    days: int
    tier: Tier
    condition: Condition


@dataclass(frozen=True)
class Settlement:
    """What the policy grants, in whole dollars; without a refund `amount` is 0."""

    terms: Terms
    granted: bool
    each: int
    subtotal: int
    amount: int


POLICIES: Mapping[str, Mapping[str, Terms]] = {
    "2026": {
        "standard": Terms(30, 12, 7),
        "plus": Terms(45, 6, 4),
        "gold": Terms(60, 3, 0),
        "damaged": Terms(75, 0, 0),
    },
    "2027": {
        "standard": Terms(20, 15, 9),
        "plus": Terms(30, 8, 6),
        "gold": Terms(45, 5, 0),
        "damaged": Terms(60, 0, 0),
    },
}


def policy_table(policy: str) -> Mapping[str, Terms]:
    """The rows of a policy by name; an unknown name is a ReasonbookError that lists the known ones."""
    try:
        return POLICIES[policy]
    except KeyError:
        raise ReasonbookError(
            f"There is no refund policy {policy!r}.",
            f"policy= takes one of them; {choices(policy, POLICIES)}",
        ) from None


def settle(request: RefundRequest, *, policy: str = "2026") -> Settlement:
    """Apply a policy to the facts of one request."""
    table = policy_table(policy)
    terms = table["damaged" if request.condition == "damaged" else request.tier]
    each = request.price - (terms.restocking if request.condition == "opened" else 0)
    subtotal = request.quantity * each
    granted = request.days <= terms.days
    return Settlement(terms, granted, each, subtotal, subtotal - terms.label if granted else 0)
