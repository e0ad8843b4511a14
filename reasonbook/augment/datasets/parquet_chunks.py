"""Parquet chunks: the parts of a dataset, read one at a time, written whole or not at all."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from ...data.conversation import is_mapping, is_sequence
from ...data.layout import Layout
from ...data.typed_pandas import DataFrame, column_cells
from ...errors import MissingPackage, ReasonbookError
from ...schema import Schema
from ..methods import Method

COLUMNS = ("reasoning", "reasoning_status", "reasoning_error")


@dataclass(frozen=True)
class Chunk:
    """A part of the input: which file, and which of its parts."""

    file: int
    number: int
    rows: int

    @property
    def name(self) -> str:
        """The file of its rows in the output."""
        return f"part-{self.file:05d}-{self.number:06d}.parquet"


class ArrowSchema(Protocol):
    """What is used of ``pyarrow.Schema``."""

    metadata: dict[bytes, bytes] | None


class ArrowTable(Protocol):
    """What is used of ``pyarrow.Table``; pyarrow brings no types."""

    @property
    def column_names(self) -> list[str]:
        """The columns in order; a name may stand twice."""
        ...

    @property
    def schema(self) -> ArrowSchema:
        """The types of the columns and the notes on them."""
        ...

    def slice(self, offset: int, length: int) -> ArrowTable:
        """At most ``length`` rows from ``offset`` on, without a copy."""
        ...

    def select(self, columns: list[str]) -> ArrowTable:
        """Only these columns."""
        ...

    def drop_columns(self, columns: list[str]) -> ArrowTable:
        """All but these columns."""
        ...

    def append_column(self, name: str, column: object) -> ArrowTable:
        """One more column, an Arrow array of as many rows."""
        ...

    def replace_schema_metadata(self, metadata: dict[bytes, bytes]) -> ArrowTable:
        """The same rows with other notes on the schema."""
        ...

    def to_pandas(self) -> DataFrame:
        """The rows as a DataFrame."""
        ...


def _arrow() -> ModuleType:
    return importlib.import_module("pyarrow")


def _parquet() -> ModuleType:
    return importlib.import_module("pyarrow.parquet")


def chunks_of(files: list[Path], rows: int) -> Iterator[Chunk]:
    """Every chunk of a dataset, from what the files say of themselves."""
    pq = _parquet()
    for number, file in enumerate(files):
        total: int = pq.ParquetFile(file).metadata.num_rows
        for part, start in enumerate(range(0, total, rows)):
            yield Chunk(number, part, min(rows, total - start))


def chunk_tables(
    files: list[Path], rows: int, finished: Callable[[Chunk], bool]
) -> Iterator[tuple[Chunk, ArrowTable | None]]:
    """Every chunk with its Arrow table, in order; None for a chunk that is finished."""
    pa, pq = _arrow(), _parquet()
    for number, file in enumerate(files):
        chunks = [chunk for chunk in chunks_of(files[: number + 1], rows) if chunk.file == number]
        done = [finished(chunk) for chunk in chunks]
        if all(done):
            yield from ((chunk, None) for chunk in chunks)
            continue
        with pq.ParquetFile(file) as source:
            held: list[Any] = []
            at = 0
            for batch in source.iter_batches(batch_size=rows):
                held.append(batch)
                while at < len(chunks) and sum(len(one) for one in held) >= chunks[at].rows:
                    whole = pa.Table.from_batches(held)
                    size = chunks[at].rows
                    yield chunks[at], None if done[at] else whole.slice(0, size)
                    held = whole.slice(size).to_batches() if len(whole) > size else []
                    at += 1


def first_rows(files: list[Path], count: int) -> DataFrame | None:
    """The first rows of the first file that has any."""
    for file in files:
        with _parquet().ParquetFile(file) as source:
            for batch in source.iter_batches(batch_size=count):
                return batch.to_pandas()
    return None


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


def write_part(
    piece: ArrowTable, df: DataFrame, schema: Schema, method: Method, path: Path, *, listed: bool
) -> None:
    """Writes the chunk with its columns as they came and the three of the reasoning; whole or not at all."""
    pa, pq = _arrow(), _parquet()
    kinds: dict[str, Any] = {
        "text": pa.string(),
        "choice": pa.string(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "list": pa.list_(pa.string()),
    }
    fields: list[tuple[str, Any]] = (
        [(field.name, kinds[field.type]) for field in schema]
        if method.fields
        else [(method.label, pa.string())]
    )
    reasoning = pa.list_(pa.struct(fields)) if listed else pa.struct(fields)
    for column, kind in zip(COLUMNS, (reasoning, pa.string(), pa.string()), strict=True):
        cells: list[object] = [
            cell if isinstance(cell, (dict, list, str)) else None for cell in column_cells(df, column)
        ]
        if column in piece.column_names:
            piece = piece.drop_columns([column])
        piece = piece.append_column(column, pa.array(cells, type=kind))
    # The index that pandas noted in the input says nothing of these rows any more.
    noted = piece.schema.metadata or {}
    piece = piece.replace_schema_metadata({k: v for k, v in noted.items() if k != b"pandas"})
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(piece, unfinished)
    os.replace(unfinished, path)


def statuses_of(path: Path) -> list[str]:
    """The rows' statuses in a written part; none where it cannot be read."""
    pq = _parquet()
    try:
        return pq.read_table(path, columns=["reasoning_status"])["reasoning_status"].to_pylist()
    except (OSError, ValueError, KeyError):
        return []


def parquet_files(path: Path) -> list[Path]:
    """A file, or all Parquet files of a folder in a fixed order."""
    if path.is_file():
        return [path]
    found = sorted(path.rglob("*.parquet")) if path.is_dir() else []
    if not found:
        raise ReasonbookError(
            f"There is no Parquet file at {str(path)!r}.",
            'rb.augment_dataset("data.parquet", "augmented", …)',
        )
    return found


def footer(file: Path) -> str:
    """Digest of a Parquet file's footer, where the places of all its data stand."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - 65_536))
        return hashlib.blake2b(opened.read(), digest_size=8).hexdigest()


def need_pyarrow() -> None:
    """Raises `MissingPackage` without pyarrow."""
    try:
        _parquet()
    except ImportError as error:
        raise MissingPackage("pyarrow", feature="A dataset on disk", extra="parquet") from error
