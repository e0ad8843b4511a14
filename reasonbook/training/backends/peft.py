"""PEFT backend: transformers and PEFT, on a GPU or a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...errors import TrainingError
from ..loop.backend import FitResult, FitTask
from ..loop.control import Control
from ..planning.student import code_needed, load_config, not_found
from ..run_events import Emit

if TYPE_CHECKING:
    from ..planning.language_model import LanguageModel
    from ..planning.plan import Plan


class PeftBackend:
    """Loads with transformers, adapts with PEFT, trains with the transformers Trainer."""

    name = "peft"

    def unavailable(self) -> str | None:
        """What is not installed, with the line that installs it; None when nothing is missing."""
        from ..planning.device import installed

        missing = [name for name in ("torch", "transformers", "peft", "accelerate") if not installed(name)]
        if missing:
            return f'{", ".join(missing)} not installed: pip install "reasonbook[train]"'
        return None

    def load(self, plan: Plan, *, weights: Path | None = None) -> LanguageModel:
        """The student with a fresh adapter, or with what ``weights`` holds."""
        import torch

        cast(Any, torch).manual_seed(plan.seed)
        if plan.tuning == "full":
            model = base_model(plan, weights or Path(plan.student))
            cast(Any, model).requires_grad_(True)
            return model
        model = base_model(plan, Path(plan.student))
        if plan.tuning == "qlora":
            guard_cpu_gradients(model)
        return with_adapter(model, plan, weights)

    def fit(self, model: LanguageModel, task: FitTask, emit: Emit, control: Control) -> FitResult:
        """Trains with the transformers Trainer and the loss of this package."""
        from ..loop.fit import fit

        return fit(model, task, emit, control)


def base_model(plan: Plan, source: Path | str) -> LanguageModel:
    """The student's own weights in the plan's precision and on its device."""
    import torch
    from transformers import AutoModelForCausalLM

    name = str(source) if Path(source).exists() else plan.student
    load_config(name, trust_remote_code=plan.trust_remote_code)
    options: dict[str, Any] = {
        "trust_remote_code": plan.trust_remote_code,
        "attn_implementation": plan.attention,
    }
    options["dtype"] = torch.float32
    if plan.device == "cuda" and plan.tuning != "full":
        options["dtype"] = torch.float16 if plan.precision == "fp16" else torch.bfloat16
    if plan.tuning == "qlora":
        from transformers import BitsAndBytesConfig

        compute = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[plan.precision]
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=plan.device == "cuda",
            bnb_4bit_compute_dtype=compute,
        )
        options["device_map"] = {"": _device(plan)}
    try:
        model = cast(Any, AutoModelForCausalLM).from_pretrained(name, use_safetensors=True, **options)
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise code_needed(name) from error
        if isinstance(error, (OSError, ValueError)):
            raise not_found(name, error) from error
        raise
    return model if plan.tuning == "qlora" else model.to(_device(plan))


def with_adapter(model: LanguageModel, plan: Plan, weights: Path | None) -> LanguageModel:
    """A LoRA adapter on a base model: fresh, or loaded from a folder of safetensors."""
    import peft

    lib, student = cast(Any, peft), cast(Any, model)
    if plan.tuning == "qlora":
        student = lib.prepare_model_for_kbit_training(
            student,
            use_gradient_checkpointing=plan.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
        )
    elif plan.gradient_checkpointing:
        student.enable_input_require_grads()
    if weights is not None:
        if not (weights / "adapter_model.safetensors").is_file():
            raise TrainingError(
                f"{str(weights)!r} holds no adapter_model.safetensors.",
                "rb.Run.load(id) names a finished run",
            )
        return lib.PeftModel.from_pretrained(student, str(weights), is_trainable=True)
    target = list(plan.target_modules)
    try:
        return lib.get_peft_model(
            student,
            lib.LoraConfig(
                r=plan.rank,
                lora_alpha=plan.alpha,
                lora_dropout=plan.dropout,
                target_modules="all-linear" if target == ["all-linear"] else target,
                task_type="CAUSAL_LM",
            ),
        )
    except ValueError as error:
        raise TrainingError(
            f"No adapter could be put on {plan.student!r}: {str(error).splitlines()[0]}",
            'TrainConfig(target_modules=("q_proj", "v_proj"))   with names of this student\'s layers',
        ) from error


def guard_cpu_gradients(model: LanguageModel) -> int:
    """Keeps bitsandbytes from repacking 4-bit weights on the CPU; returns how many layers were told.

    On processors with AVX512-BF16 the first forward pass without gradients packs the weights anew in place,
    and every gradient after that is wrong, silently.
    """
    from bitsandbytes.nn.modules import Linear4bit

    layers = [module for module in cast(Any, model).modules() if isinstance(module, Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)


def _device(plan: Plan) -> str:
    import os

    if plan.device == "cuda" and plan.processes > 1:
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return plan.device
