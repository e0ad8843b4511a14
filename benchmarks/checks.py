"""Checks: defects of ten kinds are planted in three data sets, and the free checks look for them.

    python -m benchmarks.checks            recall and precision, seeds 1 to 3, and the time
    python -m benchmarks.checks tune       the precision of each flag with seed 0, from which the weights are taken

No teacher is asked. The defects and the reasoning are made by rules: what a language model writes has fewer sums and
fewer field values that repeat the answer word for word, so the figures are an upper end.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import reasonbook as rb
from reasonbook.quality.checks import FLAGS, Checks
from reasonbook.quality.checks.flags import OF_OTHERS

ROWS, SPOILT, TOP = 2_000, 300, 0.2
ODD = 0.04  # the part of the rows that are odd and not wrong
Reasoning = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A row with its reasoning."""

    request: str
    reasoning: Reasoning
    response: str

    @property
    def parts(self) -> tuple[Reasoning, str, tuple[()], str]:
        """The row as the checks take it."""
        return self.reasoning, self.response, (), self.request


# -- three data sets ------------------------------------------------------------------------------------------
def refunds(seed: int, rows: int = ROWS) -> tuple[list[Row], rb.Schema]:
    """Refund requests; the response is an amount that the last field works out."""
    df = rb.examples.refunds(rows, seed=seed)
    made = [
        Row(p, dict(rb.examples.refund_rules(p)), a)
        for p, a in zip(df["prompt"], df["response"], strict=True)
    ]
    return made, rb.examples.refund_schema()


PRODUCTS = (
    "kettle",
    "desk lamp",
    "headset",
    "office chair",
    "phone case",
    "blender",
    "backpack",
    "router",
    "toaster",
)
TOPICS = {
    "billing": (
        "I was charged {n} dollars twice for the {p}",
        "the invoice over {n} dollars for my {p} is not mine",
    ),
    "delivery": (
        "my {p} should have come {n} days ago and is not here",
        "the parcel with the {p} is {n} days late",
    ),
    "defect": ("the {p} stopped working after {n} days", "after {n} uses the {p} smells burnt"),
    "account": (
        "I cannot sign in since I ordered {n} units of the {p}",
        "your site forgot my password {n} times",
    ),
    "praise": (
        "I love the {p}, the best of {n} that I have tried",
        "{n} friends of mine now want the same {p}",
    ),
}
WHY = {
    "billing": "money was taken that is not owed",
    "delivery": "goods have not come in time",
    "defect": "something does not do what it should",
    "account": "they cannot get in",
    "praise": "they are glad and want nothing",
}
TONES = ("calm", "annoyed", "angry")
TAILS = {
    "calm": "Please look into it.",
    "annoyed": "This is getting tiresome.",
    "angry": "This is outrageous!",
}


def messages(seed: int, rows: int = ROWS) -> tuple[list[Row], rb.Schema]:
    """Messages with a label as the response."""
    rng = random.Random(f"messages {seed}")
    made: list[Row] = []
    for _ in range(rows):
        topic, tone, product = rng.choice(list(TOPICS)), rng.choice(TONES), rng.choice(PRODUCTS)
        told = rng.choice(TOPICS[topic]).format(n=rng.randint(2, 90), p=product)
        lead = rng.choice(
            ("Hello, ", "Hi there, ", "", "Good morning, ", f"Order {rng.randint(10_000, 99_999)}: ")
        )
        reasoning = {
            "Summary": f"The customer says: {told}.",
            "Tone": tone,
            "Product": product if product in told else "none named",
            "Why": rng.choice(("It seems that ", "Here ", "In short, ")) + WHY[topic],
            "Label": topic,
        }
        made.append(Row(f"{lead}{told}. {TAILS[tone]}", reasoning, topic))
    schema = rb.Schema(
        [
            rb.Field("Summary", "Say what the customer says."),
            rb.Field("Tone", "Judge the tone.", type="choice", options=TONES),
            rb.Field("Product", "Name the product."),
            rb.Field("Why", "Say what it comes down to."),
            rb.Field("Label", "Choose the label.", type="choice", options=tuple(TOPICS)),
        ]
    )
    return made, schema


NAMES = ("Ana", "Ben", "Chloe", "Deniz", "Emil", "Fatima", "Goran", "Hanna", "Ivo", "Jana", "Kofi", "Lena")
OUTCOMES = ("replace", "refund", "explain")


