"""Frame: the product's columns in the user's own DataFrame, written in place and by position."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pandas brings no types; what is known of a cell is that it is anything.

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from ..errors import LayoutError
from .conversation import Conversation, missing
from .layout import Layout, edited

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
        self._contents: list[str] = []

    def __len__(self) -> int:
        return len(self.df)

    # -- identity ----------------------------------------------------------------------------------------
    @property
    def keys(self) -> list[str]:
        """A name per row, by position: its content, and which of its equals it is.

        Read once and kept, also through edits of the response; `refresh` looks at the frame again.
        """
        if self._keys is None:
            self._contents = self._read_contents()
            self._keys = list(self._contents)
        return self._keys

    @property
    def known(self) -> bool:
        """Whether the keys have been read."""
        return self._keys is not None

    def adopt(self, keys: Sequence[str]) -> None:
        """Takes keys that somebody has read from this very frame already."""
        self._contents = list(keys)
        self._keys = list(keys)

    def refresh(self) -> bool:
        """Reads the frame again; True when rows have moved, come, gone or changed since the last time."""
        names = dict(zip(self._contents, self.keys, strict=True))
        contents = self._read_contents()
        changed = contents != self._contents
        self._contents = contents
        self._keys = [names.get(content, content) for content in contents]
        return changed

    def positions(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → position, for those keys that have a row."""
        wanted = set(keys)
        return {key: i for i, key in enumerate(self.keys) if key in wanted}

    def renamed(self, position: int, conversation: Conversation) -> str:
        """The name that a row will have for a later reader once it holds this conversation."""
        _ = self.keys
        taken = {c for i, c in enumerate(self._contents) if i != position and c.startswith(conversation.key)}
        number = 0
        while f"{conversation.key}.{number}" in taken:
            number += 1
        return f"{conversation.key}.{number}"

    def _read_contents(self) -> list[str]:
        seen: Counter[str] = Counter()
        contents: list[str] = []
        for key in self.layout.keys(self.df):
            contents.append(f"{key}.{seen[key]}")
            seen[key] += 1
        return contents

    # -- cells -------------------------------------------------------------------------------------------
    def column(self, name: str) -> list[Any]:
        """A column's cells by position, None where nothing stands."""
        if name not in self.df.columns:
            return [None] * len(self.df)
        return [None if missing(cell) else cell for cell in self.df.iloc[:, self._at(name)].tolist()]

    def cell(self, name: str, position: int) -> Any:
        """One cell; None where it is empty or the column is not there."""
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
            changed = _series(cells, column, values.values())
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
        places = self._places(keys, hints)
        for name, values in columns.items():
            self.write(name, {p: v for p, v in zip(places, values, strict=True) if p is not None})
        return [key for key, place in zip(keys, places, strict=True) if place is None]

    def write_response(self, key: str, hint: int, text: str) -> bool:
        """Replaces a row's response by the user's own edit, in whatever form the layout keeps it.

        Returns:
            Whether the row is still in the frame.
        """
        layout = self.layout
        name = layout.messages if layout.messages is not None else layout.response
        if name is None:
            raise LayoutError(
                "The layout names no response column.", 'df.reason.layout(prompt="…", response="…")'
            )
        [position] = self._places([key], [hint])
        if position is None:
            return False
        if layout.repaired is not None and not missing(self.df.iat[position, self._at(layout.repaired)]):
            name = layout.repaired
        cell = self.df.iat[position, self._at(name)]
        self.write(name, {position: edited(cell, text, layout.messages is not None)})
        [conversation] = layout.read(self.df, [position])
        self._contents[position] = self.renamed(position, conversation)
        return True

    # -- inside ------------------------------------------------------------------------------------------
    def _places(self, keys: Sequence[str], hints: Sequence[int]) -> list[int | None]:
        if self._still_at(keys, hints):
            return list(hints)
        self.refresh()
        found = self.positions(keys)
        return [found.get(key) for key in keys]

    def _still_at(self, keys: Sequence[str], hints: Sequence[int]) -> bool:
        known, count = self.keys, len(self.keys)
        if count != len(self.df):
            return False
        if any(h >= count or known[h] != k for k, h in zip(keys, hints, strict=True)):
            return False
        now = self.layout.keys(self.df, hints)
        return all(self._contents[h].startswith(key) for h, key in zip(hints, now, strict=True))

    def _at(self, name: object) -> int:
        at = self.df.columns.get_loc(name)
        if not isinstance(at, int):
            raise LayoutError(
                f"The frame has more than one column {name!r}.",
                "df = df.loc[:, ~df.columns.duplicated()]",
            )
        return at

    def _ensure(self, name: str) -> None:
        """Makes a column that is not there yet; the three of the reasoning come together, in their order."""
        for new in COLUMNS[:3] if name in COLUMNS[:3] else (name,):
            if new not in self.df.columns:
                dtype = _DTYPES.get(new, "object")
                with _quiet():
                    self.df.insert(len(self.df.columns), new, pd.array([None] * len(self.df), dtype=dtype))


def _series(cells: np.ndarray, column: pd.Series, written: Iterable[Any]) -> pd.Series:
    """The cells under the column's own dtype; as objects where that cannot hold them as they were written."""
    dtype = column.dtype
    if getattr(dtype, "kind", "O") in "biufcmM" and any(isinstance(value, str) for value in written):
        dtype = np.dtype(object)  # numpy would read "no" as True and "12.50" as 12.5
    try:
        return pd.Series(cells, index=column.index, name=column.name, dtype=dtype)
    except (TypeError, ValueError):
        return pd.Series(cells, index=column.index, name=column.name, dtype=object)


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Silences the warning that a frame cut from another one gives on pandas 2: writing here is the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
