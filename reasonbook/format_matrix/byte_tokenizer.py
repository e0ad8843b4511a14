"""Byte tokenizer: one token a byte, for a chat template that came without a tokenizer; its markers are special."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from ..errors import MissingPackage

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# What stands in templates for a token of its own, whichever family wrote it.
_MARKERS = re.compile(
    r"<\|[^<>|\s'\"]+\|>|<｜[^<>\s'\"]+｜>|<\|[a-z_]+>|<[a-z_]+\|>|<(?:start|end)_of_turn>|<(?:start|end)_of_image>"
    r"|</?s>|<eos>|<bos>|\[/?INST\]|<end_of_utterance>|<\w+_TOKEN\|>|<image>"
    r"|<sep>|<SPECIAL_\d+>|</?(?:system|user|assistant)>|<seed:(?:bos|eos|pad)>|\]~!?b[\[\]]|\[e~\["
)
_THINKING = ("<think>", "</think>", "[THINK]", "[/THINK]")
EOS, BOS = "<EOS>", "<BOS>"


def markers_of(source: str) -> tuple[list[str], list[str]]:
    """The special tokens of a template, and its thinking tags, which are ordinary tokens in the wild."""
    return sorted(set(_MARKERS.findall(source))), [tag for tag in _THINKING if tag in source]


def byte_tokenizer(source: str, *, eos: str = EOS) -> PreTrainedTokenizerFast:
    """A tokenizer that carries a chat template and cuts text into bytes, so that nothing of it can be lost.

    Args:
        source: the template; "" for none.
        eos: its end token, for templates that ask for `eos_token` or write none.

    Raises:
        MissingPackage: transformers is not installed.
    """
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingPackage(
            "transformers", feature="A tokenizer for a chat template", extra="train"
        ) from error
    special, ordinary = markers_of(source)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {c: i for i, c in enumerate(alphabet)}
    backend = cast(Any, Tokenizer(models.BPE(vocab=vocab, merges=[])))  # its lists have no types
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(
        [AddedToken(mark, special=True, normalized=False) for mark in sorted({*special, eos, BOS})]
    )
    backend.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ordinary])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=eos,
        bos_token=BOS,
        chat_template=source or None,
        clean_up_tokenization_spaces=False,
    )
