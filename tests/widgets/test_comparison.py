"""Comparison: figures as they are, rows by the page, filters that tell where runs differ."""

from __future__ import annotations

import pytest

from reasonbook.training.answering.generate import Reply
from reasonbook.training.evaluation.comparison import ComparedRow
from reasonbook.widgets.comparison import MOST, Comparison
from tests.widgets.compared import compared, comparison, task


def counts(page):
    return {item["id"]: item["count"] for item in page.call("snapshot")["filters"]}


def test_the_table_shows_the_figures_of_the_comparison(page):
    core = compared()
    shot = page(Comparison(core)).call("snapshot")
    plain, thinking = shot["scores"]
    assert (plain["label"], plain["share"], plain["difference"]) == (
        "answers only",
        core.scores[0].share,
        None,
    )
    assert thinking["differenceLow"] == core.scores[1].difference_low
    assert thinking["differenceHigh"] == core.scores[1].difference_high
    assert thinking["health"] == {"valid": 54, "empty": 0, "unfinished": 6, "missing": 0}
    assert thinking["tokens"] == core.scores[1].tokens > 58
    assert (shot["rows"], shot["split"], shot["measure"]) == (60, "test", "exact match")


def test_filters_count_what_they_show(page):
    opened = page(Comparison(compared()))
    found = counts(opened)
    first = {i for i in range(60) if i % 3 == 0}
    second = {i for i in range(60) if i % 10}
    assert found["differ"] == len(first ^ second)
    assert found["only:0"] == len(first - second) and found["only:1"] == len(second - first)
    assert found["none"] == 60 - len(first | second) and found["every"] == len(first & second)
    assert found["sick"] == 6
    for name, count in found.items():
        page_of = opened.call("rows", start=0, count=MOST, filter=name)
        assert page_of["total"] == count and len(page_of["rows"]) == min(count, MOST)
    only = opened.call("rows", start=0, count=MOST, filter="only:1")["rows"]
    assert {row["index"] for row in only} == second - first


def test_pages_follow_each_other_without_gap_or_repeat(page):
    opened = page(Comparison(compared()))
    seen = []
    for start in range(0, 60, 7):
        seen += [row["index"] for row in opened.call("rows", start=start, count=7)["rows"]]
    assert seen == list(range(60))
    assert opened.call("rows", start=999, count=7)["rows"] == []


def test_search_reads_prompts_answers_and_thinking(page):
    opened = page(Comparison(compared()))
    assert opened.call("rows", start=0, count=50, query="within 59 DAYS")["total"] == 1
    assert opened.call("rows", start=0, count=50, query="17 days ago")["rows"][0]["position"] == 117
    assert opened.call("rows", start=0, count=50, query="nowhere")["total"] == 0


def test_one_run_alone_has_no_difference_to_filter_by(page):
    opened = page(Comparison(compared(runs=1)))
    assert set(counts(opened)) == {"all", "none", "every", "sick", "judge"}


def test_a_row_that_a_run_did_not_answer_counts_as_wrong(page):
    core = compared()
    core.rows = (core.rows[0], ComparedRow(1, "asked", "said", (None, Reply("said", correct=True))))
    opened = page(Comparison(core))
    row = opened.call("rows", start=1, count=1)["rows"][0]
    assert row["replies"][0] is None and row["replies"][1]["answer"] == "said"
    assert opened.call("rows", start=0, count=5, filter="only:1")["rows"][0]["prompt"] == "asked"


def test_a_graded_score_counts_from_one_half(page):
    core = comparison([task(0, "a", "b")], [Reply("x", score=0.4)], [Reply("y", score=0.9)])
    assert counts(page(Comparison(core)))["only:1"] == 1


def test_an_unknown_filter_is_refused(page):
    with pytest.raises(Exception, match="no filter"):
        page(Comparison(compared())).call("rows", start=0, count=5, filter="x")
