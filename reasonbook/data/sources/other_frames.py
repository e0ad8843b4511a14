"""Other frames: rows of datasets, polars, Arrow and files as a DataFrame, and back."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# None of these libraries brings types for this.

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import pandas as pd

from ...errors import MissingPackage, ReasonbookError, choices
from ..conversation import is_mapping, is_sequence
from ..typed_pandas import DataFrame
from .kiln_runs import RUN, kiln_runs, with_ratings
from .row_files import files_of, read_file

_SPLITS = {"train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "valid", "val", "dev"), "validation"
)


@overload
def frame(source: object, *, kind: Literal["pandas"] = "pandas") -> DataFrame: ...
@overload
def frame(source: object, *, kind: Literal["datasets", "polars"]) -> Any: ...
def frame(source: object, *, kind: str = "pandas") -> Any:
    """Rows as a DataFrame, from wherever they are; or as a frame of another library.

    Args:
        source: a DataFrame, ``datasets.Dataset`` or ``DatasetDict`` (its splits become the column ``split``), polars
            frame, Arrow table or list of dicts; or the path of a JSON Lines, JSON, CSV or Parquet file, of a folder of
            such, or of a Kiln project, whose ratings become the column ``rating``.
        kind: ``pandas``, ``datasets`` or ``polars``.

    Returns:
        A DataFrame, a ``datasets.Dataset`` or a ``polars.DataFrame``.

    Raises:
        ReasonbookError: the rows cannot be read, or have no place in the other library.
        MissingPackage: the other library is not installed.

    Example:
        >>> df = rb.frame([{"q": "6 x 7?", "a": 42}])
        >>> rb.frame(df, kind="datasets").column_names
        ['q', 'a']
    """
    if kind not in _BACK:
        raise ReasonbookError(f"kind={kind!r} is not known.", choices(kind, _BACK))
    df = with_ratings(_as_pandas(source))
    return df if kind == "pandas" else _BACK[kind](df)


def _as_pandas(source: Any) -> DataFrame:
    if isinstance(source, DataFrame):
        return source
    if isinstance(source, (str, Path)):
        return _from_disk(Path(source))
    if is_mapping(source) and source and all(hasattr(each, "to_pandas") for each in source.values()):
        return _from_splits(source)
    if is_sequence(source) and all(map(is_mapping, source)):
        return pd.DataFrame(list(source))
    table: Any = source
    try:
        if hasattr(table, "collect") and not hasattr(table, "to_pandas"):
            table = table.collect()  # a polars query
        if not hasattr(table, "to_pandas") and hasattr(table, "__arrow_c_stream__"):
            table = importlib.import_module("pyarrow").table(table)
        made = table.to_pandas() if hasattr(table, "to_pandas") else None
    except ImportError as error:
        raise MissingPackage("pyarrow", feature="Taking in other frames", extra="parquet") from error
    if not isinstance(made, DataFrame):
        raise ReasonbookError(
            f"Rows cannot be taken from {type(source).__name__}.",
            'rb.frame(df)   rb.frame("rows.jsonl")   rb.frame(datasets.load_dataset("NAME", split="train"))',
        )
    return made


def _from_disk(path: Path) -> DataFrame:
    if path.name == RUN or (path.is_dir() and next(path.rglob(RUN), None) is not None):
        return kiln_runs(path if path.is_dir() else path.parent)
    parts = [read_file(each) for each in files_of(path)]
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _from_splits(splits: Mapping[str, Any]) -> DataFrame:
    """The splits of a data set below each other, each row with the name of its own."""
    parts = {name: part.to_pandas() for name, part in splits.items()}
    if len(parts) == 1:
        return next(iter(parts.values()))
    unknown = [name for name in parts if name not in _SPLITS]
    if unknown or any("split" in part.columns for part in parts.values()):
        why = (
            f"the split {unknown[0]!r} is none of ours"
            if unknown
            else "its rows have a column `split` already"
        )
        raise ReasonbookError(
            f"The splits {', '.join(map(repr, parts))} cannot be put together: {why}.",
            f"rb.frame(data[{next(iter(parts))!r}])",
        )
    return pd.concat([part.assign(split=_SPLITS[name]) for name, part in parts.items()], ignore_index=True)


def _to_datasets(df: DataFrame) -> Any:
    try:
        library = importlib.import_module("datasets")
    except ImportError as error:
        raise MissingPackage("datasets", feature='kind="datasets"', extra="unsloth") from error
    return _given(df, partial(library.Dataset.from_pandas, preserve_index=False))


def _to_polars(df: DataFrame) -> Any:
    try:
        library = importlib.import_module("polars")
    except ImportError as error:
        missing = MissingPackage("polars", feature='kind="polars"', extra="parquet")
        missing.fix = "pip install polars"
        raise missing from error
    return _given(df, library.from_pandas)


def _given(df: DataFrame, make: Any) -> Any:
    """The frame made by another library; a column that has no single type there is named."""
    try:
        return make(df)
    except (TypeError, ValueError, ImportError) as error:
        arrow = importlib.import_module("pyarrow")
        for name in df.columns:
            try:
                arrow.array(df[name], from_pandas=True)
            except (TypeError, ValueError):
                raise ReasonbookError(
                    f"The column {name!r} holds values of several kinds, which other frames have no place for.",
                    f"df[{name!r}] = df[{name!r}].astype(str)",
                ) from error
        raise ReasonbookError(f"The rows cannot be handed over: {error}", "df.to_parquet(…)") from error


_BACK: dict[str, Callable[[DataFrame], Any]] = {
    "pandas": DataFrame,
    "datasets": _to_datasets,
    "polars": _to_polars,
}
