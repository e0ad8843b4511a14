"""Statistics: intervals and paired tests, so that a difference is known from chance."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
DRAWS = 10_000


@dataclass(frozen=True)
class Interval:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A paired difference with its 95 % interval and the chance of one as large if there were none.

    Attributes:
        value: mean of second minus first.
        test: the test that gave ``p``.
    """

    value: float
    low: float
    high: float
    p: float
    test: str


def share(grades: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Interval:
    """The mean of grades: Wilson's interval for right or wrong, a bootstrap for anything between.

    Args:
        grades: from 0 to 1, by row.
        clusters: which rows belong together, such as the turns of one conversation; these are drawn together, since
            they say less than as many rows of their own would.
    """
    values = np.asarray(grades, dtype=float)
    if not len(values):
        return Interval(math.nan, math.nan, math.nan)
    groups = groups_of(clusters)
    if groups is not None:
        low, high = bootstrap(values, groups=groups)
        return Interval(float(values.mean()), low, high)
    if set(np.unique(values)) <= {0.0, 1.0}:
        low, high = wilson(int(values.sum()), len(values))
        return Interval(float(values.mean()), low, high)
    low, high = bootstrap(values)
    return Interval(float(values.mean()), low, high)


def wilson(right: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion; sound at 0 and at 1, where the plain one has no width."""
    p, scale = right / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends the two terms are equal by algebra, though not always in floating point.
    return (middle - half if right else 0.0), (middle + half if right < n else 1.0)


def groups_of(clusters: Sequence[Hashable] | None) -> np.ndarray | None:
    """The number of each row's cluster; None where every row is one of its own."""
    if clusters is None:
        return None
    numbers: dict[Hashable, int] = {}
    groups = np.array([numbers.setdefault(each, len(numbers)) for each in clusters], dtype=np.int64)
    return groups if len(numbers) < len(groups) else None


def bootstrap(
    values: np.ndarray, *, groups: np.ndarray | None = None, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean.

    Args:
        values: by row.
        groups: number of each row's cluster; whole clusters are drawn.
        draws: how many.
        seed: of the draws.
    """
    low, high = np.quantile(bootstrap_means(values, groups=groups, draws=draws, seed=seed), (0.025, 0.975))
    return float(low), float(high)


def bootstrap_means(
    values: np.ndarray, *, groups: np.ndarray | None = None, draws: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """Means of rows drawn again; in chunks, so that many rows need no large table."""
    rng = np.random.default_rng(seed)
    sums = values if groups is None else np.bincount(groups, weights=values)
    sizes = np.ones(len(values)) if groups is None else np.bincount(groups).astype(float)
    n = len(sums)
    means: list[np.ndarray] = []
    chunk = max(1, 2_000_000 // n)
    for start in range(0, draws, chunk):
        drawn = rng.integers(0, n, (min(chunk, draws - start), n))
        means.append(sums[drawn].sum(1) / sizes[drawn].sum(1))
    return np.concatenate(means)


def paired(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> Difference:
    """Second minus first on the same rows: exact McNemar for right or wrong, else a sign-flip test.

    For right or wrong the interval is Newcombe's for paired proportions (his method 10), for grades a
    paired bootstrap. Where several rows are one cluster, such as the turns of a conversation, the bootstrap draws
    clusters and the test flips the sign of whole clusters.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not len(a):
        return Difference(math.nan, math.nan, math.nan, math.nan, "none")
    difference = float((b - a).mean())
    groups = groups_of(clusters)
    if groups is not None:
        low, high = bootstrap(b - a, groups=groups)
        return Difference(
            difference, low, high, _sign_flip(np.bincount(groups, weights=b - a)), "sign-flip by cluster"
        )
    if set(np.unique(a)) | set(np.unique(b)) <= {0.0, 1.0}:
        gained, lost = int(((b == 1) & (a == 0)).sum()), int(((b == 0) & (a == 1)).sum())
        low, high = _newcombe(a, b)
        return Difference(difference, low, high, mcnemar(gained, lost), "exact McNemar")
    low, high = bootstrap(b - a)
    return Difference(difference, low, high, _sign_flip(b - a), "sign-flip")


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p of so uneven a split of the rows on which two runs disagree."""
    n, k = gained + lost, min(gained, lost)
    if n == 0:
        return 1.0
    log_half = n * math.log(0.5)
    tail = sum(
        math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + log_half)
        for i in range(k + 1)
    )
    return min(1.0, 2 * tail)


def holm(chances: Sequence[float]) -> list[float]:
    """The chances of several tests, raised so that one false alarm among all of them stays as rare (Holm 1979).

    Example:
        >>> from reasonbook.training.evaluation.statistics import holm
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    raised, highest = [0.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[i]))
        raised[i] = highest
    return raised


def _newcombe(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    n = len(a)
    p1, p2 = float(b.mean()), float(a.mean())
    l1, u1 = wilson(int(b.sum()), n)
    l2, u2 = wilson(int(a.sum()), n)
    both = float(((a == 1) & (b == 1)).sum())
    none = float(((a == 0) & (b == 0)).sum())
    gained = float(((a == 0) & (b == 1)).sum())
    lost = float(((a == 1) & (b == 0)).sum())
    product = (both + gained) * (both + lost) * (lost + none) * (gained + none)
    cross = both * none - gained * lost
    if product <= 0:
        phi = 0.0
    else:
        phi = (max(cross - n / 2, 0.0) if cross > 0 else cross) / math.sqrt(product)
    difference = p1 - p2
    below = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    above = (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2
    return (
        max(-1.0, difference - math.sqrt(max(0.0, below))),
        min(1.0, difference + math.sqrt(max(0.0, above))),
    )


def _sign_flip(values: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    n, seen, hits = len(values), abs(values.mean()), 0
    chunk = max(1, 2_000_000 // n)
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        flips = rng.integers(0, 2, (size, n)) * 2 - 1
        hits += int((np.abs((flips * values).mean(1)) >= seen - 1e-12).sum())
    return (hits + 1) / (draws + 1)
