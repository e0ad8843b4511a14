"""Launch: a run card as a job, in a script, under torchrun or accelerate, on one machine or many."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TrainingError
from ..store import Store, default_store
from .answering import generate, scoring
from .answering.samples import Observer
from .backends.pick import get_backend
from .loop import checkpoints
from .loop.backend import FitResult, FitTask
from .loop.control import Control
from .planner import decide
from .planning import device, plan, student
from .planning.config import TrainConfig
from .runs import run_card
from .runs.data import RunData, hashes
from .runs.history import Curves, Journal
from .runs.output_log import muted

if TYPE_CHECKING:
    from ..chat import ChatFormat
    from .planning.plan import Plan

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
        TrainingError: the card, its data or its student is not there, or the data is not what the card says.
    """
    folder, record = _opened(card)
    data = verified(folder, record)
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    store = store or default_store()
    run = run or _job_id(record["run"])
    target = store.folder / "runs" / run
    form = chat_format(folder, record)
    settings = pinned(record["plan"])
    machine = device.look()
    decided = decide(
        data.train,
        settings,
        student=student.look_up(record["student"], trust_remote_code=settings.trust_remote_code),
        machine=machine,
        validation_rows=len(data.validation or ()),
        processes=world,
    )
    resume_from = checkpoints.latest(target)
    earlier = (
        run_card.read(target).get("curves", {}) if resume_from and (target / run_card.NAME).is_file() else {}
    )
    new = run_card.begin(
        run=run,
        name=record["name"],
        plan=decided,
        config=settings,
        form=form,
        data=data,
        device=machine.line,
        origin=record,
    )
    new["from_card"] = record["run"]
    if rank == 0:
        target.mkdir(parents=True, exist_ok=True)
        if resume_from is None:
            data.save(target)
            form.export_tokenizer().save_pretrained(target / "tokenizer")
        run_card.write(target, new)
    teller = _Teller(store if rank == 0 else None, run, decided, tell=tell and rank == 0)
    if earlier:
        teller.curves.fill(earlier)
    ended, reason = "FAILED", ""
    began = time.time()
    teller("status", status="RUNNING")
    try:
        with muted(target / f"output{rank or ''}.log"), _interrupts() as control:
            model, outcome = _fit(decided, data, form, target, resume_from, teller, control, rank)
            if rank == 0:
                model.save_pretrained(target / "model")
        ended = "CANCELLED" if outcome.ended == "stopped" else "COMPLETED"
        reason = "" if ended == "COMPLETED" else f"Stopped by a signal at step {outcome.step}."
    except Exception as error:
        reason = str(error)
        raise
    finally:
        teller("status", status=ended)
        if rank == 0:
            new |= {
                "status": ended, "reason": reason, "seconds": round(time.time() - began, 2),
                "curves": teller.curves.arrays(),
            }  # fmt: skip
            run_card.write(target, new)
        teller.close()
    return run


def verified(folder: Path, record: dict[str, Any]) -> RunData:
    """The data beside a card.

    Raises:
        TrainingError: it is not the data that the card describes.
    """
    data = RunData.load(folder)
    for name, found in hashes(data).items():
        told = record["data"].get(name)
        if told is not None and told != found:
            what = {"ids_hash": "token ids", "labels_hash": "labels", "rows_hash": "rows"}[name]
            raise TrainingError(
                f"The {what} beside the card are not those it describes (hash {found[:8]}, the card says {told[:8]}).",
                "take card.json, data.npz and tasks.jsonl from the same run folder",
            )
    return data


def pinned(values: dict[str, Any]) -> TrainConfig:
    """A config that leaves open only what depends on the machine: backend, precision, micro-batch, threads."""
    old = plan.Plan.from_dict(values)
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


def chat_format(folder: Path, record: dict[str, Any]) -> ChatFormat:
    """How the student of a card is asked and read."""
    from ..chat import ChatFormat

    saved = folder / "tokenizer"
    return ChatFormat.from_dict(record["format"], student=str(saved) if saved.is_dir() else None)


def _fit(
    decided: Plan,
    data: RunData,
    form: ChatFormat,
    target: Path,
    resume_from: Path | None,
    teller: _Teller,
    control: Control,
    rank: int,
) -> tuple[Any, FitResult]:
    backend = get_backend(decided.backend)
    model = backend.load(decided)
    looked_at = data.of("validation") or data.of("train")
    if rank and decided.early_stopping != "score":
        looked_at = []  # the first process looks for all
    observer = Observer(
        form, looked_at, plan=decided, score=scoring.resolve(None), emit=teller, stopping=control.stopping
    )
    task = FitTask(
        train=data.train,
        validation=data.validation,
        plan=decided,
        folder=target,
        pad_id=generate.pad_id(form.tokenizer),
        resume_from=resume_from,
        observe=observer,
    )
    return model, backend.fit(model, task, teller, control)


class _Teller:
    """Takes the events of a job: into the store, the curves, and as a line now and then."""

    def __init__(self, store: Store | None, run: str, decided: Plan, *, tell: bool) -> None:
        from ..events import Stream

        self.curves = Curves()
        self._journal = None if store is None else Journal(store, f"run:{run}")
        self._stream = Stream(persist=self._journal, keep=1000)
        self._stream.subscribe(self.curves.take)
        self._run, self._steps, self._tell, self._at = run, decided.steps, tell, 0.0
        self._out = sys.stdout

    def __call__(self, kind: str, **data: Any) -> None:
        self._stream.emit(kind, **data)
        if not self._tell:
            return
        if kind in ("alarm", "note"):
            print(f"{kind}: {data['text']}", file=self._out, flush=True)
        elif kind == "eval":
            print(f"step {data['step']}  eval loss {data['eval_loss']:.4f}", file=self._out, flush=True)
        elif kind == "step" and (time.monotonic() - self._at > 5 or data["step"] == self._steps):
            self._at = time.monotonic()
            print(
                f"step {data['step']} of {self._steps}  loss {data['loss']:.4f}  "
                f"{data['tokens_per_second']:,.0f} tokens/s",
                file=self._out,
                flush=True,
            )

    def close(self) -> None:
        if self._journal is not None:
            self._journal.flush()


@contextmanager
def _interrupts() -> Iterator[Control]:
    """A control that SIGTERM and SIGINT stop after the current step, with a checkpoint."""
    asked = threading.Event()
    old: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            old[number] = signal.signal(number, lambda *_: asked.set())
    try:
        yield Control(asked.is_set)
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
