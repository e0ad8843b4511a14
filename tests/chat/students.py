"""Students for the tests: installed chat templates with tokenizers made on the spot."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from reasonbook.chat import ChatRow
from reasonbook.data.conversation import Conversation

_SPECIAL = re.compile(
    r"<\|[^<>|\s'\"]+\|>|<｜[^<>\s'\"]+｜>|<\|[a-z_]+>|<[a-z_]+\|>|<(?:start|end)_of_turn>|<(?:start|end)_of_image>"
    r"|</?s>|<eos>|<bos>|\[/?INST\]|<end_of_utterance>|<\w+_TOKEN\|>|<image>"
)
_WORDS = ["refund", "order", "café", "naïve", "日本語", "🙂", "thought", "answer", "42", "\n\n", "  indented"]


def trl_templates() -> dict[str, str]:
    """Name → source of every chat template that the installed trl ships."""
    import importlib.util

    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "chat_templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


@cache
def template(name: str) -> str:
    return trl_templates()[name]


def tokenizer(source: str | None, *, kind: str = "bytes", eos: str = "<EOS>") -> Any:
    """A tokenizer for a chat template: one token per byte, or a BPE trained on a few lines.

    The template's own markers are special tokens; thinking tags are ordinary added tokens, as in the wild.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    marks = sorted(set(_SPECIAL.findall(source or "")) | {eos, "<BOS>"})
    thinks = [t for t in ("<think>", "</think>", "[THINK]", "[/THINK]") if t in (source or "")]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if kind == "bytes":
        backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
        backend.train_from_iterator(
            [" ".join(_WORDS * 3), "\n\n".join(_WORDS), (source or "")[:4000]], trainer
        )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in marks])
    backend.add_tokens([AddedToken(t, special=False, normalized=False) for t in thinks])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=eos,
        bos_token="<BOS>",
        chat_template=source,
        clean_up_tokenization_spaces=False,
    )


@cache
def student(name: str, kind: str = "bytes") -> Any:
    """The student of an installed trl template."""
    source = template(name)
    eos = "<|im_end|>" if "<|im_end|>" in source else "<EOS>"
    return tokenizer(source, kind=kind, eos=eos)


def row(
    prompt: str = "What is 2 + 2?",
    response: str = "It is 4.",
    reasoning: Any = "Two and two make four.",
    *,
    position: int = 0,
    split: str = "train",
    messages: list[dict[str, Any]] | None = None,
) -> ChatRow:
    made = messages or [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    return ChatRow(position, f"key{position}", split, Conversation(tuple(made)), reasoning)


def learnt_text(example: Any, student: Any) -> str:
    """What the labels of a training row say."""
    return student.decode([i for i in example.labels.tolist() if i != -100], skip_special_tokens=False)


def unsloth_templates() -> dict[str, str]:
    """Name → source of unsloth's chat templates, read from its source without importing it; aliases once."""
    import ast
    import importlib.metadata

    try:
        path = importlib.metadata.distribution("unsloth").locate_file("unsloth/chat_templates.py")
    except importlib.metadata.PackageNotFoundError:
        return {}
    scope: dict[str, Any] = {"CHAT_TEMPLATES": {}, "_ollama_template": lambda name: "", "gemma4_ollama": ""}
    for node in ast.parse(Path(str(path)).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.For)):
            try:
                exec(compile(ast.Module([node], []), "chat_templates", "exec"), scope)
            except Exception:
                continue  # what needs the package itself holds no template
    sources: dict[str, str] = {}
    for name, entry in scope["CHAT_TEMPLATES"].items():
        if isinstance(entry[0], str) and entry[0] not in sources.values():
            sources[name] = entry[0]
    return sources
