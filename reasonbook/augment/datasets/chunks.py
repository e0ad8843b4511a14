"""Chunks: the parts of a dataset on disk, and what every kind of file does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...data.conversation import is_mapping, is_sequence
from ...data.layout import Layout
from ...data.typed_pandas import DataFrame, column_cells
from ...schema import Schema
from ..methods import Method

COLUMNS = ("reasoning", "reasoning_status", "reasoning_error")


@dataclass(frozen=True)
class Chunk:
    """A part of the input: which file, and which of its parts."""

    file: int
    number: int
    rows: int
    ending: str = ".parquet"

    @property
    def name(self) -> str:
        """The file of its rows in the output."""
        return f"part-{self.file:05d}-{self.number:06d}{self.ending}"


def chunks_of(file: int, total: int, rows: int, ending: str) -> Iterator[Chunk]:
    """The chunks of one file of so many rows."""
    for part, start in enumerate(range(0, total, rows)):
        yield Chunk(file, part, min(rows, total - start), ending)


class Piece(Protocol):
    """The rows of one chunk, in memory.

    Attributes:
        columns: of the input, in order; a name may stand twice.
    """

    columns: list[str]

    def frame(self, columns: list[str]) -> DataFrame:
        """All rows, of these columns alone."""
        ...

    def write(self, df: DataFrame, schema: Schema, method: Method, path: Path, *, listed: bool) -> None:
        """Writes the rows as they came, with the three columns of the reasoning; whole or not at all."""
        ...


class ChunkedFiles(Protocol):
    """Files of one kind as chunks, and chunks as files.

    Attributes:
        files: the input, in order.
        ending: of the parts that are written.
    """

    files: list[Path]
    ending: str

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """Every chunk of at most so many rows."""
        ...

    def head(self, count: int) -> DataFrame | None:
        """The first rows of the first file that has any."""
        ...

    def pieces(self, rows: int, finished: Callable[[Chunk], bool]) -> Iterator[tuple[Chunk, Piece | None]]:
        """Every chunk with its rows, in order; None for a chunk that is finished."""
        ...

    def print_of(self, file: Path) -> str:
        """A digest that changes when the file's rows do."""
        ...

    def statuses(self, path: Path) -> list[str]:
        """The rows' statuses in a written part; none where it cannot be read."""
        ...


def holds_turns(df: DataFrame, layout: Layout) -> bool:
    """Whether the rows are conversations, which may have several assistant turns.

    A column of Arrow has one type in all of its rows and files. So where one row may need a list with an entry
    per turn, every row has such a list, and where none can, every row has a dict.
    """
    if layout.messages is not None:
        return True
    named = [name for name in (layout.prompt, layout.response) if name in df.columns]
    cells = [cell for name in named for cell in column_cells(df, name)]
    return any(is_sequence(cell) and any(is_mapping(part) for part in cell) for cell in cells)


def written(df: DataFrame, column: str) -> list[object]:
    """The cells of a column of the reasoning as they are written."""
    return [cell if isinstance(cell, (dict, list, str)) else None for cell in column_cells(df, column)]
