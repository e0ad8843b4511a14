"""Row files: JSON Lines, CSV and Parquet on disk, read with the place of what is wrong in them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pandas brings no types.

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import MissingPackage, ReasonbookError
from ..conversation import is_mapping, is_sequence, missing
from ..layout import text_of
from ..typed_pandas import DataFrame, new_frame

LINES, SHEETS, PARQUET = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".parquet", ".pq")
ENDINGS = (*LINES, *SHEETS, *PARQUET, ".json")
_SEPARATORS = ",;\t|"


def files_of(path: Path, endings: tuple[str, ...] = ENDINGS) -> list[Path]:
    """A file, or the files of one kind in a folder and below it, in a fixed order.

    Raises:
        ReasonbookError: there is none, its ending is not known, or a folder holds several kinds.
    """
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.suffix.lower() in endings and each.is_file())
        found = [each for each in found if not each.name.startswith(("_", "."))]
        kinds = sorted({each.suffix.lower() for each in found})
        if len(kinds) > 1:
            raise ReasonbookError(
                f"The folder {str(path)!r} holds files of several kinds: {', '.join(kinds)}.",
                f'rb.frame("{path / "NAME"}{kinds[0]}")',
            )
        if found:
            return found
    elif path.is_file() and path.suffix.lower() in endings:
        return [path]
    why = "has an ending that is not known" if path.is_file() else "is not there, or holds no file of rows"
    raise ReasonbookError(f"{str(path)!r} {why}.", f"endings that are read: {', '.join(endings)}")


def read_file(path: Path) -> DataFrame:
    """The rows of one file as a DataFrame.

    Raises:
        ReasonbookError: the file cannot be read; the text says where.
        MissingPackage: Parquet without pyarrow.
    """
    kind = path.suffix.lower()
    if kind in LINES:
        return new_frame(list(json_rows(path)))
    if kind == ".json":
        return new_frame(_json_list(path))
    try:
        if kind in SHEETS:
            return pd.read_csv(path, sep=separator(path), encoding="utf-8-sig")
        return pd.read_parquet(path)
    except ImportError as error:
        raise MissingPackage("pyarrow", feature="Reading Parquet", extra="parquet") from error
    except UnicodeDecodeError as error:
        raise _wrong_text(path) from error
    except (ValueError, OSError) as error:  # pandas' and Arrow's own are ValueErrors
        reader = "read_csv" if kind in SHEETS else "read_parquet"
        raise ReasonbookError(
            f"{path.name} cannot be read as {kind[1:]}: {str(error).strip()}",
            f'df = pd.{reader}("{path}", …)   then   rb.frame(df)',
        ) from error


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, one at a time; blank lines are none.

    Raises:
        ReasonbookError: a line is no JSON object; the text names it.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except UnicodeDecodeError as error:
                raise _wrong_text(path) from error
            except ValueError as error:
                raise ReasonbookError(
                    f"Line {number} of {path.name} is not JSON: {error}.",
                    f'one object a line, such as {{"prompt": "…", "response": "…"}}; see: sed -n {number}p "{path}"',
                ) from None
            if not is_mapping(row):
                raise ReasonbookError(
                    f"Line {number} of {path.name} is not an object but {type(row).__name__}.",
                    'a list of objects belongs into a file that ends in ".json"',
                )
            yield dict(row)


def _json_list(path: Path) -> list[dict[str, Any]]:
    try:
        rows: Any = json.loads(path.read_bytes())
    except ValueError as error:
        raise ReasonbookError(
            f"{path.name} is not JSON: {error}.",
            'one object a line belongs into a file that ends in ".jsonl"',
        ) from None
    if is_mapping(rows):
        lists = [value for value in rows.values() if is_sequence(value)]
        rows = lists[0] if len(lists) == 1 else [rows]
    if not is_sequence(rows) or not all(map(is_mapping, rows)):
        raise ReasonbookError(f"{path.name} is not a list of objects.", '[{"prompt": "…", "response": "…"}]')
    return [dict(row) for row in rows]


def csv_rows(path: Path) -> Iterator[dict[str, str | None]]:
    """The lines of a CSV file as they are written, one at a time: every cell a text, an empty one None.

    Raises:
        ReasonbookError: a line has more cells than the header; the text names it.
    """
    csv.field_size_limit(2**31 - 1)  # whole conversations stand in one cell
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=separator(path))
            for row in reader:
                if None in row:
                    raise ReasonbookError(
                        f"Line {reader.line_num} of {path.name} has more cells than the header.",
                        "put texts that hold the separator into double quotes",
                    )
                yield {name: cell or None for name, cell in row.items()}
    except UnicodeDecodeError as error:
        raise _wrong_text(path) from error
    except csv.Error as error:
        raise ReasonbookError(
            f"{path.name} cannot be read as CSV: {error}.", f'df = pd.read_csv("{path}", …)'
        ) from error


def write_json_lines(df: DataFrame, path: Path) -> None:
    """Writes the rows as one object a line, whole or not at all; what pandas calls missing is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    columns: dict[str, list[Any]] = {str(name): df.iloc[:, i].tolist() for i, name in enumerate(df.columns)}
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for cells in zip(*columns.values(), strict=True):
                row = {name: _ready(cell) for name, cell in zip(columns, cells, strict=True)}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _ready(value: Any) -> Any:
    """A cell as JSON has it: arrays as lists, dates and exact numbers as text."""
    if is_mapping(value):
        return {str(key): _ready(inner) for key, inner in value.items()}
    if is_sequence(value):
        return [_ready(inner) for inner in value]
    if isinstance(value, str):
        return value
    if missing(value):
        return None
    bare: Any = value.item() if type(value).__module__ == "numpy" else value
    plain = isinstance(bare, (bool, int)) or (isinstance(bare, float) and math.isfinite(bare))
    return bare if plain else (text_of(bare) or str(bare))


def separator(path: Path) -> str:
    """What stands between the cells, by the header: spreadsheets of many countries write semicolons."""
    with path.open("rb") as file:
        header = file.readline().decode("utf-8", "replace")
    return "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=header.count)


def _wrong_text(path: Path) -> ReasonbookError:
    return ReasonbookError(
        f"{path.name} is not UTF-8 text.",
        f'df = pd.read_csv("{path}", encoding="cp1252")   then   rb.frame(df)',
    )
