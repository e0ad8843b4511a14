"""Trainer: transformers' own, with shrinking micro-batches and losses per row."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Any, cast

from ...errors import TrainingError
from ..planning.device import out_of_memory
from ..planning.plan import Plan
from ..run_events import Emit, NoteEvent
from . import checkpoints
from .backend import FitTask
from .batches import Collator, Examples, LengthOrder, cut
from .control import Control
from .loss import inputs_of, model_losses, target_losses, weighted_losses
from .monitor import Monitor

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.utils.data import Sampler

    from ..planning.language_model import LanguageModel

LOOKED_AT = 256  # rows an epoch, about, where each one costs a forward pass of its own


def trainer_class() -> type:
    """The class, made when it is needed: transformers is heavy, and Unsloth must be imported before it."""
    import torch
    from transformers import Trainer

    class ArrayTrainer(Trainer):
        """Micro-batches that shrink when memory runs out, per-row loss, evaluation of our own."""

        model: Any
        accelerator: Any
        callback_handler: Any
        control: Any

        def begin(
            self, task: FitTask, emit: Emit, control: Control, monitor: Monitor, *, own_loss: bool
        ) -> None:
            self.task, self.emit_event, self.switch, self.monitor = task, emit, control, monitor
            self.own_loss = own_loss
            self.sees_rows = own_loss or task.train.weights is not None
            self.micro = task.plan.micro_batch_size
            self.order = LengthOrder(
                task.train.lengths,
                task.plan.batch_size,
                seed=task.plan.seed,
                processes=task.plan.processes,
                draws=task.train.draws,
            )
            self.model_accepts_loss_kwargs = True  # so that the trainer counts target tokens per step

        # -- data ----------------------------------------------------------------------------------------
        def _get_train_sampler(self, train_dataset: object = None) -> Sampler[int]:
            return cast("Sampler[int]", self.order)

        def floating_point_ops(self, inputs: object) -> int:
            return 0  # counting them walks over all parameters at each step

        def compute_loss_context_manager(self) -> Any:
            """Autocast around losses alone: accelerate's own, around ``forward``, is taken off by `bare`."""
            return self.accelerator.autocast()

        # -- one optimizer step --------------------------------------------------------------------------
        def training_step(
            self, model: Any, inputs: dict[str, Tensor], num_items_in_batch: Tensor | int | None = None
        ) -> Tensor:
            items = num_items_in_batch
            if "weights" in inputs:
                items = self.accelerator.gather(inputs["weights"][:, 1:].sum()).sum()
            elif items is None:
                items = (inputs["labels"][:, 1:] != -100).sum()
            self.monitor.batch(inputs)
            while True:
                try:
                    return self._accumulate(model, inputs, items)
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error):
                        raise
                    self._shrink(model, len(inputs["input_ids"]), error)

        def _accumulate(self, model: Any, inputs: dict[str, Tensor], items: Tensor | int) -> Tensor:
            total: Any = None
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

        def _loss(self, model: Any, piece: dict[str, Tensor], items: Tensor | int) -> Tensor:
            scale = self.accelerator.num_processes
            if not self.sees_rows:
                return model(**inputs_of(piece), num_items_in_batch=items).loss * scale
            if "weights" in piece:
                each, plain, counts = weighted_losses(model, piece, tail=not self.own_loss)
            else:
                each, counts = target_losses(model, piece)
                plain = each.detach()
            self.monitor.rows(piece["index"], plain, counts)
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
                    f"df.reason.to_chat(student, max_length={self.task.train.lengths.max() // 2}) leaves the longest "
                    "rows out; or take a smaller student",
                )
            self.micro = smaller
            self.emit_event(
                NoteEvent(
                    f"Memory ran out; {smaller} rows at once from here on, the batch stays "
                    f"{self.task.plan.batch_size}.",
                    micro_batch_size=smaller,
                )
            )

        def _clip_grad_norm(self, model: Any) -> Tensor | float | None:
            norm = cast(Any, super())._clip_grad_norm(model)
            if norm is not None and self.accelerator.scaler is None and not math.isfinite(float(norm)):
                raise not_finite("gradient", self.state.global_step + 1, self.task.plan)
            return norm

        # -- evaluation ----------------------------------------------------------------------------------
        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """Mean loss per target token of the validation rows, whatever these weigh, then samples."""
            with self.switch.working():
                loss, sources = self._eval_loss()
                score = self.task.observe(self.model, self.state.global_step)
            self.model.train()
            self.monitor.evaluated(self, loss, score, sources)
            metrics = {} if loss is None else {"eval_loss": loss}
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        def _eval_loss(self) -> tuple[float | None, dict[str, float] | None]:
            """Of all validation rows that are looked at, and of those of each source where there are several."""
            data = self.task.validation
            if data is None or not len(data):
                return None, None
            self.model.eval()
            parts = data.parts(self.task.plan.eval_rows)
            sums = [self._loss_of(data, order) for order in parts.values()]
            found = [each for each in sums if each is not None]
            if len(found) < len(sums):
                return None, None
            mean = sum(total for total, _ in found) / max(1, sum(count for _, count in found))
            if data.mixture is None:
                return mean, None
            return mean, {
                name: total / count for name, (total, count) in zip(parts, found, strict=True) if count
            }

        def _loss_of(self, data: Examples, order: np.ndarray) -> tuple[float, int] | None:
            """Summed loss and number of the target tokens of some examples; None where the run is stopped."""
            losses = target_losses if self.own_loss else model_losses
            collate, total, count = Collator(self.task.pad_id), 0.0, 0
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
            return total, count

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
                    self.monitor.rows(batch["index"], *model_losses(self.model, batch))
            self.model.train()

        # -- checkpoints ---------------------------------------------------------------------------------
        def _save_checkpoint(self, model: Any, trial: object) -> None:
            folder = self.task.folder / f"checkpoint-{self.state.global_step}"
            if (folder / checkpoints.STATE).exists():
                return
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self.task.before_checkpoint()
                (folder / "watch.json").write_text(json.dumps(self.monitor.state()))
                cast(Any, super())._save_checkpoint(model, trial)
                self.monitor.saved(self.state.global_step)
            except Exception as error:  # safetensors, torch and the OS each raise their own
                checkpoints.drop(folder)
                self.monitor.not_saved(folder, error)

        def save_best(self) -> None:
            with contextlib.suppress(OSError):
                self.save_model(str(self.task.folder / "best"), _internal_call=True)

        def load_best(self) -> None:
            self._load_from_checkpoint(str(self.task.folder / "best"))

    return ArrayTrainer


def bare(model: LanguageModel) -> None:
    """Takes off the autocast that accelerate put around ``forward``; nothing where there is none.

    Answers, in mid-training too, are then what the saved weights give to whoever loads them. Accelerate's own
    ``unwrap_model(keep_fp32_wrapper=False)`` would strip the decorators of transformers as well.
    """
    module = cast(Any, model)
    forward = module.__dict__.pop("_original_forward", None)
    if forward is not None:
        del module.forward
        if module.forward != forward:  # not the class's: somebody else's, as unsloth's
            module.forward = forward


def not_finite(what: str, step: int, plan: Plan) -> TrainingError:
    """The end of a run whose numbers ran away; the weights are still those of the step before."""
    lower = plan.learning_rate / 3
    cure = ', precision="fp32"' if plan.precision == "fp16" else ""
    return TrainingError(
        f"The {what} became NaN or infinite at step {step}, so training stopped; the weights are those of "
        f"step {step - 1}.",
        f"rb.train(chat, learning_rate={lower:.1g}{cure})",
    )
