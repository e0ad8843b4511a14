"""Rerun: a run again from its card, and whether it came out the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TrainingError
from .launch import train_card
from .run import Run
from .runs import run_card

NEAR = 1e-3  # of the loss: other processors add up in another order


@dataclass(frozen=True)
class Rerun:
    """Two runs of one card.

    Attributes:
        old: id of the run that wrote the card.
        new: id of the new run.
        drift: largest difference between the loss curves, in nats.
        results: split → (share then, share now).
        versions: package → (then, now), where they differ.
    """

    old: str
    new: str
    drift: float
    results: dict[str, tuple[float, float]]
    versions: dict[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether the loss curves are the same but for rounding."""
        return self.drift < NEAR

    def __str__(self) -> str:
        lines = [
            f"data       as the card says ({self.old})",
            f"new run    {self.new}",
            f"loss       {'the same curve' if self.same else f'differs by up to {self.drift:.3g}'}",
        ]
        lines += [
            f"{split:<10} {then:.1%} then, {now:.1%} now" for split, (then, now) in self.results.items()
        ]
        lines += [f"{name:<10} {then} then, {now} now" for name, (then, now) in self.versions.items()]
        return "\n".join(lines)


def rerun(card: str | Path, *, split: str = "test", tell: bool = True) -> Rerun:
    """Verifies the data beside a card, trains it again, and compares loss curves and results.

    Raises:
        TrainingError: the data is not what the card says, or the card's run never finished a step.
    """
    old = run_card.read(card)
    before = old.get("curves", {}).get("step", {}).get("loss", [])
    if not before:
        raise TrainingError(
            f"The run {old['run']} took no step, so there is nothing to compare with.",
            "reasonbook train card.json",
        )
    run = Run.load(train_card(card, tell=tell))
    after = run.history["step"]["loss"]
    both = min(len(before), len(after))
    told = np.array([np.nan if v is None else v for v in before[:both]], dtype=float)
    drift = float(np.nanmax(np.abs(told - after[:both])))
    results: dict[str, tuple[float, float]] = {}
    if split in old.get("results", {}):
        results[split] = (old["results"][split]["share"], run.evaluate(split).share.value)
    new = run_card.read(run.folder)
    return Rerun(old["run"], run.id, drift, results, _changed(old["packages"], new["packages"]))


def _changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        name: (str(old.get(name, "absent")), str(new.get(name, "absent")))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    }
