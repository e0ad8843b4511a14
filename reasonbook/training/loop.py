"""The loop: transformers' Trainer on our arrays, without its printing, under our control."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

from ..errors import TrainingError
from . import checkpoints
from .backends import Emit, Outcome, Task
from .batches import Collator, LengthOrder, cut
from .control import Control
from .watch import Watch

LOOKED_AT = 256  # rows an epoch, about, where each one costs a forward pass of its own
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def fit(model: Any, task: Task, emit: Emit, control: Control, *, own_loss: bool = True) -> Outcome:
    """Trains on the calling thread until the plan's last step, a stop, or early stopping.

    Args:
        model: a causal language model of transformers, with or without an adapter.
        task: what to learn.
        emit: takes an event's kind and its data.
        control: the switches of the run.
        own_loss: take the loss over the target tokens alone, row by row; else the model's own loss.

    Raises:
        TrainingError: the loss or the gradient is no number, or memory runs out with a single row.
    """
    import torch

    plan = task.plan
    torch.set_num_threads(plan.threads)  # counts for the calling thread only
    watch = Watch(task, emit, control)
    trainer = _trainer_class()(
        model=model, args=_arguments(task), data_collator=Collator(task.pad_id), train_dataset=task.train
    )
    trainer.begin(task, emit, control, watch, own_loss=own_loss)
    callback = _callback(trainer, watch, control)
    for old in list(trainer.callback_handler.callbacks):
        if type(old).__name__ in ("PrinterCallback", "ProgressCallback", "NotebookProgressCallback"):
            trainer.remove_callback(old)
    trainer.add_callback(callback)
    try:
        trainer.train(resume_from_checkpoint=str(task.resume_from) if task.resume_from else None)
    finally:
        callback.release()
        watch.tell_row_losses()
    ended = "early" if watch.early else "stopped" if control.stopping() else "done"
    if ended != "stopped" and watch.best_step not in (None, trainer.state.global_step):
        trainer.load_best()
        return Outcome(trainer.state.global_step, ended, watch.best_step)
    return Outcome(trainer.state.global_step, ended)


def _arguments(task: Task) -> Any:
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


def _trainer_class() -> type:
    import torch
    from transformers import Trainer

    class ArrayTrainer(Trainer):
        """Micro-batches that shrink when memory runs out, per-row loss, evaluation of our own."""

        def begin(self, task: Task, emit: Emit, control: Control, watch: Watch, *, own_loss: bool) -> None:
            self.task, self.emit_event, self.switch, self.watch = task, emit, control, watch
            self.own_loss = own_loss
            self.micro = task.plan.micro_batch_size
            self.order = LengthOrder(task.train.lengths, task.plan.batch_size, seed=task.plan.seed)
            self.model_accepts_loss_kwargs = True  # so that the trainer counts target tokens per step

        # -- data ----------------------------------------------------------------------------------------
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return self.order

        def floating_point_ops(self, inputs: Any) -> int:
            return 0  # counting them walks over all parameters at each step

        # -- one optimizer step --------------------------------------------------------------------------
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            if num_items_in_batch is None:
                num_items_in_batch = (inputs["labels"][:, 1:] != -100).sum()
            self.watch.batch(inputs)
            while True:
                try:
                    return self._accumulate(model, inputs, num_items_in_batch)
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error):
                        raise
                    self._shrink(model, len(inputs["input_ids"]), error)

        def _accumulate(self, model: Any, inputs: Any, items: Any) -> Any:
            total = None
            pieces = list(cut(inputs, self.micro))
            for number, piece in enumerate(pieces):
                last = number == len(pieces) - 1
                with contextlib.nullcontext() if last else self.accelerator.no_sync(model=model):
                    model.train()
                    piece = self._prepare_inputs(piece)
                    with self.compute_loss_context_manager():
                        loss = self._loss(model, piece, items)
                    if not torch.isfinite(loss):
                        raise not_finite("loss", self.state.global_step + 1, self.task.plan)
                    self.accelerator.backward(loss)
                    total = loss.detach() if total is None else total + loss.detach()
            return total

        def _loss(self, model: Any, piece: Any, items: Any) -> Any:
            index = piece["index"]
            scale = self.accelerator.num_processes
            if not self.own_loss:
                return model(**_inputs(piece), num_items_in_batch=items).loss * scale
            each, counts = target_losses(model, piece)
            self.watch.rows(index, each.detach(), counts)
            return each.sum() / items * scale

        def _shrink(self, model: Any, rows: int, error: BaseException) -> None:
            model.zero_grad(set_to_none=True)
            error.__traceback__ = None  # its frames hold the tensors that must go
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            smaller = min(self.micro, rows) // 2
            if smaller < 1:
                raise TrainingError(
                    f"Memory ran out with a single row of {self.task.train.lengths.max():,} tokens.",
                    "drop the longest rows: to_chat(student, config=ChatConfig(max_length=…)), "
                    "or take a smaller student",
                )
            self.micro = smaller
            self.emit_event(
                "note",
                text=f"Memory ran out; {smaller} rows at once from here on, the batch stays "
                f"{self.task.plan.batch_size}.",
                micro_batch_size=smaller,
            )

        def _clip_grad_norm(self, model: Any) -> Any:
            norm = super()._clip_grad_norm(model)
            if norm is not None and self.accelerator.scaler is None and not math.isfinite(float(norm)):
                raise not_finite("gradient", self.state.global_step + 1, self.task.plan)
            return norm

        # -- evaluation ----------------------------------------------------------------------------------
        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """Token-weighted loss on the validation rows, then samples."""
            with self.switch.working():
                loss = self._eval_loss()
                score = self.task.observe(self.model, self.state.global_step)
            self.model.train()
            self.watch.evaluated(self, loss, score)
            metrics = {} if loss is None else {"eval_loss": loss}
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        def _eval_loss(self) -> float | None:
            data = self.task.validation
            if data is None or not len(data):
                return None
            self.model.eval()
            losses = target_losses if self.own_loss else model_losses
            collate, total, count = Collator(self.task.pad_id), 0.0, 0
            order = data.lengths.argsort()[::-1][: self.task.plan.eval_rows]
            start = 0
            while start < len(order):
                if self.switch.stopping():
                    return None
                chosen = order[start : start + self.micro]
                batch = self._prepare_inputs(collate([data[int(i)] for i in chosen]))
                try:
                    with torch.no_grad(), self.compute_loss_context_manager():
                        each, counts = losses(self.model, batch)
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error):
                        raise
                    self._shrink(self.model, len(chosen), error)
                    continue
                total, count = total + float(each.sum()), count + int(counts.sum())
                start += len(chosen)
            return total / max(1, count)

        def look_at_rows(self) -> None:
            """Losses of rows, one by one, for a backend whose own loss does not tell them apart."""
            data = self.task.train
            some = range(0, len(data), max(1, len(data) // LOOKED_AT))
            self.model.eval()
            with self.switch.working(), torch.no_grad(), self.compute_loss_context_manager():
                for i in some:
                    if self.switch.stopping():
                        break
                    batch = self._prepare_inputs(Collator(self.task.pad_id)([data[i]]))
                    self.watch.rows(batch["index"], *model_losses(self.model, batch))
            self.model.train()

        # -- checkpoints ---------------------------------------------------------------------------------
        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            if (folder / checkpoints.STATE).exists():
                return
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "watch.json").write_text(json.dumps(self.watch.state()))
                super()._save_checkpoint(model, trial)
                self.watch.saved(self.state.global_step)
            except Exception as error:  # safetensors, torch and the OS each raise their own
                checkpoints.drop(folder)
                self.watch.not_saved(folder, error)

        def save_best(self) -> None:
            with contextlib.suppress(OSError):
                self.save_model(str(Path(self.args.output_dir) / "best"), _internal_call=True)

        def load_best(self) -> None:
            self._load_from_checkpoint(str(Path(self.args.output_dir) / "best"))

    return ArrayTrainer


def target_losses(model: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
    """Summed loss and number of target tokens per row.

    Logits are made only for the columns where some row has a target: with a large vocabulary they are what
    fills the memory. Rows are padded on the right, where a causal model never looks, so no mask is needed.
    """
    from torch.nn import functional as F

    targets = batch["labels"][:, 1:]
    columns = (targets != -100).any(0).nonzero()[:, 0]
    targets = targets[:, columns]
    logits = model(input_ids=batch["input_ids"], logits_to_keep=columns, use_cache=False).logits
    each = F.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="none"
    ).view(targets.shape)
    return each.sum(1), (targets != -100).sum(1)


def model_losses(model: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
    """The model's own loss, summed over the batch's target tokens, and their number; one value each."""
    count = (batch["labels"][:, 1:] != -100).sum().reshape(1)
    return (model(**_inputs(batch)).loss * count).reshape(1), count


def _inputs(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in batch.items() if name != "index"}


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)


def not_finite(what: str, step: int, plan: Any) -> TrainingError:
    """The end of a run whose numbers ran away; the weights are still those of the step before."""
    lower = plan.learning_rate / 3
    cure = ', config=TrainConfig(precision="fp32")' if plan.precision == "fp16" else ""
    return TrainingError(
        f"The {what} became NaN or infinite at step {step}, so training stopped; the weights are those of "
        f"step {step - 1}.",
        f"train(…, learning_rate={lower:.1g}{cure})",
    )


def _callback(trainer: Any, watch: Watch, control: Control) -> Any:
    from transformers import TrainerCallback

    class Events(TrainerCallback):
        """The trainer's callbacks as our events, and our switches as its control."""

        held: Any = None

        def on_epoch_begin(self, args: Any, state: Any, ctrl: Any, **_: Any) -> None:
            trainer.order.set_epoch(int(state.global_step // max(1, watch.steps_per_epoch)))

        def on_train_begin(self, args: Any, state: Any, ctrl: Any, **_: Any) -> None:
            watch.begin(trainer)

        def on_step_begin(self, args: Any, state: Any, ctrl: Any, **_: Any) -> None:
            watch.pause_here()
            self.held = control.working()
            self.held.__enter__()
            watch.step_begins()

        def on_step_end(self, args: Any, state: Any, ctrl: Any, **_: Any) -> None:
            self.release()
            watch.step_ends()
            if control.stopping():
                ctrl.should_training_stop = ctrl.should_save = True
            elif watch.wants_checkpoint(state.global_step):
                ctrl.should_save = True

        def on_log(self, args: Any, state: Any, ctrl: Any, logs: Any = None, **_: Any) -> None:
            del state.log_history[:-1]  # our events are the history; this one is written at each checkpoint
            if logs and "loss" in logs:
                watch.step(trainer, logs)
                if watch.wants_evaluation(state.global_step) and not control.stopping():
                    ctrl.should_evaluate = True

        def on_evaluate(self, args: Any, state: Any, ctrl: Any, **_: Any) -> None:
            if watch.early:
                ctrl.should_training_stop = ctrl.should_save = True

        def on_epoch_end(self, args: Any, state: Any, ctrl: Any, **_: Any) -> None:
            if not trainer.own_loss:
                trainer.look_at_rows()
            watch.epoch_ends()

        def release(self) -> None:
            if self.held is not None:
                held, self.held = self.held, None
                held.__exit__(None, None, None)

    return Events()
