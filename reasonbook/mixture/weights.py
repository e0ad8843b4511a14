"""Weights: from what was asked for of each source to how often it comes whole in an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..errors import TrainingError

_LINE = 'rb.mix({"refunds": df, "chat": (other, 0.25)})'


def check_weights(weights: Mapping[str, float | None]) -> None:
    """Refuses weights that no mixture can have.

    Raises:
        TrainingError: one is not above 0, or the shares leave nothing to the sources that come whole.
    """
    for name, weight in weights.items():
        if weight is not None and not (math.isfinite(weight) and weight > 0):
            raise TrainingError(
                f"The weight of {name!r} is {weight:g}; below 1 it is a share of the mixture, from 1 on how often the "
                "source comes whole in each epoch. To leave a source out, leave it out of the mixture.",
                _LINE,
            )
    shares = {name: weight for name, weight in weights.items() if weight is not None and weight < 1}
    total, alone = sum(shares.values()), len(shares) == len(weights)
    told = " + ".join(f"{weight:g}" for weight in shares.values())
    if not alone and total >= 1:
        others = ", ".join(repr(name) for name in weights if name not in shares)
        raise TrainingError(f"The shares {told} leave nothing for {others}.", _LINE)
    if alone and abs(total - 1) > 1e-6:
        raise TrainingError(
            f"Every source has a share, and {told} is not 1.",
            f"{_LINE}   # a source without a weight comes whole and fills the rest",
        )


def passes_of(sizes: Sequence[float], weights: Sequence[float | None]) -> list[float]:
    """How often each source comes whole in an epoch.

    Sources without a share come whole, once or as often as was asked, and the others are made to fit them. Where all
    have shares, the one that is largest for its share comes whole: an epoch then holds every row of every source.

    Args:
        sizes: of the sources, in what the shares are of.
        weights: as in `check_weights`.

    Example:
        >>> from reasonbook.mixture.weights import passes_of
        >>> passes_of([900, 600], [None, 0.25]), passes_of([100, 100], [0.8, 0.2])
        ([1.0, 0.5], [4.0, 1.0])
    """
    shares = [weight if weight is not None and weight < 1 else 0.0 for weight in weights]
    whole = [0.0 if share else weight or 1.0 for share, weight in zip(shares, weights, strict=True)]
    rest = sum(times * size for times, size in zip(whole, sizes, strict=True))
    if rest:
        total = rest / (1 - sum(shares))
    else:
        total = max((size / share for share, size in zip(shares, sizes, strict=True) if share), default=0.0)
    return [
        times or (share * total / size if size else 0.0)
        for times, share, size in zip(whole, shares, sizes, strict=True)
    ]
