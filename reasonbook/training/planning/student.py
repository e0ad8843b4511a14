"""Student: what is known of a model before it is loaded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...errors import MissingPackage, TrainingError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from .language_model import LanguageModel

SMALL = 30_000_000  # below this an adapter has nothing to stand on: all weights are trained


@dataclass(frozen=True)
class Student:
    """A model by its config.

    Attributes:
        name: folder or Hub name.
        kind: model type, such as ``"qwen3"``.
        parameters: how many weights.
        layers: transformer layers.
        hidden: width.
        vocabulary: rows of the embedding.
        random: its weights are random, so that an adapter cannot help.
        quantized: its weights are stored in 4 or 8 bit already.
    """

    name: str
    kind: str
    parameters: int
    layers: int
    hidden: int
    vocabulary: int
    random: bool
    quantized: bool

    @property
    def size(self) -> str:
        """The number of parameters in the field's way: 0.7M, 4B."""
        n = self.parameters
        return f"{n / 1e9:.1f}B" if n >= 1e9 else f"{n / 1e6:.1f}M"


def label_of(student: str) -> str:
    """A student's name as tables show it: the last part of its folder or Hub name."""
    return re.sub(r"[^\w.-]+", "-", Path(student).name or student)


def look_up(name: str, *, trust_remote_code: bool = False) -> Student:
    """Reads a student's config.

    Raises:
        TrainingError: there is no such student, it is no language model, or it brings code of its own.
        MissingPackage: transformers is not installed.
    """
    config = load_config(name, trust_remote_code=trust_remote_code)
    text = cast(Any, config).get_text_config() if hasattr(config, "get_text_config") else config
    return Student(
        name=name,
        kind=str(getattr(config, "model_type", "")),
        parameters=_count(config, name, trust_remote_code),
        layers=int(getattr(text, "num_hidden_layers", 0) or 0),
        hidden=int(getattr(text, "hidden_size", 0) or 0),
        vocabulary=int(getattr(text, "vocab_size", 0) or 0),
        random=bool(getattr(config, "reasonbook_random_weights", False))
        or (Path(name) / "tiny_student.json").is_file(),
        quantized=getattr(config, "quantization_config", None) is not None,
    )


def load_config(name: str, *, trust_remote_code: bool = False) -> PretrainedConfig:
    """The student's transformers config, with errors a person can act on."""
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise MissingPackage("transformers", feature="Training", extra="train") from error
    folder = Path(name).expanduser()
    if (
        folder.is_dir() and not (folder / "config.json").is_file()
    ):  # older transformers would guess by its name
        raise not_found(name, FileNotFoundError("config.json is not in it"))
    _refuse_foreign(name)
    if not trust_remote_code and _brings_code(name):
        raise code_needed(name)
    try:
        return cast(Any, AutoConfig).from_pretrained(name, trust_remote_code=trust_remote_code)
    except Exception as error:
        if "trust_remote_code" in str(error) and not trust_remote_code:
            raise code_needed(name) from error
        raise not_found(name, error) from error


def code_needed(name: str) -> TrainingError:
    """The refusal to run Python that a student's repository brings."""
    return TrainingError(
        f"The student {name!r} brings Python code of its own, which would run on this machine.",
        "read that code first; if you trust it: TrainConfig(trust_remote_code=True)",
    )


def not_found(name: str, error: Exception) -> TrainingError:
    """Says why a student could not be found."""
    path = Path(name).expanduser()
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if path.is_dir():
        return TrainingError(
            f"The folder {name!r} holds no model that can be loaded: {first}",
            "name a folder with config.json and *.safetensors, e.g. rb.examples.tiny_student()",
        )
    if "/" in name and not name.startswith((".", "/", "~")):
        return TrainingError(
            f"The student {name!r} was not found: {first}",
            "check the spelling on huggingface.co; for a gated model: huggingface-cli login; "
            "without a network: rb.examples.tiny_student()",
        )
    return TrainingError(
        f"There is no student {name!r}: neither a folder here nor an owner/name on the Hub.",
        'df.reason.train("Qwen/Qwen3-4B")   or   df.reason.train(rb.examples.tiny_student())',
    )


def _brings_code(name: str) -> bool:
    try:
        return bool(json.loads((Path(name).expanduser() / "config.json").read_text()).get("auto_map"))
    except (OSError, ValueError, AttributeError):
        return False


def _refuse_foreign(name: str) -> None:
    """A folder whose weights are pickles is refused: loading a pickle runs whatever it says."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return
    if any(folder.glob("*.safetensors")) or any(folder.glob("*.safetensors.index.json")):
        return
    pickles = [p.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for p in folder.glob(pattern)]
    if pickles:
        raise TrainingError(
            f"The weights in {name!r} are pickle files ({', '.join(sorted(pickles)[:3])}); "
            "a pickle can run any code when it is loaded, so it is not.",
            "convert them where you trust them: model.save_pretrained(folder, safe_serialization=True)",
        )


def _count(config: PretrainedConfig, name: str, trust_remote_code: bool) -> int:
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model: LanguageModel = cast(Any, AutoModelForCausalLM).from_config(
                config, trust_remote_code=trust_remote_code
            )
    except ValueError as error:
        raise TrainingError(
            f"The student {name!r} ({getattr(config, 'model_type', '?')}) is not a language model that "
            f"transformers can train: {str(error).splitlines()[0]}",
            'df.reason.train("Qwen/Qwen3-4B")',
        ) from error
    return sum(p.numel() for p in model.parameters())
