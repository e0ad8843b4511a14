"""A small comparison with known figures, for the view of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Score:
    label: str
    rows: int
    share: float
    low: float
    high: float
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    health: dict[str, int] = field(default_factory=dict)
    tokens: float | None = None


@dataclass(frozen=True)
class Reply:
    answer: str
    thinking: str = ""
    text: str = ""
    health: str = "valid"
    correct: bool | None = None
    score: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Row:
    position: int
    prompt: str
    expected: str
    replies: tuple[Reply | None, ...]


class Compared:
    """Two runs on 60 rows: the first is right on every third, the second on all but every tenth."""

    split, measure = "test", "exact match"

    def __init__(self, rows: int = 60, runs: int = 2) -> None:
        self.rows: list[Any] = []
        for i in range(rows):
            thought = f"Intent: refund\nDays Since Purchase: {i}\nPolicy: full refund within {i + 30} days"
            plain = Reply(f"${i if i % 3 == 0 else 0}", health="missing", correct=i % 3 == 0, tokens=6)
            broken = i % 10 == 0
            thinking = Reply(
                "" if broken else f"${i}",
                thought,
                health="unfinished" if broken else "valid",
                correct=not broken,
                tokens=58 + i % 7,
            )
            prompt = (
                f"Good morning, {i} days ago I bought a chair at ${i}. I am a Gold member. Please refund me."
            )
            self.rows.append(Row(100 + i, prompt, f"${i}", (plain, thinking)[:runs]))
        right = [sum(row.replies[k].correct for row in self.rows) for k in range(runs)]
        share = [count / rows for count in right]
        self.scores = [
            Score(
                "answers only",
                rows,
                share[0],
                share[0] - 0.09,
                share[0] + 0.1,
                health={"missing": rows},
                tokens=6.0,
            )
        ]
        if runs > 1:
            broken = sum(row.replies[1].health == "unfinished" for row in self.rows)
            difference = share[1] - share[0]
            self.scores.append(
                Score(
                    "thinking first",
                    rows,
                    share[1],
                    share[1] - 0.05,
                    share[1] + 0.04,
                    difference,
                    difference - 0.08,
                    difference + 0.07,
                    {"valid": rows - broken, "unfinished": broken},
                    61.4,
                )
            )

    def __repr__(self) -> str:
        return "Compared()"
