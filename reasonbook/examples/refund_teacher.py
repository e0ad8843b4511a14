"""Refund teacher: no model; reads a request and works the reasoning fields out by rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import ReasonbookError
from .refund_policy import (
    MONTH_DAYS,
    MONTHS,
    Condition,
    RefundRequest,
    Terms,
    Tier,
    settle,
)
from .refund_requests import GOODS, NUMBER_WORDS

if TYPE_CHECKING:
    from ..schema import Schema

DECISIONS = ("full refund", "refund less fees", "no refund")

_ITEMS = {name: one for one, many, *_ in GOODS for name in (one, many)}
_COUNTS = {"a": 1, "an": 1, **{word: number for number, word in enumerate(NUMBER_WORDS)}}
_GOODS = re.compile(
    rf"\b(\d+|{'|'.join(_COUNTS)}) ({'|'.join(sorted(_ITEMS, key=len, reverse=True))})\b", re.IGNORECASE
)
_PRICE = re.compile(r"\$(\d+)")
_AGO = re.compile(r"\b(\d+|an?) (day|week)s? ago\b", re.IGNORECASE)
_DATE = rf"({'|'.join(MONTHS)}) (\d{{1,2}})\b"
_TODAY = re.compile(rf"\b(?:today is|it is|received|sent on) {_DATE}", re.IGNORECASE)
_BOUGHT = re.compile(rf"\b(?<!sent )on {_DATE}", re.IGNORECASE)
_DAMAGED = re.compile(r"\bdamaged\b|\bbroken on arrival\b|\bcrushed\b", re.IGNORECASE)
_SEALED = re.compile(r"\bunopened\b|\bstill sealed\b|\bnever opened\b|\bnot been touched\b", re.IGNORECASE)
_OPENED = re.compile(r"\bopened\b|\bused\b|\bseals? (?:is|are) broken\b", re.IGNORECASE)
_TIER = re.compile(r"\b(gold|plus)\b|\b(not a member|standard account|no membership)\b", re.IGNORECASE)


def refund_schema() -> Schema:
    """The reasoning fields of a refund, in the order in which one works them out.

    Example:
        >>> rb.examples.refund_schema().names[:4]
        ('Intent', 'Timeline', 'Days Since Purchase', 'Policy')
    """
    from ..schema import Field, Schema

    return Schema(
        [
            Field("Intent", "Say what the customer wants to return: how many, of what, in which condition."),
            Field("Timeline", "Work out how long ago the purchase was, one step after the other."),
            Field("Days Since Purchase", "Give the number of days since the purchase.", type="number"),
            Field("Policy", "Name the membership or damage rule that applies, its days and its charges."),
            Field(
                "Decision",
                "Compare the days with the rule and say whether money is paid back.",
                type="choice",
                options=DECISIONS,
            ),
            Field("Per Item", "Work out what comes back for one item: its price less the restocking fee."),
            Field("Subtotal", "Multiply that by the number of items."),
            Field("Amount", "Take off the return label: the dollars to pay back, or 0."),
        ]
    )


def refund_rules(request: object, *, policy: str = "2026") -> dict[str, str | int]:
    """Work out the fields of `refund_schema()` from the text of one request, and from nothing else.

    Args:
        request: the request text, or an object with the text in its attribute `prompt`.
        policy: "2026", or "2027" for the changed policy.

    Raises:
        ReasonbookError: the text does not say a fact that the policy needs; the message names it.

    Example:
        >>> text = "I bought 3 desk lamps 9 days ago at $48 each. They are opened. I am a Plus member."
        >>> rb.examples.refund_rules(text)["Amount"]
        '126 - 4 = 122'
    """
    text = request if isinstance(request, str) else getattr(request, "prompt", None)
    if not isinstance(text, str):
        raise ReasonbookError(
            f"refund_rules reads text, and got {type(request).__name__}.",
            "refund_rules(df['prompt'].iloc[0])",
        )
    facts, timeline = _read(text)
    result = settle(facts, policy=policy)
    terms = result.terms
    rule = "damaged" if facts.condition == "damaged" else f"{facts.tier}, {facts.condition}"
    item = next(many if facts.quantity > 1 else one for one, many, *_ in GOODS if one == facts.item)
    kept_each = facts.price - result.each
    if not result.granted:
        decision, amount = "no refund", "0"
    elif terms.label:
        decision, amount = "refund less fees", f"{result.subtotal} - {terms.label} = {result.amount}"
    else:
        decision, amount = ("refund less fees" if kept_each else "full refund"), str(result.amount)
    return {
        "Intent": f"return {facts.quantity} {item}, {facts.condition}",
        "Timeline": timeline,
        "Days Since Purchase": facts.days,
        "Policy": f"{rule}: {terms.days} days, {_charges(facts, terms)}",
        "Decision": decision,
        "Per Item": f"{facts.price} - {kept_each} = {result.each}" if kept_each else str(facts.price),
        "Subtotal": _product(facts.quantity, result.each),
        "Amount": amount,
    }


def refund_checker(question: str) -> dict[str, str]:
    """Answer one blind question of an audit of refunds: by the amount that its reasoning ends with, else by rule.

    Example:
        >>> text = "Request:\\nI bought 3 desk lamps 9 days ago at $48 each. They are opened. I am a Plus member."
        >>> rb.examples.refund_checker(text), rb.examples.refund_checker(f"{text}\\n\\nReasoning:\\nAmount: 3 + 4 = 7")
        ({'Answer': '$122'}, {'Answer': '$7'})
    """
    ended = re.search(r"^Amount: .*?(\d+)$", question, re.MULTILINE)
    amount = ended.group(1) if ended else str(refund_rules(question)["Amount"]).split()[-1]
    return {"Answer": f"${amount}"}


def read_request(text: str) -> RefundRequest:
    """The facts that a request states; a ReasonbookError names the first one that is missing."""
    return _read(text)[0]


def _read(text: str) -> tuple[RefundRequest, str]:
    goods = _find(_GOODS, text, "what was bought")
    price = _find(_PRICE, text, "the price of one item, such as $48")
    days, timeline = _timeline(text)
    count = goods.group(1).lower()
    facts = RefundRequest(
        quantity=_COUNTS.get(count) or int(count),
        item=_ITEMS[goods.group(2).lower()],
        price=int(price.group(1)),
        days=days,
        tier=_tier(text),
        condition=_condition(text),
    )
    return facts, timeline


def _find(pattern: re.Pattern[str], text: str, fact: str) -> re.Match[str]:
    found = pattern.search(text)
    if found is None:
        raise ReasonbookError(
            f"The request does not say {fact}: {text[:80]!r}", "Add it to the text, or leave this row out."
        )
    return found


def _timeline(text: str) -> tuple[int, str]:
    """Days since the purchase, and the steps that lead there."""
    ago = _AGO.search(text)
    if ago:
        count = 1 if ago.group(1).lower().startswith("a") else int(ago.group(1))
        if ago.group(2).lower() == "week":
            return 7 * count, f"{count} x 7 = {7 * count}"
        return count, f"{count} days ago"
    today_month, today = _month_and_day(_find(_TODAY, text, "today's date"))
    month, day = _month_and_day(_find(_BOUGHT, text, "the date of the purchase"))
    dates = f"{MONTHS[month]} {day} to {MONTHS[today_month]} {today}"
    if month == today_month and day <= today:
        return today - day, f"{dates}: {today} - {day} = {today - day}"
    days = MONTH_DAYS[month] - day
    steps = [f"{MONTH_DAYS[month]} - {day} = {days}"]
    while (month := (month + 1) % 12) != today_month:
        steps.append(f"{MONTHS[month]} {days} + {MONTH_DAYS[month]} = {days + MONTH_DAYS[month]}")
        days += MONTH_DAYS[month]
    steps.append(f"{days} + {today} = {days + today}")
    return days + today, f"{dates}: {', '.join(steps)}"


def _product(quantity: int, each: int) -> str:
    """A multiplication as one does it in the head: tens, then ones."""
    tens, ones = each - each % 10, each % 10
    if quantity == 1 or not ones or not tens:
        return f"{quantity} x {each} = {quantity * each}"
    return f"{quantity} x {each} = {quantity * tens} + {quantity * ones} = {quantity * each}"


def _month_and_day(found: re.Match[str]) -> tuple[int, int]:
    return MONTHS.index(found.group(1).capitalize()), int(found.group(2))


def _tier(text: str) -> Tier:
    word = (_find(_TIER, text, "the membership").group(1) or "standard").lower()
    return "gold" if word == "gold" else "plus" if word == "plus" else "standard"


def _condition(text: str) -> Condition:
    if _DAMAGED.search(text):
        return "damaged"
    if _SEALED.search(text):
        return "sealed"
    _find(_OPENED, text, "whether the goods were opened")
    return "opened"


def _charges(facts: RefundRequest, terms: Terms) -> str:
    parts: list[str] = []
    if facts.condition == "opened" and terms.restocking:
        parts.append(f"${terms.restocking} each")
    if terms.label:
        parts.append(f"${terms.label} label")
    return " and ".join(parts) or "no fees"
