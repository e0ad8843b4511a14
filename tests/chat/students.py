"""Students for the tests: installed chat templates with tokenizers made on the spot."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from reasonbook.chat import ChatRow
from reasonbook.data.conversation import Conversation
from reasonbook.format_matrix.byte_tokenizer import BOS, byte_tokenizer, markers_of
from reasonbook.format_matrix.known_templates import known_templates

_WORDS = ["refund", "order", "café", "naïve", "日本語", "🙂", "thought", "answer", "42", "\n\n", "  indented"]
_TEXTS = [" ".join(_WORDS * 3), "\n\n".join(_WORDS), ".\n\n  1234567\n\n\nThe refund: 100 200\n" * 3]

_LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS = {
    "bytes": "",  # one token per byte
    "bpe": rf"{_LETTERS}|\p{{N}}|{_REST}",  # as Qwen: digits one by one, line breaks in a run
    "llama3": rf"{_LETTERS}|\p{{N}}{{1,3}}|{_REST}",  # digits in threes
    "gpt2": "gpt2",  # its own split: a run of white space gives its last one to the word behind it
}
KINDS = (*_SPLITS, "sentencepiece")


def trl_templates() -> dict[str, str]:
    """Name → source of every chat template that the installed trl ships."""
    return _templates_of("trl")


def unsloth_templates() -> dict[str, str]:
    """Name → source of unsloth's chat templates; aliases once."""
    return _templates_of("unsloth")


def _templates_of(package: str) -> dict[str, str]:
    known = ((name.partition(":"), each.source) for name, each in known_templates().items())
    return {name: source for (owner, _, name), source in known if owner == package}


@cache
def template(name: str) -> str:
    return trl_templates()[name]


def tokenizer(source: str | None, *, kind: str = "bytes", eos: str = "<EOS>", strip: str = "") -> Any:
    """A tokenizer for a chat template, of one of `KINDS`.

    The template's own markers are special tokens; thinking tags are ordinary added tokens, as in the wild.

    Args:
        strip: which white space special tokens take: "l" what stands before them, "r" what stands behind, or both.
    """
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    if kind == "bytes" and not strip:
        return byte_tokenizer(source or "", eos=eos)
    special, thinks = markers_of(source or "")
    backend = _backend(kind)
    left, right = "l" in strip, "r" in strip
    backend.add_special_tokens(
        [
            AddedToken(m, special=True, normalized=False, lstrip=left, rstrip=right)
            for m in sorted({*special, eos, BOS})
        ]
    )
    backend.add_tokens([AddedToken(t, special=False, normalized=False) for t in thinks])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=eos,
        bos_token=BOS,
        chat_template=source,
        clean_up_tokenization_spaces=False,
    )


def _backend(kind: str) -> Any:
    """A tokenizer of this kind without special tokens, a copy of its own."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(_trained(kind))


@cache
def _trained(kind: str) -> str:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    if (
        kind == "sentencepiece"
    ):  # as Llama 2 and Phi-3: each stretch begins with a space; bytes where no piece fits
        backend = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        backend.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        first = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        trainer = trainers.BpeTrainer(
            vocab_size=600, special_tokens=first, limit_alphabet=80, show_progress=False
        )
        backend.train_from_iterator([text.replace("\n", " ") for text in _TEXTS], trainer)
        made = json.loads(backend.to_str())
        made[
            "added_tokens"
        ] = []  # to the trainer bytes are special; in the wild they are pieces like any other
        return json.dumps(made)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    split = _SPLITS[kind]
    if kind == "bytes":
        backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    else:
        backend = Tokenizer(models.BPE())
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split == "gpt2")
    apart = [pre_tokenizers.Split(Regex(split), "isolated")] if split not in ("", "gpt2") else []
    backend.pre_tokenizer = pre_tokenizers.Sequence([*apart, whole])
    backend.decoder = decoders.ByteLevel()
    if kind != "bytes":
        trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
        backend.train_from_iterator(_TEXTS, trainer)
    return backend.to_str()


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
