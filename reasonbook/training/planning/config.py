"""Config: what a person may say about a training; what is left unsaid, the planner decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ...errors import TrainingError, choices
from ...options import checked

Tuning = Literal["auto", "full", "lora", "qlora"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

_CHOICES: dict[str, tuple[str | None, ...]] = {
    "tuning": ("auto", "full", "lora", "qlora"),
    "backend": ("auto", "unsloth", "peft"),
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "schedule": ("cosine", "linear", "constant"),
    "early_stopping": (None, "eval_loss", "score"),
}
_POSITIVE = (
    "epochs", "max_steps", "learning_rate", "batch_size", "micro_batch_size", "rank", "alpha", "patience",
    "eval_every", "threads", "checkpoint_seconds", "max_grad_norm",
)  # fmt: skip


@checked(TrainingError, "TrainConfig(epochs=2, learning_rate=2e-4)")
@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training; None means "decide for me", and the plan's card says what was decided and why.

    Attributes:
        epochs: passes over the training rows (fractions allowed); ``max_steps`` wins over it.
        max_steps: optimizer steps.
        learning_rate: the schedule's peak.
        tuning: full (all weights), lora (an adapter), qlora (an adapter on 4-bit weights), or auto.
        backend: unsloth, peft, or auto.
        batch_size: rows per optimizer step, over all processes.
        micro_batch_size: rows that go through the model at once; halved by itself when memory runs out.
        rank: LoRA rank.
        alpha: LoRA alpha.
        dropout: LoRA dropout.
        target_modules: names of the layers that get an adapter.
        schedule: shape of the learning rate after the warm-up.
        warmup: share of the steps that the learning rate takes to rise.
        weight_decay: of AdamW.
        max_grad_norm: gradients are clipped to this norm.
        precision: of the losses, in training and evaluation: fp32, bf16, fp16 or auto; answers are always those
            of the weights as they are saved.
        gradient_checkpointing: trade time for memory; None decides by memory.
        eval_every: optimizer steps between evaluations on the validation split.
        eval_rows: validation rows looked at in each evaluation, at most.
        samples: fixed prompts that are answered at each evaluation.
        sample_tokens: new tokens per sample, at most; None takes the longest target of the data.
        early_stopping: what to watch (``"eval_loss"`` or ``"score"``); None trains to the end.
        patience: evaluations without progress before it stops early.
        seed: of weights, data order and dropout.
        threads: CPU threads of the training.
        checkpoint_seconds: at most this much work is lost when the kernel dies.
        trust_remote_code: let the student's own Python files run on this machine.

    Example:
        >>> from reasonbook.training import TrainConfig
        >>> TrainConfig(epochs=2, learning_rate=2e-4).tuning
        'auto'
    """

    epochs: float | None = None
    max_steps: int | None = None
    learning_rate: float | None = None
    tuning: Tuning = "auto"
    backend: Literal["auto", "unsloth", "peft"] = "auto"
    batch_size: int | None = None
    micro_batch_size: int | None = None
    rank: int | None = None
    alpha: int | None = None
    dropout: float = 0.0
    target_modules: tuple[str, ...] | None = None
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    precision: Precision = "auto"
    gradient_checkpointing: bool | None = None
    eval_every: int | None = None
    eval_rows: int = 256
    samples: int = 4
    sample_tokens: int | None = None
    early_stopping: Literal["eval_loss", "score"] | None = None
    patience: int = 3
    seed: int = 0
    threads: int | None = None
    checkpoint_seconds: float = 60.0
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        for name, valid in _CHOICES.items():
            if getattr(self, name) not in valid:
                raise TrainingError(
                    f"TrainConfig({name}={getattr(self, name)!r}) is not known.",
                    choices(str(getattr(self, name)), [v for v in valid if v is not None]),
                )
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and value > 0):
                raise TrainingError(
                    f"TrainConfig({name}={value!r}): it must be above 0.", f"TrainConfig({name}=…)"
                )
        if not 0 <= self.warmup < 1:
            raise TrainingError(
                f"TrainConfig(warmup={self.warmup!r}): it is a share of the steps.",
                "TrainConfig(warmup=0.05)",
            )
        if self.target_modules is not None:
            object.__setattr__(self, "target_modules", tuple(self.target_modules))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The config of a run card; names that this version does not know are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in values.items() if k in known})
