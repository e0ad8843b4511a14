"""Audit: planted wrong labels that a checker of known accuracy finds, how many finds are right, and for how many calls.

``python -m benchmarks.audit`` makes refunds of which one in twenty has another amount as its response, once with
reasoning that was worked out from the request, and once with reasoning that was written to arrive at the response. The
checker is a rule with seeded mistakes: it is right in so many of 100 requests, and makes a mistake anew each time it is
asked, or the same one. Given reasoning, it takes its result over four times in five.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import tempfile
from collections.abc import Callable
from statistics import fmean
from typing import Any

import reasonbook as rb
from reasonbook.teachers.python import PythonTeacher

ACCURACIES = (0.80, 0.90, 0.95)
FOLLOWS = 0.8  # of reasonings that are shown
WRONG = 20  # one row in so many
VERDICTS = ("label suspect", "earns its place")
_AMOUNT = re.compile(r"^Amount: .*?(\d+)$", re.MULTILINE)
_REQUEST = re.compile(r"Request:\n(.*?)(?:\n\nReasoning:|\Z)", re.DOTALL)


def planted(rows: int, seed: int, *, argued: bool) -> tuple[Any, set[int]]:
    """Refunds with reasoning, and the positions of the wrong labels; ``argued``: the reasoning ends with them too."""
    df = rb.examples.refunds(rows, seed=seed)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    dice = random.Random(seed)
    wrong = set(dice.sample(range(rows), rows // WRONG))
    for row in wrong:
        label = _other(int(df["response"][row].lstrip("$")), dice)
        df.loc[row, "response"] = f"${label}"
        if argued:
            df.at[row, "reasoning"] = {**df["reasoning"][row], "Amount": f"{label + 4} - 4 = {label}"}
    return df, wrong


def checker(accuracy: float, seed: int, *, same: bool) -> Callable[[str], dict[str, str]]:
    """A checker that is right so often; ``same``: its mistake about a request is always the same."""

    def answer(question: str) -> dict[str, str]:
        asked = _REQUEST.search(question)
        told = _AMOUNT.search(question)
        dice = _dice(seed, question)
        if told and (asked is None or dice.random() < FOLLOWS):
            return {"Answer": f"${told.group(1)}"}
        request = asked.group(1) if asked else ""
        right = int(str(rb.examples.refund_rules(request)["Amount"]).split()[-1])
        errs = _dice(seed, request if same else f"own {question}")
        return {"Answer": f"${right if errs.random() < accuracy else _other(right, errs)}"}

    return answer


def _other(amount: int, dice: random.Random) -> int:
    return max(0, amount + dice.choice((-40, -12, -4, 4, 12, 40))) if amount else dice.choice((24, 56, 80))


def _dice(*parts: object) -> random.Random:
    return random.Random(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest())


def one(rows: int, accuracy: float, seed: int, *, argued: bool, same: bool) -> dict[str, float]:
    """What one audit of all rows finds of the planted labels."""
    df, wrong = planted(rows, seed, argued=argued)
    teacher = PythonTeacher(checker(accuracy, seed, same=same), name=f"mock {accuracy} {seed} {same}")
    audit = df.reason.quality().audit(teacher, rows=rows, ask=("without", "with")).wait()
    found = {verdict: set(audit.rows(verdict)) for verdict in VERDICTS}
    suspect = found["label suspect"]
    return {
        "recall": len(suspect & wrong) / len(wrong),
        "precision": len(suspect & wrong) / len(suspect) if suspect else 1.0,
        "earns": len(found["earns its place"] & wrong) / len(wrong),
        "suspect": len(suspect) * 1000 / rows,
        "calls": audit.asking.usage.calls * 1000 / rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    print(
        "| reasoning | checker's mistakes | right | suspects per 1 000 | recall | precision | calls per 1 000 |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for argued in (False, True):
        for same in (False, True):
            for accuracy in ACCURACIES:
                with tempfile.TemporaryDirectory() as home:
                    os.environ["REASONBOOK_HOME"] = home
                    told = [
                        one(options.rows, accuracy, s, argued=argued, same=same) for s in range(options.seeds)
                    ]
                mean = {name: fmean(each[name] for each in told) for name in told[0]}
                print(
                    f"| {'written to the label' if argued else 'from the request'} "
                    f"| {'always the same' if same else 'anew each time'} | {accuracy:.0%} | {mean['suspect']:.0f} "
                    f"| {mean['recall']:.2f} | {mean['precision']:.2f} | {mean['earns']:.2f} | {mean['calls']:,.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
