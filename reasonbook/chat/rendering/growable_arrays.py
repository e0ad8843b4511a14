"""Growable arrays: token arrays that grow row by row, on disk before they fill the memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from ...data.conversation import Conversation
from ...data.training_rows import ChatRow
from .segments import TRAINED
from .token_weights import TokenWeights

SPILL = 8 << 20  # bytes of one array that are kept in memory
STREAM_SPILL = 1 << 18  # the same where the rows are a stream: its length is not known, so memory stays flat


class RowNumbers(NamedTuple):
    """Where a training row is from.

    Attributes:
        row: which of the rows that came in.
        position: row of the frame.
        turn: assistant turn of that row, from 0.
        half: 1 for the thinking half of a ``two_message_cot`` row.
        split: which of the splits.
        weight: how much its turn counts.
    """

    row: int
    position: int
    turn: int
    half: int
    split: int
    weight: float = 1.0


class GrowableArray:
    """One flat array under construction.

    Args:
        dtype: of its numbers.
        spill: bytes that are kept in memory; `SPILL` without it.
    """

    def __init__(self, dtype: npt.DTypeLike, *, spill: int | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self._spill = SPILL if spill is None else spill
        self._chunks: list[np.ndarray] = []
        self._held = 0
        self._size = 0
        self._file: IO[bytes] | None = None

    def extend(self, values: npt.ArrayLike) -> None:
        """Appends numbers."""
        chunk = np.asarray(values, dtype=self.dtype)
        self._chunks.append(chunk)
        self._held += chunk.nbytes
        self._size += chunk.size
        if self._held > self._spill:
            self._flush()

    def finish(self) -> np.ndarray:
        """The whole array, read-only; a map of a temporary file when it is large."""
        if self._file is None:
            whole: np.ndarray = np.concatenate(self._chunks) if self._chunks else np.empty(0, self.dtype)
            whole.setflags(write=False)
            return whole
        file = self._flush()
        file.flush()
        return np.memmap(file, dtype=self.dtype, mode="r", shape=(self._size,))

    def _flush(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="reasonbook-")
        for chunk in self._chunks:
            self._file.write(np.ascontiguousarray(chunk).data)
        self._chunks, self._held = [], 0
        return self._file


@dataclass(frozen=True)
class DatasetArrays:
    """The arrays of a dataset.

    Attributes:
        ids: int32, one per token.
        codes: uint8, one per token: its part, and whether it carries loss; see `segments`.
        starts: int64, where each training row's tokens begin, and where the last ones end.
        row: int64, one per training row, as the four that follow; see `RowNumbers`.
        position: row of the frame.
        turn: assistant turn of that row.
        half: which half of a ``two_message_cot`` row.
        split: which of ``splits``.
        splits: names of the splits.
        weight: float32, how much each training row counts.
        parts: float32, how much each part code counts, see `part_weights`; None where every token that carries loss
            counts 1, whatever was asked.
    """

    ids: np.ndarray
    codes: np.ndarray
    starts: np.ndarray
    row: np.ndarray
    position: np.ndarray
    turn: np.ndarray
    half: np.ndarray
    split: np.ndarray
    splits: tuple[str, ...]
    weight: np.ndarray
    parts: np.ndarray | None = None

    def weights(self, rows: Sequence[int] | np.ndarray) -> TokenWeights | None:
        """What the tokens of these training rows count; None where all that carry loss count 1."""
        if self.parts is None:
            return None
        codes = [self.codes[self.starts[at] : self.starts[at + 1]] for at in rows]
        return TokenWeights(codes, self.parts, self.weight[rows])


class ArraysWriter:
    """`DatasetArrays` under construction, with the fingerprint of what they teach.

    Args:
        spill: bytes of one array that are kept in memory.
        parts: how much each part code counts, see `part_weights`.
    """

    def __init__(self, *, spill: int, parts: np.ndarray) -> None:
        growing = partial(GrowableArray, spill=spill)
        self._ids, self._codes = growing(np.int32), growing(np.uint8)
        self._sizes = growing(np.int64)
        self._columns = {
            name: growing(np.float32 if name == "weight" else np.int64) for name in RowNumbers._fields
        }
        self._parts, self._even = parts, bool((parts[TRAINED:] == 1).all())
        self._weighted = False
        self._digest = hashlib.blake2b(digest_size=16)

    def extend(
        self, ids: Sequence[int], codes: np.ndarray, sizes: Sequence[int], rows: Sequence[RowNumbers]
    ) -> None:
        """Appends training rows.

        Args:
            ids: of all their tokens.
            codes: uint8, as many.
            sizes: tokens per row.
            rows: where each is from.
        """
        flat = np.array(ids, dtype=np.int32)
        if len(flat) != len(codes):
            raise AssertionError("parts do not cover the tokens")
        self._ids.extend(flat)
        self._codes.extend(codes)
        self._sizes.extend(sizes)
        self._digest.update(flat.data)
        self._digest.update(labels_of(flat, codes).data)
        self._weigh(codes, sizes, np.array([row.weight for row in rows], dtype=np.float32))
        for name, column in self._columns.items():
            column.extend([getattr(row, name) for row in rows])

    def _weigh(self, codes: np.ndarray, sizes: Sequence[int], turns: np.ndarray) -> None:
        """Weights that are not all 1 go into the fingerprint; those that are leave no trace."""
        if self._even and (turns == 1).all():
            return
        weights = self._parts[codes] * np.repeat(turns, sizes)
        if (weights[codes >= TRAINED] != 1).any():
            self._weighted = True
            self._digest.update(weights.data)

    @property
    def fingerprint(self) -> str:
        """32 hex digits of all ids and labels so far, and of weights that are not all 1."""
        return self._digest.hexdigest()

    def finish(self, splits: tuple[str, ...]) -> DatasetArrays:
        """The whole arrays."""
        starts = np.concatenate([[0], np.cumsum(self._sizes.finish())]).astype(np.int64)
        columns = {name: column.finish() for name, column in self._columns.items()}
        parts = self._parts if self._weighted else None
        return DatasetArrays(
            self._ids.finish(), self._codes.finish(), starts, splits=splits, parts=parts, **columns
        )


def labels_of(ids: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """int32 labels: the id where a token carries loss, else -100."""
    return np.where(codes & TRAINED, ids, np.int32(-100)).astype(np.int32)


class RowBuffer(Sequence[ChatRow]):
    """The rows behind a dataset: a sequence is kept as it is, a stream goes to disk as it passes."""

    def __init__(self, rows: Iterable[ChatRow]) -> None:
        self._kept: Sequence[ChatRow] | None = rows if isinstance(rows, Sequence) else None
        self._source = rows
        self._file: IO[bytes] | None = None
        self._starts: np.ndarray = np.zeros(1, np.int64)

    def stream(self) -> Iterable[ChatRow]:
        """The rows in order; once."""
        if self._kept is not None:
            yield from self._kept
            return
        import orjson

        file = self._file = tempfile.TemporaryFile(prefix="reasonbook-")
        starts = GrowableArray(np.int64, spill=self.spill)
        at = 0
        batch: list[int] = []
        for row in self._source:
            line = orjson.dumps(
                [row.position, row.key, row.split, row.conversation.messages, row.conversation.problem,
                 row.reasoning, row.unmask],
                default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY,
            )  # fmt: skip
            file.write(line)
            batch.append(at)
            at += len(line)
            if len(batch) >= 4096:
                starts.extend(batch)
                batch = []
            yield row
        starts.extend([*batch, at])
        self._starts = starts.finish()

    @property
    def spill(self) -> int:
        """Bytes of one array about these rows that are kept in memory."""
        return STREAM_SPILL if self._kept is None else SPILL

    @overload
    def __getitem__(self, index: int) -> ChatRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[ChatRow]: ...
    def __getitem__(self, index: int | slice) -> ChatRow | list[ChatRow]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if self._kept is not None:
            return self._kept[index]
        import orjson

        index = range(len(self))[index]
        assert self._file is not None, "a row that is there has been written"

        start, end = int(self._starts[index]), int(self._starts[index + 1])
        self._file.seek(start)
        position, key, split, messages, problem, reasoning, unmask = orjson.loads(
            self._file.read(end - start)
        )
        return ChatRow(position, key, split, Conversation(tuple(messages), problem), reasoning, unmask)

    def __len__(self) -> int:
        return len(self._kept) if self._kept is not None else len(self._starts) - 1


def _plain(value: object) -> object:
    numbers = getattr(value, "tolist", None)
    return numbers() if numbers is not None else str(value)
