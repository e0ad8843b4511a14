"""Files: records as JSON Lines, JSON, CSV or Parquet, whole or not at all."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pandas and pyarrow bring no types.

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..data.conversation import is_mapping, is_sequence
from ..data.typed_pandas import new_frame
from ..errors import FormatError, MissingPackage
from .rows import with_text_calls


def save(made: Sequence[dict[str, Any]], path: Path) -> Path:
    """Writes records in the form that the file's ending says.

    Raises:
        FormatError: the ending is not known.
        MissingPackage: Parquet without pyarrow.
    """
    kind = path.suffix.lower()
    if kind not in _WRITERS:
        raise FormatError(
            f"{path.name!r} has no ending that says how to write it.", f"endings: {', '.join(_WRITERS)}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    try:
        _WRITERS[kind](made, scratch)
        scratch.replace(path)  # a file is there whole, or not at all
    finally:
        scratch.unlink(missing_ok=True)
    return path


def _jsonl(made: Sequence[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in made:
            # U+2028 and its like stay escaped: some readers take them for the end of a line.
            line = json.dumps(record, ensure_ascii=False)
            for odd in ("\u2028", "\u2029", "\u0085"):
                line = line.replace(odd, f"\\u{ord(odd):04x}")
            file.write(line + "\n")


def _json(made: Sequence[dict[str, Any]], path: Path) -> None:
    path.write_text(json.dumps(list(made), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _csv(made: Sequence[dict[str, Any]], path: Path) -> None:
    frame = new_frame([{k: _cell(v) for k, v in record.items()} for record in made])
    frame.to_csv(path, index=False)


def _cell(value: object) -> Any:
    """Lists and dicts as JSON; a text that a spreadsheet would run as a formula gets an apostrophe."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and _runs(value) else value


def _runs(value: str) -> bool:
    if value[:1] not in ("=", "+", "-", "@", "\t", "\r"):
        return False
    try:
        float(value)  # a negative number is no formula
    except ValueError:
        return True
    return False


def _parquet(made: Sequence[dict[str, Any]], path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackage("pyarrow", feature="Parquet", extra="parquet") from error
    pq.write_table(pa.Table.from_pylist(_uniform(made)), path)


def _uniform(made: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every record with the keys of all, tools and the arguments of calls as JSON text.

    Arrow takes its columns from the first record, and gives a struct the keys of all rows together.
    """
    names = dict.fromkeys(name for record in made for name in record)
    return [{name: _settled(name, record.get(name)) for name in names} for record in made]


def _settled(name: str, value: object) -> object:
    if not is_sequence(value):
        return value
    if name == "tools":
        return json.dumps(value, ensure_ascii=False)
    return [with_text_calls(dict(m)) if is_mapping(m) else m for m in value]


_WRITERS: dict[str, Callable[[Sequence[dict[str, Any]], Path], None]] = {
    ".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet,
}  # fmt: skip
