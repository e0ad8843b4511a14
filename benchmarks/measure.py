"""Measure: the rows that every client of the engine's benchmark asks for, what it took to get them right, tables."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

TEXT = "the parcel came on {day} and the lamp in it was broken; I paid by card, I am a member since spring, and I "
TEXT += "would rather have my money back than another lamp. What do I do now?"
OPTIONS = ("low", "high", "none")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
SYSTEM = (
    "Fill every field from the request alone.\n"
    "- intent\n- mood\n- urgency: one of low, high, none\n- score: 0 to 10"
)
SHAPE = {
    "type": "object",
    "properties": {
        "intent": {"type": "string"},
        "mood": {"type": "string"},
        "urgency": {"type": "string", "enum": list(OPTIONS)},
        "score": {"type": "number", "minimum": 0, "maximum": 10},
    },
    "required": ["intent", "mood", "urgency", "score"],
    "additionalProperties": False,
}


def text(i: int) -> str:
    return f"ROW-{i:06d}: " + TEXT.format(day=DAYS[i % 5])


def right(values: Any, i: int) -> bool:
    from tests.servers.answers import number

    row = f"ROW-{i:06d}"
    return values is not None and (
        values["intent"] == f"intent of {row}"
        and values["mood"] == f"mood of {row}"
        and values["urgency"] == OPTIONS[number(row, "urgency") % 3]
        and values["score"] == number(row, "score")
    )


class Clock:
    """Wall seconds, the process's CPU seconds, and the growth of its greatest size."""

    def __init__(self) -> None:
        self.size = _size()
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self) -> dict[str, Any]:
        return {"wall": time.perf_counter() - self.wall, "cpu": time.process_time() - self.cpu,
                "grown": _size() - self.size}  # fmt: skip


def _size() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def body(i: int) -> dict[str, Any]:
    shape = {"type": "json_schema", "json_schema": {"name": "row", "strict": True, "schema": SHAPE}}
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text(i)}]
    return {"model": "mock", "messages": messages, "response_format": shape}


def judged(answers: list[Any]) -> dict[str, Any]:
    correct = wrong = 0
    for i, values in enumerate(answers):
        if values is not None:
            good = right(values, i)
            correct, wrong = correct + good, wrong + (not good)
    return {"correct": correct, "wrong": wrong, "lost": len(answers) - correct - wrong}


def table(title: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Prints rows under their heads."""
    print(f"\n{title}")
    cells = [head, *[tuple(f"{c:.2f}" if isinstance(c, float) else str(c) for c in row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print(
            "  "
            + "  ".join(
                c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
            )
        )
    sys.stdout.flush()
