"""Line chunks: the parts of JSON Lines and CSV files, read one at a time, written as JSON Lines."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ...data.sources import csv_rows, json_rows
from ...data.typed_pandas import DataFrame, object_frame
from ...safe_text import encodable
from ...schema import Schema
from ..methods import Method
from .chunks import COLUMNS, Chunk, chunks_of, written

Row = dict[str, Any]


class LineFiles:
    """JSON Lines or CSV files as chunks, and chunks as JSON Lines: every value stays what it was.

    The cells of a CSV file are read as the texts that they are, so that 007 stays 007.
    """

    ending = ".jsonl"

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self._read: Callable[[Path], Iterator[Row]] = (
            csv_rows if files[0].suffix.lower() in (".csv", ".tsv") else json_rows
        )
        self._columns: dict[str, None] = {}  # of all rows: a key may be missing in many

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """Every chunk, after one look at all rows: what cannot be read is told before anything is paid for."""
        for number, file in enumerate(self.files):
            total = 0
            for row in self._read(file):
                self._columns.update(dict.fromkeys(row))
                total += 1
            yield from chunks_of(number, total, rows, self.ending)

    def head(self, count: int) -> DataFrame | None:
        """The first rows of the first file that has any."""
        for file in self.files:
            if rows := list(islice(self._read(file), count)):
                return object_frame(rows, list(self._columns or rows[0]))
        return None

    def pieces(
        self, rows: int, finished: Callable[[Chunk], bool]
    ) -> Iterator[tuple[Chunk, LinePiece | None]]:
        """Every chunk with its rows, in order; None for a chunk that is finished."""
        for number, file in enumerate(self.files):
            source = self._read(file)
            part = 0
            while held := list(islice(source, rows)):
                chunk = Chunk(number, part, len(held), self.ending)
                yield chunk, None if finished(chunk) else LinePiece(held, list(self._columns))
                part += 1

    def print_of(self, file: Path) -> str:
        """Digest of the whole file."""
        with file.open("rb") as opened:
            digest = hashlib.blake2b(digest_size=8)
            while block := opened.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def statuses(self, path: Path) -> list[str]:
        """The rows' statuses in a written part; none where it cannot be read."""
        try:
            return [row["reasoning_status"] for row in json_rows(path)]
        except (OSError, KeyError):
            return []


class LinePiece:
    """The rows of one chunk."""

    def __init__(self, rows: list[Row], columns: list[str]) -> None:
        self._rows = rows
        self.columns = columns

    def frame(self, columns: list[str]) -> DataFrame:
        """All rows, of these columns alone."""
        return object_frame(self._rows, columns)

    def write(self, df: DataFrame, schema: Schema, method: Method, path: Path, *, listed: bool) -> None:
        """Writes the rows as they came, with the three columns of the reasoning; whole or not at all."""
        columns = [written(df, column) for column in COLUMNS]
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for row, *cells in zip(self._rows, *columns, strict=True):
                made = row | dict(zip(COLUMNS, cells, strict=True))
                line = json.dumps(made, ensure_ascii=False)
                # A half character of the input stays what it was: escaped, as UTF-8 cannot hold it.
                file.write((line if encodable(line) else json.dumps(made)) + "\n")
        os.replace(unfinished, path)
