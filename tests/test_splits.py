"""Splits: drawn by content and seed, groups stay whole, what stands is kept."""

import pytest

from reasonbook.data.splits import assign
from reasonbook.errors import ReasonbookError

PARTS = {"test": 0.2, "validation": 0.1}


def test_sizes_and_determinism_in_any_order():
    groups = [f"g{i}" for i in range(1000)]
    first = assign(groups, fractions=PARTS)
    assert [first.count(name) for name in ("test", "validation", "train")] == [200, 100, 700]
    turned = dict(zip(groups[::-1], assign(groups[::-1], fractions=PARTS), strict=True))
    assert [turned[g] for g in groups] == first
    assert assign(groups, fractions=PARTS, seed=1) != first


def test_equal_groups_share_a_split():
    groups = [f"g{i % 40}" for i in range(400)]
    names = assign(groups, fractions=PARTS)
    assert all(
        len({n for g, n in zip(groups, names, strict=True) if g == group}) == 1 for group in set(groups)
    )


def test_strata_are_split_alike():
    groups = [f"g{i}" for i in range(100)]
    strata = ["rare" if i < 10 else "common" for i in range(100)]
    names = assign(groups, fractions=PARTS, strata=strata)
    assert names[:10].count("test") == 2 and names[10:].count("test") == 18


def test_given_splits_are_kept_with_their_groups():
    names = assign(["a", "b", "a"], fractions={"test": 0.5}, given=["test", None, None])
    assert names[0] == names[2] == "test"


@pytest.mark.parametrize("fractions", [{"test": 1.0}, {"test": 0.6, "validation": 0.4}, {"test": -0.1}])
def test_parts_that_leave_nothing_are_refused(fractions):
    with pytest.raises(ReasonbookError, match="nothing to train on"):
        assign(["a"], fractions=fractions)


def test_an_unknown_split_name_is_refused():
    with pytest.raises(ReasonbookError, match="'dev'"):
        assign(["a"], fractions=PARTS, given=["dev"])
