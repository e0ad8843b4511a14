"""Variations of refund requests: are the kept ones right, and does a student learn more from them than from others.

The writer changes one fact of a request by rule, or says the same facts in other words, and errs in a fifth of them:
it changes another fact as well, or leaves the one that it was told to change. The blind reader errs in a twentieth.
Whether an answer is right is worked out from the new request itself, by rules that make no mistakes. `unverified` takes
every new request with the answer that was meant for it.

    python -m benchmarks.variations                           share of right answers, kept and unverified, three seeds
    python -m benchmarks.variations --train --student old     500 rows of a changed policy, and 500 more of each kind;
                                                              without --student one is trained first, some minutes more

The arms are trained from a student that knows the refund policy of 2026 on requests under that of 2027: 500 rows alone,
and with 500 flips, 500 rewordings or 500 fresh rows beside them, each with the same number of steps; judged on fresh
test rows and on contrast pairs, of which both have to be right. A null result is printed as what it is.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ALONG = ("Membership", "Condition", "Price")
DERIVED = ("Decision",)
WRITER_ERRS, READER_ERRS = 0.2, 0.05
ROWS, TEST, PAIRS = 500, 300, 150


# -- the case by rule --------------------------------------------------------------------------------------
def schema() -> Any:
    """The reasoning of a refund with its facts as typed fields."""
    import reasonbook as rb
    from reasonbook.examples.refund_teacher import DECISIONS
    from reasonbook.schema import Field

    facts = [
        Field("Quantity", "How many were bought.", "number"),
        Field("Price", "The price of one, in dollars.", "number"),
        Field("Days", "Days since the purchase.", "number"),
        Field("Membership", "The customer's membership.", "choice", ("standard", "plus", "gold")),
        Field("Condition", "In which condition the goods are.", "choice", ("sealed", "opened", "damaged")),
    ]
    steps = {field.name: field for field in rb.examples.refund_schema()}
    decision = Field("Decision", "Whether money is paid back.", "choice", DECISIONS)
    return rb.Schema([*facts, decision, *(steps[name] for name in ("Per Item", "Subtotal", "Amount"))])


def worked_out(text: str, policy: str) -> dict[str, Any]:
    """All fields of a request, by rule."""
    import reasonbook as rb
    from reasonbook.examples.refund_teacher import read_request

    facts = read_request(text)
    steps = rb.examples.refund_rules(text, policy=policy)
    return {
        "Quantity": facts.quantity, "Price": facts.price, "Days": facts.days, "Membership": facts.tier,
        "Condition": facts.condition, **{k: steps[k] for k in ("Decision", "Per Item", "Subtotal", "Amount")},
    }  # fmt: skip


def amount(facts: Any, policy: str) -> str:
    from reasonbook.examples.refund_policy import settle

    return f"${settle(facts, policy=policy).amount}"


def truth(text: str, policy: str) -> str:
    from reasonbook.examples.refund_teacher import read_request

    return amount(read_request(text), policy)


def changed(facts: Any, change: str) -> Any:
    """The facts after a change that is told as ``Membership: gold → plus``."""
    name, _, values = change.partition(": ")
    new = values.partition(" → ")[2]
    if name not in ALONG:
        return facts
    key = {"Membership": "tier", "Condition": "condition", "Price": "price"}[name]
    return replace(facts, **{key: int(new) if key == "price" else new})


# -- who writes and who reads ------------------------------------------------------------------------------
def chance(*parts: object) -> float:
    """The same number from 0 to 1 for the same parts."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def writer(seed: int, errs: float) -> Callable[[str, str], str]:
    """A function that rewrites a request by rule, and errs in this share of them."""

    def write(request: str, change: str) -> str:
        new = _edited(request, change) if ":" in change and "→" in change else _said_again(request, change)
        if chance("writer", seed, request, change) >= errs:
            return new
        if chance("how", seed, request, change) < 0.5 and "→" in change:
            return f"Hello again. {request}"  # it forgets what it was told to change
        return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + 7}", new)  # another fact changes as well

    return write


