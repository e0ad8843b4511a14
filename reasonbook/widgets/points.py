"""Points: the growing numbers of one curve family, cut into what the page has not seen yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

RAW_LIMIT = 8_000  # points; a longer history is thinned before it is sent to a page
BUCKETS = 2_000


class Points:
    """Rows of (x, one value per column) with x rising; appending costs no more in a long history.

    Args:
        columns: names of the values; a row may lack some of them (NaN).
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.sent = 0
        self._x = np.empty(256, np.float64)
        self._values = np.empty((len(self.columns), 256), np.float32)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def x(self) -> np.ndarray:
        return self._x[: self._length]

    def column(self, name: str) -> np.ndarray:
        return self._values[self.columns.index(name), : self._length]

    def append(self, x: float, values: Mapping[str, Any]) -> None:
        """Adds a row; where x goes back (a run resumed from a checkpoint) its abandoned tail is dropped."""
        if self._length and x <= self._x[self._length - 1]:
            self._length = int(np.searchsorted(self.x, x))
            self.sent = min(self.sent, self._length)
        if self._length == len(self._x):
            self._x = np.concatenate([self._x, np.empty_like(self._x)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)], axis=1)
        self._x[self._length] = x
        for index, name in enumerate(self.columns):
            self._values[index, self._length] = number(values.get(name))
        self._length += 1

    def fresh(self, names: Sequence[str]) -> tuple[int, bytes, bytes]:
        """What was not sent yet: index of its first row, x as float64, the columns as float32 one by one."""
        start, self.sent = self.sent, self._length
        part = self._values[self._places(names), start : self._length]
        return start, self._x[start : self._length].tobytes(), part.tobytes()

    def window(
        self, names: Sequence[str], low: float = -np.inf, high: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The rows of a range of x, and how many rows each returned one stands for.

        A long range is thinned to its buckets' smallest and largest value of every column, in the order in
        which they came; x are then the bucket's first and last.

        Returns:
            x (n), values (columns, n), stride.
        """
        first, last = np.searchsorted(self.x, low), np.searchsorted(self.x, high, side="right")
        x, values = self._x[first:last], self._values[self._places(names), first:last]
        if len(x) <= RAW_LIMIT:
            return x, values, 1.0
        return thin(x, values, BUCKETS)

    def _places(self, names: Sequence[str]) -> list[int]:
        return [self.columns.index(name) for name in names]


def thin(x: np.ndarray, values: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Smallest and largest value of each bucket of neighbouring rows, for every column at once."""
    edges = np.linspace(0, len(x), buckets + 1).astype(np.int64)
    starts, ends = edges[:-1], edges[1:] - 1
    hollow = np.isnan(values)
    lows = np.minimum.reduceat(np.where(hollow, np.inf, values), starts, axis=1)
    highs = np.maximum.reduceat(np.where(hollow, -np.inf, values), starts, axis=1)
    empty = lows > highs
    lows[empty] = highs[empty] = np.nan
    rising = values[:, starts] <= values[:, ends]
    out = np.empty((values.shape[0], 2 * buckets), np.float32)
    out[:, 0::2] = np.where(rising, lows, highs)
    out[:, 1::2] = np.where(rising, highs, lows)
    pairs = np.empty(2 * buckets, np.float64)
    pairs[0::2], pairs[1::2] = x[starts], x[ends]
    return pairs, out, len(x) / (2 * buckets)


def number(value: Any) -> float:
    """A float, NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
