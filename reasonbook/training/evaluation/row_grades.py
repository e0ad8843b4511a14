"""Row grades: which rows of a run's tests were right: a file beside its card, one line a test."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "tests.jsonl"


@dataclass(frozen=True)
class GradedTest:
    """One test of a run.

    Attributes:
        at: seconds since the epoch.
        split: whose rows, in the order of the run's tasks.
        measure: how answers were graded.
        step: optimizer steps that the weights had behind them.
        grades: 0 to 1, one per row; fewer than the split has where only the first ones were asked.
        base: answered by the student before its training.
    """

    at: float
    split: str
    measure: str
    step: int
    grades: tuple[float, ...]
    base: bool = False


def keep(
    folder: Path, *, split: str, measure: str, step: int, grades: Sequence[float], base: bool = False
) -> None:
    """Adds a test, once however often it is repeated; a disk that cannot be written does not stop one."""
    short = tuple(int(grade) if grade in (0.0, 1.0) else round(grade, 4) for grade in grades)
    test = GradedTest(time.time(), split, measure, step, short, base)
    if any({**asdict(one), "at": test.at} == asdict(test) for one in read(folder)):
        return
    with contextlib.suppress(OSError), (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(test), separators=(",", ":")) + "\n")


def read(folder: Path) -> list[GradedTest]:
    """The tests of a run, oldest first; a line that was cut off is passed over."""
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found: list[GradedTest] = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            told: dict[str, Any] = json.loads(line)
            told["grades"] = tuple(told["grades"])
            found.append(GradedTest(**told))
    return found
