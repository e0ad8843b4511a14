"""Grades judged by hand: kept by run, test, row and answer, and the score as they correct it."""

from dataclasses import replace

import numpy as np
import pytest

import reasonbook as rb
from reasonbook.errors import TrainingError
from reasonbook.training.evaluation.judgements import Judgement, corrected
from reasonbook.training.evaluation.statistics import share
from tests.widgets.compared import compared, comparison, plain, task


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REASONBOOK_HOME", str(tmp_path))
    rb.reviewer("")
    yield tmp_path
    rb.reviewer("")


def drawn(rng, *, rows=400, judged=60, lenient=0.25):
    """True grades, what a lenient grader makes of them, and a person's word on rows that chance has picked."""
    truth = (rng.random(rows) < 0.6).astype(float)
    given = np.where((truth == 0) & (rng.random(rows) < lenient), 1.0, truth)
    picked = rng.permutation(rows)[:judged].tolist()
    return truth, given, {row: Judgement(bool(truth[row] == given[row]), float(truth[row])) for row in picked}


def test_the_corrected_interval_holds_the_true_share_where_the_raw_one_does_not():
    rng = np.random.default_rng(0)
    raw = hits = 0
    for _ in range(200):
        truth, given, judged = drawn(rng)
        found = corrected(given.tolist(), judged)
        hits += found.low <= truth.mean() <= found.high
        raw += share(given.tolist()).low <= truth.mean() <= share(given.tolist()).high
    assert hits >= 186 and raw < 40, (hits, raw)


def test_grades_in_between_are_corrected_by_the_mean_correction():
    rng = np.random.default_rng(1)
    truth = rng.random(300)
    given = np.clip(truth + 0.1, 0, 1)
    judged = {row: Judgement(False, float(truth[row])) for row in range(0, 300, 5)}
    found = corrected(given.tolist(), judged)
    assert found.low <= truth.mean() <= found.high < given.mean() and (found.judged, found.agreed) == (60, 0)


def test_few_rows_make_it_wide_and_one_says_nothing():
    grades = [1.0] * 40 + [0.0] * 60
    assert corrected(grades, {0: Judgement(True, 1.0)}) is None
    few = corrected(grades, {row: Judgement(True, grades[row]) for row in (0, 1, 50, 51)})
    many = corrected(grades, {row: Judgement(True, grades[row]) for row in range(100)})
    assert few.value == many.value == pytest.approx(0.4) and few.high - few.low > 1.5 * (many.high - many.low)


def test_judgements_are_kept_for_the_answer_they_are_about(home):
    rb.reviewer("ana")
    first = compared(20)
    for row in first.to_judge(8):
        first.judge(row, run="answers only")
    wrong = first.to_judge(1)[0]  # nobody has judged its grade of the other run
    first.judge(wrong, agree=False, run=0).judge(wrong, run=1).judge(wrong, agree=None, run=1)
    again = compared(20)
    score = again.scores[0]
    assert (score.corrected.judged, score.corrected.agreed) == (8, 7) and again.scores[1].corrected is None
    assert again.judged(0)[wrong] == Judgement(False, 1 - again.evaluations[0].grades[wrong], "ana")
    assert "as graded" in str(again) and "as corrected by 8 rows" in again._repr_html_()
    assert again.to_frame()["judged"].tolist()[0] == 8
    asked = [task(100 + i, "asked anew", "$1") for i in range(20)]
    other = comparison(asked, [replace(plain(i), answer=f"{i} in all") for i in range(20)])
    assert not other.judged(0) and "judged" not in other.to_frame()


def test_wrong_calls_are_refused_in_a_sentence():
    found = compared(6)
    for call, words in (
        (lambda: found.judge(6), "no row 6"),
        (lambda: found.judge(0, grade=2.0), "no grade from 0 to 1"),
        (lambda: found.judge(0, run="nobody"), "No run of this comparison"),
        (lambda: found.judge("0"), "a whole number"),
    ):
        with pytest.raises(TrainingError, match=words):
            call()
    object.__setattr__(found.evaluations[0].replies[0], "score", 0.5)
    with pytest.raises(TrainingError, match="the right one has to be said"):
        found.judge(0, agree=False, run=0)
    assert found.judge(0, agree=False, run=0, grade=0.25).judged(0)[0].grade == 0.25
