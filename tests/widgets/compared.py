"""Two students judged on the same rows, with known answers, for the view of the comparison."""

from __future__ import annotations

from reasonbook.chat import Task
from reasonbook.training.answering.generate import Reply
from reasonbook.training.evaluation.comparison import Comparison
from reasonbook.training.evaluation.evaluation import Evaluation


def compared(rows: int = 60, runs: int = 2) -> Comparison:
    """The first run is right on every third row, the second on all but every tenth."""
    tasks = [
        task(100 + i, f"Good morning, {i} days ago I bought a chair at ${i}.", f"${i}") for i in range(rows)
    ]
    return comparison(
        tasks, [plain(i) for i in range(rows)], *[[thinking(i) for i in range(rows)]][: runs - 1]
    )


def comparison(tasks: list[Task], *replies: list[Reply]) -> Comparison:
    """The comparison of one run or two, each with one reply a task."""
    labels = ("answers only", "thinking first")
    return Comparison(
        [
            Evaluation(label, "test", "exact match", tasks, written)
            for label, written in zip(labels, replies, strict=False)
        ]
    )


def task(position: int, request: str, expected: str) -> Task:
    return Task(f"key{position}", position, 0, "test", ({"role": "user", "content": request},), expected)


def plain(i: int) -> Reply:
    right = i % 3 == 0
    return Reply(f"${i if right else 0}", health="missing", tokens=6, correct=right, score=float(right))


def thinking(i: int) -> Reply:
    right = i % 10 != 0
    thought = f"Intent: refund\nDays Since Purchase: {i}\nPolicy: full refund within {i + 30} days"
    health = "valid" if right else "unfinished"
    answer = f"${i}" if right else ""
    return Reply(answer, thought, health=health, tokens=58 + i % 7, correct=right, score=float(right))
