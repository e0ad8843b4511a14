"""Merged: the student with its adapter worked into the weights, in 16 bit."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...errors import TrainingError, choices
from ..runs.folder import LOG
from ..runs.output_log import muted
from .adapter import Saved, describe, free, size

if TYPE_CHECKING:
    from ..planning.language_model import LanguageModel
    from ..runs.trained import TrainedStudent

DTYPES = ("bfloat16", "float16", "float32")


def merged(student: TrainedStudent, path: Path, *, dtype: str = "bfloat16") -> Saved:
    """Writes safetensors, config, tokenizer with the template in use, and the run card.

    An adapter that was trained on 4-bit weights is merged into the student's own 16-bit weights.

    Args:
        student: what is saved.
        path: a folder of its own.
        dtype: bfloat16, float16 or float32.
    """
    if dtype not in DTYPES:
        raise TrainingError(f"Weights cannot be written as {dtype!r}.", choices(dtype, DTYPES))
    free(path)
    with muted(student.folder / LOG), merged_model(student, dtype) as model:
        model.save_pretrained(str(path))
    describe(student, path)
    note = (
        ""
        if student.plan.tuning != "qlora"
        else "The adapter was trained on 4-bit weights and merged into 16-bit ones."
    )
    return Saved(str(path), "merged", size(path), note, f"rb.Run.load({str(path)!r}).chat('…')")


@contextmanager
def merged_model(student: TrainedStudent, dtype: str) -> Generator[LanguageModel]:
    """The whole student in one piece, on the CPU, apart from the model that the run holds."""
    import torch
    from transformers import AutoModelForCausalLM

    whole = cast(Any, AutoModelForCausalLM)
    kind = getattr(torch, dtype)
    weights, plan = student.weights(), student.plan
    options: dict[str, Any] = {
        "use_safetensors": True, "trust_remote_code": plan.trust_remote_code, "dtype": torch.float32,
    }  # fmt: skip
    if plan.tuning == "full":
        model = whole.from_pretrained(str(weights), **options)
    else:
        from peft import PeftModel

        if plan.parameters > 1_000_000_000:
            options["dtype"] = kind  # float32 in between would need twice the memory
        base = whole.from_pretrained(plan.student, **options)
        model = cast(Any, PeftModel).from_pretrained(base, str(weights)).merge_and_unload()
    model = model.to(kind)
    if hasattr(model.config, "reasonbook_random_weights"):
        delattr(model.config, "reasonbook_random_weights")
    model.config.use_cache = True
    model.generation_config.eos_token_id = list(student.format.stop_ids)
    yield model.eval()
