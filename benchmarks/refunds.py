"""What the quickstart claims, measured: the tiny student on the refund data, answers only against reasoning first.

Both are trained by the product's own verbs with `rb.examples.RECIPES`, seed by seed: another draw of the data, other
random weights, another order. Prints a Markdown table. Seconds are those of this process's CPU clock over the number
of threads, which other work on the machine disturbs less than the wall clock.

    python benchmarks/refunds.py --seeds 3 --threads 2
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from dataclasses import replace

COLUMNS = (
    "seed",
    "trained on",
    "steps",
    "batch",
    "rate",
    "tokens/row",
    "CPU-s/threads",
    "wall s",
    "exact",
    "95 %",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=12_500)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--effort", type=float, default=1.0, help="share of the steps")
    parser.add_argument("--only", choices=("final_only", "final_and_reasoning"))
    parser.add_argument("--rate", type=float, help="another learning rate")
    args = parser.parse_args()

    import torch
    import transformers

    print(
        f"{platform.processor() or platform.machine()}, {args.threads} threads, torch {torch.__version__}, ",
        end="",
    )
    print(f"transformers {transformers.__version__}, {args.rows:,} rows\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    shares: dict[str, list[float]] = {}
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        with tempfile.TemporaryDirectory() as home:
            os.environ["REASONBOOK_HOME"] = home
            for strategy, share in measure(seed, args):
                shares.setdefault(strategy, []).append(share)
    print()
    for strategy, found in shares.items():
        print(f"{strategy}: mean {statistics.mean(found):.1%}, worst {min(found):.1%}, best {max(found):.1%}")


def measure(seed: int, args: argparse.Namespace):
    """Trains and judges both students on one draw; yields the strategy and its share of right answers."""
    import reasonbook as rb

    df = rb.examples.refunds(args.rows, seed=1000 + seed)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    held = min(300, args.rows // 5)
    df.reason.split(test=held / args.rows, validation=100 / args.rows, seed=seed)
    student = rb.examples.tiny_student(seed=seed)
    for strategy in [args.only] if args.only else ["final_only", "final_and_reasoning"]:
        recipe = rb.examples.RECIPES[strategy].scaled(args.effort)
        if args.rate:
            recipe = replace(recipe, learning_rate=args.rate)
        chat = df.reason.to_chat(student, strategy=strategy)
        cpu, wall = time.process_time(), time.monotonic()
        run = rb.train(chat, **recipe.settings, seed=seed, threads=args.threads).wait()
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        result = run.evaluate("test").share
        learning = chat.split("train")
        tokens = sum(len(learning[i].input_ids) for i in range(len(learning))) / len(learning)
        cells = (
            seed, strategy, recipe.max_steps, recipe.batch_size, f"{recipe.learning_rate:g}", f"{tokens:.1f}",
            f"{cpu / args.threads:.0f}", f"{wall:.0f}", f"{result.value:.1%}",
            f"{result.low:.1%} … {result.high:.1%}",
        )  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        yield strategy, result.value
        run.unload()


if __name__ == "__main__":
    main()
