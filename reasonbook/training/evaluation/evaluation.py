"""Evaluation: a student's answers to held-out rows, graded."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...chat import Task
from ...errors import TrainingError
from ...html_card import card, clip, details, table
from ..answering import scoring
from ..answering.generate import Reply, replies
from ..planning.student import label_of
from ..run_events import HEALTH
from ..runs.trained import AnswerKey, Answers, TrainedStudent
from . import row_grades
from .judgements import GradedBy
from .statistics import Interval, share


@dataclass(frozen=True)
class Evaluation:
    """What one student made of the rows of one split.

    Attributes:
        label: the run's name.
        split: which rows.
        measure: how answers were graded.
        tasks: the rows.
        replies: one per row, graded.
        seconds: that writing took.
        test: by what its grades are known, where it is of a run.

    Example:
        >>> run.evaluate("test", score="numeric")
        Evaluation('tiny-0 thinking', numeric match 0.0% [0.0%, ...%] on 4 test rows)
    """

    label: str
    split: str
    measure: str
    tasks: Sequence[Task]
    replies: Sequence[Reply]
    seconds: float = 0.0
    test: GradedBy | None = None

    @property
    def grades(self) -> list[float]:
        """0 to 1, by row."""
        return [float(reply.score or 0.0) for reply in self.replies]

    @property
    def share(self) -> Interval:
        """Mean grade with its 95 % interval; the turns of one conversation count as one."""
        return share(self.grades, self.clusters)

    @property
    def clusters(self) -> list[int]:
        """Which rows of the frame the answers are to: several turns of a conversation are one row."""
        return [task.position for task in self.tasks]

    @property
    def health(self) -> Mapping[str, int]:
        """How many replies have which thinking."""
        counts = Counter(reply.health for reply in self.replies)
        return {name: counts[name] for name in HEALTH}

    @property
    def tokens(self) -> float:
        """Tokens written per answer, thinking included."""
        return sum(reply.tokens for reply in self.replies) / max(1, len(self.replies))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready figures, without the texts."""
        value = self.share
        return {
            "split": self.split, "measure": self.measure, "rows": len(self.tasks), "share": value.value,
            "low": value.low, "high": value.high, "health": dict(self.health), "tokens": self.tokens,
            "seconds": self.seconds,
        }  # fmt: skip

    def __repr__(self) -> str:
        s = self.share
        return (
            f"Evaluation({self.label!r}, {self.measure} {s.value:.1%} [{s.low:.1%}, {s.high:.1%}] "
            f"on {len(self.tasks)} {self.split} rows)"
        )

    def _repr_html_(self) -> str:
        s = self.share
        wrong = [
            (t.position, clip(t.request, 200), t.expected, clip(r.answer, 80), r.read, r.health)
            for t, r in zip(self.tasks, self.replies, strict=True)
            if not r.correct
        ]
        header = ("row", "request", "expected", "answer", "read as", "thinking")
        unclear = sum(r.read.startswith("ambiguous") for r in self.replies)
        return card(
            f"{self.label} on {len(self.tasks)} {self.split} rows",
            {
                self.measure: f"{s.value:.1%} ({s.low:.1%} – {s.high:.1%})",
                "tokens per answer": round(self.tokens, 1),
            }
            | {name: count for name, count in self.health.items() if count}
            | ({"ambiguous answers": unclear} if unclear else {}),
            body=details(f"{len(wrong)} not right", table(header, wrong[:20])),
            next_verb="rb.compare([plain, run])",
        )


def evaluate(
    student: TrainedStudent,
    *,
    split: str = "test",
    score: scoring.ScoreLike = None,
    limit: int | None = None,
    base: bool = False,
) -> Evaluation:
    """Has a trained student answer a split, and grades it.

    Answers are kept: another scoring rule, or a second call, writes nothing anew.

    Raises:
        TrainingError: the split is empty, or some of its rows were trained on.
    """
    tasks = held_out(student, split)[:limit]
    rule = scoring.resolve(score)
    key = AnswerKey(split, limit, base, student.step)
    written = student.answers.get(key)
    if written is None:
        began = time.monotonic()
        given = _answers(student, tasks, base=base)
        label = f"{label_of(student.student)}, before training" if base else student.name
        written = student.answers[key] = Answers(label, given, time.monotonic() - began)
    answers = [reply.answer for reply in written.replies]
    graded = [
        replace(reply, score=float(grade), correct=bool(grade >= 1.0), read=read)
        for reply, grade, read in zip(
            written.replies, rule.grade(answers, tasks), rule.readings(answers, tasks), strict=True
        )
    ]
    test = GradedBy(student.folder.name, split, rule.name, student.step, base)
    done = Evaluation(written.label, split, rule.name, tasks, graded, written.seconds, test)
    row_grades.keep(
        student.folder, split=split, measure=rule.name, step=student.step, grades=done.grades, base=base
    )
    if not base:
        student.card.add_results(**{split if limit is None else f"{split} (first {limit})": done.to_dict()})
    return done


def held_out(student: TrainedStudent, split: str) -> list[Task]:
    """The rows of a split, none of which the student was trained on.

    Raises:
        TrainingError: there are none, or rows of the train split are among them.
    """
    tasks = student.data.of(split)
    if not tasks:
        raise TrainingError(
            f"The {split} split of {student.name} is empty, so there is nothing to judge it by.",
            "df.reason.split(test=0.1), then train again",
        )
    if split != "train":
        refuse_leaks(tasks, [student])
    return tasks


def refuse_leaks(tasks: Sequence[Task], students: Sequence[TrainedStudent]) -> None:
    """Refuses rows that a student was trained on, known by their key or by an equal request."""
    for student in students:
        trained = student.data.of("train")
        keys = {task.key for task in trained}
        prompts = {task.prompt_key for task in trained}
        seen = [t for t in tasks if t.key in keys or t.prompt_key in prompts]
        if seen:
            rows = ", ".join(str(t.position) for t in seen[:5])
            raise TrainingError(
                f"{len(seen)} of {len(tasks)} rows to be judged were in the training of {student.name} (rows {rows}"
                f"{', …' if len(seen) > 5 else ''}), by their key or by an equal request.",
                "df = df.drop(columns='split'); df.reason.split(test=0.1)   # equal requests share a split",
            )


def _answers(student: TrainedStudent, tasks: Sequence[Task], *, base: bool) -> list[Reply]:
    requests = [task.prompt for task in tasks]
    if not base:
        return student.generate(requests)
    with student.base() as model:
        return replies(model, student.format, requests, max_tokens=student.plan.sample_tokens)
