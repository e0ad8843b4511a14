"""Fit: transformers' Trainer on our arrays, without its printing, under our control."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..run_events import Emit
from . import checkpoints
from .backend import FitResult, FitTask
from .batches import Collator
from .control import Control
from .monitor import Monitor
from .processes import anywhere
from .trainer import bare, trainer_class

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from ..planning.language_model import LanguageModel


def fit(
    model: LanguageModel, task: FitTask, emit: Emit, control: Control, *, own_loss: bool = True
) -> FitResult:
    """Trains on the calling thread until the plan's last step, a stop, or early stopping.

    Args:
        model: a causal language model of transformers, with or without an adapter.
        task: what to learn.
        emit: takes the events.
        control: the switches of the run.
        own_loss: take the loss over the target tokens alone, row by row; else the model's own loss.

    Raises:
        TrainingError: the loss or the gradient is no number, or memory runs out with a single row.
    """
    import torch

    plan = task.plan
    if task.resume_from is not None:
        checkpoints.check_weights(task.resume_from, model)
    torch.set_num_threads(plan.threads)  # counts for the calling thread only
    monitor = Monitor(task, emit, control)
    trainer = trainer_class()(
        model=model, args=_arguments(task), data_collator=Collator(task.pad_id), train_dataset=task.train
    )
    trainer.begin(task, emit, control, monitor, own_loss=own_loss)
    callback = _callback(trainer, monitor, control)
    for old in list(trainer.callback_handler.callbacks):
        if type(old).__name__ in ("PrinterCallback", "ProgressCallback", "NotebookProgressCallback"):
            trainer.remove_callback(old)
    trainer.add_callback(callback)
    try:
        trainer.train(resume_from_checkpoint=str(task.resume_from) if task.resume_from else None)
    except BaseException:
        callback.release()
        bare(model)  # where it failed before the first step
        if plan.processes == 1:  # the others would wait for each other
            monitor.tell_row_losses()
        raise
    callback.release()
    monitor.tell_row_losses()
    stopped = callback.stopped or control.stopping()
    ended = "early" if monitor.early else "stopped" if stopped else "done"
    if ended != "stopped" and monitor.best_step not in (None, trainer.state.global_step):
        trainer.load_best()
        return FitResult(trainer.state.global_step, ended, monitor.best_step)
    return FitResult(trainer.state.global_step, ended)


def _arguments(task: FitTask) -> TrainingArguments:
    from transformers import TrainingArguments

    plan = task.plan
    world = plan.processes
    return TrainingArguments(
        output_dir=str(task.folder),
        per_device_train_batch_size=math.ceil(plan.batch_size / world),
        max_steps=plan.steps,
        learning_rate=plan.learning_rate,
        lr_scheduler_type=plan.schedule,
        warmup_steps=plan.warmup_steps,
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.max_grad_norm,
        optim="adamw_torch_fused" if plan.device in ("cpu", "cuda") else "adamw_torch",
        adam_beta2=0.99,
        bf16=plan.precision == "bf16",
        fp16=plan.precision == "fp16",
        gradient_checkpointing=plan.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if plan.gradient_checkpointing else None,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        save_total_limit=2,
        seed=plan.seed,
        use_cpu=plan.device == "cpu",
        ddp_backend="gloo" if plan.device == "cpu" and world > 1 else None,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=plan.device == "cuda",
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )


def _callback(trainer: Any, monitor: Monitor, switch: Control) -> Any:
    from transformers import TrainerCallback

    class Events(TrainerCallback):
        """The trainer's callbacks as our events, and our switches as its control."""

        held: AbstractContextManager[None] | None = None
        stopped = False

        def on_epoch_begin(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
        ) -> None:
            trainer.order.set_epoch(int(state.global_step // max(1, monitor.steps_per_epoch)))

        def on_train_begin(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
        ) -> None:
            bare(trainer.model)
            monitor.begin()

        def on_step_begin(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
        ) -> None:
            monitor.pause_here()
            self.held = switch.working()
            self.held.__enter__()
            monitor.step_begins()

        def on_step_end(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
        ) -> None:
            self.release()
            monitor.step_ends()
            wishes = switch.stopping(), monitor.wants_checkpoint(state.global_step)
            stop, save = anywhere(wishes, monitor.task.plan.processes)
            if stop:
                self.stopped = True
                control.should_training_stop = control.should_save = True
            elif save:
                control.should_save = True

        def on_log(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            logs: dict[str, float] | None = None,
            **_: Any,
        ) -> None:
            del state.log_history[:-1]  # our events are the history; this one is written at each checkpoint
            if logs and "loss" in logs:
                monitor.step(trainer, logs)
                if monitor.wants_evaluation(state.global_step) and not switch.stopping():
                    control.should_evaluate = True

        def on_evaluate(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
        ) -> None:
            if monitor.early:
                control.should_training_stop = control.should_save = True

        def on_epoch_end(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
        ) -> None:
            if not trainer.sees_rows:
                trainer.look_at_rows()
            monitor.epoch_ends()

        def release(self) -> None:
            if self.held is not None:
                held, self.held = self.held, None
                held.__exit__(None, None, None)

    return Events()
