"""Alignment: which token holds which character, without offsets where the tokenizer allows it.

A byte-level tokenizer's tokens tile the text: the length of each in bytes is known beforehand, and their running
sum says where each stands. That spares a quarter of the encoding. The sum is held against the text of every
row; where it does not come out even (the text was normalised, say) the row is encoded again with offsets.

**The ids of a prompt are those that it has alone**, as at inference. A tokenizer may write the end of a prompt in
another way when something follows, by joining the two or by looking ahead: then they are encoded apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ..template.typed_tokenizer import BackendTokenizer, Encoding, Tokenizer
from .cuts import NO_HEAD, Cuts, Head
from .segments import RenderedRow, is_reasoning

_SAMPLE = "Aé 日本\n\n  🙂 x1.50</a>\t"
# Texts before a continuation that keep it from being taken for a beginning; the first that changes nothing is kept.
_ANCHORS = ("", "\n", ".", "a", "0")
_TAILS, _TAIL = 8, 200  # ends of prompts that are remembered, and how long such an end may be

Span = tuple[int, int]  # first character and end of a token


class Encodings(NamedTuple):
    """Rows as tokens, without the head that all of them share."""

    head: Head
    encodings: Sequence[Encoding]


class Alignment(NamedTuple):
    """The tokens of one row.

    Attributes:
        ids: of all tokens.
        starts: for each segment after the first: its first token.
        shared: for each of these: that token begins before it, so it holds text of the segment before as well.
        answer: the token that holds the answer's first character.
        boundary: tokens of the prompt, the same that it has alone.
        apart: prompt and what follows had to be encoded apart.
    """

    ids: list[int]
    starts: list[int]
    shared: list[bool]
    answer: int
    boundary: int
    apart: bool = False


class TokenAligner:
    """Encodes rows and finds the tokens of their segments, for one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._sizes = _byte_sizes(self._backend)
        self._cuts = Cuts(self._backend)
        self._tails: list[tuple[str, list[int]]] = []
        # Tokens that take the white space beside them: what they are is their own text.
        self._greedy = {
            i: token for i, token in self._backend.get_added_tokens_decoder().items() if token.lstrip or token.rstrip
        }  # fmt: skip

    def encode(self, rows: Sequence[RenderedRow]) -> Encodings:
        """Encodings; runs off the interpreter's lock."""
        texts = [row.text for row in rows]
        head = self._cuts.head(texts, min(row.segments[1][0] for row in rows))
        at = len(head.text)
        encode = self._backend.encode_batch if self._sizes is None else self._backend.encode_batch_fast
        return Encodings(
            head, encode([text[at:] for text in texts] if at else texts, add_special_tokens=False)
        )

    def find(self, rows: Sequence[RenderedRow], encoded: Encodings) -> list[Alignment | None]:
        """The places of every row's segments; None where a prompt cannot be told from what follows."""
        joint = self._by_bytes(rows, encoded) if self._sizes is not None else self._by_spans(rows, encoded)
        return [
            placed if self._agrees(row, placed) else self._apart(row, placed)
            for row, placed in zip(rows, joint, strict=True)
        ]

    # -- where tokens stand ------------------------------------------------------------------------------
    def _by_bytes(self, rows: Sequence[RenderedRow], encoded: Encodings) -> Iterator[Alignment]:
        sizes, head = self._sizes, encoded.head
        assert sizes is not None, "tokens tile the text"
        ids = [encoding.ids for encoding in encoded.encodings]
        ends = np.cumsum(sizes[np.fromiter((i for row in ids for i in row), np.int64)])
        edges = [0, *accumulate(map(len, ids))]
        bases = [0, *(int(ends[edge - 1]) if edge else 0 for edge in edges[1:])]
        chars = [[char for char, _ in row.segments[1:]] + [row.answer_at, row.boundary] for row in rows]
        marks = [_bytes_at(row.text, places, len(head.text)) for row, places in zip(rows, chars, strict=True)]
        wanted = [
            base + mark for base, row_marks in zip(bases, marks, strict=False) for mark in row_marks[:-1]
        ]
        tokens = np.searchsorted(ends, wanted, side="right")
        begins = np.where(tokens > 0, ends[np.maximum(tokens - 1, 0)], 0)
        found, begin = tokens.tolist(), (begins < wanted).tolist()
        at = 0
        for i, row in enumerate(rows):
            count = len(marks[i]) - 1
            if bases[i + 1] - bases[i] == marks[i][-1]:
                shift = edges[i] - len(head.ids)
                mine = [token - shift for token in found[at : at + count]]
                whole = [*head.ids, *ids[i]] if head.ids else ids[i]
                yield Alignment(whole, mine[:-2], begin[at : at + count - 2], mine[-2], mine[-1])
            else:
                yield self._walked(row, [*head.ids, *ids[i]])
            at += count

    def _walked(self, row: RenderedRow, ids: list[int]) -> Alignment:
        """The same token by token, for a row whose tokens have taken white space or are not its text."""
        spans = self._tiles(row.text, ids)
        if spans is None:
            encoding = self._backend.encode(row.text, add_special_tokens=False)
            ids, spans = encoding.ids, encoding.offsets
        return self._place(row, ids, spans)

    def _by_spans(self, rows: Sequence[RenderedRow], encoded: Encodings) -> Iterator[Alignment]:
        head = encoded.head
        for row, encoding in zip(rows, encoded.encodings, strict=True):
            yield self._place(row, encoding.ids, encoding.offsets, head)

    def _place(
        self, row: RenderedRow, ids: list[int], spans: Sequence[Span], head: Head = NO_HEAD
    ) -> Alignment:
        """Places by the characters of each token behind the head; `Alignment.ids` have the head's as well."""
        ends = [end for _, end in spans]
        skipped, before = len(head.text), len(head.ids)

        def token_of(char: int) -> tuple[int, bool]:
            char -= skipped
            # Some tokenizers leave white space out of their offsets: then it is the next one's.
            at = bisect_right(ends, char)
            shared = at < len(ids) and spans[at][0] < char
            greedy = self._greedy.get(ids[at]) if shared else None
            if greedy and greedy.content in row.text[skipped + spans[at][0] : skipped + char]:
                at, shared = at + 1, False
            return at + before, shared

        found = [token_of(char) for char, _ in row.segments[1:]]
        return Alignment(
            [*head.ids, *ids],
            [at for at, _ in found],
            [shared for _, shared in found],
            token_of(row.answer_at)[0],
            token_of(row.boundary)[0],
        )

    def _tiles(self, text: str, ids: list[int]) -> list[Span] | None:
        """The characters of each token where tokens are bytes of the text; None where they are not."""
        if self._sizes is None:
            return None
        sizes = self._sizes[ids]
        written = text.encode()
        for at, greedy in ((at, self._greedy[i]) for at, i in enumerate(ids) if i in self._greedy):
            start = int(sizes[:at].sum())
            rest = written[start:].decode(errors="replace")
            if greedy.lstrip:
                rest = rest.lstrip()
            rest = rest.removeprefix(greedy.content)
            if greedy.rstrip:
                rest = rest.lstrip()
            sizes[at] = len(written) - start - len(rest.encode())
        ends = np.cumsum(sizes)
        if not len(ends) or ends[-1] != len(written):
            return None
        chars = np.cumsum((np.frombuffer(written, np.uint8) & 0xC0) != 0x80)  # characters begun so far
        return list(zip((chars[ends - sizes] - 1).tolist(), chars[ends - 1].tolist(), strict=True))

    # -- the end of the prompt ---------------------------------------------------------------------------
    def _agrees(self, row: RenderedRow, placed: Alignment) -> bool:
        """Whether the row begins with the ids that its prompt has alone.

        What stands before a cut is the same in both, and most prompts end in the same few tokens behind their last.
        """
        for tail, ids in self._tails:
            if row.text.endswith(tail, 0, row.boundary):
                return placed.ids[placed.boundary - len(ids) : placed.boundary] == ids
        alone = self._backend.encode(row.text[: row.boundary], add_special_tokens=False)
        at = self._cuts.last(alone.ids)
        if at is not None:
            tail = row.text[alone.offsets[at][0] : row.boundary]
            if len(tail) <= _TAIL:
                self._tails = [(tail, alone.ids[at:]), *self._tails[: _TAILS - 1]]
        return placed.ids[: placed.boundary] == alone.ids

    def _apart(self, row: RenderedRow, joint: Alignment) -> Alignment | None:
        """Prompt and what follows encoded apart; None where no way of doing so gives the row's text."""
        prompt, rest = row.text[: row.boundary], row.text[row.boundary :]
        alone = self._backend.encode(prompt, add_special_tokens=False)
        right = {row.text, self._backend.decode(joint.ids, skip_special_tokens=False)}
        for anchor in _ANCHORS:
            before = self._backend.encode(anchor, add_special_tokens=False).ids
            behind = self._backend.encode(anchor + rest, add_special_tokens=False)
            ids = [*alone.ids, *behind.ids[len(before) :]]
            if (
                behind.ids[: len(before)] != before
                or self._backend.decode(ids, skip_special_tokens=False) not in right
            ):
                continue
            shift = row.boundary - len(anchor)
            moved = [(start + shift, end + shift) for start, end in behind.offsets[len(before) :]]
            placed = self._place(row, ids, self._tiles(row.text, ids) or [*alone.offsets, *moved])
            return placed._replace(apart=True)
        return None


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


def half_character(text: str) -> int | None:
    """Where a text holds half a character (a lone surrogate), which no tokenizer takes; None where it does not."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _bytes_at(text: str, chars: list[int], start: int) -> list[int]:
    """Where these characters begin, in bytes from a start on; and last, how many bytes there are."""
    if text.isascii():
        return [char - start for char in (*chars, len(text))] if start else [*chars, len(text)]
    return [len(text[start:char].encode("utf-8", "surrogatepass")) for char in (*chars, len(text))]


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
