"""Compared data: how the data of compared runs differ, and which held-out rows have a twin case in train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...chat import Task
from ...versions import DataDiff, snapshot_of_run
from ..runs.trained import TrainedStudent
from .evaluation import Evaluation

_NAMED = 5  # rows that a note names


@dataclass(frozen=True)
class Flip:
    """A held-out row that the first run has right and another one wrong.

    Attributes:
        position: of the row in the frame.
        run: the other run.
        request: what was asked.
        expected: the right answer.
        case_rows: how many rows of its case came, went or changed between the data of the two runs.

    Example:
        >>> rb.compare([thinking, plain]).flips
        ()
    """

    position: int
    run: str
    request: str
    expected: str
    case_rows: int


class ComparedData:
    """What compared runs were trained on, beside each other.

    Args:
        students: in the order of the table.
        evaluations: theirs, over the same rows in the same order.
        split: whose rows were judged.

    Attributes:
        recorded: whether the runs know which rows are one case.
        contaminated: which of the judged rows have a twin case in the training of a run, by their number.
        diffs: run → how its data differs from that of the first one.
        flips: rows that the first run has right and another one wrong; those of a changed case first.
    """

    def __init__(
        self, students: Sequence[TrainedStudent], evaluations: Sequence[Evaluation], split: str
    ) -> None:
        self.split = split
        self._evaluations = evaluations
        tasks = evaluations[0].tasks
        twins = [_twins(student, split) for student in students] if split != "train" else []
        self.recorded = any(task.case for student in students for task in student.data.of(split))
        self.contaminated = [
            i for i, t in enumerate(tasks) if any((t.key, t.turn) in found for found in twins)
        ]
        first, *others = students
        before = snapshot_of_run(first) if others else None
        self.diffs: Mapping[str, DataDiff] = {
            each.label: DataDiff(before, snapshot_of_run(student))
            for student, each in zip(others, evaluations[1:], strict=True)
            if before is not None
        }
        self.flips = tuple(
            flip
            for student, each in zip(others, evaluations[1:], strict=True)
            for flip in _flips(evaluations[0], each, _changed_cases(first, student, self.diffs[each.label]))
        )

    @property
    def notes(self) -> list[str]:
        """What of it a reader of the table has to know."""
        return [*self._twin_notes(), *self._diff_notes()]

    def _twin_notes(self) -> list[str]:
        if self.split == "train":
            return []
        if not self.recorded:
            return [f"Twin cases of {self.split} rows in train: not recorded."]
        tasks = self._evaluations[0].tasks
        if not self.contaminated:
            return [f"No {self.split} row has a twin case in train."]
        gone = self.contaminated
        left = [without_rows(each, gone) for each in self._evaluations] if len(gone) < len(tasks) else []
        without = ", ".join(f"{each.label} {each.share.value:.1%}" for each in left)
        rows = _named([tasks[i].position for i in self.contaminated])
        told = f"{len(gone)} of {len(tasks)} {self.split} rows have a twin case in train (rows {rows})"
        return [f"{told}; without them: {without}." if without else f"{told}: none is left without them."]

    def _diff_notes(self) -> list[str]:
        first = self._evaluations[0].label
        notes: list[str] = []
        for label, diff in self.diffs.items():
            if diff.same:
                continue
            told = ", ".join(f"{name} {count}" for name, count in diff.counts.items())
            notes.append(f"The data of {label} differs from that of {first} in {diff.touched} rows ({told}).")
            wrong = [flip for flip in self.flips if flip.run == label]
            same = [flip.position for flip in wrong if flip.case_rows]
            if wrong and self.recorded:
                rows = f" (rows {_named(same)})" if same else ""
                notes.append(
                    f"{len(wrong)} rows went from right to wrong in {label}; {len(same)} of them are of a case whose "
                    f"training rows differ{rows}."
                )
        return notes


def _twins(student: TrainedStudent, split: str) -> set[tuple[str, int]]:
    """The held-out rows of a student whose case it was trained on."""
    trained = {task.case for task in student.data.of("train") if task.case}
    return {(task.key, task.turn) for task in student.data.of(split) if task.case in trained}


def _changed_cases(first: TrainedStudent, other: TrainedStudent, diff: DataDiff) -> Counter[str]:
    """Case → how many of its rows came, went or changed."""
    found: Counter[str] = Counter()
    seen: set[tuple[str, int]] = set()
    for tasks, rows in ((first.data.tasks, diff.was_rows), (other.data.tasks, diff.rows)):
        wanted = set(rows)
        for task in tasks:
            if task.position in wanted and task.case and (task.prompt_key, task.turn) not in seen:
                seen.add((task.prompt_key, task.turn))
                found[task.case] += task.split == "train"
    return found


def _flips(first: Evaluation, other: Evaluation, changed: Mapping[str, int]) -> list[Flip]:
    found = [
        Flip(
            task.position,
            other.label,
            task.request,
            task.expected,
            changed.get(task.case, 0) if task.case else 0,
        )
        for task, was, now in zip(first.tasks, first.replies, other.replies, strict=True)
        if was.correct and not now.correct
    ]
    return sorted(found, key=lambda flip: (-flip.case_rows, flip.position))


def without_rows(evaluation: Evaluation, numbers: Sequence[int]) -> Evaluation:
    """An evaluation as if these rows had not been judged."""
    gone = set(numbers)
    tasks: list[Task] = [task for i, task in enumerate(evaluation.tasks) if i not in gone]
    return replace(
        evaluation, tasks=tasks, replies=[r for i, r in enumerate(evaluation.replies) if i not in gone]
    )


def _named(rows: Sequence[int]) -> str:
    more = ", …" if len(rows) > _NAMED else ""
    return ", ".join(map(str, sorted(rows)[:_NAMED])) + more
