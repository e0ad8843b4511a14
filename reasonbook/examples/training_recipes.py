"""Training recipes: settings by which the tiny student learns the refund data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Settings of one training of the tiny student; `**recipe.settings` goes into `df.reason.train`.

    Attributes:
        max_steps: optimizer steps.
        batch_size: rows in each step.
        learning_rate: the peak; it rises over the first twentieth of the steps and falls as a cosine.

    Example:
        >>> rb.examples.RECIPES["final_only"].scaled(0.1).settings
        {'max_steps': 420, 'batch_size': 16, 'learning_rate': 0.002}
    """

    max_steps: int
    batch_size: int
    learning_rate: float

    def scaled(self, effort: float) -> Recipe:
        """The same with so much of the steps, 1 being all of them."""
        return replace(self, max_steps=max(1, round(self.max_steps * effort)))

    @property
    def settings(self) -> dict[str, Any]:
        """The attributes as keyword arguments."""
        return asdict(self)


RECIPES: Mapping[str, Recipe] = {
    "final_and_reasoning": Recipe(max_steps=1_800, batch_size=16, learning_rate=2e-3),
    # A row without reasoning is less than half as long, so more of them take the same computing time.
    "final_only": Recipe(max_steps=4_200, batch_size=16, learning_rate=2e-3),
}
