"""Typed pandas: what is used of pandas, which brings no types, behind names that have them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from .conversation import missing

DataFrame = pd.DataFrame
Series = pd.Series


def column_cells(df: DataFrame, name: Hashable) -> list[Any]:
    """The cells of a column, by position."""
    return _cells(df[name])


def cells_sample(df: DataFrame, place: int, count: int) -> tuple[Any, ...]:
    """At most so many cells of one column, spread over the frame; none of them empty."""
    column = df.iloc[:, place]
    found = _spread(column, np.arange(len(column)), count)
    return found or _spread(column, np.flatnonzero(column.notna().to_numpy()), count)


def _spread(column: Series, places: np.ndarray, count: int) -> tuple[Any, ...]:
    if len(places) > count:
        places = places[np.linspace(0, len(places) - 1, count).astype(int)]
    return tuple(cell for cell in _cells(column.iloc[places]) if not missing(cell))


def _cells(column: Series) -> list[Any]:
    """As Python's own values; a number of 32 bits stays one, so that it is read as it is shown."""
    short = column.dtype in ("float16", "float32")
    return [None if cell != cell else cell for cell in column.to_numpy()] if short else column.tolist()


def rows_at(df: DataFrame, positions: Iterable[int] | None) -> DataFrame:
    """The rows at these positions; the frame itself for None."""
    return df if positions is None else df.iloc[list(positions)]


def columns_of(df: DataFrame, names: Iterable[Hashable]) -> DataFrame:
    """A frame of its own with these columns, in the frame's order."""
    wanted = list(names)
    return df[[name for name in df.columns if name in wanted]].copy()


def series_of(values: Iterable[Any], df: DataFrame, name: str = "") -> Series:
    """One value a row, by the frame's own index."""
    return Series(list(values), index=df.index, name=name or None)


def codes_of(values: Iterable[Any]) -> tuple[np.ndarray, list[Any]]:
    """A number per value, the same for equal ones (-1 for None), and the different values in order."""
    given = list(values)
    cells = np.empty(len(given), dtype=object)
    cells[:] = given
    codes, found = pd.factorize(cells)
    return codes.astype(np.int64), list(found)


def value_counts(df: DataFrame, name: Hashable) -> Series:
    """How many rows have each value of a column."""
    return df[name].value_counts()


def first_cells(df: DataFrame) -> list[Any]:
    """The cells of the first row."""
    return [df.iloc[0, i] for i in range(len(df.columns))] if len(df) else []


def new_frame(records: list[dict[str, Any]]) -> DataFrame:
    """A frame of these rows."""
    return pd.DataFrame(records)


def object_frame(records: list[dict[str, Any]], columns: Iterable[str]) -> DataFrame:
    """A frame of these columns of the rows, every cell as it is, None where a row has none."""
    cells = {name: pd.Series([row.get(name) for row in records], dtype=object) for name in columns}
    return pd.DataFrame(cells)
