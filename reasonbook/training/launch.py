"""Launch: a run card as a job, in a script, under torchrun or accelerate, on one machine or many."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..data.reasoning_origin import Origin
from ..errors import TrainingError
from ..events import Event
from ..job import Status
from ..store import Store, default_store
from .loop import checkpoints
from .loop.processes import process_count, process_rank
from .planner import decide
from .planning import device, student
from .planning.config import TrainConfig
from .planning.plan import Plan
from .run_events import (
    AlarmEvent,
    EvalEvent,
    NoteEvent,
    RunEvent,
    StatusEvent,
    StepEvent,
    from_event,
    to_data,
)
from .runs import run_card
from .runs.data import HASHED, RunData, hashes
from .runs.folder import weights_of
from .runs.history import recorded
from .runs.load import format_of, score_of, subject_of
from .runs.trained import TrainedStudent
from .runs.training_session import fit_session

PINNED = (
    "learning_rate", "tuning", "batch_size", "rank", "alpha", "dropout", "schedule", "weight_decay",
    "max_grad_norm", "eval_every", "eval_rows", "samples", "sample_tokens", "early_stopping", "patience", "seed",
)  # fmt: skip


def train_card(card: str | Path, *, run: str = "", store: Store | None = None, tell: bool = True) -> str:
    """Trains what a run card says, on this machine's devices; returns the id of the new run.

    Every process of a launcher calls this; they share each batch, and the first one writes. Started again
    under the same ``run``, it goes on from the newest checkpoint.

    Args:
        card: the card's file or folder; the data must stand beside it.
        run: the id of the new run; from the launcher's own id without it.
        store: where runs are kept.
        tell: print a line now and then.

    Raises:
        TrainingError: the card, its data or its student is not there, the data is not what the card says, or
            the weights could not be kept.
    """
    folder, record = _opened(card)
    store, first = store or default_store(), not process_rank()
    trained = _student(folder, record, run or _job_id(record["run"]), store)
    resume_from = checkpoints.latest(trained.folder)
    if resume_from is not None:
        for event in store.events(subject_of(trained.id)):
            trained.history.take(event)
    stream, journal = recorded(trained.history, store if first else None, subject_of(trained.id))
    if tell and first:
        stream.subscribe(_Printer(trained.plan.steps))

    def emit(event: RunEvent) -> None:
        stream.emit(event.kind, **to_data(event))

    def flush() -> None:
        if journal is not None:
            journal.flush()

    status = Status.FAILED
    emit(StatusEvent(str(Status.RUNNING)))
    try:
        with _interrupts() as stopping:
            trained.control.stopping = stopping
            status = fit_session(trained, emit, resume_from=resume_from, flush=flush)
    finally:
        emit(StatusEvent(str(status)))
        flush()
    if first and weights_of(trained.folder) is None:
        raise TrainingError(
            f"{trained.name} was trained, but its weights could not be written to {str(trained.folder)!r}.",
            f"free some space, then: reasonbook train {str(card)!r} --run-id {trained.id}",
        )
    return trained.id


def _student(folder: Path, record: dict[str, Any], id: str, store: Store) -> TrainedStudent:
    """The student that a card describes, to be trained on this machine by this many processes."""
    data = verified(folder, record)
    settings = pinned(record["plan"])
    plan = decide(
        data.train,
        settings,
        student=student.look_up(record["student"], trust_remote_code=settings.trust_remote_code),
        machine=device.look(),
        validation_rows=len(data.validation or ()),
        processes=process_count(),
    )
    return TrainedStudent(
        id=id,
        name=record["name"],
        plan=plan,
        config=settings,
        strategy=record["strategy"],
        folder=store.folder / "runs" / id,
        form=format_of(record, folder),
        data=data,
        score=score_of(record),
        origin=Origin.from_dict(record),
        from_card=record["run"],
    )


def verified(folder: Path, record: dict[str, Any]) -> RunData:
    """The data beside a card.

    Raises:
        TrainingError: it is not the data that the card describes.
    """
    data = RunData.load(folder)
    for name, found in hashes(data).items():
        told = record["data"].get(name)
        if told is not None and told != found:
            raise TrainingError(
                f"The {HASHED[name]} beside the card are not those it describes "
                f"(hash {found[:8]}, the card says {told[:8]}).",
                "take card.json, data.npz and tasks.jsonl from the same run folder",
            )
    return data


def pinned(values: dict[str, Any]) -> TrainConfig:
    """A config that leaves open only what depends on the machine: backend, precision, micro-batch, threads."""
    old = Plan.from_dict(values)
    settings: dict[str, Any] = {name: getattr(old, name) for name in PINNED}
    if not old.eval_every:
        settings["eval_every"] = None
    return TrainConfig(
        max_steps=old.steps,
        warmup=old.warmup_steps / old.steps,
        checkpoint_seconds=old.checkpoint_seconds,
        trust_remote_code=old.trust_remote_code,
        **settings,
    )


class _Printer:
    """Prints a job's events for a terminal: alarms, evaluations, and a line for the steps now and then."""

    def __init__(self, steps: int) -> None:
        self._steps, self._at = steps, 0.0
        self._out = sys.stdout  # what other packages print goes elsewhere while the job trains

    def __call__(self, event: Event) -> None:
        line = self._line(from_event(event))
        if line is not None:
            print(line, file=self._out, flush=True)

    def _line(self, said: RunEvent | None) -> str | None:
        if isinstance(said, (AlarmEvent, NoteEvent)):
            return f"{said.kind}: {said.text}"
        if isinstance(said, EvalEvent):
            return f"step {said.step}  eval loss {said.eval_loss:.4f}"
        if isinstance(said, StepEvent) and (time.monotonic() - self._at > 5 or said.step == self._steps):
            self._at = time.monotonic()
            speed = f"{said.tokens_per_second:,.0f} tokens/s"
            return f"step {said.step} of {self._steps}  loss {said.loss:.4f}  {speed}"
        return None


@contextmanager
def _interrupts() -> Generator[Callable[[], bool]]:
    """Whether SIGTERM or SIGINT came: the job stops after the current step then, with a checkpoint."""
    asked = threading.Event()
    old: dict[int, Any] = {}

    def ask(number: int, frame: object) -> None:
        asked.set()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            old[number] = signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _opened(card: str | Path) -> tuple[Path, dict[str, Any]]:
    path = Path(card).expanduser()
    record = run_card.read(path)
    return (path if path.is_dir() else path.parent), record


def _job_id(origin: str) -> str:
    """The same in every process of one launch, another in the next launch."""
    launch = os.environ.get("TORCHELASTIC_RUN_ID", "")
    if not launch or launch == "none":
        port = os.environ.get("MASTER_PORT")
        launch = f"{port}-{os.getppid()}" if port else time.strftime("%Y%m%d-%H%M%S")
    return f"{origin}-{launch}"
