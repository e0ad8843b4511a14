"""The alarm when thinking breaks down."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from reasonbook.training.answering.samples import Sampler


def observer(heard, strategy="final_and_reasoning", steps=100):
    plan = SimpleNamespace(samples=4, early_stopping=None, steps=steps, sample_tokens=8)
    return Sampler(
        SimpleNamespace(strategy=strategy),
        [],
        plan=plan,
        score=None,
        emit=heard.append,
        stopping=lambda: False,
    )


@pytest.mark.parametrize(
    "seen, alarms",
    [
        ([(10, {"unfinished": 4}), (20, {"valid": 4}), (30, {"valid": 3, "empty": 1})], 0),  # it learns
        ([(20, {"valid": 4}), (30, {"valid": 1, "empty": 3})], 1),  # it had learnt, and lost it
        ([(10, {"missing": 4}), (80, {"missing": 4})], 1),  # it never learns
    ],
)
def test_a_collapse_is_told_from_learning(seen, alarms):
    heard = []
    watch = observer(heard)
    for step, health in seen:
        watch._judge_health(Counter(health), step)
    assert len(heard) == alarms
    assert all(each.alarm == "thinking" and "collapsed" in each.text for each in heard)


def test_answers_only_need_no_thinking():
    heard = []
    observer(heard, strategy="final_only")._judge_health(Counter({"missing": 4}), 99)
    assert heard == []
