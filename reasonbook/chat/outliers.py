"""Outliers: training rows that are worth a look before anything is trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .dataset import ChatDataset
from .rendering import segments

NO_STOP = "does not learn to stop"
NO_ANSWER = "no token of its answer carries loss"
NO_REASONING = "learns no reasoning, while other rows do"
LONG_REASONING = "far more reasoning than most rows"
SHORT_REASONING = "far less reasoning than most rows"
NEARLY_FULL = "close to the length limit"
FEW_LEARNT = "hardly any of it carries loss"
TWIN = "the same tokens as another row"

FULL = 0.95  # of max_length
FEW = 0.01  # of the row's tokens


def find_outliers(dataset: ChatDataset) -> dict[int, tuple[str, ...]]:
    """Index in the dataset → why the row stands out; read from the arrays that are trained.

    Reasoning counts as far more or less than most when it lies beyond three times the distance between
    the median and the outer quartile on that side, and at least twofold away from the median.
    """
    if not len(dataset):
        return {}
    chosen, arrays = dataset.chosen, dataset.arrays
    count = _Counter(arrays.codes, arrays.starts, chosen)
    lengths = np.asarray(dataset.lengths)
    learnt = count(lambda part, trained: trained)
    answer = count(lambda part, trained: trained & (part == segments.ANSWER))
    reasoning = count(lambda part, trained: trained & (part >= segments.REASONING))
    stops = count(lambda part, trained: trained & (part == segments.STOP))
    thinks = reasoning > 0
    first_half = (
        arrays.half[chosen] == 1 if dataset.strategy == "two_message_cot" else np.zeros(len(chosen), bool)
    )
    found: dict[str, np.ndarray] = {
        NO_STOP: (stops == 0) & (stops > 0).any(),
        NO_ANSWER: (answer == 0) & ~first_half,
        NEARLY_FULL: lengths > FULL * dataset.max_length,
        FEW_LEARNT: learnt < FEW * lengths,
        TWIN: _twins(arrays.ids, arrays.starts, chosen),
    }
    if thinks.mean() > 0.5 and dataset.strategy == "final_and_reasoning":
        low, middle, high = np.quantile(reasoning[thinks], (0.25, 0.5, 0.75))
        found[NO_REASONING] = ~thinks
        found[LONG_REASONING] = thinks & (reasoning > max(2 * middle, middle + 3 * (high - middle)))
        found[SHORT_REASONING] = thinks & (reasoning < min(middle / 2, middle - 3 * (middle - low)))
    reasons: dict[int, list[str]] = {}
    for reason, flags in found.items():
        for index in np.flatnonzero(flags).tolist():
            reasons.setdefault(index, []).append(reason)
    return {index: tuple(reasons[index]) for index in sorted(reasons)}


class _Counter:
    """Counts tokens per chosen row, a block of rows at a time, so that a dataset on disk stays there."""

    BLOCK = 4096

    def __init__(self, codes: np.ndarray, starts: np.ndarray, chosen: np.ndarray) -> None:
        self.codes, self.starts, self.chosen = codes, starts, chosen

    def __call__(self, wanted: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """Tokens per chosen row for which ``wanted(part, trained)`` is true."""
        rows = len(self.starts) - 1
        counts = np.zeros(rows, np.int64)
        for first in range(0, rows, self.BLOCK):
            edges = self.starts[first : first + self.BLOCK + 1]
            block = np.asarray(self.codes[edges[0] : edges[-1]])
            flags = wanted(block & np.uint8(~segments.TRAINED & 0xFF), (block & segments.TRAINED) != 0)
            sums = np.concatenate([[0], np.cumsum(flags)])
            counts[first : first + len(edges) - 1] = np.diff(sums[edges - edges[0]])
        return counts[self.chosen]


def _twins(ids: np.ndarray, starts: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Rows whose ids occur more than once among the chosen ones."""
    marks = np.fromiter(
        (hash(np.asarray(ids[starts[at] : starts[at + 1]]).tobytes()) for at in chosen), np.int64
    )
    _, inverse, counts = np.unique(marks, return_inverse=True, return_counts=True)
    return counts[inverse] > 1