def letters(seed: int, rows: int = ROWS) -> tuple[list[Row], rb.Schema]:
    """Letters of complaint, answered in prose."""
    rng = random.Random(f"letters {seed}")
    made: list[Row] = []
    for _ in range(rows):
        name, product, outcome = rng.choice(NAMES), rng.choice(PRODUCTS), rng.choice(OUTCOMES)
        order, price, days = rng.randint(10_000, 99_999), rng.randint(20, 400), rng.randint(2, 80)
        wish = {
            "replace": "I want a new one",
            "refund": "I want my money back",
            "explain": "How do I set it up",
        }[outcome]
        request = (
            f"Dear team, my {product} (order {order}, {price} dollars) came {days} days ago. "
            f"{rng.choice(('I am not happy with it. ', 'There is a problem. ', ''))}{wish}. Regards, {name}"
        )
        plan = {
            "replace": f"Send {name} another {product} and let the first one be picked up.",
            "refund": f"Pay {name} the {price} dollars for order {order} back.",
            "explain": f"Tell {name} how the {product} is set up.",
        }[outcome]
        told = {
            "replace": f"a new {product} leaves our house tomorrow, and we collect the first one at your door",
            "refund": f"we have sent the {price} dollars for order {order} back to your card",
            "explain": f"please find the steps for your {product} on the card in the box, and call us if in doubt",
        }[outcome]
        reasoning = {
            "Wish": f"{name} writes about a {product} of order {order}: {wish.lower()}.",
            "Facts": [f"order {order}", f"{price} dollars", f"{days} days"],
            "Days": days,
            "Outcome": outcome,
            "Plan": plan,
        }
        made.append(Row(request, reasoning, f"Dear {name}, thank you for writing. We are sorry, and {told}."))
    schema = rb.Schema(
        [
            rb.Field("Wish", "Say who wants what."),
            rb.Field("Facts", "List the facts.", type="list"),
            rb.Field("Days", "Count the days.", type="number"),
            rb.Field("Outcome", "Choose what is done.", type="choice", options=OUTCOMES),
            rb.Field("Plan", "Say what will be done."),
        ]
    )
    return made, schema


SETS: dict[str, Callable[..., tuple[list[Row], rb.Schema]]] = {
    "refunds": refunds, "messages": messages, "letters": letters,
}  # fmt: skip


# -- what is odd and not wrong ------------------------------------------------------------------------------------
def harmless(row: Row, rng: random.Random) -> Row:
    """A row as people and models also write it, and nothing is wrong with it."""
    names = [name for name, value in row.reasoning.items() if isinstance(value, str)]
    name, kind = rng.choice(names), rng.randrange(6)
    said = str(row.reasoning[name])
    if name in ("Tone", "Label", "Decision", "Outcome"):
        kind = 4
    if kind == 0:  # a number worked out in the head
        numbers = [int(n) for n in re.findall(r"\d+", row.request)] or [3]
        return Row(
            row.request,
            row.reasoning | {names[0]: f"{row.reasoning[names[0]]} ({2 * max(numbers)} in all)"},
            row.response,
        )
    if kind == 1:  # something from general knowledge
        return Row(
            row.request, row.reasoning | {name: f"{said} (see rule {rng.randint(2, 400)})"}, row.response
        )
    if kind == 2:  # a longer answer
        return Row(row.request, row.reasoning, f"{row.response} (case {rng.randint(2, 40)})")
    if kind == 3:  # the answer is in sight from the start
        return Row(
            row.request,
            row.reasoning | {names[0]: f"{row.reasoning[names[0]]} It is about {row.response}."},
            row.response,
        )
    if kind == 4:  # not stated
        return Row(row.request, row.reasoning | {names[1]: None}, row.response)
    return Row(
        row.request,
        row.reasoning | {name: f"{said} " + "In other words, it is what was said above. " * 2},
        row.response,
    )


# -- ten kinds of defects -------------------------------------------------------------------------------------
Spoil = Callable[[Row, Row, rb.Schema, random.Random], Row]


def other_answer(row: Row, other: Row, rng: random.Random) -> str:
    """Another response: another amount, or what another row was told."""
    if re.fullmatch(r"\$\d+", row.response):
        return f"${max(0, int(row.response[1:]) + rng.choice((1, 2, 5, 10, -1, -3)))}"
    return other.response


