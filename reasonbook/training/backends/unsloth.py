"""Unsloth backend: FastLanguageModel with QLoRA, LoRA or all weights; alone in importing unsloth."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...errors import TrainingError
from ...store import home
from ..loop.backend import FitResult, FitTask
from ..loop.control import Control
from ..planning.student import load_config, not_found
from ..run_events import Emit

if TYPE_CHECKING:
    from ..planning.language_model import LanguageModel
    from ..planning.plan import Plan

NEEDS = ("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes", "unsloth", "unsloth_zoo")


class UnslothBackend:
    """Loads and adapts with Unsloth, trains the same arrays with the same loop as the peft backend.

    Importing unsloth rewrites parts of transformers and trl for the whole process, until the kernel restarts.
    """

    name = "unsloth"

    def unavailable(self) -> str | None:
        """What is missing here, with the line that installs it; None when nothing is."""
        from ..planning.device import installed

        missing = [name for name in NEEDS if not installed(name)]
        if missing:
            return f'{", ".join(missing)} not installed: pip install "reasonbook[unsloth]"'
        if sys.platform == "darwin":
            return "unsloth does not run on macOS"
        return None

    def load(self, plan: Plan, *, weights: Path | None = None) -> LanguageModel:
        """The student with a fresh adapter, or with what ``weights`` holds."""
        import torch

        load_config(plan.student, trust_remote_code=plan.trust_remote_code)
        fast = self._fast()
        cast(Any, torch).manual_seed(plan.seed)
        compute = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[plan.precision]
        source = str(weights) if weights is not None else plan.student
        try:
            model, _ = fast.from_pretrained(
                model_name=source,
                max_seq_length=plan.longest + plan.sample_tokens,
                dtype=compute,
                load_in_4bit=plan.tuning == "qlora",
                full_finetuning=plan.tuning == "full",
                trust_remote_code=plan.trust_remote_code,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise not_found(plan.student, error) from error
        if plan.tuning == "full" or weights is not None:
            return model
        if "all-linear" in plan.target_modules:
            raise TrainingError(
                "Unsloth wants the adapted layers by name.",
                'TrainConfig(target_modules=("q_proj", "k_proj", "v_proj", "o_proj"))',
            )
        return fast.get_peft_model(
            model,
            r=plan.rank,
            lora_alpha=plan.alpha,
            lora_dropout=plan.dropout,
            target_modules=list(plan.target_modules),
            bias="none",
            use_gradient_checkpointing="unsloth" if plan.gradient_checkpointing else False,
            random_state=plan.seed,
        )

    def fit(self, model: LanguageModel, task: FitTask, emit: Emit, control: Control) -> FitResult:
        """Trains with the transformers Trainer and Unsloth's own loss."""
        from ..loop.fit import fit

        self._fast().for_training(model, use_gradient_checkpointing=task.plan.gradient_checkpointing)
        return fit(model, task, emit, control, own_loss=False)

    @staticmethod
    def _fast() -> Any:
        """FastLanguageModel; no statistics are sent, and what it compiles stays out of the notebook's folder."""
        os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
        os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(home() / "unsloth_compiled_cache"))
        from unsloth import FastLanguageModel  # pyright: ignore[reportMissingTypeStubs]

        return FastLanguageModel
