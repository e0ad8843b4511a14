"""Loss SVG: a run's loss curve as a small inline picture, for cards and saved notebooks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 12, 24
BUCKETS = 240  # smallest and largest loss of each are drawn, so that no spike is lost
TRAIN, EVAL = "#4a90d9", "#d98a3d"  # readable on white and on black


def loss_svg(history: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """Train and eval loss over steps; "" when there are fewer than two points.

    Args:
        history: ``{"step": {"step": …, "loss": …}, "eval": {"step": …, "eval_loss": …}}``, equally long arrays.
    """
    steps, losses = _clean(history["step"]["step"], history["step"]["loss"])
    marks, evals = _clean(history["eval"]["step"], history["eval"]["eval_loss"])
    if len(steps) < 2:
        return ""
    x, band = _band(steps, losses)
    smooth = _smooth(losses)
    at = np.linspace(0, len(steps) - 1, min(len(steps), BUCKETS)).astype(int)
    low, high = float(np.min([band.min(), *evals])), float(np.max([band.max(), *evals]))
    if low == high:
        low, high = low - 0.5, high + 0.5
    across = _scale(float(steps[0]), float(steps[-1]), LEFT, WIDTH - RIGHT)
    up = _scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [
        *(_level(value, up) for value in _ticks(low, high)),
        *(
            _text(float(across(step)), HEIGHT - 6, f"{step:,.0f}".replace(",", " "), "middle")
            for step in _ticks(float(steps[0]), float(steps[-1]), 6)
        ),
        f'<path d="{_path(across(x), up(band))}" stroke="{TRAIN}" stroke-opacity=".35" stroke-width="1"/>',
        f'<path d="{_path(across(steps[at]), up(smooth[at]))}" stroke="{TRAIN}" stroke-width="2"/>',
        _text(WIDTH - 200, TOP + 4, f"train {losses[-1]:.3g}", "start", TRAIN),
    ]
    if len(evals):
        parts.append(
            f'<path d="{_path(across(marks), up(evals))}" stroke="{EVAL}" stroke-width="1.5" stroke-dasharray="5 3"/>'
        )
        parts += [
            f'<circle cx="{across(step):.1f}" cy="{up(value):.1f}" r="2.5" fill="{EVAL}"/>'
            for step, value in zip(marks[-60:], evals[-60:], strict=True)
        ]
        parts.append(_text(WIDTH - 100, TOP + 4, f"eval {evals[-1]:.3g}", "start", EVAL))
    label = f"loss from step {steps[0]:.0f} to {steps[-1]:.0f}, last {losses[-1]:.3g}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" role="img" '
        f'aria-label="{label}" fill="none" font-family="system-ui,sans-serif" font-size="11">{"".join(parts)}</svg>'
    )


def _clean(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(x) & np.isfinite(y)
    return np.asarray(x, float)[known], np.asarray(y, float)[known]


def _band(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) <= 2 * BUCKETS:
        return x, y
    starts = np.linspace(0, len(x), BUCKETS + 1).astype(int)[:-1]
    pairs = np.stack([np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)], axis=1)
    return np.repeat(x[starts], 2), pairs.ravel()


def _smooth(values: np.ndarray) -> np.ndarray:
    """A running mean over about a fortieth of the curve, which is not dragged at its start."""
    width = max(1, len(values) // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(0, ends - width)
    return (sums[ends] - sums[begins]) / (ends - begins)


def _scale(low: float, high: float, first: float, last: float) -> Callable[[ArrayLike], np.ndarray]:
    def place(value: ArrayLike) -> np.ndarray:
        return first + (np.asarray(value) - low) * (last - first) / ((high - low) or 1.0)

    return place


def _ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round values between two limits."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _level(value: float, up: Callable[[ArrayLike], np.ndarray]) -> str:
    y = float(up(value))
    line = f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".15" stroke-width="1"/>'
    return line + _text(LEFT - 6, y + 4, f"{value:.3g}", "end")


def _text(x: float, y: float, words: str, anchor: str, colour: str = "") -> str:
    fill = f'fill="{colour}" font-weight="600"' if colour else 'fill="currentColor" fill-opacity=".65"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {fill}>{words}</text>'
