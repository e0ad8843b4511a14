"""Parquet chunks: the parts of Parquet files, read one at a time, written whole or not at all."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from ...data.typed_pandas import DataFrame
from ...errors import MissingPackage, ReasonbookError
from ...schema import Schema
from ..methods import Method
from .chunks import COLUMNS, Chunk, chunks_of, written

if TYPE_CHECKING:
    from typing_extensions import Self


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


class ArrowFile(Protocol):
    """What is used of ``pyarrow.parquet.ParquetFile``."""

    metadata: Any

    def iter_batches(self, batch_size: int) -> Iterator[Any]:
        """The rows in parts."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


def _arrow() -> ModuleType:
    return importlib.import_module("pyarrow")


def _parquet() -> ModuleType:
    return importlib.import_module("pyarrow.parquet")


class ParquetFiles:
    """Parquet files as chunks, and chunks as Parquet files."""

    ending = ".parquet"

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        try:
            _parquet()
        except ImportError as error:
            raise MissingPackage("pyarrow", feature="A Parquet file", extra="parquet") from error

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """Every chunk, from what the files say of themselves."""
        for number, file in enumerate(self.files):
            with _opened(file) as source:
                total: int = source.metadata.num_rows
            yield from chunks_of(number, total, rows, self.ending)

    def head(self, count: int) -> DataFrame | None:
        """The first rows of the first file that has any."""
        for file in self.files:
            with _opened(file) as source:
                for batch in source.iter_batches(batch_size=count):
                    return batch.to_pandas()
        return None

    def pieces(
        self, rows: int, finished: Callable[[Chunk], bool]
    ) -> Iterator[tuple[Chunk, ParquetPiece | None]]:
        """Every chunk with its rows, in order; None for a chunk that is finished."""
        pa = _arrow()
        for number, file in enumerate(self.files):
            with _opened(file) as source:
                chunks = list(chunks_of(number, source.metadata.num_rows, rows, self.ending))
                done = [finished(chunk) for chunk in chunks]
                if all(done):
                    yield from ((chunk, None) for chunk in chunks)
                    continue
                held: list[Any] = []
                at = 0
                for batch in source.iter_batches(batch_size=rows):
                    held.append(batch)
                    while at < len(chunks) and sum(len(one) for one in held) >= chunks[at].rows:
                        whole = pa.Table.from_batches(held)
                        size = chunks[at].rows
                        yield chunks[at], None if done[at] else ParquetPiece(whole.slice(0, size))
                        held = whole.slice(size).to_batches() if len(whole) > size else []
                        at += 1

    def print_of(self, file: Path) -> str:
        """Digest of the file's footer, where the places of all its data stand."""
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - 65_536))
            return hashlib.blake2b(opened.read(), digest_size=8).hexdigest()

    def statuses(self, path: Path) -> list[str]:
        """The rows' statuses in a written part; none where it cannot be read."""
        try:
            return _parquet().read_table(path, columns=["reasoning_status"])["reasoning_status"].to_pylist()
        except (OSError, ValueError, KeyError):
            return []


class ParquetPiece:
    """The rows of one chunk, their columns as they came."""

    def __init__(self, table: ArrowTable) -> None:
        self._table = table
        self.columns = table.column_names

    def frame(self, columns: list[str]) -> DataFrame:
        """All rows, of these columns alone."""
        return self._table.select(columns).to_pandas()

    def write(self, df: DataFrame, schema: Schema, method: Method, path: Path, *, listed: bool) -> None:
        """Writes the chunk with its columns as they came and the three of the reasoning; whole or not at all."""
        pa, pq, piece = _arrow(), _parquet(), self._table
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
            if column in piece.column_names:
                piece = piece.drop_columns([column])
            piece = piece.append_column(column, pa.array(written(df, column), type=kind))
        # The index that pandas noted in the input says nothing of these rows any more.
        noted = piece.schema.metadata or {}
        piece = piece.replace_schema_metadata({k: v for k, v in noted.items() if k != b"pandas"})
        unfinished = path.with_suffix(".unfinished")
        pq.write_table(piece, unfinished)
        os.replace(unfinished, path)


def _opened(file: Path) -> ArrowFile:
    try:
        return _parquet().ParquetFile(file)
    except (OSError, ValueError) as error:  # Arrow's own are ValueErrors
        raise ReasonbookError(
            f"{file.name} is no Parquet file that can be read: {str(error).strip()}",
            'its ending says what it is: "rows.jsonl", "rows.csv" or "rows.parquet"',
        ) from error
