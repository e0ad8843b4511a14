"""The numbers behind the curves: appended at one price, thinned without losing a spike."""

from __future__ import annotations

import time

import numpy as np
import pytest

from reasonbook.training.runs.history import CurveTable
from reasonbook.widgets.points import BUCKETS, RAW_LIMIT, Points


def filled(count: int) -> Points:
    table = CurveTable(("loss", "memory"))
    for step in range(count):
        table.append(step, {"loss": 1.0 + step % 7})
    return Points(table, table.columns)


def test_rows_are_sent_once_and_in_order():
    points = filled(3)
    start, x, values = points.fresh()
    assert start == 0
    assert np.frombuffer(x).tolist() == [0, 1, 2]
    matrix = np.frombuffer(values, np.float32).reshape(2, 3)
    assert matrix[0].tolist() == [1, 2, 3]
    assert np.isnan(matrix[1]).all()
    points.table.append(3, {"loss": 9, "memory": 5})
    start, x, _ = points.fresh()
    assert (start, np.frombuffer(x).tolist()) == (3, [3])
    assert points.fresh()[1] == b""


def test_a_resumed_run_replaces_its_abandoned_tail():
    points = filled(10)
    points.fresh()
    points.table.append(6, {"loss": 100})
    assert points.table.steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    start, x, _ = points.fresh()
    assert (start, np.frombuffer(x).tolist()) == (6, [6])


@pytest.mark.parametrize("value", [None, "n/a", float("nan")])
def test_a_value_that_is_no_number_is_a_gap(value):
    table = CurveTable(("loss",))
    table.append(0, {"loss": value})
    assert np.isnan(table.column("loss")[0])


def test_a_long_window_is_thinned_and_keeps_its_spikes():
    points = filled(50_000)
    points.table.column("loss")[31_313] = 999
    points.table.column("loss")[7] = -5
    x, values, stride = points.window()
    assert len(x) == 2 * BUCKETS and stride == 50_000 / (2 * BUCKETS)
    assert values[0].max() == 999 and values[0].min() == -5
    assert (np.diff(x) >= 0).all() and x[0] == 0 and x[-1] == 49_999
    assert np.isnan(values[1]).all(), "a column without values stays empty"
    spike = x[int(values[0].argmax())]
    assert abs(spike - 31_313) <= 50_000 / BUCKETS


def test_a_short_window_of_a_long_history_is_whole():
    points = filled(50_000)
    x, values, stride = points.window(1000, 1004)
    assert x.tolist() == [1000, 1001, 1002, 1003, 1004] and stride == 1
    assert values[0].tolist() == [1.0 + step % 7 for step in range(1000, 1005)]
    assert len(points.window(0, RAW_LIMIT - 1)[0]) == RAW_LIMIT


@pytest.mark.slow
def test_an_append_costs_the_same_in_a_long_history():
    def cost(history: int) -> float:
        points = filled(history)
        points.fresh()
        times = []
        for step in range(2000):
            start = time.perf_counter()
            points.table.append(history + step, {"loss": 1.0})
            points.fresh()
            times.append(time.perf_counter() - start)
        return float(np.median(times))

    assert cost(150_000) < 4 * cost(1_000) + 2e-5
