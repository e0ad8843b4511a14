"""Load: a student that another kernel trained, or that somebody saved, from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.reasoning_origin import Origin
from ...errors import TrainingError, choices
from ...events import Event
from ...job import Status
from ...store import Store
from ..loop.processes import process_count
from ..planning.config import TrainConfig
from ..planning.plan import Plan
from ..run_events import StatusEvent
from . import run_card
from .folder import TOKENIZER
from .trained import TrainedStudent

if TYPE_CHECKING:
    from ...chat import ChatFormat

NOT_BEGUN = "The kernel ended before its turn came; run.resume() begins it."
ENDED = "The kernel ended while it was training; run.resume() goes on from the last checkpoint."


@dataclass(frozen=True)
class Loaded:
    """A student that is there again.

    Attributes:
        student: with its card and its history.
        status: where its training stands; why stands in ``student.reason``.
        events: of its training, oldest first; empty for a folder that was saved elsewhere.
    """

    student: TrainedStudent
    status: Status
    events: Sequence[Event]


def subject_of(id: str) -> str:
    """The name under which the store keeps a run's events."""
    return f"run:{id}"


def load_student(source: str | Path, store: Store) -> Loaded:
    """A student by the id or the folder of its run; no weights are read yet.

    Raises:
        TrainingError: there is no such run, or its card is damaged.
    """
    folder = find(source, store)
    record = run_card.read(folder)
    student = TrainedStudent(
        id=record["run"],
        name=record["name"],
        plan=Plan.from_dict(record["plan"]).replace(processes=process_count()),
        config=TrainConfig.from_dict(record["config"]),
        strategy=record["strategy"],
        folder=folder,
        form=lambda: format_of(record, folder),
        score=score_of(record),
        origin=Origin.from_dict(record),
        from_card=record.get("from_card"),
    )
    student.card.begin(record)
    events = list(store.events(subject_of(student.id)))
    for event in events:
        student.history.take(event)
    if not events:
        student.history.fill(record.get("curves", {}))
    status, student.reason = status_of(record, events, held=student.lock.held_elsewhere())
    return Loaded(student, status, events)


def find(source: str | Path, store: Store) -> Path:
    """The folder of a run by its id, or the folder itself.

    Raises:
        TrainingError: there is no such run; the newest ones are named.
    """
    for folder in places(source, store):
        if (folder / run_card.NAME).is_file():
            return folder
    names = [subject.removeprefix("run:") for subject in store.subjects("run:")]
    raise TrainingError(
        f"There is no run {str(source)!r} here.",
        choices(str(source), names[-5:]) if names else "rb.train(chat) makes the first",
    )


def places(source: str | Path, store: Store) -> tuple[Path, Path]:
    """Where a run may stand: the folder that was named, or the store's own of that id."""
    return Path(source).expanduser(), store.folder / "runs" / str(source)


def status_of(record: Mapping[str, Any], events: Sequence[Event], *, held: bool) -> tuple[Status, str]:
    """Where a run stands, and why; one that no kernel holds any more is not running.

    Args:
        record: the run card.
        events: the run's own, oldest first.
        held: whether some process trains it now.
    """
    told = [event.data["status"] for event in events if event.kind == StatusEvent.kind]
    status = Status(told[-1] if told else record.get("status", "COMPLETED"))
    if not status.final and not held:
        return Status.CANCELLED, NOT_BEGUN if status is Status.QUEUED else ENDED
    return status, str(record.get("reason", ""))


def format_of(record: Mapping[str, Any], folder: Path) -> ChatFormat:
    """How the student of a card is asked and read, by the tokenizer that was kept beside it."""
    from ...chat import ChatFormat

    kept = folder / TOKENIZER
    return ChatFormat.from_dict(record["format"], student=str(kept) if kept.is_dir() else None)


def score_of(record: Mapping[str, Any]) -> str | None:
    """The name of the rule by which a card's answers were graded; None where it was somebody's own function."""
    name = str(record.get("score", ""))
    return name if name.split(" ")[0] in ("exact", "numeric", "choice") else None
