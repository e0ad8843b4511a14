"""Monitor: turns steps into events, and decides when to evaluate, save, pause and stop."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..run_events import (
    AlarmEvent,
    CheckpointEvent,
    Emit,
    EtaEvent,
    EvalEvent,
    NoteEvent,
    StatusEvent,
    StepEvent,
)
from . import checkpoints
from .backend import FitTask
from .control import Control
from .processes import gathered

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import TrainerState


class Stepping(Protocol):
    """What the monitor asks of the trainer.

    Attributes:
        state: the step and the epoch that it has reached.
    """

    state: TrainerState

    def save_best(self) -> None:
        """Keeps the weights of this step as the best ones."""
        ...


class Monitor:
    """The memory of one fit: speed, best evaluation, losses per row, alarms.

    Args:
        task: what is learned.
        emit: takes the events.
        control: the switches of the run.
    """

    def __init__(self, task: FitTask, emit: Emit, control: Control) -> None:
        self.task, self.emit, self.control = task, emit, control
        plan = task.plan
        self.steps_per_epoch = max(1, math.ceil(task.train.per_epoch / plan.batch_size))
        self.early = False
        self.best: float | None = None
        self.best_step: int | None = None
        self._worse = 0
        self._evaluated = 0
        self._saved_at = time.monotonic()
        self._pause_saved = False
        self._began = 0.0
        self._took = 0.0
        self._tokens = 0
        self._targets = 0
        self._seconds_per_step: float | None = None
        self._seconds_per_eval = 0.0
        self._smooth: float | None = None
        self._lowest = math.inf
        self._alarms: set[str] = set()
        self._epoch = 0
        self._step = 0
        self._eta_at = 0.0
        self._device_rows: list[tuple[Tensor, Tensor, Tensor]] = []

    # -- state that a checkpoint carries -----------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """What must survive a resume."""
        return {
            "best": self.best,
            "best_step": self.best_step,
            "worse": self._worse,
            "smooth": self._smooth,
            "lowest": self._lowest if math.isfinite(self._lowest) else None,
            "evaluated": self._evaluated,
        }

    def begin(self) -> None:
        """Restores the state of the checkpoint that the run goes on from."""
        self._saved_at = time.monotonic()
        if self.task.resume_from is None:
            return
        try:
            state = json.loads((self.task.resume_from / "watch.json").read_text())
        except (OSError, ValueError):
            return
        self.best, self.best_step = state["best"], state["best_step"]
        self._worse, self._smooth = state["worse"], state["smooth"]
        self._lowest = math.inf if state["lowest"] is None else state["lowest"]
        self._evaluated = state["evaluated"]

    # -- steps -------------------------------------------------------------------------------------------
    def batch(self, inputs: Mapping[str, Tensor]) -> None:
        """Counts the tokens of a step, padding left out."""
        rows = inputs["index"] >= 0  # the others are blanks
        self._tokens = int(inputs["attention_mask"][rows].sum())
        self._targets = int((inputs["labels"] != -100).sum())

    def step_begins(self) -> None:
        """Starts the clock of a step."""
        self._began = time.monotonic()

    def step_ends(self) -> None:
        """Stops the clock of a step and smooths the seconds per step."""
        self._took = max(1e-6, time.monotonic() - self._began)
        old = self._seconds_per_step
        self._seconds_per_step = self._took if old is None else 0.9 * old + 0.1 * self._took

    def step(self, trainer: Stepping, logs: dict[str, Any]) -> None:
        """Emits a step with its loss; alarms when the loss runs away."""
        step, loss = trainer.state.global_step, float(logs["loss"])
        self._step = step
        shares = gathered((self._tokens, self._targets), self.task.plan.processes)
        tokens, targets = (sum(share) for share in zip(*shares, strict=True))
        told = StepEvent(
            step=step,
            total=self.task.plan.steps,
            loss=loss,
            learning_rate=float(logs.get("learning_rate", 0.0)),
            grad_norm=float(logs.get("grad_norm", 0.0)),
            tokens=tokens,
            targets=targets,
            tokens_per_second=tokens / self._took,
            memory=memory_in_use(self.task.plan.device),
            epoch=float(trainer.state.epoch or 0.0),
        )
        self.emit(told)
        if time.monotonic() - self._eta_at > 0.5 or step == self.task.plan.steps:
            self._eta_at = time.monotonic()
            self.emit(EtaEvent(round(self.eta(step), 1), step, self.task.plan.steps))
        self._smooth = loss if self._smooth is None else 0.9 * self._smooth + 0.1 * loss
        self._lowest = min(self._lowest, self._smooth)
        if step > self.task.plan.warmup_steps + 10 and self._smooth > 2 * self._lowest + 0.5:
            self.alarm(
                "divergence",
                f"The loss rose from {self._lowest:.2f} to {self._smooth:.2f}: the learning rate is likely too "
                f"high. Stop, then rb.train(chat, learning_rate={self.task.plan.learning_rate / 3:.1g}).",
            )

    def eta(self, step: int) -> float:
        """Seconds that are left, evaluations counted in."""
        left = self.task.plan.steps - step
        evaluations = left // self.task.plan.eval_every if self.task.plan.eval_every else 0
        return left * (self._seconds_per_step or 0.0) + evaluations * self._seconds_per_eval

    def alarm(self, kind: str, text: str) -> None:
        """Says something once that a curve alone would not."""
        if kind not in self._alarms:
            self._alarms.add(kind)
            self.emit(AlarmEvent(kind, text, self._step))

    # -- losses per row ----------------------------------------------------------------------------------
    def rows(self, index: Tensor, sums: Tensor, counts: Tensor) -> None:
        """Keeps a micro-batch's losses; they are read from the device only when the epoch ends."""
        self._device_rows.append((index, sums, counts))

    def tell_row_losses(self) -> None:
        """Hands on the mean loss of each row that was seen since the last time, by row position."""
        seen: list[tuple[int, float, int]] = []
        for part in self._device_rows:
            for i, loss, n in zip(*(cast(Any, each).tolist() for each in part), strict=True):
                if n:  # not a blank
                    seen.append((self.task.train.rows[int(i)], loss, n))
        self._device_rows = []
        totals: dict[int, tuple[float, int]] = {}
        for row, loss, n in chain(*gathered(seen, self.task.plan.processes)):
            total, tokens = totals.get(row, (0.0, 0))
            totals[row] = (total + loss, tokens + n)
        rows = sorted(totals)
        means = [round(totals[row][0] / totals[row][1], 5) for row in rows]
        if rows:
            self.task.keep_row_losses(self._epoch, rows, means)

    def epoch_ends(self) -> None:
        """Counts the epoch and hands on its row losses."""
        self._epoch += 1
        self.tell_row_losses()

    # -- evaluation --------------------------------------------------------------------------------------
    def wants_evaluation(self, step: int) -> bool:
        """Whether an evaluation is due after this step."""
        every = self.task.plan.eval_every
        due = bool(every) and (step % every == 0 or step == self.task.plan.steps)
        return due and step > self._evaluated

    def evaluated(
        self,
        trainer: Stepping,
        loss: float | None,
        score: float | None,
        sources: Mapping[str, float] | None = None,
    ) -> None:
        """Emits the evaluation and judges whether it was worth going on.

        Args:
            sources: the loss by source, where the rows are of several.
        """
        step = trainer.state.global_step
        self._evaluated = step
        if loss is not None:
            self.emit(EvalEvent(step, loss, math.nan if score is None else score, sources))
        watched = self.task.plan.early_stopping
        if watched is None:
            return
        value = loss if watched == "eval_loss" else None if score is None else -score
        if value is None:
            return
        if self.best is None or value < self.best:
            self.best, self.best_step, self._worse = value, step, 0
            trainer.save_best()
            return
        self._worse += 1
        if self._worse >= self.task.plan.patience:
            self.early = True
            self.emit(
                NoteEvent(
                    f"Stopped early at step {step}: {self._worse} evaluations without a better {watched}; "
                    f"the weights of step {self.best_step} are kept."
                )
            )

    # -- checkpoints and pauses --------------------------------------------------------------------------
    def wants_checkpoint(self, step: int) -> bool:
        """Whether a checkpoint is due after this step: at a pause, at the end, or after so many seconds."""
        if not self.control.pausing:
            self._pause_saved = False
        elif not self._pause_saved:
            self._pause_saved = True
            return True
        return (
            step == self.task.plan.steps
            or time.monotonic() - self._saved_at > self.task.plan.checkpoint_seconds
        )

    def saved(self, step: int) -> None:
        """Says that the checkpoint of a step is on the disk."""
        self._saved_at = time.monotonic()
        self.emit(CheckpointEvent(step))

    def not_saved(self, folder: Path, error: Exception) -> None:
        """A checkpoint that cannot be written is said, and training goes on."""
        self._saved_at = time.monotonic()
        if checkpoints.disk_full(error):
            text = (
                f"The disk is full: no checkpoint could be written to {str(folder.parent)!r}. Training goes on; "
                "free some space, or it cannot be resumed from here."
            )
        else:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            text = f"The checkpoint could not be written: {reason} Training goes on."
        self.emit(AlarmEvent("checkpoint", text, self._step))

    def pause_here(self) -> None:
        """Blocks between two steps while the run is paused, once its checkpoint is written."""
        if not (self.control.pausing and self._pause_saved):
            return
        self.emit(StatusEvent("PAUSED"))
        self.control.wait_while_paused()
        self._pause_saved = False
        self.emit(StatusEvent("RUNNING"))


def memory_in_use(device: str) -> int:
    """Peak bytes on the GPU, or the process's resident bytes on a CPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else used * 1024
