"""Typed tokenizer: what is used of transformers' tokenizers, which bring no types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class AddedToken(Protocol):
    """A token that was added to the vocabulary."""

    @property
    def content(self) -> str:
        """Its text."""
        ...

    @property
    def special(self) -> bool:
        """Whether decoding may leave it out."""
        ...

    @property
    def lstrip(self) -> bool:
        """Whether it takes the white space before it."""
        ...

    @property
    def rstrip(self) -> bool:
        """Whether it takes the white space behind it."""
        ...

    @property
    def single_word(self) -> bool:
        """Whether it must stand by itself."""
        ...

    @property
    def normalized(self) -> bool:
        """Whether it is looked for in the normalised text."""
        ...


class Encoding(Protocol):
    """One text as tokens, with their places in it."""

    @property
    def ids(self) -> list[int]:
        """The tokens' ids."""
        ...

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """First character and end of each token."""
        ...


class BackendTokenizer(Protocol):
    """The tokenizers library's own tokenizer; its batch calls leave the interpreter free."""

    @property
    def decoder(self) -> object:
        """What joins tokens to text."""
        ...

    @property
    def normalizer(self) -> object:
        """What changes a text before it is encoded, or None."""
        ...

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Encoding:
        """One text."""
        ...

    def encode_batch(self, input: list[str], *, add_special_tokens: bool) -> list[Encoding]:
        """Several texts."""
        ...

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool) -> list[Encoding]:
        """Several texts, without offsets."""
        ...

    def decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        """The text of ids."""
        ...

    def token_to_id(self, token: str) -> int | None:
        """The id of a token by its text."""
        ...

    def get_vocab(self, *, with_added_tokens: bool) -> dict[str, int]:
        """Every token's text with its id."""
        ...

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens by id."""
        ...

    def no_truncation(self) -> None:
        """Texts are never cut."""
        ...

    def no_padding(self) -> None:
        """Texts are never filled up."""
        ...

    def to_str(self) -> str:
        """The whole of it as JSON."""
        ...


class Tokenizer(Protocol):
    """A student's tokenizer, one that can say where its tokens stand in the text."""

    chat_template: str | dict[str, str] | None

    @property
    def backend_tokenizer(self) -> BackendTokenizer:
        """The library's own behind it."""
        ...

    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]:
        """The added tokens by id."""
        ...

    @property
    def all_special_tokens(self) -> Sequence[str]:
        """The special tokens' texts."""
        ...

    @property
    def special_tokens_map(self) -> Mapping[str, object]:
        """``bos_token`` and the like, as templates are given them."""
        ...

    @property
    def bos_token(self) -> str | None:
        """What begins a text."""
        ...

    @property
    def eos_token(self) -> str | None:
        """What ends a text."""
        ...

    @property
    def eos_token_id(self) -> int | None:
        """The id of what ends a text."""
        ...

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """The text of ids."""
        ...

    def get_chat_template(self) -> str:
        """The template in use where there are several."""
        ...

    def save_pretrained(self, save_directory: str | Path) -> object:
        """Writes it into a folder."""
        ...
