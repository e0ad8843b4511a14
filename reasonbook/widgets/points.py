"""Points: the curve points that a page has not seen yet, or a range of them, thinned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..training.runs.history import CurveTable

RAW_LIMIT = 8_000  # points; a longer history is thinned before it is sent to a page
BUCKETS = 2_000


class Points:
    """One page's place in a table that grows.

    Args:
        table: of the run's history.
        names: the columns that the page draws.
    """

    def __init__(self, table: CurveTable, names: Sequence[str]) -> None:
        self.table, self.names = table, tuple(names)
        self._rows = [table.columns.index(name) for name in self.names]
        self._sent = 0
        self._cuts = len(table.cuts)

    def fresh(self) -> tuple[int, bytes, bytes]:
        """What was not sent yet: index of its first point, steps as float64, the columns as float32 one by one.

        Where the run went back to a checkpoint, that begins at the step it went back to.
        """
        start = min([self._sent, *self.table.cuts[self._cuts :]])
        self._sent, self._cuts = len(self.table), len(self.table.cuts)
        steps, values = self.table.steps[start:], self.table.values[self._rows, start:]
        return start, steps.tobytes(), values.astype(np.float32).tobytes()

    def window(self, low: float = -np.inf, high: float = np.inf) -> tuple[np.ndarray, np.ndarray, float]:
        """The points of a range of steps, and how many of them each returned one stands for.

        A long range is thinned to its buckets' smallest and largest value of every column, in the order in
        which they came; the steps are then the bucket's first and last.

        Returns:
            steps (n, float64), values (columns × n, float32), stride.
        """
        all_steps = self.table.steps
        first, last = np.searchsorted(all_steps, low), np.searchsorted(all_steps, high, side="right")
        steps = all_steps[first:last]
        values = self.table.values[self._rows, first:last].astype(np.float32)
        if len(steps) <= RAW_LIMIT:
            return steps, values, 1.0
        return thin(steps, values, BUCKETS)


def thin(steps: np.ndarray, values: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Smallest and largest value of each bucket of neighbouring points, for every column at once."""
    edges = np.linspace(0, len(steps), buckets + 1).astype(np.int64)
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
    pairs[0::2], pairs[1::2] = steps[starts], steps[ends]
    return pairs, out, len(steps) / (2 * buckets)
