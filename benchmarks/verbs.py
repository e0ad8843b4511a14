"""Verbs: CPU seconds of each verb on a frame of many rows, here and in another checkout, as ratios of one run.

``python -m benchmarks.verbs --rows 100000 --against ../other`` runs both in turn, each in a process and a store of its
own, and takes the least of some rounds: what else the machine does can only add to it. The teacher is a Python
function, so that nothing but our own work is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
ONE = """
import json, os, sys, time
import reasonbook as rb
rows, took = int(sys.argv[1]), {}
student, schema = rb.examples.tiny_student(), rb.examples.refund_schema()

def timed(name, act):
    began = time.process_time()
    done = act()
    took[name] = round(time.process_time() - began, 2)
    return done

df = rb.examples.refunds(rows)
again = df.copy()
timed("augment", lambda: df.reason.augment(schema, teacher=rb.examples.refund_rules).wait())
timed("from the store", lambda: again.reason.augment(schema, teacher=rb.examples.refund_rules).wait())
review = timed("review opens", lambda: df.reason.review())
timed("review checks", lambda: review.flags)
timed("split", lambda: df.reason.split())
timed("to_chat", lambda: df.reason.to_chat(student))
timed("export", lambda: rb.export(df, "rows.jsonl"))
print("RESULT", json.dumps(took))
"""


def measure(checkout: Path, rows: int, compiled: str) -> dict[str, float]:
    """Verb → CPU seconds of the process, all threads."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(checkout), "REASONBOOK_HOME": str(Path(folder) / "home")}
        # Compiled once, as what is installed is: a verb that is called for the first time imports its modules.
        env |= {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run(
            [sys.executable, "-c", ONE, str(rows)],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


def keep_least(least: dict[str, float], took: dict[str, float]) -> None:
    """Takes a round's figures in where they are lower."""
    for verb, seconds in took.items():
        least[verb] = min(seconds, least.get(verb, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ours: dict[str, float] = {}
    other: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as compiled:
        for _ in range(args.rounds):
            if args.against:
                keep_least(other, measure(args.against.resolve(), args.rows, compiled))
            keep_least(ours, measure(HERE, args.rows, compiled))
    print(f"CPU seconds, {args.rows:,} rows, the least of {args.rounds} rounds")
    for verb, seconds in ours.items():
        before = other.get(verb)
        against = "" if before is None else f"{before:8.2f}  ratio {seconds / max(before, 0.01):.2f}"
        print(f"{verb:16}{seconds:8.2f}{against}")


if __name__ == "__main__":
    main()
