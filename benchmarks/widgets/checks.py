"""The checks behind flags and suspicion: the first look at all rows, and what an edit costs from then on.

    python -m benchmarks.widgets.checks [--rows 1000 100000] [--words 0 200] [--edits 50]

Times are those of the processor. With words, each reasoning has a field of so many words more. An edit is all of it:
the journal, the frame, the flags of the row and the search text.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.review import Review
from reasonbook.store import Store


def frame(rows: int, words: int) -> pd.DataFrame:
    seed = rb.examples.refunds(2000)
    thoughts = [dict(rb.examples.refund_rules(text)) for text in seed["prompt"]]
    vocabulary = sorted({word for text in seed["prompt"] for word in text.split()})
    rng = random.Random(1)
    turn = itertools.cycle(zip(seed["prompt"], seed["response"], thoughts, strict=True))
    picked = list(itertools.islice(turn, rows))
    more = [{"Notes": " ".join(rng.choices(vocabulary, k=words))} if words else {} for _ in picked]
    return pd.DataFrame(
        {
            "prompt": [f"{prompt} Order {i}." for i, (prompt, _, _) in enumerate(picked)],
            "response": [response for _, response, _ in picked],
            "reasoning": [{**thought, **extra} for (_, _, thought), extra in zip(picked, more, strict=True)],
            "reasoning_status": "ok",
            "reasoning_error": None,
        }
    )


def measure(folder: Path, *, rows: int, words: int, edits: int) -> dict[str, Any]:
    df = frame(rows, words)
    review = Review(Frame(df, df.reason.layout()), Store(folder / f"{rows}-{words}"))
    begun = time.process_time()
    before = sum("leaked" in row.names for row in review.flags)
    looked = time.process_time() - begun
    review.where(text="order 9")
    taken = []
    for number in range(edits):
        row = number * rows // edits
        begun = time.process_time()
        review.edit(row, {"Intent": f"as the response says, {number}"})
        flags = review.flags[row].names
        taken.append(time.process_time() - begun)
        assert "leaked" in flags
    assert review.where(flag="leaked").size == before + edits
    taken.sort()
    return {
        "rows": rows,
        "words more": words,
        "first look s": round(looked, 2),
        "edit p50 ms": round(1000 * taken[len(taken) // 2], 1),
        "edit p95 ms": round(1000 * taken[int(0.95 * len(taken))], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--words", type=int, nargs="+", default=[0, 200])
    parser.add_argument("--edits", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rows, words in itertools.product(asked.rows, asked.words):
            found = measure(Path(folder), rows=rows, words=words, edits=asked.edits)
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
