"""Alignment: which token holds which character, without offsets where the tokenizer allows it.

A byte-level tokenizer's tokens tile the text: the length of each in bytes is known beforehand, and their running
sum says where each stands. That spares a quarter of the encoding. The sum is held against the text of every
row; a row that does not come out even (its text was normalised, say) is encoded again with offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ..template.typed_tokenizer import BackendTokenizer, Encoding, Tokenizer
from .segments import RenderedRow, is_reasoning

Encodings = Sequence[Encoding]
_SAMPLE = "Aé 日本\n\n  🙂 x1.50</a>\t"


class Alignment(NamedTuple):
    """The tokens of one row.

    Attributes:
        ids: of all tokens.
        starts: for each segment after the first: the token that holds its first character.
        shared: for each of these: that token begins before it, so it holds text of the segment before as well.
        answer: the token that holds the answer's first character.
        straddles: the token at the end of the prompt begins before it.
    """

    ids: list[int]
    starts: list[int]
    shared: list[bool]
    answer: int
    straddles: bool


class TokenAligner:
    """Encodes texts and finds the tokens of their segments, for one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._sizes = _byte_sizes(self._backend)

    def encode(self, texts: Sequence[str]) -> Encodings:
        """Encodings; runs off the interpreter's lock."""
        encode = self._backend.encode_batch if self._sizes is None else self._backend.encode_batch_fast
        return encode(list(texts), add_special_tokens=False)

    def find(self, rows: Sequence[RenderedRow], encodings: Encodings) -> list[Alignment]:
        """The places of every row's segments."""
        ids = [encoding.ids for encoding in encodings]
        if self._sizes is None:
            return [_by_offsets(row, e, i) for row, e, i in zip(rows, encodings, ids, strict=True)]
        sizes = self._sizes
        ends = np.cumsum(sizes[np.fromiter((i for row in ids for i in row), np.int64)])
        edges = [0, *accumulate(map(len, ids))]
        bases = [0, *(int(ends[edge - 1]) if edge else 0 for edge in edges[1:])]
        chars = [[char for char, _ in row.segments[1:]] + [row.answer_at, row.boundary] for row in rows]
        marks = [_bytes_at(row.text, places) for row, places in zip(rows, chars, strict=True)]
        wanted = [
            base + mark for base, row_marks in zip(bases, marks, strict=False) for mark in row_marks[:-1]
        ]
        tokens = np.searchsorted(ends, wanted, side="right")
        begins = np.where(tokens > 0, ends[np.maximum(tokens - 1, 0)], 0)
        found, begin = tokens.tolist(), (begins < wanted).tolist()
        placed: list[Alignment] = []
        at = 0
        for i, row in enumerate(rows):
            count = len(marks[i]) - 1
            mine = [token - edges[i] for token in found[at : at + count]]
            if bases[i + 1] - bases[i] == marks[i][-1]:
                before = begin[at : at + count]
                placed.append(Alignment(ids[i], mine[:-2], before[:-2], mine[-2], before[-1]))
            else:
                encoding = self._backend.encode(row.text, add_special_tokens=False)
                placed.append(_by_offsets(row, encoding, encoding.ids))
            at += count
        return placed


def part_runs(rendered: RenderedRow, placed: Alignment, size: int) -> list[tuple[int, int, int]]:
    """``(first token, end, part code)`` of each part; a token on a boundary belongs to the later part."""
    runs: list[tuple[int, int, int]] = []
    start, code = 0, rendered.segments[0][1]
    for at, shared, (_, following) in zip(placed.starts, placed.shared, rendered.segments[1:], strict=True):
        at = max(at, start)
        if at == start and shared and is_reasoning(code) and at < size:
            at += (
                1  # one token holds all of this reasoning and some of what follows: it is learnt as reasoning
            )
        runs.append((start, at, code))
        start, code = at, following
    runs.append((start, size, code))
    return runs


def _bytes_at(text: str, chars: list[int]) -> list[int]:
    """Where these characters begin, in bytes; and last, how many bytes there are."""
    if text.isascii():
        return [*chars, len(text)]
    return [len(text[:char].encode("utf-8", "surrogatepass")) for char in (*chars, len(text))]


def _by_offsets(row: RenderedRow, encoding: Encoding, ids: list[int]) -> Alignment:
    def token_of(char: int) -> int:
        # Some tokenizers leave white space out of their offsets: then it is the next one's.
        places = (encoding.char_to_token(place) for place in range(char, len(row.text)))
        return next((token for token in places if token is not None), len(ids))

    def begins_before(token: int, char: int) -> bool:
        span = encoding.token_to_chars(token) if token < len(ids) else None
        return span is not None and span[0] < char

    chars = [char for char, _ in row.segments[1:]]
    starts = [token_of(char) for char in chars]
    shared = [begins_before(token, char) for token, char in zip(starts, chars, strict=True)]
    straddles = begins_before(token_of(row.boundary), row.boundary)
    return Alignment(ids, starts, shared, token_of(row.answer_at), straddles)


def _byte_sizes(backend: BackendTokenizer) -> np.ndarray | None:
    """Bytes of text per token id; None when tokens do not tile the text."""
    if type(backend.decoder).__name__ != "ByteLevel":
        return None
    vocabulary = backend.get_vocab(with_added_tokens=True)
    sizes = np.zeros(max(vocabulary.values(), default=0) + 1, np.int64)
    for token, i in vocabulary.items():
        sizes[i] = len(token)  # one character of such a token is one byte
    for i, token in backend.get_added_tokens_decoder().items():
        sizes[i] = len(token.content.encode())
    tiled = backend.encode(_SAMPLE, add_special_tokens=False)
    return sizes if int(sizes[tiled.ids].sum()) == len(_SAMPLE.encode()) else None
