"""Cases: what measures of text make of a changed fact, against facts; and how long 100 000 rows take.

400 refund cases, each in other words (the same facts), with one fact changed (the same words), and another case. A
measure is of use where the same case is nearer than a changed one: the AUC is the chance of that, one half is blind.

    python -m benchmarks.cases
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import reasonbook as rb
from reasonbook.cases import cases_of, near_texts
from reasonbook.data.frame import Frame
from reasonbook.data.layout.frame_layout import layout_of
from reasonbook.examples.refund_policy import TIERS, RefundRequest, settle
from reasonbook.examples.refund_requests import _draw, _write
from reasonbook.examples.refund_teacher import read_request

Similarity = Callable[[Sequence[str], Sequence[str]], np.ndarray]


class Quartet(NamedTuple):
    """A request, the same case in other words, the same words with one fact changed, and another case."""

    request: str
    reworded: str
    changed: str
    other: str
    answer_changes: bool


def reworded(prompt: str, rng: random.Random) -> str:
    """The same refund case in other words."""
    return _write(read_request(prompt), rng)


def quartets(n: int, seed: int = 7) -> list[Quartet]:
    rng = random.Random(seed)
    found: list[Quartet] = []
    for _ in range(n):
        facts, words = _draw(rng), rng.random()
        changed = _changed(facts, rng)
        amounts = {settle(each, policy="2026").amount for each in (facts, changed)}
        found.append(
            Quartet(
                _write(facts, random.Random(words)),
                _write(facts, random.Random(rng.random())),
                _write(changed, random.Random(words)),
                _write(_draw(rng), rng),
                len(amounts) == 2,
            )
        )
    return found


def _changed(facts: RefundRequest, rng: random.Random) -> RefundRequest:
    kind = rng.choice(["price", "tier", "condition", "days", "quantity"])
    if kind == "price":
        return replace(facts, price=facts.price + rng.choice([3, 7, 11]))
    if kind == "tier":
        return replace(facts, tier=rng.choice([tier for tier in TIERS if tier != facts.tier]))
    if kind == "condition":
        others = [each for each in ("sealed", "opened", "damaged") if each != facts.condition]
        return replace(facts, condition=rng.choice(others))
    if kind == "days":
        return replace(facts, days=facts.days + rng.choice([1, 7, 20]))
    return replace(facts, quantity=max(2, facts.quantity - 1) if facts.quantity > 2 else 3)


def rapidfuzz_ratio(ones: Sequence[str], others: Sequence[str]) -> np.ndarray:
    from rapidfuzz import fuzz

    return np.array([fuzz.ratio(a, b) / 100 for a, b in zip(ones, others, strict=True)])


def jaccard(ones: Sequence[str], others: Sequence[str]) -> np.ndarray:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = text.lower().split()
        return set(zip(words, words[1:], words[2:], strict=False))

    pairs = [(runs(a), runs(b)) for a, b in zip(ones, others, strict=True)]
    return np.array([len(a & b) / max(1, len(a | b)) for a, b in pairs])


def char_tfidf(ones: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Cosine of runs of three to five characters, rare ones weighing more."""
    texts = [*ones, *others]
    bags = [_runs(text.lower()) for text in texts]
    document_count: dict[str, int] = {}
    for bag in bags:
        for run in bag:
            document_count[run] = document_count.get(run, 0) + 1
    weight = {run: np.log((1 + len(texts)) / (1 + count)) + 1 for run, count in document_count.items()}
    vectors = [{run: count * weight[run] for run, count in bag.items()} for bag in bags]
    lengths = [np.sqrt(sum(value**2 for value in vector.values())) for vector in vectors]
    half = len(ones)
    return np.array(
        [
            sum(value * vectors[half + i].get(run, 0.0) for run, value in vectors[i].items())
            / (lengths[i] * lengths[half + i])
            for i in range(half)
        ]
    )


def _runs(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for width in (3, 4, 5):
        for i in range(len(text) - width + 1):
            run = text[i : i + width]
            found[run] = found.get(run, 0) + 1
    return found


def facts_equal(ones: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """1 where `cases_of` says that the two requests are one case, by the reasoning of each."""
    texts = [*ones, *others]
    codes = cases_of(framed(texts, answers(texts))).codes
    return (codes[: len(ones)] == codes[len(ones) :]).astype(float)


def answers(prompts: Sequence[str]) -> list[str]:
    return [f"${settle(read_request(prompt), policy='2026').amount}" for prompt in prompts]


def framed(prompts: Sequence[str], responses: Sequence[str]) -> Frame:
    df = pd.DataFrame({"prompt": prompts, "response": responses})
    df["reasoning"] = [rb.examples.refund_rules(prompt) for prompt in prompts]
    return Frame(df, layout_of(df))


def auc(nearer: np.ndarray, farther: np.ndarray) -> float:
    """The chance that one of the first is larger than one of the second; ties count half."""
    ranks = pd.Series(np.concatenate([nearer, farther])).rank().to_numpy()
    n, m = len(nearer), len(farther)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


MEASURES: dict[str, Similarity] = {
    "rapidfuzz ratio": rapidfuzz_ratio,
    "3-word Jaccard": jaccard,
    "char tf-idf": char_tfidf,
    "facts equal": facts_equal,
}


def measured(rows: Sequence[Quartet]) -> list[dict[str, Any]]:
    requests = [row.request for row in rows]
    table: list[dict[str, Any]] = []
    for name, similarity in MEASURES.items():
        same, changed, other = (
            similarity(requests, [getattr(row, kind) for row in rows])
            for kind in ("reworded", "changed", "other")
        )
        table.append(
            {
                "measure": name,
                "same case, other words": same.mean(),
                "one fact changed": changed.mean(),
                "other case": other.mean(),
                "AUC same > changed": auc(same, changed),
                "AUC same > other": auc(same, other),
            }
        )
    return table


def timed(n: int) -> dict[str, float]:
    """CPU seconds for so many rows: their cases, the names of these, and near-same requests."""
    df = rb.examples.refunds(n)
    frame = framed(df["prompt"].tolist(), df["response"].tolist())
    took: dict[str, float] = {}
    began = time.process_time()
    cases = cases_of(frame)
    took["cases_of"], began = time.process_time() - began, time.process_time()
    cases.names()
    took["names of cases"], began = time.process_time() - began, time.process_time()
    near_texts(df["prompt"].tolist())
    took["near_texts"] = time.process_time() - began
    return took


def contaminated(n: int) -> tuple[int, int]:
    """Test rows of a split by request that have a twin case in train, and all test rows."""
    df = rb.examples.refunds(n)
    frame = framed(df["prompt"].tolist(), df["response"].tolist())
    frame.df.reason.split()
    return len(cases_of(frame).twins()["test"]), int((frame.df["split"] == "test").sum())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    rows = quartets(options.cases)
    table = pd.DataFrame(measured(rows)).set_index("measure")
    print(
        f"{options.cases} cases; the answer changes in {np.mean([r.answer_changes for r in rows]):.0%} of pairs"
    )
    print(table.to_string(float_format="{:.2f}".format))
    for n in (2_000, 6_000):
        twins, tests = contaminated(n)
        print(f"{n} rows: {twins} of {tests} test rows have a twin case in train")
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in timed(options.rows).items())
    print(f"{options.rows} rows, CPU seconds: {told}")


if __name__ == "__main__":
    main()