def _edited(request: str, change: str) -> str:
    """The request with the one phrase changed that says the fact."""
    from reasonbook.examples import refund_requests as words
    from reasonbook.examples.refund_teacher import read_request

    old = read_request(request)
    new = changed(old, change)
    if new.price != old.price:
        return request.replace(f"${old.price}", f"${new.price}")
    several = old.quantity > 1
    tables: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (words._MEMBERSHIP[old.tier], words._MEMBERSHIP[new.tier]),
        (
            tuple(pair[several] for pair in words._CONDITIONS[old.condition]),
            tuple(pair[several] for pair in words._CONDITIONS[new.condition]),
        ),
    ]
    for before, after in tables:
        for at, phrase in enumerate(before):
            if before != after and phrase in request:
                return request.replace(phrase, after[at % len(after)])
    return request


def _said_again(request: str, change: str) -> str:
    from reasonbook.examples.refund_requests import _write
    from reasonbook.examples.refund_teacher import read_request

    return _write(read_request(request), random.Random(f"{request} {change}"))


def reader(seed: int, policy: str, errs: float) -> Callable[[str], dict[str, Any]]:
    """A function that fills the schema from a request alone, and errs in one field in this share of them."""

    def read(request: str) -> dict[str, Any]:
        found = worked_out(request, policy)
        if chance("reader", seed, request) < errs:
            found["Days"] += 3
        return found

    return read


# -- kept and unverified -----------------------------------------------------------------------------------
def rows(count: int, seed: int, policy: str, part: str = "train") -> Any:
    """Refund requests with their reasoning by rule."""
    import reasonbook as rb

    df = rb.examples.refunds(count, seed=seed, policy=policy)
    df["reasoning"] = [worked_out(prompt, policy) for prompt in df["prompt"]]
    df["reasoning_status"], df["split"] = "ok", part
    return df


def varied(
    df: Any, kind: str, seed: int, policy: str, *, n: int = 1, exact: bool = False, **options: Any
) -> Any:
    """The job, done."""
    fields = {"reword": (), "flip": ALONG, "fill": ALONG[:2]}[kind]
    along = {"along": fields, "derived": DERIVED} if fields else {}
    return df.reason.vary(
        schema(),
        teacher=writer(seed, 0.0 if exact else WRITER_ERRS),
        checker=reader(seed, policy, 0.0 if exact else READER_ERRS),
        kind=kind,
        n=n,
        seed=seed,
        answer=lambda request, reasoning: f"${str(reasoning['Amount']).rpartition('= ')[2]}",
        **along,
        **options,
    ).wait()


