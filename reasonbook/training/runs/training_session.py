"""Training session: one training, from loading the model to the last line of its card."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ReasonbookError, TrainingError
from ...job import Status
from ..answering import generate
from ..answering.samples import Sampler
from ..backends.pick import get_backend
from ..loop import checkpoints
from ..loop.backend import FitResult, FitTask
from ..loop.processes import process_rank
from ..planning import device
from ..run_events import AlarmEvent, Emit, NoteEvent, RowLossEvent
from . import run_card
from .folder import LOG, MODEL, TOKENIZER
from .output_log import muted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..planning.language_model import LanguageModel
    from .data import RunData
    from .trained import TrainedStudent


def fit_session(
    student: TrainedStudent,
    emit: Emit,
    *,
    resume_from: Path | None = None,
    flush: Callable[[], None] = lambda: None,
) -> Status:
    """Trains on the calling thread; what other packages print goes to the run's log.

    The kernel's run, ``reasonbook train`` and every process of a launcher come here. Several processes share
    each batch; the first one writes the folder.

    Args:
        student: what is trained; its ``control`` stops and pauses.
        emit: takes the events.
        resume_from: a checkpoint to go on from.
        flush: keeps the events told so far; called before each checkpoint.

    Returns:
        COMPLETED, or CANCELLED where it was stopped.

    Raises:
        TrainingError: another process trains this student, or it failed; ``student.reason`` says why.
        ReasonbookError: as `TrainingError`, of another room.
    """
    take_lock(student)
    student.folder.mkdir(parents=True, exist_ok=True)
    log = student.folder / (f"{process_rank()}.{LOG}" if process_rank() else LOG)
    status, began = Status.FAILED, time.time()
    try:
        with muted(log):
            status = _fit(student, emit, resume_from, flush)
    except ReasonbookError as error:
        student.reason = str(error)
        raise
    except Exception as error:
        student.reason = f"{type(error).__name__}: {error}"
        raise TrainingError(
            f"Training failed at step {student.step}: {student.reason}",
            f"run.resume() goes on from the last checkpoint; what was printed: {str(log)!r}",
        ) from error
    finally:
        _close_card(student, status, time.time() - began, emit)
        student.lock.release()
    return status


def take_lock(student: TrainedStudent) -> None:
    """Claims the student for this process; of several that train together the first one does.

    Raises:
        TrainingError: another process has it.
    """
    if not process_rank() and not student.lock.take():
        raise TrainingError(
            f"The run {student.name} is being trained by another kernel.",
            f"stop it there; rb.Run.load({student.id!r}) here shows its curves",
        )


def _fit(student: TrainedStudent, emit: Emit, resume_from: Path | None, flush: Callable[[], None]) -> Status:
    plan, data = student.plan, student.data
    if not process_rank():
        shutil.rmtree(student.folder / MODEL, ignore_errors=True)  # of an earlier stop
        keep_inputs(student)
    backend = get_backend(plan.backend)
    model = student.model = backend.load(plan, weights=None)
    check_vocabulary(model, data, plan.student)
    watched = data.of("validation") or data.of("train")
    if process_rank() and plan.early_stopping != "score":
        watched = []  # the first process looks for all
    task = FitTask(
        train=data.train,
        validation=data.validation,
        plan=plan,
        folder=student.folder,
        pad_id=generate.pad_id(student.format.tokenizer),
        resume_from=resume_from,
        observe=Sampler(
            student.format,
            watched,
            plan=plan,
            score=student.score,
            emit=emit,
            stopping=lambda: student.control.stopping(),
        ),
        keep_row_losses=lambda epoch, rows, losses: _keep_row_losses(student, epoch, rows, losses, emit),
        before_checkpoint=flush,
    )
    result = backend.fit(model, task, emit, student.control)
    model.eval()
    if not process_rank():
        _keep_weights(student, model, emit)
    return _outcome(student, result)


def _outcome(student: TrainedStudent, result: FitResult) -> Status:
    if result.ended == "stopped" and result.step < student.plan.steps:
        student.reason = (
            f"Stopped by you at step {result.step} of {student.plan.steps}; that step is kept: "
            "run.resume() goes on from it."
        )
        return Status.CANCELLED
    if result.ended == "early":
        student.reason = f"Stopped early at step {result.step}: no better evaluation came."
    return Status.COMPLETED


def keep_inputs(student: TrainedStudent) -> None:
    """Writes data, tokenizer and card, so that another kernel can begin the training or go on with it."""
    folder = student.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / TOKENIZER).is_dir():
        student.data.save(folder)
        student.format.export_tokenizer().save_pretrained(folder / TOKENIZER)
    student.card.begin(
        run_card.begin(
            run=student.id, name=student.name, plan=student.plan, config=student.config, form=student.format,
            data=student.data, score=student.score.name, device=device.look().line, origin=student.origin,
            from_card=student.from_card,
        )
    )  # fmt: skip
    student.card.write(curves=student.history.arrays())


def _keep_row_losses(
    student: TrainedStudent, epoch: int, rows: list[int], losses: list[float], emit: Emit
) -> None:
    """The losses stand in a file of their own; the event says only that they are new."""
    if process_rank():
        return
    try:
        student.losses.take(epoch, rows, losses)
    except OSError as error:
        emit(NoteEvent(f"The losses of the rows could not be written: {error}"))
    emit(RowLossEvent(epoch, len(rows), sum(losses) / len(losses)))


def _keep_weights(student: TrainedStudent, model: LanguageModel, emit: Emit) -> None:
    try:
        model.save_pretrained(student.folder / MODEL)
    except Exception as error:  # safetensors, torch and the OS each raise their own
        why = (
            "The disk is full: the trained weights could not be kept on it."
            if checkpoints.disk_full(error)
            else f"The trained weights could not be written ({error})."
        )
        shutil.rmtree(student.folder / MODEL, ignore_errors=True)
        text = f"{why} While this process lives they are still in memory: run.save('/another/place')."
        emit(AlarmEvent("checkpoint", text, student.step))


def _close_card(student: TrainedStudent, status: Status, seconds: float, emit: Emit) -> None:
    if process_rank() or not student.card.there:
        return
    try:
        student.card.write(
            status=str(status),
            reason=student.reason,
            seconds=round(seconds, 2),
            curves=student.history.arrays(),
        )
    except OSError as error:
        emit(AlarmEvent("card", f"The run card could not be written: {error}", student.step))


def check_vocabulary(model: LanguageModel, data: RunData, student: str) -> None:
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
