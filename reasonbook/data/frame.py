"""Frame: the product's columns in the user's own DataFrame, written in place and by position."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pandas brings no types; what is known of a cell is that it is anything.

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from ..errors import LayoutError
from .conversation import Conversation, missing
from .layout import Layout
from .layout.messages import UnusableCellError
from .layout.original import Original
from .layout.response_cell import response_role, with_response

COLUMNS = ("reasoning", "reasoning_status", "reasoning_error", "verdict", "rating", "split")
_DTYPES = {"rating": "Int64"}
_GONE = Conversation((), "this row is not in the frame any more")


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
        self._names: list[str] | None = None  # by position; a row keeps its own through edits
        self._contents: list[str] = []  # `Conversation.key` of each row as it was last read or written
        self._coming: dict[
            int, str
        ] = {}  # contents that edits will bring, which other threads have announced

    def __len__(self) -> int:
        return len(self.df)

    # -- identity ----------------------------------------------------------------------------------------
    @property
    def keys(self) -> list[str]:
        """A name per row, by position: its content, and which of its equals it is.

        Read once and kept, also through edits of the response; `refresh` looks at the frame again.
        """
        if self._names is None:
            self._contents = list(self.layout.keys(self.df))
            self._names = numbered(self._contents)
            self._as_read = True
        return self._names

    @property
    def fresh_keys(self) -> list[str]:
        """The keys that somebody who opens the frame now will give its rows."""
        names = self.keys
        return names if self._as_read else numbered(self._contents)

    @property
    def known(self) -> bool:
        """Whether the keys have been read."""
        return self._names is not None

    def adopt(self, keys: Sequence[str]) -> None:
        """Takes keys that somebody has read from this very frame already."""
        self._contents = [key.rpartition(".")[0] for key in keys]
        self._names = list(keys)

    def refresh(self) -> bool:
        """Reads the frame again; True when rows have moved, come, gone or changed since the last time."""
        kept = dict(zip(numbered(self._contents), self.keys, strict=True))
        contents = list(self.layout.keys(self.df))
        changed = contents != self._contents
        self._contents, self._coming, self._as_read = contents, {}, False
        found = numbered(contents)
        taken = {kept[content] for content in found if content in kept}
        self._names = []
        for content in found:
            name = kept.get(content)
            while name is None or (content not in kept and name in taken):  # an edited row may bear that name
                name = (
                    content
                    if name is None
                    else f"{name.rpartition('.')[0]}.{int(name.rpartition('.')[2]) + 1}"
                )
            taken.add(name)
            self._names.append(name)
        return changed

    def positions(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → position, for those keys that have a row."""
        wanted = set(keys)
        return {key: i for i, key in enumerate(self.keys) if key in wanted}

    def read(self, keys: Sequence[str], hints: Sequence[int]) -> list[Conversation]:
        """The conversations of rows found by key, as in `write_rows`; one that is gone says so."""
        places = self._places(keys, hints)
        there = [place for place in places if place is not None]
        found = iter(self.layout.read(self.df, there))
        return [_GONE if place is None else next(found) for place in places]

    def part(self, keys: Sequence[str], hints: Sequence[int]) -> Frame:
        """Rows found by key, as in `write_rows`, as a frame of their own: a copy of what the layout names of them."""
        places = [place for place in self._places(keys, hints) if place is not None]
        named = [self.df.columns.get_loc(name) for name in dict.fromkeys(self.layout.columns.values())]
        return Frame(self.df.iloc[places, named].reset_index(drop=True), self.layout)

    def given(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """The cells that the layout names, by role, of rows by position."""
        columns = {role: self.column(name) for role, name in self.layout.columns.items()}
        return [{role: cells[position] for role, cells in columns.items()} for position in positions]

    def revised(self, key: str, hint: int, response: str | Original) -> Conversation:
        """What a row will read like with this response.

        Raises:
            LayoutError: the row cannot take a response, or is not in the frame any more.
        """
        return self._revised(self._place(key, hint), response)[2]

    def announce(self, key: str, hint: int, conversation: Conversation) -> dict[str, str]:
        """Tells of an edit that is under way to the frame, on whichever thread.

        Returns:
            The names that the row, its old and its new equals will have for a later reader → their names here.
        """
        position = self._place(key, hint)
        moved = {self._coming.get(position, self._contents[position]), conversation.key}
        self._coming[position] = conversation.key
        contents = list(self._contents)
        for place, content in self._coming.items():
            contents[place] = content
        places = [place for place, content in enumerate(contents) if content in moved]
        names = numbered(contents[place] for place in places)
        return {name: self.keys[place] for name, place in zip(names, places, strict=True)}

    def other_columns(self, key: str, hint: int) -> dict[str, Any]:
        """A row's cells beside those that the layout names and those of its reasoning and verdict."""
        known = {str(column) for column in self.layout.columns.values()} | set(COLUMNS) - {"split"}
        [position] = self._places([key], [hint])
        if position is None:
            return {}
        names = [(i, str(name)) for i, name in enumerate(self.df.columns) if str(name) not in known]
        return {name: self.df.iat[position, i] for i, name in names}

    # -- cells -------------------------------------------------------------------------------------------
    def column(self, name: str) -> list[Any]:
        """A column's cells by position, None where nothing stands."""
        if name not in self.df.columns:
            return [None] * len(self.df)
        cells = self.df.iloc[:, self._at(name)].tolist()
        return [cell if type(cell) is dict or not missing(cell) else None for cell in cells]

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
        if name in _DTYPES and _holds(column, _DTYPES[name]):
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

    def response_cell(self, key: str, hint: int) -> Any:
        """The cell that holds a row's response, as it stands."""
        given = self.layout.given(self.df, self._place(key, hint))
        return given[response_role(self.layout, given)]

    def write_response(self, key: str, hint: int, response: str | Original) -> bool:
        """Replaces a row's response by the user's own edit, in whatever form the layout keeps it; or puts it back.

        Returns:
            Whether the row is still in the frame.

        Raises:
            LayoutError: the row cannot take a response.
        """
        [position] = self._places([key], [hint])
        if position is None:
            return False
        role, cell, conversation = self._revised(position, response)
        self._coming.pop(position, None)
        if conversation.key != self._contents[position]:
            self.write(self.layout.columns[role], {position: cell})
            self._contents[position] = conversation.key
            self._as_read = False
        return True

    # -- inside ------------------------------------------------------------------------------------------
    def _revised(self, position: int, response: str | Original) -> tuple[str, Any, Conversation]:
        given = self.layout.given(self.df, position)
        try:
            role = response_role(self.layout, given)
            cell = (
                response.cell
                if isinstance(response, Original)
                else with_response(role, given[role], response)
            )
        except UnusableCellError as problem:
            raise LayoutError(
                f"Row {position} cannot take a response: {problem}.",
                'df.reason.layout(prompt="…", response="…")',
            ) from problem
        return role, cell, self.layout.conversation({**given, role: cell})

    def _place(self, key: str, hint: int) -> int:
        [position] = self._places([key], [hint])
        if position is None:
            raise LayoutError(f"Row {hint} is not in the frame any more.", "review.refresh()")
        return position

    def _places(self, keys: Sequence[str], hints: Sequence[int]) -> list[int | None]:
        if self._still_at(keys, hints):
            return list(hints)
        found = self.positions(keys)
        if len(found) < len(set(keys)) or not self._still_at(list(found), list(found.values())):
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
        return all(self._contents[h] == key for h, key in zip(hints, now, strict=True))

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


def _holds(column: pd.Series, dtype: str) -> bool:
    """Whether a column of the user's own, under a name of ours, can have our dtype."""
    try:
        column.astype(dtype)
    except (TypeError, ValueError):
        return False
    return True


def numbered(contents: Iterable[str]) -> list[str]:
    """Contents that tell equals apart: the first is 0."""
    seen: dict[str, int] = {}
    numbered: list[str] = []
    for content in contents:
        number = seen.get(content, 0)
        numbered.append(f"{content}.{number}")
        seen[content] = number + 1
    return numbered


def _series(cells: np.ndarray, column: pd.Series, fresh: Iterable[Any]) -> pd.Series:
    """The cells under the column's own dtype; as objects where that would change or lose one.

    Args:
        cells: all of the column.
        column: as it was.
        fresh: the cells that are new in it.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        fits = all(missing(cell) or cell in dtype.categories for cell in fresh)
    elif isinstance(dtype, pd.StringDtype):  # would make a text of anything
        fits = all(missing(cell) or isinstance(cell, str) for cell in fresh)
    elif pd.api.types.is_bool_dtype(dtype):
        fits = all(isinstance(cell, bool) for cell in fresh)
    else:  # numpy would read "12.50" as 12.5
        fits = getattr(dtype, "kind", "O") not in "iufcmM" or not any(isinstance(cell, str) for cell in fresh)
    try:
        return pd.Series(cells, index=column.index, name=column.name, dtype=dtype if fits else object)
    except (TypeError, ValueError):
        return pd.Series(cells, index=column.index, name=column.name, dtype=object)


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Silences the warning that a frame cut from another one gives on pandas 2: writing here is the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
