"""Plan: every setting of a training, decided before it starts, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ...html_card import card, details, table
from .device import GIB


@dataclass(frozen=True)
class Plan:
    """What will run. Attributes are those of `TrainConfig` with nothing left open, and what follows from them.

    Attributes:
        steps: optimizer steps.
        device: cuda, mps or cpu.
        attention: the attention implementation.
        processes: how many processes share the batch.
        memory: estimated peak bytes on the device.
        padding: share of the tokens that are padding.
        reasons: setting → why it has its value.
        notes: what the preflight of the chat data remarked.

    Example:
        >>> run.plan.steps, run.plan.rows
        (2, 32)
    """

    student: str
    kind: str
    parameters: int
    rows: int
    longest: int
    backend: str
    tuning: str
    precision: str
    device: str
    attention: str
    steps: int
    epochs: float
    batch_size: int
    micro_batch_size: int
    learning_rate: float
    schedule: str
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    rank: int
    alpha: int
    dropout: float
    target_modules: tuple[str, ...]
    gradient_checkpointing: bool
    eval_every: int
    eval_rows: int
    samples: int
    sample_tokens: int
    early_stopping: str | None
    patience: int
    seed: int
    threads: int
    checkpoint_seconds: float
    trust_remote_code: bool
    processes: int = 1
    memory: int = 0
    padding: float = 0.0
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Plan({self.student!r}: {self.tuning} by {self.backend} on {self.device}, {self.steps} steps of "
            f"{self.batch_size} rows, learning rate {self.learning_rate:g})"
        )

    @property
    def settings_html(self) -> str:
        """Every setting with its reason, as a table."""
        shown = [
            (name.replace("_", " "), _text(getattr(self, name)), self.reasons.get(name, ""))
            for name in _SHOWN
            if self.tuning != "full" or name not in ("rank", "alpha", "dropout", "target_modules")
        ]
        memory = ("memory", self._memory, self.reasons.get("memory", ""))
        return table(("setting", "value", "why"), [*shown, memory])

    @property
    def _memory(self) -> str:
        return f"≈ {self.memory / GIB:.2f} GiB"

    def _repr_html_(self) -> str:
        return card(
            f"Plan for {self.student}",
            {
                "tuning": self.tuning,
                "steps": self.steps,
                "batch": self.batch_size,
                "learning rate": self.learning_rate,
                "memory": self._memory,
            },
            notes=self.notes,
            body=details("every setting and its reason", self.settings_html),
            next_verb="rb.train(chat)",
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """The plan of a run card; names that this version does not know are left out."""
        known = {f.name for f in fields(cls)}
        picked = {k: v for k, v in values.items() if k in known}
        for name in ("target_modules", "notes"):
            picked[name] = tuple(picked.get(name, ()))
        return cls(**picked)

    def replace(self, **changes: Any) -> Plan:
        """The same plan but for these."""
        return replace(self, **changes)


_SHOWN = (
    "backend", "tuning", "precision", "rank", "alpha", "dropout", "target_modules", "learning_rate", "schedule",
    "warmup_steps", "steps", "epochs", "batch_size", "micro_batch_size", "longest", "padding",
    "gradient_checkpointing", "attention", "eval_every", "eval_rows", "samples", "sample_tokens",
    "early_stopping", "patience", "weight_decay", "max_grad_norm", "checkpoint_seconds", "threads", "seed",
    "processes",
)  # fmt: skip


def _text(value: str | float | tuple[str, ...] | None) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
