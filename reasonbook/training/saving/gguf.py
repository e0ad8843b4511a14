"""GGUF: the student as one file for llama.cpp and everything built on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...errors import MissingPackage, TrainingError, choices
from ..runs import run_card
from ..runs.folder import LOG
from ..runs.output_log import muted
from .adapter import Saved
from .merged import merged_model

if TYPE_CHECKING:
    from gguf import GGUFWriter

    from ...chat import ChatFormat
    from ..planning.language_model import LanguageModel
    from ..runs.trained import TrainedStudent

TYPES = ("f16", "bf16", "f32", "q8_0")
OWN = ("qwen2", "qwen3")  # what is written here; every other family goes through llama.cpp's converter
GIVEN = {"enable_thinking": True}  # llama.cpp gives each template this, whoever asks

# A tokenizer's splitting rules, one after the other → the name by which llama.cpp knows the same.
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
RULES: Mapping[tuple[str, ...], str] = {
    (_WORDS + r"\p{N}" + _REST,): "qwen2",
    (_WORDS + r"\p{N}{1,3}" + _REST,): "llama-bpe",
    (r"\p{N}+", r"(?=(\d{3})+(?!\d))"): "superbpe",
}


def gguf(student: TrainedStudent, path: Path, *, quantization: str = "f16") -> Saved:
    """Writes a GGUF file with weights, tokenizer and chat template, and tries its tokenizer where it can.

    Args:
        student: what is saved.
        path: the file; a folder gets ``model.gguf``.
        quantization: f16, bf16, f32 or q8_0; smaller ones are made by llama.cpp's own ``llama-quantize``.

    Raises:
        TrainingError: the family needs llama.cpp's converter and it is not here.
        MissingPackage: the gguf package is not installed.
    """
    if quantization not in TYPES:
        raise TrainingError(
            f"A GGUF cannot be written as {quantization!r} here.",
            choices(quantization, TYPES) + " smaller: llama-quantize model.gguf small.gguf Q4_K_M",
        )
    if path.suffix != ".gguf":
        path = path / "model.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with muted(student.folder / LOG):
            if student.plan.kind in OWN:
                with merged_model(student, "float32") as model:
                    write(scratch, model, student.format, quantization=quantization, name=student.name)
            else:
                _convert(student, scratch, quantization)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    run_card.write(path.parent, student.card.read())
    return Saved(
        str(path),
        "gguf",
        path.stat().st_size,
        check(path, student.format, student),
        f'teacher="llamacpp:{path}"',
    )


def write(
    path: Path, model: LanguageModel, form: ChatFormat, *, quantization: str = "f16", name: str = "student"
) -> None:
    """Writes a model of the Qwen2 or Qwen3 architecture; norms and biases stay in float32."""
    try:
        import gguf as lib
    except ImportError as error:
        raise MissingPackage("gguf", feature="Saving as GGUF", extra="llamacpp") from error
    config = model.config
    arch = lib.MODEL_ARCH.QWEN3 if config.model_type == "qwen3" else lib.MODEL_ARCH.QWEN2
    writer = lib.GGUFWriter(str(path), lib.MODEL_ARCH_NAMES[arch])
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    rope: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or getattr(config, "rope_theta", 10_000.0)))
    kind = {
        "f16": lib.LlamaFileType.MOSTLY_F16, "bf16": lib.LlamaFileType.MOSTLY_BF16,
        "f32": lib.LlamaFileType.ALL_F32, "q8_0": lib.LlamaFileType.MOSTLY_Q8_0,
    }[quantization]  # fmt: skip
    writer.add_file_type(kind)
    _add_tokenizer(writer, form, model.get_input_embeddings().weight.shape[0])
    names = lib.get_tensor_name_map(arch, config.num_hidden_layers)
    tied = bool(getattr(config, "tie_word_embeddings", False))
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight" and tied:
            continue
        new = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if new is None:
            raise TrainingError(
                f"The tensor {key} has no place in a GGUF of {config.model_type}.",
                'run.save(path, format="merged"), then llama.cpp\'s convert_hf_to_gguf.py',
            )
        array = tensor.detach().to("cpu").float().numpy()
        matrix = array.ndim == 2
        to = {
            "f16": lib.GGMLQuantizationType.F16, "bf16": lib.GGMLQuantizationType.BF16,
            "f32": lib.GGMLQuantizationType.F32, "q8_0": lib.GGMLQuantizationType.Q8_0,
        }[quantization] if matrix else lib.GGMLQuantizationType.F32  # fmt: skip
        if to is lib.GGMLQuantizationType.F32:
            writer.add_tensor(new, array.astype(np.float32))
        else:
            if quantization == "q8_0" and array.shape[-1] % 32:
                to = lib.GGMLQuantizationType.F16
            writer.add_tensor(new, lib.quants.quantize(array, to), raw_dtype=to)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: GGUFWriter, form: ChatFormat, rows: int) -> None:
    import gguf as lib

    tokenizer = form.export_tokenizer()
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    if spec["model"]["type"] != "BPE":
        raise TrainingError(
            f"A tokenizer of the type {spec['model']['type']} is not written here.",
            'run.save(path, format="merged"), then llama.cpp\'s convert_hf_to_gguf.py',
        )
    added = {token["id"]: token for token in spec["added_tokens"]}
    texts = {i: text for text, i in spec["model"]["vocab"].items()} | {
        i: t["content"] for i, t in added.items()
    }
    tokens: list[str] = []
    types: list[int] = []
    for i in range(rows):
        if i in added:
            kind = lib.TokenType.CONTROL if added[i]["special"] else lib.TokenType.USER_DEFINED
        else:
            kind = lib.TokenType.NORMAL if i in texts else lib.TokenType.UNUSED
        tokens.append(texts.get(i, f"[PAD{i}]"))
        types.append(kind)
    merges = [m if isinstance(m, str) else " ".join(m) for m in spec["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(rule_name(spec) or "qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(form.encode([form.mode.stop])[0].ids[-1])  # the one that is learnt
    for name in ("bos", "pad"):
        value = getattr(tokenizer, f"{name}_token_id", None)
        if value is not None:
            getattr(writer, f"add_{name}_token_id")(value)
    writer.add_add_bos_token(False)  # the template says where one stands
    writer.add_chat_template(form.exported_for(GIVEN))


def rule_name(spec: Mapping[str, Any]) -> str | None:
    """llama.cpp's name for a tokenizer's way to split text; None where it knows none."""
    return RULES.get(tuple(rule for rule in _patterns(spec.get("pre_tokenizer")) if rule))


def _patterns(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        known = cast("dict[str, Any]", part)
        if known.get("type") == "Split":
            yield str(known["pattern"].get("Regex", ""))
        for value in known.values():
            yield from _patterns(value)
    elif isinstance(part, list):
        for value in cast("list[object]", part):
            yield from _patterns(value)


def check(path: Path, form: ChatFormat, student: TrainedStudent | None = None) -> str:
    """Has llama.cpp itself tokenize prompts of the run; says in words how that went."""
    from .llamacpp_check import Llama, missing

    if missing() is not None:
        return f"Not tried: {missing()}."
    prompts = ["A first question?", "17 lamps at $45, bought 3 weeks ago."]
    if student is not None:
        prompts += [task.request for task in student.data.tasks[:30]]
    with Llama(path) as llama:
        wrong = sum(llama.tokenize(form.prompt_text(p)) != form.prompt_ids(p) for p in prompts)
    if not wrong:
        return f"llama.cpp makes the same prompt ids as training ({len(prompts)} prompts tried)."
    return (
        f"llama.cpp has no rule that splits text as this tokenizer does: {wrong} of {len(prompts)} prompts come "
        "out as other ids. Send ids instead of text (its /completion takes a list of ids as the prompt)."
    )


def _convert(student: TrainedStudent, path: Path, quantization: str) -> None:
    script = converter()
    if script is None:
        raise TrainingError(
            f"A GGUF of {student.plan.kind} is written by llama.cpp's own converter, which is not here "
            f"({', '.join(OWN)} need none).",
            "git clone https://github.com/ggml-org/llama.cpp; os.environ['LLAMA_CPP'] = 'llama.cpp'",
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        with merged_model(student, "bfloat16") as model:
            model.save_pretrained(folder)
        tokenizer = student.format.export_tokenizer()
        tokenizer.chat_template = student.format.exported_for(GIVEN)
        tokenizer.save_pretrained(folder)
        done = subprocess.run(
            [sys.executable, str(script), folder, "--outfile", str(path), "--outtype", quantization],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TrainingError(
            f"llama.cpp's converter failed: {last}",
            'run.save(path, format="merged") and convert that folder by hand',
        )


def converter() -> Path | None:
    """llama.cpp's ``convert_hf_to_gguf.py``: in the folder ``LLAMA_CPP``, on the path, or in ``llama.cpp`` here."""
    name = "convert_hf_to_gguf.py"
    for folder in (os.environ.get("LLAMA_CPP", ""), "llama.cpp", str(Path.home() / "llama.cpp")):
        if folder and (Path(folder).expanduser() / name).is_file():
            return Path(folder).expanduser() / name
    found = shutil.which(name)
    return Path(found) if found else None