def wrong_answer(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    return Row(row.request, row.reasoning, other_answer(row, other, rng))


def another_rows(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    return Row(row.request, dict(other.reasoning), row.response)


def agreeing(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    """The teacher erred, and the response agrees with it."""
    reasoning = dict(row.reasoning)
    if "Amount" in reasoning:
        right = re.findall(r"\d+", row.response)[0]
        wrong = str(int(right) + rng.choice((3, 5, 10, 20)))
        reasoning["Days Since Purchase"] = (reasoning["Days Since Purchase"] or 0) + rng.choice((7, 20))
        reasoning["Amount"] = re.sub(rf"\b{right}$", wrong, reasoning["Amount"] or right)
        return Row(row.request, reasoning, f"${wrong}")
    if "Label" in reasoning:
        return Row(row.request, reasoning | {k: other.reasoning[k] for k in ("Why", "Label")}, other.response)
    reasoning |= {"Plan": other.reasoning["Plan"], "Outcome": other.reasoning["Outcome"]}
    return Row(row.request, reasoning, other.response)


def leak_by_phrase(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    said = rng.choice(
        ("as the response says, {}", "according to the answer, {}", "the given answer shows {}")
    )
    field = rng.choice([name for name, value in row.reasoning.items() if isinstance(value, str)][:-1])
    return Row(row.request, row.reasoning | {field: said.format(row.response)}, row.response)


def leak_in_other_words(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    first = schema.names[0]
    said = f"the customer ends up with {row.response}: {row.reasoning[first]}"
    return Row(row.request, row.reasoning | {first: said}, row.response)


def cut_off(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    """The answer ended in the middle of a field; what would have come is empty."""
    names = list(row.reasoning)
    at = rng.randrange(1, len(names) - 1)
    cut = row.reasoning[names[at]] or ""
    half = cut[: len(cut) // 2] if isinstance(cut, str) else cut
    return Row(
        row.request, row.reasoning | {names[at]: half} | dict.fromkeys(names[at + 1 :], ""), row.response
    )


def wrong_number(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    """One number in the middle is another one."""
    numeric = [n for n, v in row.reasoning.items() if isinstance(v, str) and re.search(r"\d", v)]
    name = "Subtotal" if "Subtotal" in row.reasoning else rng.choice(numeric) if numeric else ""
    if not name:
        return row
    found = list(re.finditer(r"\d+", row.reasoning[name]))[-1]
    text = row.reasoning[name]
    said = text[: found.start()] + str(int(found.group()) + rng.choice((9, 3, 20))) + text[found.end() :]
    return Row(row.request, row.reasoning | {name: said}, row.response)


def three_fields(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    names = list(row.reasoning)
    taken = ("Intent", "Timeline", "Policy") if "Intent" in row.reasoning else tuple(names[:3])
    return Row(row.request, row.reasoning | {name: other.reasoning[name] for name in taken}, row.response)


NOTHING = (
    "N/A", "TBD", "...", "I'm sorry, but I can't help with that.", "Not enough information is given.",
    "It is not possible to tell from this message.", "This cannot be determined.", "Not provided.",
)  # fmt: skip


def placeholder(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    field = rng.choice([f.name for f in schema if f.type == "text"])
    return Row(row.request, row.reasoning | {field: rng.choice(NOTHING)}, row.response)


def off_schema(row: Row, other: Row, schema: rb.Schema, rng: random.Random) -> Row:
    field = rng.choice(list(schema))
    wrong: Any = {"choice": "perhaps", "number": "several", "list": "one text", "boolean": "maybe"}.get(
        field.type, ["a", "list"]
    )
    return Row(row.request, row.reasoning | {field.name: wrong}, row.response)


KINDS: dict[str, Spoil] = {
    "wrong answer": wrong_answer,
    "reasoning of another row": another_rows,
    "teacher wrong, answer agrees": agreeing,
    "leak by a phrase": leak_by_phrase,
    "leak in other words, first field": leak_in_other_words,
    "cut off": cut_off,
    "one wrong number in the middle": wrong_number,
    "three fields of another row": three_fields,
    "placeholder or soft refusal": placeholder,
    "schema violation": off_schema,
}


def planted(rows: Sequence[Row], schema: rb.Schema, seed: int) -> tuple[list[Row], dict[int, str]]:
    """The rows with defects, and where they are; a change that changes nothing is none."""
    rng = random.Random(f"defects {seed}")
    rows = [harmless(row, rng) if rng.random() < ODD else row for row in rows]
    spoilt, kinds = list(rows), dict[int, str]()
    for number, at in enumerate(rng.sample(range(len(rows)), SPOILT)):
        kind = list(KINDS)[number % len(KINDS)]
        for _ in range(20):
            other = rows[rng.randrange(len(rows))]
            spoilt[at] = KINDS[kind](rows[at], other, schema, rng)
            if spoilt[at] != rows[at]:
                kinds[at] = kind
                break
    return spoilt, kinds


# -- figures --------------------------------------------------------------------------------------------------
def looked_at(rows: Sequence[Row], schema: rb.Schema) -> Checks:
    return Checks(
        (row.parts for row in rows), lambda names: [schema] if set(names) <= set(schema.names) else []
    )


def tune() -> None:
    """The precision of each flag over the three sets with seed 0, one more right and one more wrong added."""
    right, all_of = Counter[str](), Counter[str]()
    for make in SETS.values():
        rows, schema = make(0)
        spoilt, kinds = planted(rows, schema, 0)
        checks = looked_at(spoilt, schema)
        for at, flags in enumerate(checks.flags):
            all_of.update(flags.names)
            right.update(flags.names if at in kinds else ())
    for flag in FLAGS:
        print(f"{flag:14s} {(right[flag] + 1) / (all_of[flag] + 2):.2f}   {right[flag]} of {all_of[flag]}")


def report(seeds: Sequence[int] = (1, 2, 3)) -> None:
    """Recall by kind and set, precision by set and flag, over all seeds."""
    top, flagged, seen = (defaultdict[tuple[str, str], int](int) for _ in range(3))
    right, all_of, clean = Counter[str](), Counter[str](), Counter[str]()
    hits, marked = Counter[str](), Counter[str]()
    for name, make in SETS.items():
        for seed in seeds:
            rows, schema = make(seed)
            clean[name] += int(looked_at(rows, schema).flagged("any").sum())
            spoilt, kinds = planted(rows, schema, seed)
            checks = looked_at(spoilt, schema)
            first = set(np.argsort(-checks.suspicion, kind="stable")[: int(TOP * len(rows))].tolist())
            for at, kind in kinds.items():
                for key in ((name, kind), (name, "all")):
                    seen[key] += 1
                    top[key] += at in first and bool(checks.flags[at].names)
                    flagged[key] += bool(checks.flags[at].names)
            for at, flags in enumerate(checks.flags):
                marked[name] += bool(flags.names)
                hits[name] += bool(flags.names) and at in kinds
                all_of.update(flags.names)
                right.update(flags.names if at in kinds else ())
    print("| defect | " + " | ".join(SETS) + " |\n|---|" + "--:|" * len(SETS))
    for kind in (*KINDS, "all"):
        cells = [f"{top[name, kind] / seen[name, kind]:.2f}" if seen[name, kind] else "–" for name in SETS]
        print(f"| {kind} | " + " | ".join(cells) + " |")
    print("| precision of the flags | " + " | ".join(f"{hits[n] / marked[n]:.2f}" for n in SETS) + " |")
    total = len(seeds) * ROWS
    print(f"| of {total} clean rows flagged | " + " | ".join(str(clean[n]) for n in SETS) + " |\n")
    print("| flag | rows flagged | precision |\n|---|--:|--:|")
    for flag in FLAGS:
        if flag in OF_OTHERS:  # no row shows it by itself
            continue
        print(
            f"| {flag} | {all_of[flag]} | "
            + (f"{right[flag] / all_of[flag]:.2f} |" if all_of[flag] else "– |")
        )


def times() -> None:
    """CPU seconds of all checks, each set once."""
    print("\n| rows | " + " | ".join(SETS) + " |\n|---|" + "--:|" * len(SETS))
    for count in (2_000, 100_000):
        spent: list[str] = []
        for make in SETS.values():
            rows, schema = make(1, count)
            started = time.process_time()
            looked_at(rows, schema)
            spent.append(f"{time.process_time() - started:.2f}")
        print(f"| {count:,} | ".replace(",", " ") + " | ".join(spent) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["tune"]:
        tune()
    elif sys.argv[1:] == ["time"]:
        times()
    else:
        report()
        times()
