"""Coverage: how many rows there are for each value of a field, or each pair of two, by split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import product
from typing import Any

import numpy as np

from ..data.conversation import is_mapping, is_sequence, missing
from ..data.frame import Frame
from ..data.splits import NAMES
from ..data.turn_reasoning import last_of
from ..data.typed_pandas import DataFrame, new_frame
from ..errors import ReasonbookError, choices
from ..html_card import card, clip
from ..options import checked

Values = tuple[str, ...]
NONE = "(none)"
_MOST = 40  # values of a field that is looked at; more say nothing in a table
_RANGES = 6  # of a number with more values than twice as many
_THIN = 10
_PALE, _FULL = (0xF3, 0xF6, 0xF8), (0x1F, 0x6F, 0x8B)


@dataclass(frozen=True)
class Cell:
    """The rows that have the same values.

    Attributes:
        values: of the fields, in order.
        positions: of the rows.
        splits: how many of them train, validate and test; None stands for no split.
    """

    values: Values
    positions: tuple[int, ...]
    splits: Mapping[str | None, int]

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.positions)


class Coverage:
    """How many rows there are for each value, or for each pair of values.

    Attributes:
        names: the fields or columns.
        cells: those that have rows, the fullest first.

    Example:
        >>> coverage = df.reason.quality().coverage("Policy", "Decision")
        >>> coverage
        Coverage('Policy' x 'Decision': 9 cells, 1 to 10 rows)
        >>> len(coverage.rows(decision="no refund"))
        2
    """

    def __init__(self, frame: Frame, names: Sequence[str], values: Sequence[Sequence[Values]]) -> None:
        self.names = tuple(names)
        self._frame = frame
        splits = frame.column("split")
        found: dict[Values, list[int]] = defaultdict(list)
        for position, several in enumerate(zip(*values, strict=True)):
            for each in product(*several):
                found[each].append(position)
        self.cells = tuple(
            sorted(
                (Cell(v, tuple(rows), Counter(splits[row] for row in rows)) for v, rows in found.items()),
                key=lambda cell: (-cell.count, cell.values),
            )
        )

    @property
    def counts(self) -> dict[Values, int]:
        """Values → rows."""
        return {cell.values: cell.count for cell in self.cells}

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, values: str | Values) -> list[int]:
        """Positions of the rows of one cell; none where it is empty."""
        wanted = (values,) if isinstance(values, str) else tuple(values)
        return next((list(cell.positions) for cell in self.cells if cell.values == wanted), list[int]())

    def rows(self, **values: Any) -> list[int]:
        """Positions of the rows that have these values, each under its field's name in small letters with ``_``.

        Raises:
            ReasonbookError: there is no such field here, or it has no such value.

        Example:
            >>> coverage = df.reason.quality().coverage("Policy", "Decision")
            >>> len(coverage.rows(decision="full refund"))
            9
        """
        places = {_option(name): place for place, name in enumerate(self.names)}
        for name, value in values.items():
            if name not in places:
                raise ReasonbookError(f"The table has no {name!r}.", choices(name, places))
            known = self.values(places[name])
            if str(value) not in known:
                raise ReasonbookError(f"No row has {name}={value!r}.", choices(str(value), known))
        wanted = {places[name]: str(value) for name, value in values.items()}
        return sorted(
            {
                row
                for cell in self.cells
                if all(cell.values[place] == value for place, value in wanted.items())
                for row in cell.positions
            }
        )

    def values(self, place: int = 0) -> list[str]:
        """The values of the first or the second field, as the table has them."""
        held: Counter[str] = Counter()
        for cell in self.cells:
            held[cell.values[place]] += cell.count
        names = [name for name, _ in held.most_common()]
        return sorted(names, key=_range_start) if any(map(_is_range, names)) else names

    @checked(ReasonbookError, "coverage.thin(below=10)")
    def thin(self, below: int = _THIN, *, empty: bool = False) -> DataFrame:
        """The cells of few rows, the thinnest first.

        Args:
            below: rows that are enough.
            empty: also the pairs of values that no row has; some of them cannot be.

        Example:
            >>> coverage = df.reason.quality().coverage("Decision")
            >>> coverage.thin(below=5)["Decision"].tolist()
            ['no refund']
        """
        lines = [self._line(cell) for cell in reversed(self.cells) if cell.count < below]
        if empty:
            lines = [*(self._line(Cell(values, (), {})) for values in self.empty), *lines]
        return new_frame(lines)

    @cached_property
    def empty(self) -> list[Values]:
        """Pairs of values that no row has."""
        counts = self.counts
        return [v for v in product(*map(self.values, range(len(self.names)))) if v not in counts]

    def to_frame(self) -> DataFrame:
        """One line a cell: its values, how many rows, and how many of them in each split."""
        return new_frame([self._line(cell) for cell in self.cells])

    def _line(self, cell: Cell) -> dict[str, Any]:
        named = dict(zip(self.names, cell.values, strict=True))
        return {**named, "rows": cell.count, **{name: cell.splits.get(name, 0) for name in NAMES}}

    # -- what it shows -----------------------------------------------------------------------------------
    def __repr__(self) -> str:
        names = " x ".join(map(repr, self.names))
        least, most = (self.cells[-1].count, self.cells[0].count) if self.cells else (0, 0)
        return f"Coverage({names}: {len(self)} cells, {least} to {most} rows)"

    def _repr_html_(self) -> str:
        untrained = [c for c in self.cells if c.splits.get("test", 0) and not c.splits.get("train", 0)]
        thin = sum(cell.count < _THIN for cell in self.cells)
        notes = [
            "A cell says how many rows, and below it train · validation · test."
            if any(cell.splits.get(name) for cell in self.cells for name in NAMES)
            else "A cell says how many rows; there are no splits yet: df.reason.split()"
        ]
        if untrained:
            names = ", ".join(clip(" · ".join(cell.values), 60) for cell in untrained[:3])
            notes.append(f"{len(untrained)} cells are tested and have no training row: {names}")
        facts = {"cells": len(self), "empty": len(self.empty), f"below {_THIN} rows": thin}
        verb = f"coverage.thin(below={_THIN})   coverage.rows({_option(self.names[0])}=…)"
        return card(" × ".join(self.names), facts, notes=notes, body=self._picture(), next_verb=verb)

    def _picture(self) -> str:
        """A table whose cells are the darker, the more rows they have; in hex colours, for any saved notebook."""
        counts = {cell.values: cell for cell in self.cells}
        most = max((cell.count for cell in self.cells), default=1)
        down = self.values(0)
        across = self.values(1) if len(self.names) == 2 else [""]
        style = "padding:3px 10px;text-align:left;font-weight:normal;vertical-align:bottom;max-width:220px"
        head = "".join(f'<th style="{style}">{escape(clip(name, 60))}</th>' for name in ["", *across])
        lines = "".join(
            f'<tr><th style="{style}">{escape(clip(name, 60))}</th>'
            + "".join(_square(counts.get((name, *filter(None, [other]))), most) for other in across)
            + "</tr>"
            for name in down
        )
        return f'<table style="border-collapse:separate;border-spacing:2px"><tr>{head}</tr>{lines}</table>'


def coverage_of(frame: Frame, names: Sequence[str]) -> Coverage:
    """The coverage of one or two fields of the reasoning, or columns, of a frame.

    Raises:
        ReasonbookError: there is no such field, it has too many values, or it was named twice.
    """
    if len(set(names)) < len(names):
        raise ReasonbookError(f"{names[0]!r} beside itself says nothing.", f"quality.coverage({names[0]!r})")
    found = (last_of(cell) for cell in frame.column("reasoning"))
    cells: list[Mapping[str, Any]] = [cell if is_mapping(cell) else {} for cell in found]
    fields = list(dict.fromkeys(name for cell in cells for name in cell))
    return Coverage(frame, names, [_values(frame, cells, name, fields) for name in names])


def _values(
    frame: Frame, cells: Sequence[Mapping[str, Any]], name: str, fields: Sequence[str]
) -> list[Values]:
    """The values of each row, several where it has a list."""
    if name in fields:
        column = [cell.get(name) for cell in cells]
    elif name in frame.df.columns:
        column = frame.column(name)
    else:
        known = [*fields, *(str(column) for column in frame.df.columns)]
        raise ReasonbookError(f"There is no field or column {name!r}.", choices(name, known))
    items = [list(v) if is_sequence(v) else [v] for v in column]
    numbers = {float(v) for row in items for v in row if v is not None and _is_number(v)}
    if len(numbers) > 2 * _RANGES:
        items = _in_ranges(items, sorted(numbers))
    texts = [tuple(dict.fromkeys(NONE if missing(v) else _text(v) for v in row)) or (NONE,) for row in items]
    different = {text for row in texts for text in row}
    if len(different) > _MOST:
        few = [each for each in fields if 1 < len({str(cell.get(each)) for cell in cells}) <= _MOST]
        fix = f"quality.coverage({few[0]!r})" if few else 'quality.coverage("split")'
        raise ReasonbookError(
            f"{name!r} has {len(different)} values in {len(cells)} rows, which no table shows.", fix
        )
    return texts


def _in_ranges(items: Sequence[Sequence[Any]], numbers: Sequence[float]) -> list[list[Any]]:
    """Numbers by ranges that hold about as many rows each."""
    held = sorted(v for row in items for v in row if _is_number(v))
    starts = sorted({held[round(part * len(held) / _RANGES)] for part in range(_RANGES)})
    places = np.searchsorted(starts, numbers, side="right") - 1
    names: dict[float, str] = {}
    for place in range(len(starts)):
        inside = [number for number, at in zip(numbers, places, strict=True) if at == place]
        names |= dict.fromkeys(inside, f"{_text(inside[0])} … {_text(inside[-1])}")
    return [[names[v] if _is_number(v) else v for v in row] for row in items]


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and not missing(value) and isinstance(value, (int, float, np.number))


def _text(value: object) -> str:
    return f"{value:.6g}" if _is_number(value) else str(value).strip()


def _is_range(text: str) -> bool:
    return " … " in text


def _range_start(text: str) -> float:
    try:
        return float(text.partition(" … ")[0])
    except ValueError:
        return float("inf")


def _option(name: str) -> str:
    return "_".join(name.lower().split())


def _square(cell: Cell | None, most: int) -> str:
    share = 0.0 if cell is None else (cell.count / most) ** 0.5
    colour = "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(_PALE, _FULL, strict=True))
    ink = "#ffffff" if share > 0.6 else "#1b1f24"
    style = f"padding:3px 10px;background:{colour};color:{ink};text-align:right;border-radius:3px"
    if cell is None:
        return f'<td style="{style}">0</td>'
    parts = " · ".join(str(cell.splits.get(name, 0)) for name in NAMES)
    split = f'<div style="font-size:10px">{parts}</div>' if set(cell.splits) != {None} else ""
    return f'<td style="{style}"><b>{cell.count}</b>{split}</td>'