def verify(args: argparse.Namespace) -> None:
    """Prints the table of right answers."""
    from reasonbook.examples.refund_teacher import read_request

    print(
        f"{args.rows} rows a seed, {WRITER_ERRS:.0%} of the writings and {READER_ERRS:.0%} of the readings err\n"
    )
    print(
        "| seed | kind | made | kept | kept, right | unverified, right | s | dropped |\n|" + "---|" * 8,
        flush=True,
    )
    shares: dict[str, list[float]] = {"kept": [], "unverified": []}
    for seed in range(args.seeds):
        for kind in ("reword", "flip", "fill"):
            df = rows(args.rows, 100 + seed, "2026")
            began = time.monotonic()
            job = varied(df, kind, seed, "2026", **({"below": args.rows // 8} if kind == "fill" else {}))
            took = time.monotonic() - began
            right = [truth(one.request, "2026") == one.response for one in job.kept]
            write = writer(seed, WRITER_ERRS)
            meant: list[bool] = []
            for one in job.wanted:
                facts = changed(read_request(one.origin.request), one.change)
                meant.append(truth(write(one.origin.request, one.change), "2026") == amount(facts, "2026"))
            shares["kept"].append(statistics.mean(right))
            shares["unverified"].append(statistics.mean(meant))
            told = ", ".join(f"{count} {reason}" for reason, count in job.reasons.items())
            cells = (seed, kind, len(job.wanted), len(job.kept), f"{shares['kept'][-1]:.1%}",
                     f"{shares['unverified'][-1]:.1%}", f"{took:.1f}", told)  # fmt: skip
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    worst = {name: min(found) for name, found in shares.items()}
    print(f"\nright at worst: {worst['kept']:.1%} kept, {worst['unverified']:.1%} unverified")


# -- does it train better ----------------------------------------------------------------------------------
def veteran(folder: Path, threads: int) -> str:
    """A student that has learnt the policy of 2026, with the reasoning of `schema`."""
    import reasonbook as rb

    recipe = rb.examples.RECIPES["final_and_reasoning"]
    df = rows(12_000, 8, "2026")
    run = df.reason.train(rb.examples.tiny_student(), name="2026", threads=threads, **recipe.settings).wait()
    return run.save(folder, format="merged", dtype="float32").path


def arms(seed: int) -> Iterator[tuple[str, Any]]:
    """Name and rows to learn from: 500 of the changed policy, and 500 more of one kind each."""
    import pandas as pd

    base = rows(ROWS, 300 + seed, "2027")
    yield "500 alone", base
    for name, kind in (("500 + flips", "flip"), ("500 + rewordings", "reword")):
        job = varied(base, kind, seed, "2027", n=2, limit=2 * ROWS)
        yield name, pd.concat([base, job.frame.iloc[:ROWS][base.columns]], ignore_index=True)
    fresh = rows(3 * ROWS, 600 + seed, "2027")
    known = set(base["prompt"])
    yield "500 + fresh", pd.concat([base, fresh[~fresh["prompt"].isin(known)].iloc[:ROWS]], ignore_index=True)


def train(args: argparse.Namespace, home: Path) -> None:
    """Trains and judges every arm; prints one row each, then the means."""
    import pandas as pd

    from reasonbook.training.evaluation.statistics import paired

    student = args.student or veteran(home / "old-policy", args.threads)
    print(
        "| seed | arm | rows | s to train | s to judge | test | pairs, both right |\n|" + "---|" * 7,
        flush=True,
    )
    graded: dict[str, dict[str, list[float]]] = {}
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        held = rows(args.test, 900 + seed, "2027", "test")
        contrast = varied(held, "flip", seed, "2027", exact=True, splits=("test",), limit=args.pairs)
        pairs = [(one.wanted.origin.position, args.test + at) for at, one in enumerate(contrast.kept)]
        for name, learnt in arms(seed):
            asked = set(held["prompt"]) | set(contrast.frame["prompt"])
            learnt = learnt[~learnt["prompt"].isin(asked)]
            df = pd.concat([held, contrast.frame[held.columns], learnt], ignore_index=True)
            began = time.monotonic()
            run = df.reason.train(
                student, name=f"{name}, seed {seed}", max_steps=args.steps, batch_size=16, learning_rate=1e-3,
                seed=seed, threads=args.threads, samples=0, eval_every=10**9, checkpoint_seconds=10**9,
            ).wait()  # fmt: skip
            took = time.monotonic() - began
            result = run.evaluate("test")
            by_row = dict(zip((task.position for task in result.tasks), result.grades, strict=True))
            test = [by_row[i] for i in range(args.test)]
            both = [min(by_row[a], by_row[b]) for a, b in pairs]
            kept = graded.setdefault(name, {"test": [], "pairs": []})
            kept["test"] += test
            kept["pairs"] += both
            cells = (seed, name, len(learnt), f"{took:.0f}", f"{result.seconds:.0f}", f"{statistics.mean(test):.1%}",
                     f"{statistics.mean(both):.1%}")  # fmt: skip
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            run.unload()
    first = "500 alone"
    for name, found in graded.items():
        said = []
        for measure, grades in found.items():
            against = paired(graded[first][measure], grades)
            plus = f" ({100 * against.value:+.1f} points, p = {against.p:.2g})" if name != first else ""
            said.append(f"{measure} {statistics.mean(grades):.1%}{plus}")
        print(f"\n{name}: {'; '.join(said)}", end="")
    print("\n\nA difference with p above 0.05 is none that was shown.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400, help="of the table of right answers")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--student", help="a folder with a student that knows the old policy")
    parser.add_argument("--save-student", help="trains that student, keeps it in this folder, and ends")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--test", type=int, default=TEST)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["REASONBOOK_HOME"] = home
        if args.save_student:
            print(veteran(Path(args.save_student), args.threads))
        elif args.train:
            train(args, Path(home))
        else:
            verify(args)


if __name__ == "__main__":
    main()
