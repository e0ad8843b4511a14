"""Frame: the product's columns in the user's own DataFrame, written in place and by position."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .conversation import missing
from .errors import LayoutError

if TYPE_CHECKING:
    from .layout import Layout

COLUMNS = ("reasoning", "reasoning_status", "reasoning_error", "verdict", "rating", "split")
_DTYPES = {"rating": "Int64"}


class Frame:
    """A DataFrame with the columns that the product may write.

    Rows are addressed by position, so that any index works, and recognised by row key, so that a frame
    whose rows were dropped, added or reordered meanwhile still gets each value in the right place. Only the
    thread that owns the frame may call `write`.

    Args:
        df: the user's frame; it is changed in place.
        layout: where requests and responses stand in it.
    """

    def __init__(self, df: pd.DataFrame, layout: Layout) -> None:
        self.df = df
        self.layout = layout
        self._keys: list[str] | None = None

    def __len__(self) -> int:
        return len(self.df)

    # -- identity ----------------------------------------------------------------------------------------
    @property
    def keys(self) -> list[str]:
        """A key per row, by position: content, and which of its equals it is. Read once; see `refresh`."""
        if self._keys is None:
            seen: Counter[str] = Counter()
            self._keys = []
            for conversation in self.layout.read(self.df):
                key = conversation.key
                self._keys.append(f"{key}.{seen[key]}")
                seen[key] += 1
        return self._keys

    def refresh(self) -> bool:
        """Reads the keys again; True when rows have moved, come, gone or changed since the last time."""
        old, self._keys = self._keys, None
        return old != self.keys

    def positions(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → position, for those keys that have a row."""
        wanted = set(keys)
        return {key: i for i, key in enumerate(self.keys) if key in wanted}

    # -- cells -------------------------------------------------------------------------------------------
    def column(self, name: str) -> list[Any]:
        """A column's cells by position, None where nothing stands."""
        if name not in self.df.columns:
            return [None] * len(self.df)
        return [None if missing(cell) else cell for cell in self.df.iloc[:, self._at(name)].tolist()]

    def cell(self, name: str, position: int) -> Any:
        if name not in self.df.columns:
            return None
        value = self.df.iat[position, self._at(name)]
        return None if missing(value) else value

    def write(self, name: str, values: Mapping[int, Any]) -> None:
        """Sets cells of one column by position; the cost is one copy of the column, whatever the count."""
        if not values:
            return
        if name in COLUMNS:
            self._ensure(name)
        at = self._at(name)
        column = self.df.iloc[:, at]
        if name in _DTYPES:
            changed = column.astype(_DTYPES[name]).copy()
            changed.iloc[list(values)] = pd.array(list(values.values()), dtype=_DTYPES[name])  # type: ignore[call-overload]
        else:
            cells = column.to_numpy(dtype=object, copy=True)
            for position, value in values.items():
                cells[position] = value
            dtype = object if name in COLUMNS else column.dtype
            changed = pd.Series(cells, index=column.index, name=column.name, dtype=dtype, copy=False)
        with _quiet():
            self.df.isetitem(at, changed)

    def write_rows(
        self, columns: Mapping[str, Sequence[Any]], keys: Sequence[str], hints: Sequence[int]
    ) -> list[str]:
        """Sets several columns for several rows, found by key.

        Args:
            columns: column name → one value per row.
            keys: the rows' keys.
            hints: where the rows stood when the keys were read; right unless the frame was changed since.

        Returns:
            The keys that have no row any more.
        """
        places: list[int | None] = list(hints)
        if not self._still_at(keys, hints):
            self.refresh()
            found = self.positions(keys)
            places = [found.get(key) for key in keys]
        for name, values in columns.items():
            self.write(name, {p: v for p, v in zip(places, values, strict=True) if p is not None})
        return [key for key, place in zip(keys, places, strict=True) if place is None]

    def write_response(self, position: int, text: str) -> None:
        """Replaces a row's response by the user's own edit, in whatever form the layout keeps it."""
        layout = self.layout
        if layout.messages is None and layout.response is None:
            raise LayoutError(
                "The layout names no response column.", 'df.reason.layout(prompt="…", response="…")'
            )
        name = layout.messages if layout.messages is not None else layout.response
        at = self._at(name)
        cell = self.df.iat[position, at]
        if isinstance(cell, str) or missing(cell):
            new: Any = text
        else:
            turns = [dict(turn) for turn in cell]
            last = turns[-1]
            last["value" if "from" in last and "content" not in last else "content"] = text
            for key in ("reasoning_content", "reasoning", "thinking"):
                last.pop(key, None)
            new = turns
        self.write(name, {position: new})
        if self._keys is not None:
            conversation = next(iter(layout.read(self.df, [position])))
            taken = {
                key for i, key in enumerate(self._keys) if i != position and key.startswith(conversation.key)
            }
            number = 0
            while f"{conversation.key}.{number}" in taken:
                number += 1
            self._keys[position] = f"{conversation.key}.{number}"

    # -- inside ------------------------------------------------------------------------------------------
    def _still_at(self, keys: Sequence[str], hints: Sequence[int]) -> bool:
        if self._keys is None or len(self._keys) != len(self.df):
            return False
        try:
            now = [conversation.key for conversation in self.layout.read(self.df, hints)]
        except (IndexError, KeyError):
            return False
        return all(key.rpartition(".")[0] == content for key, content in zip(keys, now, strict=True))

    def _at(self, name: Any) -> int:
        at = self.df.columns.get_loc(name)
        if not isinstance(at, int):
            raise LayoutError(
                f"The frame has more than one column {name!r}.",
                "df = df.loc[:, ~df.columns.duplicated()]",
            )
        return at

    def _ensure(self, name: str) -> None:
        if name in self.df.columns:
            return
        if name in _DTYPES:
            empty = pd.Series(pd.array([None] * len(self.df), dtype=_DTYPES[name]), index=self.df.index)
        else:
            empty = pd.Series(np.full(len(self.df), None, dtype=object), index=self.df.index, dtype=object)
        with _quiet():
            self.df.insert(len(self.df.columns), name, empty.array)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the warning that a frame cut from another one gives on pandas 2: writing here is the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
