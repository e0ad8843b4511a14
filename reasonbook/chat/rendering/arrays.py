"""Flat arrays that grow row by row and move to disk before they fill the memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np

from ...data.conversation import Conversation
from ...data.training_rows import ChatRow

SPILL = 8 << 20  # bytes of one array that are kept in memory
STREAM_SPILL = 1 << 18  # the same where the rows are a stream: its length is not known, so memory stays flat


class Growing:
    """One flat array under construction.

    Args:
        dtype: of its numbers.
        spill: bytes that are kept in memory; `SPILL` without it.
    """

    def __init__(self, dtype: Any, *, spill: int | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self._spill = SPILL if spill is None else spill
        self._chunks: list[np.ndarray] = []
        self._held = 0
        self._size = 0
        self._file: Any = None

    def extend(self, values: Any) -> None:
        chunk = np.asarray(values, dtype=self.dtype)
        self._chunks.append(chunk)
        self._held += chunk.nbytes
        self._size += chunk.size
        if self._held > self._spill:
            self._flush()

    def finish(self) -> np.ndarray:
        """The whole array, read-only; a map of a temporary file when it is large."""
        if self._file is None:
            whole = np.concatenate(self._chunks) if self._chunks else np.empty(0, self.dtype)
            whole.setflags(write=False)
            return whole
        self._flush()
        self._file.flush()
        return np.memmap(self._file, dtype=self.dtype, mode="r", shape=(self._size,))

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="reasonbook-")
        for chunk in self._chunks:
            self._file.write(np.ascontiguousarray(chunk).data)
        self._chunks, self._held = [], 0


class Rows(Sequence[ChatRow]):
    """The rows behind a dataset: a sequence is kept as it is, a stream goes to disk as it passes."""

    def __init__(self, rows: Iterable[ChatRow]) -> None:
        self._kept: Sequence[ChatRow] | None = rows if isinstance(rows, Sequence) else None
        self._source = rows
        self._file: Any = None
        self._starts: list[int] = []

    def stream(self) -> Iterable[ChatRow]:
        """The rows in order; once."""
        if self._kept is not None:
            yield from self._kept
            return
        import orjson

        self._file = tempfile.TemporaryFile(prefix="reasonbook-")
        starts = Growing(np.int64, spill=self.spill)
        at, batch = 0, []
        for row in self._source:
            line = orjson.dumps(
                [row.position, row.key, row.split, row.conversation.messages, row.conversation.problem,
                 row.reasoning, row.unmask],
                default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY,
            )  # fmt: skip
            self._file.write(line)
            batch.append(at)
            at += len(line)
            if len(batch) >= 4096:
                starts.extend(batch)
                batch = []
            yield row
        starts.extend([*batch, at])
        self._starts = starts.finish()  # type: ignore[assignment]

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

        start, end = int(self._starts[index]), int(self._starts[index + 1])
        self._file.seek(start)
        position, key, split, messages, problem, reasoning, unmask = orjson.loads(
            self._file.read(end - start)
        )
        return ChatRow(position, key, split, Conversation(tuple(messages), problem), reasoning, unmask)

    def __len__(self) -> int:
        return len(self._kept) if self._kept is not None else max(len(self._starts) - 1, 0)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
