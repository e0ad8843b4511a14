"""Score: a named way to grade answers, and how each answer was read for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ....chat import Task
from ....errors import TrainingError, choices
from .numbers import equal, read_number
from .options import Options
from .parts import json_fields, list_f1
from .plain_text import plain

T = TypeVar("T")
Grade = float | bool
Reader = Callable[[str, str], tuple[float, str]]  # answer, expected → grade, how the answer was read


@dataclass(frozen=True)
class Score:
    """A named way to grade answers.

    Attributes:
        name: for tables.
        grade: answers and their tasks → one grade each, from 0 to 1.
        read: answers and their tasks → how each answer was read, in words; None where there is nothing to say.

    Example:
        >>> run.evaluate("test", score="numeric").measure
        'numeric match'
    """

    name: str
    grade: Callable[[Sequence[str], Sequence[Task]], Sequence[float]]
    read: Callable[[Sequence[str], Sequence[Task]], Sequence[str]] | None = None

    def readings(self, answers: Sequence[str], tasks: Sequence[Task]) -> Sequence[str]:
        """How each answer was read; empty texts where the rule takes it as it stands."""
        return self.read(answers, tasks) if self.read is not None else [""] * len(answers)


ScoreLike = Score | str | Callable[..., Grade] | None  # what `resolve` takes


def resolve(score: ScoreLike = None) -> Score:
    """A scoring rule from a name, a function of yours, or nothing (exact match).

    Args:
        score: None or ``"exact match"``, ``"numeric match"``, ``"choice accuracy"``, ``"list F1"``, ``"json fields"``
            (or the first word), a function ``(answer, expected)`` or ``(answer, expected, prompt)`` that returns a
            grade from 0 to 1 or a bool, or a `Score`. "exact" compares texts in one Unicode form (NFC) and with
            every run of white space as one space; case and punctuation count.

    Raises:
        TrainingError: it is none of these.
    """
    if isinstance(score, Score):
        return score
    word = score.split()[0].split("_")[0].lower() if isinstance(score, str) and score.strip() else score
    if word is None or word == "exact":
        return Score("exact match", lambda answers, tasks: [float(g) for g in _each(exact, answers, tasks)])
    if word == "numeric":
        return _reading("numeric match", numeric_reading)
    if word == "choice":
        return Score(
            "choice accuracy", choice, lambda answers, tasks: [said for _, said in _chosen(answers, tasks)]
        )
    if word == "list":
        return _reading("list F1", list_f1)
    if word == "json":
        return _reading("JSON fields", json_fields)
    if callable(score):
        return _own(score)
    raise TrainingError(
        f"score={score!r} is not a way to grade answers.",
        choices(str(score), ("exact", "numeric", "choice", "list", "json"))
        + " or a function: score=lambda answer, expected: …",
    )


def exact(answer: str, expected: str) -> bool:
    """Equal but for white space and Unicode form."""
    return plain(answer) == plain(expected)


def numeric(answer: str, expected: str) -> bool:
    """Whether an answer commits itself to the number that was expected; see `read_number`."""
    return bool(numeric_reading(answer, expected)[0])


def numeric_reading(answer: str, expected: str) -> tuple[float, str]:
    """Whether the number of an answer is the right one, and which it is; texts are compared where none is expected."""
    right = read_number(expected).quantity
    if right is None:
        return float(exact(answer, expected)), "as text: the right response is no single number"
    found = read_number(answer, right)
    return float(found.quantity is not None and equal(found.quantity, right)), found.said


def choice(answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
    """Whether the option that an answer names is the expected one; options are all responses of the split."""
    chosen = _chosen(answers, tasks)
    return [
        float(name is not None and name == plain(task.expected).casefold())
        for (name, _), task in zip(chosen, tasks, strict=True)
    ]


def _chosen(answers: Sequence[str], tasks: Sequence[Task]) -> list[tuple[str | None, str]]:
    options = Options.of(task.expected for task in tasks)
    return [options.read(answer) for answer in answers]


def _reading(name: str, reader: Reader) -> Score:
    def grade(answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
        return [grade for grade, _ in _each(reader, answers, tasks)]

    def read(answers: Sequence[str], tasks: Sequence[Task]) -> list[str]:
        return [said for _, said in _each(reader, answers, tasks)]

    return Score(name, grade, read)


def _own(function: Callable[..., Grade]) -> Score:
    try:
        count = len(
            [
                p
                for p in inspect.signature(function).parameters.values()
                if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
            ]
        )
    except (TypeError, ValueError):
        count = 2

    def grade(answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
        grades: list[float] = []
        for answer, task in zip(answers, tasks, strict=True):
            parts = (answer, task.expected, task.request)[: max(2, min(3, count))]
            try:
                value = float(function(*parts))
            except Exception as error:
                raise TrainingError(
                    f"Your scoring function failed on row {task.position}: {type(error).__name__}: {error}",
                    "def score(answer: str, expected: str) -> float: …   # from 0 to 1",
                ) from error
            if not 0 <= value <= 1:
                raise TrainingError(
                    f"Your scoring function gave {value!r} for row {task.position}; a grade is from 0 to 1.",
                    "def score(answer: str, expected: str) -> float: …",
                )
            grades.append(value)
        return grades

    return Score(getattr(function, "__name__", "score").strip("<>"), grade)


def _each(rule: Callable[[str, str], T], answers: Sequence[str], tasks: Sequence[Task]) -> list[T]:
    return [rule(answer, task.expected) for answer, task in zip(answers, tasks, strict=True)]
