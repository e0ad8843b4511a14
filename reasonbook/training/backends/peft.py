"""PEFT backend: transformers and PEFT, on a GPU or a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TrainingError
from ..loop.backend import FitResult, FitTask
from ..loop.control import Control
from ..planning.student import code_needed, load_config, not_found
from ..run_events import Emit

if TYPE_CHECKING:
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

    def load(self, plan: Plan, *, weights: Path | None = None) -> Any:
        """The student with a fresh adapter, or with what ``weights`` holds."""
        import torch

        torch.manual_seed(plan.seed)
        if plan.tuning == "full":
            model = base_model(plan, weights or Path(plan.student))
            model.requires_grad_(True)
            return model
        model = base_model(plan, Path(plan.student))
        if plan.tuning == "qlora":
            guard_cpu_gradients(model)
        return with_adapter(model, plan, weights)

    def fit(self, model: Any, task: FitTask, emit: Emit, control: Control) -> FitResult:
        """Trains with the transformers Trainer and the loss of this package."""
        from ..loop.fit import fit

        return fit(model, task, emit, control)


def base_model(plan: Plan, source: Path | str) -> Any:
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
        model = AutoModelForCausalLM.from_pretrained(name, use_safetensors=True, **options)
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise code_needed(name) from error
        if isinstance(error, (OSError, ValueError)):
            raise not_found(name, error) from error
        raise
    whole: Any = model
    return whole if plan.tuning == "qlora" else whole.to(_device(plan))


def with_adapter(model: Any, plan: Plan, weights: Path | None) -> Any:
    """A LoRA adapter on a base model: fresh, or loaded from a folder of safetensors."""
    from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training

    if plan.tuning == "qlora":
        model = prepare_model_for_kbit_training(
            model,
            use_gradient_checkpointing=plan.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
        )
    elif plan.gradient_checkpointing:
        model.enable_input_require_grads()
    if weights is not None:
        if not (weights / "adapter_model.safetensors").is_file():
            raise TrainingError(
                f"{str(weights)!r} holds no adapter_model.safetensors.",
                "rb.Run.load(id) names a finished run",
            )
        return PeftModel.from_pretrained(model, str(weights), is_trainable=True)
    target = list(plan.target_modules)
    try:
        return get_peft_model(
            model,
            LoraConfig(
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


def guard_cpu_gradients(model: Any) -> int:
    """Keeps bitsandbytes from repacking 4-bit weights on the CPU; returns how many layers were told.

    On processors with AVX512-BF16 the first forward pass without gradients packs the weights anew in place,
    and every gradient after that is wrong, silently.
    """
    from bitsandbytes.nn.modules import Linear4bit

    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)


def _device(plan: Plan) -> str:
    import os

    if plan.device == "cuda" and plan.processes > 1:
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return plan.device
