"""Scale: more calls at once than one process carries, and more rows than memory holds; for `benchmarks.engine`."""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .measure import Clock, table, text

if TYPE_CHECKING:
    from .engine import Bench

_AT_ONCE, _LATENCY = 1024, 0.2
_SAMPLE = 0.5  # seconds between two looks at the memory
_CHUNK = 20_000


def workers(bench: Bench, rounds: int) -> None:
    """The same frame in one process, and in two that share a store and the line to its teacher."""
    n, ideal = 20 * _AT_ONCE, _AT_ONCE / _LATENCY
    rows: list[tuple[Any, ...]] = []
    for client, count in (("floor", 1), ("ours", 1), ("ours", 2)):
        runs = [
            bench.run(client, n, _AT_ONCE // count, processes=count, latency=_LATENCY) for _ in range(rounds)
        ]
        best = min(runs, key=lambda run: run["seconds"])
        speed = n / best["seconds"]
        rows.append((f"{client}, {count} x {_AT_ONCE // count} at once", best["correct"], best["requests"] - n,
                     speed, 100 * speed / ideal, 1000 * best["cpu"] / n))  # fmt: skip
    head = ("client", "correct", "paid twice", "rows/s", "% of ideal", "CPU s / 1000 rows")
    table(
        f"200 ms, {_AT_ONCE} calls at once, {n} rows, ideal {ideal:.0f} rows/s, best of {rounds}", head, rows
    )


def million(rows: int) -> None:
    """A dataset of so many rows by a Python teacher, and the same line again, with its output and without."""
    with tempfile.TemporaryDirectory() as home:
        _write(Path(home) / "rows.parquet", rows)
        runs = [_dataset(home, rows), _dataset(home, rows)]
        shutil.rmtree(Path(home) / "out")
        runs.append(_dataset(home, rows))
        size = sum(path.stat().st_size for path in Path(home).glob("store.sqlite*"))
    cells = [
        (name, run["done"], run["wall"], 1000 * run["cpu"] / rows, *run["sizes"], run["peak"])
        for name, run in zip(("first run", "run again", "output gone"), runs, strict=True)
    ]
    head = ("", "rows", "seconds", "CPU s / 1000 rows", "MB after a tenth", "half", "all", "peak")
    table(
        f"augment_dataset, {rows:,} rows, Python teacher; the store takes {size / rows:.0f} B a row",
        head,
        cells,
    )


def answer(request: str) -> dict[str, Any]:
    """A teacher that costs next to nothing."""
    return {"Length": len(request), "Text": request}


def fill(home: str, rows: int) -> dict[str, Any]:
    """One run over the dataset, with the resident memory as it went."""
    import reasonbook as rb

    schema = rb.Schema({"Length": {"instruction": "How long?", "type": "number"}, "Text": "The text."})
    sizes, over = list[float](), threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE):
            sizes.append(_resident())

    threading.Thread(target=watch, daemon=True).start()
    clock, began = Clock(), time.perf_counter()
    job = rb.augment_dataset(
        Path(home) / "rows.parquet", Path(home) / "out", schema, teacher=answer, rows=_CHUNK
    ).wait()
    took = time.perf_counter() - began
    over.set()
    sizes.append(_resident())
    at = [sizes[min(len(sizes) - 1, int(share * len(sizes)))] for share in (0.1, 0.5, 1.0)]
    return clock.read() | {"wall": took, "done": job.progress.done, "sizes": at, "peak": max(sizes)}


def _dataset(home: str, rows: int) -> dict[str, Any]:
    code = f"import json; from benchmarks.scale import fill; print(json.dumps(fill({home!r}, {rows})))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "REASONBOOK_HOME": home, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _write(path: Path, rows: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    shape = pa.schema([("prompt", pa.string()), ("response", pa.string())])
    with pq.ParquetWriter(path, shape) as file:
        numbers = iter(range(rows))
        while part := list(itertools.islice(numbers, _CHUNK)):
            file.write_table(
                pa.table({"prompt": [text(i) for i in part], "response": ["ok"] * len(part)}, shape)
            )


def _resident() -> float:
    """MB of memory at this moment; the most so far where that is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20
