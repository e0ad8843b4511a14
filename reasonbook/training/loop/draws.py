"""Draws: which examples an epoch takes from each source of a mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...data.sources.mixture import Mixture


class Draws:
    """The examples of a mixture, epoch by epoch.

    Each source is an endless line of shuffles of its examples, and every epoch takes the next piece of it. So a source
    below its whole is another draw each epoch and comes round before any of it comes again, one above its whole repeats
    as evenly as can be, and an epoch can be made anew without those before it.

    Args:
        mixture: the sources, and how often each comes in an epoch.
        rows: the row of each example, by its position among the rows of all sources.
    """

    def __init__(self, mixture: Mixture, rows: Sequence[int] | np.ndarray) -> None:
        self.seed = mixture.seed
        numbers = mixture.numbers(rows)
        self.members = [np.flatnonzero(numbers == i) for i in range(len(mixture.sources))]
        self.counts = [
            max(1, round(source.passes * len(members))) if len(members) else 0
            for source, members in zip(mixture.sources, self.members, strict=True)
        ]

    def __len__(self) -> int:
        return sum(self.counts)

    def of(self, epoch: int) -> np.ndarray:
        """int64 numbers of the examples of one epoch, source by source."""
        parts = [self._piece(number, epoch) for number, count in enumerate(self.counts) if count]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _piece(self, number: int, epoch: int) -> np.ndarray:
        members, count = self.members[number], self.counts[number]
        start, end = epoch * count, (epoch + 1) * count
        first, last = start // len(members), -(-end // len(members))
        line = [
            np.random.default_rng([self.seed, number, i]).permutation(members) for i in range(first, last)
        ]
        return np.concatenate(line)[start - first * len(members) : end - first * len(members)]
