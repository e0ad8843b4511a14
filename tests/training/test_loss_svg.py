"""The static curve of a card."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from reasonbook.training.runs.loss_svg import HEIGHT, LEFT, RIGHT, WIDTH, loss_svg


def history(steps, losses, marks=(), evals=()):
    return {
        "step": {"step": np.array(steps, float), "loss": np.array(losses, float)},
        "eval": {"step": np.array(marks, float), "eval_loss": np.array(evals, float)},
    }


def points(svg: str, number: int) -> list[tuple[float, float]]:
    """The points of a path: the band of the losses, their mean, the evaluations."""
    paths = [p for p in ET.fromstring(svg).iter("path") if p.get("stroke") != "currentColor"]
    return [tuple(map(float, pair.split())) for pair in paths[number].get("d")[1:].split("L")]


def test_it_is_whole_xml_and_stays_inside_its_box():
    svg = loss_svg(history(range(1, 400), np.geomspace(5, 0.1, 399), [100, 300], [2.0, 0.4]))
    drawn = points(svg, 0) + points(svg, 1) + points(svg, 2)
    assert all(LEFT <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)
    assert "train 0.1" in svg and "eval 0.4" in svg and svg.count("<circle") == 2


def test_a_spike_among_a_hundred_thousand_points_is_drawn():
    losses = np.ones(100_000)
    losses[54_321] = 40
    svg = loss_svg(history(range(100_000), losses))
    assert len(svg) < 20_000
    highest = min(points(svg, 0), key=lambda point: point[1])
    assert highest[1] < 20 and abs(highest[0] - (LEFT + 0.543 * (WIDTH - LEFT - RIGHT))) < 8


@pytest.mark.parametrize("steps, losses", [([], []), ([1], [2]), ([1, 2], [np.nan, 3])])
def test_too_few_points_draw_nothing(steps, losses):
    assert loss_svg(history(steps, losses)) == ""


def test_a_flat_curve_and_gaps_are_drawn():
    svg = loss_svg(history([1, 2, 3, 4], [0.5, np.nan, 0.5, 0.5]))
    assert len(points(svg, 0)) == 3 and "nan" not in svg


def test_values_keep_their_order():
    svg = loss_svg(history([1, 2, 3], [3.0, 2.0, 1.0]))
    heights = [y for _, y in points(svg, 0)]
    assert heights == sorted(heights), "a lower loss stands lower"
