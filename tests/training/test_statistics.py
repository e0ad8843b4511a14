"""Intervals against figures worked out elsewhere, and their coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reasonbook.training.evaluation.statistics import bootstrap, holm, mcnemar, paired, share, wilson


@pytest.mark.parametrize(
    "right, n, low, high",
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_wilson_gives_the_published_figures(right, n, low, high):
    """Newcombe 1998, table I, method 3; the ends by hand."""
    assert wilson(right, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("n", [1, 3, 7, 50, 113, 300, 10_000])
def test_none_and_all_right_end_at_the_ends(n):
    assert wilson(0, n)[0] == 0.0 and 0 < wilson(0, n)[1] < 1
    assert wilson(n, n)[1] == 1.0 and 0 < wilson(n, n)[0] < 1
    assert all(0 < low < high < 1 for low, high in (wilson(k, n) for k in range(1, min(n, 60))))


def test_the_paired_interval_gives_the_published_figures():
    """Newcombe 1998 (paired), the table of 36, 12, 2, 0 by method 10."""
    first = [1] * 36 + [1] * 12 + [0] * 2
    second = [1] * 36 + [0] * 12 + [1] * 2
    found = paired(second, first)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=2e-3)


def test_equal_runs_have_no_difference_but_an_interval():
    found = paired([1, 0, 1, 1] * 25, [1, 0, 1, 1] * 25)
    assert found.value == 0 and found.low <= 0 <= found.high and found.p == 1.0


@pytest.mark.parametrize("gained, lost", [(0, 0), (5, 0), (8, 1), (12, 10), (700, 600)])
def test_mcnemar_is_the_binomial_tail(gained, lost):
    n, k = gained + lost, min(gained, lost)
    exact = min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)
    assert mcnemar(gained, lost) == pytest.approx(exact, rel=1e-9)


def test_the_sign_flip_test_sees_a_real_difference_and_no_other():
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 1, 200)
    assert paired(a, np.clip(a + 0.1, 0, 1)).p < 0.001
    assert paired(a, np.clip(a + rng.normal(0, 0.1, 200), 0, 1)).p > 0.01


def test_a_graded_share_is_bootstrapped():
    rng = np.random.default_rng(1)
    grades = rng.uniform(0, 1, 400)
    found = share(grades.tolist())
    half = 1.96 * grades.std() / 20
    assert found.low == pytest.approx(grades.mean() - half, abs=0.005)
    assert found.high == pytest.approx(grades.mean() + half, abs=0.005)
    assert bootstrap(grades) == bootstrap(grades)  # seeded


def test_the_paired_interval_covers():
    """95 % intervals of 400 draws hold the truth in at least 92 % of them."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(400):
        first = rng.random(60) < 0.4
        second = np.where(rng.random(60) < 0.5, first, rng.random(60) < 0.8)  # true difference 0.2
        found = paired(first.astype(float), second.astype(float))
        held += found.low <= 0.2 <= found.high
    assert held >= 0.92 * 400


def test_turns_of_one_conversation_count_as_one():
    """Ten turns that are always right or wrong together say what one row says."""
    rng = np.random.default_rng(3)
    rows = (rng.random(60) < 0.5).astype(float)
    turns, clusters = np.repeat(rows, 10).tolist(), np.repeat(np.arange(60), 10).tolist()
    alone, together, blind = share(rows.tolist()), share(turns, clusters), share(turns)
    assert together.value == alone.value
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert blind.high - blind.low < 0.5 * (together.high - together.low)
    other = (rng.random(60) < 0.65).astype(float)
    by_row, by_turn = paired(rows, other), paired(turns, np.repeat(other, 10), clusters)
    assert by_turn.value == by_row.value and by_turn.test == "sign-flip by cluster"
    assert by_turn.p == pytest.approx(by_row.p, abs=0.05)
    assert paired(turns, np.repeat(other, 10)).p < 0.1 * by_turn.p  # what counting turns alone would claim
    assert paired(rows, other, list(range(60))).test == "exact McNemar"


@pytest.mark.parametrize(
    "chances, raised",
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.01, 0.01, 0.01], [0.03, 0.03, 0.03]),
        ([0.6, 0.5], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
        ([0.001, 0.02, 0.03, 0.04, 0.05], [0.005, 0.08, 0.09, 0.09, 0.09]),
    ],
)
def test_several_tests_are_corrected(chances, raised):
    """By Holm's step-down rule, worked out by hand."""
    assert holm(chances) == pytest.approx(raised)


def test_a_family_of_tests_seldom_cries_wolf():
    """Four equal runs against one: without the correction a fifth of the tables would claim a difference."""
    rng, alarms, bare = np.random.default_rng(4), 0, 0
    for _ in range(300):
        first = (rng.random(120) < 0.5).astype(float)
        chances = [paired(first, (rng.random(120) < 0.5).astype(float)).p for _ in range(4)]
        bare += min(chances) < 0.05
        alarms += min(holm(chances)) < 0.05
    assert alarms <= 0.07 * 300 < bare + 15
