"""Run list: every training in the store, with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TrainingError
from ..options import checked
from ..store import Store, default_store
from ..training.run_events import StatusEvent
from ..training.runs.folder import RunLock
from ..training.runs.load import status_of, subject_of
from .listing import Listing, moment
from .row_runs import began, cards


@dataclass(frozen=True)
class RunRecord:
    """One training on record.

    Attributes:
        id: what `Run.load` takes.
        name: its label.
        at: when it began, in seconds since the epoch.
        state: where it stands.
        student: that was trained.
        strategy: what it learns to write.
        rows: training examples.
        seconds: that it took; None where it has not ended.
        teacher: who wrote the reasoning, where that is known.
        results: what its tests said, by split.
        folder: card, data and weights.
    """

    id: str
    name: str
    at: float
    state: str
    student: str
    strategy: str
    rows: int
    seconds: float | None
    teacher: str | None
    results: Mapping[str, Any]
    folder: Path


_COLUMNS: Mapping[str, Callable[[RunRecord], Any]] = {
    "run": lambda run: run.id,
    "name": lambda run: run.name,
    "when": lambda run: moment(run.at),
    "state": lambda run: run.state,
    "student": lambda run: Path(run.student).name or run.student,
    "strategy": lambda run: run.strategy,
    "rows": lambda run: run.rows,
    "seconds": lambda run: run.seconds,
    "reasoning by": lambda run: run.teacher,
    "tests": lambda run: "; ".join(_result(split, told) for split, told in run.results.items()),
}


@checked(TrainingError, "rb.runs()")
def runs(*, store: Store | None = None) -> Listing[RunRecord]:
    """Every training in the store, oldest first; ``rb.Run.load(id)`` brings one back.

    Args:
        store: the default store when None.

    Example:
        >>> run.id in [record.id for record in rb.runs()]
        True
    """
    store = store or default_store()
    found = [_record(folder, card, store) for folder, card in cards(store)]
    return Listing(
        sorted(found, key=lambda run: run.at), _COLUMNS, title="Trainings", next_verb='rb.Run.load("RUN_ID")'
    )


def _record(folder: Path, card: dict[str, Any], store: Store) -> RunRecord:
    said = list(store.events(subject_of(card["run"]), kind=StatusEvent.kind))
    status, _ = status_of(card, said, held=RunLock(folder).held_elsewhere())
    return RunRecord(
        id=card["run"],
        name=card["name"],
        at=began(card, store),
        state=str(status),
        student=card["student"],
        strategy=card["strategy"],
        rows=card["data"]["train_examples"],
        seconds=card.get("seconds"),
        teacher=card.get("teacher"),
        results=card.get("results") or {},
        folder=folder,
    )


def _result(split: str, told: Mapping[str, Any]) -> str:
    return f"{split}: {told['share']:.1%} {told['measure']}"
