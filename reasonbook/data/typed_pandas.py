"""Typed pandas: what is used of pandas, which brings no types, behind names that have them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import pandas as pd

DataFrame = pd.DataFrame
Series = pd.Series


def column_cells(df: DataFrame, name: Hashable) -> list[Any]:
    """The cells of a column, by position."""
    return df[name].tolist()


def rows_at(df: DataFrame, positions: Iterable[int] | None) -> DataFrame:
    """The rows at these positions; the frame itself for None."""
    return df if positions is None else df.iloc[list(positions)]


def columns_of(df: DataFrame, names: Iterable[Hashable]) -> DataFrame:
    """A frame of its own with these columns, in the frame's order."""
    wanted = list(names)
    return df[[name for name in df.columns if name in wanted]].copy()


def value_counts(df: DataFrame, name: Hashable) -> Series:
    """How many rows have each value of a column."""
    return df[name].value_counts()


def first_cells(df: DataFrame) -> list[Any]:
    """The cells of the first row."""
    return [df.iloc[0, i] for i in range(len(df.columns))] if len(df) else []


def new_frame(records: list[dict[str, Any]]) -> DataFrame:
    """A frame of these rows."""
    return pd.DataFrame(records)
