"""Row runs: in which runs a row took part, and whether it was right in their tests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.task import Task
from ..errors import TrainingError
from ..store import Store
from ..training.evaluation.row_grades import GradedTest
from ..training.evaluation.row_grades import read as read_tests
from ..training.run_events import StatusEvent
from ..training.runs import row_losses, run_card
from ..training.runs.data import TASKS, read_tasks
from ..training.runs.load import subject_of


@dataclass(frozen=True)
class RowInRun:
    """A row's part in a run.

    Attributes:
        id: of the run.
        name: of the run.
        at: when it began, in seconds since the epoch.
        student: that was trained.
        strategy: what it learns to write.
        split: of the row in this run.
        loss: mean loss per target token in the last epoch; None where it is not known.
        grades: the tests that the row was in, and its grade in each; of several turns the worst.
    """

    id: str
    name: str
    at: float
    student: str
    strategy: str
    split: str
    loss: float | None
    grades: Sequence[tuple[GradedTest, float]]


def cards(store: Store) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and card of every run in a store's folder, oldest first; damaged ones are passed over."""
    for folder in sorted(store.folder.glob("runs/*")):
        try:
            yield folder, run_card.read(folder)
        except TrainingError:
            continue


def began(card: dict[str, Any], store: Store) -> float:
    """When a run began, in seconds since the epoch; its card says it to the second only."""
    said = next(store.events(subject_of(str(card["run"])), kind=StatusEvent.kind), None)
    if said is not None:
        return said.at
    try:
        return time.mktime(time.strptime(str(card["at"])[:19], "%Y-%m-%dT%H:%M:%S"))
    except (KeyError, ValueError):
        return 0.0


def runs_of(store: Store, names: Sequence[str]) -> list[RowInRun]:
    """The runs that a row took part in, under any of its names."""
    found: list[RowInRun] = []
    for folder, card in cards(store):
        tasks = _tasks(folder / TASKS, names)
        if not tasks:
            continue
        split = tasks[0][1].split
        losses = row_losses.read(folder)
        places = [place for place, _ in tasks]
        graded = [
            (test, min(test.grades[place] for place in places))
            for test in read_tests(folder)
            if test.split == split and max(places) < len(test.grades)
        ]
        loss = next((losses[name] for name in names if name in losses), None)
        found.append(
            RowInRun(
                card["run"],
                card["name"],
                began(card, store),
                card["student"],
                card["strategy"],
                split,
                loss,
                graded,
            )
        )
    return found


def _tasks(path: Path, names: Sequence[str]) -> list[tuple[int, Task]]:
    """The row's tasks, each with its place among those of its split."""
    try:
        if not any(f'"{name}"'.encode() in path.read_bytes() for name in names):  # most runs, at no cost
            return []
        places: dict[str, int] = {}
        found: list[tuple[int, Task]] = []
        for task in read_tasks(path):
            place = places.get(task.split, 0)
            places[task.split] = place + 1
            if task.key in names:
                found.append((place, task))
        return found
    except (OSError, ValueError):
        return []
