"""Small student: learns from random weights on two CPU cores, made on the spot."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import MissingPackage, ReasonbookError
from ..store import home

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 1024
CORPUS_ROWS = 4000
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>")
THINKING_TOKENS = ("<think>", "</think>")  # ordinary added tokens: they must survive skip_special_tokens

# What may become one token: a digit; a word; a sign with the blank before a figure; a line's label ("\nFees: "), as
# it is the same in every row. So a column of figures can be worked through, and a row is short.
PIECES = (
    r"\n\p{Lu}[\p{L} ]{0,30}: "
    r"|\n+|\p{N}"
    r"| x (?=\p{N})| ?\p{L}+"
    r"| ?[^\s\p{L}\p{N}]+(?: (?=\p{N}))?"
    r"|\s+(?!\S)|\s+"
)

# Pieces are what the tokens are learnt from. Text is split by a plainer rule, one that llama.cpp has too (it calls it
# "superbpe"): figures apart from all else. So an exported student sees the very ids that it was trained on.
SPLITS = (r"\p{N}+", r"(?=(\d{3})+(?!\d))")

# A hybrid thinking template in the manner of the Qwen3 family: thinking stands in a block before the answer,
# only after the last question, and an empty block in the prompt switches it off.
CHAT_TEMPLATE = """\
{%- set ns = namespace(last_question=-1) -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}{%- set ns.last_question = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
  {%- set content = message.content if message.content is string else '' -%}
  {{- '<|im_start|>' + message.role + '\\n' -}}
  {%- if message.role == 'assistant' -%}
    {%- set thinking = '' -%}
    {%- if message.reasoning_content is string -%}
      {%- set thinking = message.reasoning_content -%}
    {%- elif '</think>' in content -%}
      {%- set thinking = content.split('</think>')[0].split('<think>')[-1] -%}
      {%- set content = content.split('</think>')[-1] -%}
    {%- endif -%}
    {%- if loop.index0 > ns.last_question -%}
      {{- '<think>\\n' + thinking.strip('\\n') + '\\n</think>\\n\\n' -}}
    {%- endif -%}
    {%- set content = content.strip('\\n') -%}
  {%- endif -%}
  {{- content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\\n' -}}
  {%- if enable_thinking is defined and enable_thinking is false -%}
    {{- '<think>\\n\\n</think>\\n\\n' -}}
  {%- endif -%}
{%- endif -%}
"""

# The shape of the model; widths are multiples of 64, so that 4-bit weights (NF4 blocks) fit.
SHAPE: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}


def tiny_student(path: str | Path | None = None, *, seed: int = 0) -> str:
    """Make the tiny student and return the folder it is saved in, ready for `from_pretrained`.

    It is a Qwen3 architecture of about 0.7 million random weights with its own small tokenizer and a chat
    template that thinks in `<think>` blocks. It knows nothing: it learns by training all its weights, while
    a real student (`"Qwen/Qwen3-4B"`) keeps its weights and learns an adapter. Making it takes seconds; a
    folder that was made before by the same recipe is used again.

    Args:
        path: where to save it; without it, a folder under the home of the store (`REASONBOOK_HOME`).
        seed: which random weights.

    Raises:
        MissingPackage: transformers or torch is not installed.
        ReasonbookError: the folder holds something else.

    Example:
        >>> chat = df.reason.to_chat(rb.examples.tiny_student())
        >>> chat.probe.tags
        ('<think>', '</think>')
    """
    torch, transformers = _libraries()
    folder = Path(path).expanduser() if path is not None else home() / "students" / f"tiny-{seed}"
    recipe = {"recipe": _recipe_digest(), "seed": seed}
    if _made(folder) == recipe:
        return str(folder)
    if folder.exists() and any(folder.iterdir()) and _made(folder) is None:
        raise ReasonbookError(
            f"{str(folder)!r} holds something else than a tiny student.", "tiny_student('a/new/folder')"
        )
    tokenizer = _tokenizer()
    config = transformers.Qwen3Config(
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SHAPE,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.Qwen3ForCausalLM(config)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tiny-") as scratch:
        made = Path(scratch) / "student"
        with _quiet():
            model.save_pretrained(made)
        tokenizer.save_pretrained(made)  # pyright: ignore[reportUnknownMemberType]
        (made / "tiny_student.json").write_text(json.dumps(recipe))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(made, folder)  # two notebooks at once: each sees a whole folder or none
    return str(folder)


def _libraries() -> tuple[Any, Any]:
    """torch and transformers, whose functions bear types in part only."""
    try:
        import torch
        import transformers
    except ImportError as error:
        name = (error.name or "transformers").partition(".")[0]
        raise MissingPackage(name, feature="The tiny student", extra="train") from error
    return torch, transformers


def _recipe_digest() -> str:
    """Changes with anything that would make another student: the settings above, or a word of the corpus."""
    settings = [VOCABULARY, SPECIAL_TOKENS, THINKING_TOKENS, PIECES, SPLITS, CHAT_TEMPLATE, SHAPE]
    return hashlib.sha256("\n".join([repr(settings), *_corpus()]).encode()).hexdigest()[:16]


@contextmanager
def _quiet() -> Generator[None]:
    """No progress bar in the cell for writing three megabytes."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _made(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "tiny_student.json").read_text())
    except (OSError, ValueError):
        return None


def _tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = cast(Any, Tokenizer(models.BPE()))  # its lists have no types
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([_split(PIECES), bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(THINKING_TOKENS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*map(_split, SPLITS), bytes_])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in THINKING_TOKENS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=SHAPE["max_position_embeddings"],
        clean_up_tokenization_spaces=False,
    )


def _split(rule: str) -> PreTokenizer:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(rule), behavior="isolated")


def _corpus() -> Iterator[str]:
    """Requests of both policies and their reasoning lines; seeded apart from what users draw."""
    from .refund_requests import refunds
    from .refund_teacher import refund_rules

    for policy in ("2026", "2027"):
        frame = refunds(CORPUS_ROWS // 2, seed=-1, policy=policy)
        for prompt, response in cast(Iterable[tuple[str, str]], frame.itertuples(index=False, name=None)):
            fields = refund_rules(prompt, policy=policy)
            yield f"user\n{prompt}"
            yield "assistant\n"
            yield "\n\n"
            yield "\n" + "\n".join(f"{name}: {value}" for name, value in fields.items()) + "\n"
            yield response
