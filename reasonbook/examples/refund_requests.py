"""Refund requests: plain words with the right amount, made on the spot from a seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from ..errors import ReasonbookError
from ..options import checked
from .refund_policy import (
    MONTH_DAYS,
    MONTHS,
    POLICIES,
    TIERS,
    Condition,
    RefundRequest,
    Tier,
    policy_table,
    settle,
)

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

# one, many, lowest and highest price in dollars
GOODS: tuple[tuple[str, str, int, int], ...] = (
    ("desk lamp", "desk lamps", 26, 79),
    ("office chair", "office chairs", 45, 98),
    ("water kettle", "water kettles", 26, 64),
    ("travel mug", "travel mugs", 26, 39),
    ("backpack", "backpacks", 32, 89),
    ("phone case", "phone cases", 26, 45),
    ("keyboard", "keyboards", 35, 96),
    ("headset", "headsets", 38, 98),
    ("winter jacket", "winter jackets", 48, 98),
    ("cotton shirt", "cotton shirts", 26, 58),
    ("wool blanket", "wool blankets", 29, 75),
    ("frying pan", "frying pans", 26, 68),
    ("coffee grinder", "coffee grinders", 34, 92),
    ("board game", "board games", 26, 62),
    ("yoga mat", "yoga mats", 26, 55),
    ("bike light", "bike lights", 26, 49),
    ("garden hose", "garden hoses", 28, 66),
    ("tool box", "tool boxes", 36, 94),
    ("picture frame", "picture frames", 26, 52),
    ("bookshelf", "bookshelves", 49, 98),
    ("rain coat", "rain coats", 33, 85),
    ("alarm clock", "alarm clocks", 26, 47),
    ("sleeping bag", "sleeping bags", 42, 98),
    ("camera strap", "camera straps", 26, 44),
)
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_GREETINGS = ("", "", "Hi, ", "Hello, ", "Hi there, ", "Good morning, ", "Dear team, ")
_PURCHASES = (
    "I bought {goods} {when} at {price}{each}.",
    "I ordered {goods} {when} for {price}{each}.",
    "{when} I bought {goods} at {price}{each}.",
    "{when} I got {goods} from your shop, {price}{each}.",
    "my order placed {when} was {goods} at {price}{each}.",
    "I want to return {goods} that I bought {when} for {price}{each}.",
    "please take back {goods}. I paid {price}{each} {when}.",
    "{goods} for {price}{each}, ordered {when}.",
)
_TODAY = ("Today is {date}.", "It is {date} today.", "Received {date}.", "Sent on {date}.")
_SEALED = (
    ("It is unopened.", "They are unopened."),
    ("The box is still sealed.", "The boxes are still sealed."),
    ("I never opened the box.", "I never opened the boxes."),
    ("The packaging has not been touched.", "The packaging has not been touched."),
)
_OPENED = (
    ("It is opened.", "They are opened."),
    ("I opened the box.", "I opened the boxes."),
    ("I have used it twice.", "I have used them twice."),
    ("The seal is broken, I tried it.", "The seals are broken, I tried them."),
)
_DAMAGED = (
    ("It arrived damaged.", "They arrived damaged."),
    ("It was broken on arrival.", "They were broken on arrival."),
    ("The parcel was crushed and it is damaged.", "The parcel was crushed and they are damaged."),
    ("I opened the box and it was damaged.", "I opened the boxes and they were damaged."),
)
_CONDITIONS: dict[Condition, tuple[tuple[str, str], ...]] = {
    "sealed": _SEALED,
    "opened": _OPENED,
    "damaged": _DAMAGED,
}
_MEMBERSHIP = {
    "standard": ("I am not a member.", "I have a standard account.", "No membership."),
    "plus": ("I am a Plus member.", "I have Plus membership.", "My account is Plus."),
    "gold": ("I am a Gold member.", "I have Gold membership.", "My account is Gold."),
}
_ASIDES = (
    "The colour is wrong.",
    "It was meant as a gift.",
    "I changed my mind.",
    "I paid by card.",
    "My sister has the same already.",
    "I found it cheaper elsewhere.",
)
_QUESTIONS = (
    "How much do I get back?",
    "What is my refund?",
    "Can I have my money back?",
    "Please refund me.",
    "What will you pay back?",
    "",
)


@checked(ReasonbookError, "rb.examples.refunds(2_000, seed=0)")
def refunds(n: int = 2000, *, seed: int = 0, policy: str = "2026") -> pd.DataFrame:
    """Make refund requests and the right answers: `n` rows with the columns `prompt` and `response`.

    The policy itself is never told in the text: a student has to learn it. No request occurs twice in one
    draw, so no row of a training split can come back in a test split. The same `n`, `seed` and `policy`
    give the same frame; policies share their requests, so only the answers differ between them.

    Args:
        n: how many rows, at least 1.
        seed: which draw.
        policy: "2026", or "2027" for the changed policy (see `reasonbook.examples.refund_policy`).

    Raises:
        ReasonbookError: `n` is below 1, or the policy is unknown.

    Example:
        >>> rb.examples.refunds(3, seed=1).columns.tolist()
        ['prompt', 'response']
    """
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

    if n < 1:
        raise ReasonbookError(f"{n} refund requests were asked for.", "Ask for at least one: refunds(2_000)")
    policy_table(policy)
    rng = random.Random(f"refunds-{seed}")
    seen: dict[str, str] = {}
    while len(seen) < n:
        request = _draw(rng)
        prompt = _write(request, rng)
        if prompt not in seen:
            seen[prompt] = f"${settle(request, policy=policy).amount}"
    return pd.DataFrame({"prompt": list(seen), "response": list(seen.values())})


def _draw(rng: random.Random) -> RefundRequest:
    one, _many, low, high = rng.choice(GOODS)
    tier = rng.choice(TIERS)
    condition: Condition = rng.choice(("sealed", "opened", "opened", "opened", "damaged"))
    return RefundRequest(
        quantity=rng.randint(2, 9) if rng.random() < 0.95 else 1,
        item=one,
        price=rng.randint(low, high),
        days=_draw_days(tier, condition, rng),
        tier=tier,
        condition=condition,
    )


def _draw_days(tier: Tier, condition: Condition, rng: random.Random) -> int:
    """Mostly in time, with every sixteenth request after the last day."""
    last = POLICIES["2026"]["damaged" if condition == "damaged" else tier].days
    return rng.randint(last + 1, last + 15) if rng.random() < 1 / 16 else rng.randint(2, min(last, 62))


def _write(request: RefundRequest, rng: random.Random) -> str:
    """Say the facts in plain words; every fact of the request is in the text."""
    several = request.quantity > 1
    when, today = _moment(request.days, rng)
    purchase = rng.choice(_PURCHASES).format(
        goods=_goods(request, rng),
        when=when,
        price=f"${request.price}",
        each=rng.choice((" each", " apiece")) if several else "",
    )
    greeting = rng.choice(_GREETINGS)
    if not greeting:
        purchase = purchase[0].upper() + purchase[1:]
    details = [rng.choice(_CONDITIONS[request.condition])[several], rng.choice(_MEMBERSHIP[request.tier])]
    if today and rng.random() < 0.5:
        details.append(today)
        today = ""
    if rng.random() < 0.3:
        details.append(rng.choice(_ASIDES))
    rng.shuffle(details)
    parts = [today, greeting + purchase, *details, rng.choice(_QUESTIONS)]
    return " ".join(part for part in parts if part)


def _goods(request: RefundRequest, rng: random.Random) -> str:
    one, many = next(g[:2] for g in GOODS if g[0] == request.item)
    if request.quantity == 1:
        return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"
    count = NUMBER_WORDS[request.quantity] if rng.random() < 0.3 else str(request.quantity)
    return f"{count} {many}"


def _moment(days: int, rng: random.Random) -> tuple[str, str]:
    """When it was bought, and the sentence that says today's date where the first one needs it."""
    if days % 7 == 0 and rng.random() < 0.6:
        weeks = days // 7
        return (f"{weeks} weeks ago" if weeks > 1 else "a week ago"), ""
    if days > 45 or rng.random() < 0.3:
        return f"{days} days ago", ""
    today = rng.randrange(365)
    return f"on {_date(today - days)}", rng.choice(_TODAY).format(date=_date(today))


def _date(day_of_year: int) -> str:
    day = day_of_year % 365
    for month, length in zip(MONTHS, MONTH_DAYS, strict=True):
        if day < length:
            return f"{month} {day + 1}"
        day -= length
    raise AssertionError("365 days are twelve months")
