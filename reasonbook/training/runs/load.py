"""Opening: a run of another kernel, or a folder that somebody saved, becomes a run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TrainingError, choices
from ...events import Event
from ...job import Status
from ...store import Store
from ..planning.config import TrainConfig
from ..planning.plan import Plan
from . import registry, run_card
from .folder import TOKENIZER

if TYPE_CHECKING:
    from ...chat import ChatFormat
    from ..run import Run

ENDED = "The kernel ended while it was training; run.resume() goes on from the last checkpoint."


def open_run(kind: type[Run], source: str | Path, store: Store) -> Run:
    """A run by its id or folder; the one that this kernel has already, where it has it.

    Raises:
        TrainingError: there is no such run, or its card is damaged.
    """
    for place in _places(source, store):  # one that has just begun has no card yet
        here = registry.find(place)
        if here is not None and place.name == here.id:  # not a copy that `save` wrote
            return here
    folder = find(source, store)
    record = run_card.read(folder)
    subject = f"run:{record['run']}"
    known = subject in store.subjects("run:")
    run = kind(
        id=record["run"],
        name=record["name"],
        plan=Plan.from_dict(record["plan"]),
        config=TrainConfig.from_dict(record["config"]),
        form=lambda: format_of(record, folder),
        data=None,
        folder=folder,
        store=store if known else None,
        origin=record,
    )
    run.restore(record, list(store.events(subject)) if known else [])
    return run


def find(source: str | Path, store: Store) -> Path:
    """The folder of a run by its id, or the folder itself.

    Raises:
        TrainingError: there is no such run; the newest ones are named.
    """
    for folder in _places(source, store):
        if (folder / run_card.NAME).is_file():
            return folder
    names = [subject.removeprefix("run:") for subject in store.subjects("run:")]
    raise TrainingError(
        f"There is no run {str(source)!r} here.",
        choices(str(source), names[-5:]) if names else "rb.train(chat) makes the first",
    )


def _places(source: str | Path, store: Store) -> tuple[Path, Path]:
    return Path(source).expanduser(), store.folder / "runs" / str(source)


def status_of(record: Mapping[str, Any], events: Sequence[Event], *, held: bool) -> tuple[Status, str]:
    """Where a run stands, and why; one that no kernel holds any more is not running.

    Args:
        record: the run card.
        events: the run's own, oldest first.
        held: whether some process trains it now.
    """
    told = [event.data["status"] for event in events if event.kind == "status"]
    status = Status(told[-1] if told else record.get("status", "COMPLETED"))
    if not status.final and not held:
        return Status.CANCELLED, ENDED
    return status, str(record.get("reason", ""))


def format_of(record: Mapping[str, Any], folder: Path) -> ChatFormat:
    """How the student is asked and read, from the tokenizer that was kept with the run."""
    from ...chat import ChatFormat

    kept = folder / TOKENIZER
    return ChatFormat.from_dict(record["format"], student=str(kept) if kept.is_dir() else None)
