"""Fitting: what a run's own thread does, from loading the student to the last line of its card."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from ...errors import ReasonbookError, TrainingError
from ...job import Status
from ..answering import generate
from ..answering.samples import Observer
from ..backends.pick import get_backend
from ..loop import checkpoints
from ..loop.backend import FitTask
from ..planning import device
from . import registry, run_card
from .folder import LOG, MODEL, TOKENIZER, first_process
from .output_log import muted

if TYPE_CHECKING:
    from ..run import Run
    from .data import RunData


def fit_run(run: Run) -> Status:
    """Trains on the calling thread; what other packages print goes to the run's log.

    Raises:
        ReasonbookError: it failed; the card and ``run.reason`` say why.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    status = Status.FAILED
    with muted(run.folder / LOG):
        try:
            status = _fit(run)
        except ReasonbookError as error:
            run.reason = str(error)
            raise
        except Exception as error:
            run.reason = f"{type(error).__name__}: {error}"
            raise TrainingError(
                f"Training failed at step {run.step}: {run.reason}",
                f"run.resume() goes on from the last checkpoint; what was printed: {str(run.folder / LOG)!r}",
            ) from error
        finally:
            _finish(run, status)
    return status


def _fit(run: Run) -> Status:
    registry.make_room(run)
    _keep_inputs(run)
    backend = get_backend(run.plan.backend)
    run.model = backend.load(run.plan, weights=None)
    check_vocabulary(run.model, run.data, run.plan.student)
    task = FitTask(
        train=run.data.train,
        validation=run.data.validation,
        plan=run.plan,
        folder=run.folder,
        pad_id=generate.pad_id(run.format.tokenizer),
        resume_from=run.resume_from,
        observe=Observer(
            run.format,
            run.data.of("validation") or run.data.of("train"),
            plan=run.plan,
            score=run.score,
            emit=run.emit,
            stopping=lambda: run.stopping,
        ),
    )
    outcome = backend.fit(run.model, task, run.emit, run.control)
    run.model.eval()
    _keep_weights(run)
    if outcome.ended == "stopped" and outcome.step < run.plan.steps:
        run.reason = (
            f"Stopped by you at step {outcome.step} of {run.plan.steps}; that step is kept: "
            "run.resume() goes on from it."
        )
        return Status.CANCELLED
    if outcome.ended == "early":
        run.reason = f"Stopped early at step {outcome.step}: no better evaluation came."
    return Status.COMPLETED


def _keep_inputs(run: Run) -> None:
    """Data, tokenizer and card, so that another kernel can go on."""
    shutil.rmtree(run.folder / MODEL, ignore_errors=True)  # of an earlier stop; newer checkpoints will come
    if first_process():
        if not (run.folder / TOKENIZER).is_dir():
            run.data.save(run.folder)
            run.format.export_tokenizer().save_pretrained(run.folder / TOKENIZER)
        run.record.begin(
            run_card.begin(
                run=run.id, name=run.name, plan=run.plan, config=run.config, form=run.format,
                data=run.data, device=device.look().line, origin=run.origin,
            )
        )  # fmt: skip
        run.record.write()


def _keep_weights(run: Run) -> None:
    if not first_process():
        return
    try:
        run.model.save_pretrained(run.folder / MODEL)
    except Exception as error:  # safetensors, torch and the OS each raise their own
        why = (
            "The disk is full: the trained weights could not be kept on it."
            if checkpoints.disk_full(error)
            else f"The trained weights could not be written ({error})."
        )
        shutil.rmtree(run.folder / MODEL, ignore_errors=True)
        text = f"{why} They are still in memory: run.save('/another/place')."
        run.emit("alarm", alarm="checkpoint", step=run.step, text=text)


def _finish(run: Run, status: Status) -> None:
    if not first_process() or not run.record.there:
        return
    try:
        run.record.write(
            status=str(status),
            reason=run.reason,
            seconds=round(time.time() - (run.started_at or time.time()), 2),
            curves=run.history,
        )
    except OSError as error:
        run.emit("alarm", alarm="card", step=run.step, text=f"The run card could not be written: {error}")


def check_vocabulary(model: Any, data: RunData, student: str) -> None:
    """Refuses ids that the student has no embedding for.

    Raises:
        TrainingError: tokenizer and model do not belong together.
    """
    table = model.get_input_embeddings().weight
    if type(table).__name__ == "Params4bit":  # packed: its shape says nothing
        return
    parts = [data.train, *([data.validation] if data.validation is not None else [])]
    highest = max(int(ids.max()) for part in parts for ids in part.input_ids)
    if highest >= table.shape[0]:
        raise TrainingError(
            f"The data holds token {highest}, but {student!r} knows only {table.shape[0]}: the chat data was "
            "made with another tokenizer than the student's.",
            f"df.reason.to_chat({student!r}) makes it with the student's own",
        )
