"""Versions: what rows had is kept in the store, found again, and held against what they have now."""

import json
from dataclasses import replace
from random import Random

import pytest

import reasonbook as rb
from benchmarks.cases import reworded
from reasonbook.errors import StoreError
from reasonbook.store import default_store
from reasonbook.training.evaluation.compared_data import ComparedData
from reasonbook.training.runs.load import load_student


@pytest.fixture
def df():
    df = rb.examples.refunds(30)
    df["reasoning"] = [rb.examples.refund_rules(prompt) for prompt in df["prompt"]]
    df["reasoning_status"] = "ok"
    return df


def test_a_diff_counts_what_changed_field_by_field(df):
    df.reason.version("before repairs")
    df.reason.review().edit(0, {"Amount": "105"}).accept([1, 2]).edit(3, response="$5")
    df.loc[5, "response"] = "$77"  # outside the review
    now = df.drop(index=7).iloc[::-1]
    diff = rb.diff("before repairs", now)
    assert diff.counts == {"gone": 1, "verdict": 2, "response": 2, "reasoning: Amount": 1}
    assert (diff.common, diff.gone, diff.added) == (29, [7], [])
    lines = diff.to_frame()
    assert lines[lines.field == "response"][["before", "after"]].iloc[0].tolist() == ["$208", "$5"]
    assert now.iloc[diff.rows]["prompt"].tolist() == [df.prompt[i] for i in (5, 3, 2, 1, 0)]
    assert "reasoning: Amount" in diff._repr_html_()


def test_versions_of_a_frame_are_listed_and_others_counted(df):
    df.reason.version("one")
    other = rb.examples.refunds(5, seed=9)
    other.reason.version("of other data")
    df.reason.version("two")
    found = df.reason.versions()
    assert [version.name for version in found] == ["one", "two"] and found.others == 1
    assert found.to_frame()["in this frame"].tolist() == [30, 30]
    assert rb.diff("one", "two").same
    assert rb.diff("one", other).notes[0].startswith("0 rows in common: one and ")


def test_a_version_outlives_its_kernel(df):
    kept = df.reason.version("kept")
    again = df.reason.versions()[0]
    assert (again.name, again.rows, again.snapshot.values) == (kept.name, 30, kept.snapshot.values)


def test_bad_input_is_told_what_to_type(df):
    df.reason.version("before repairs")
    with pytest.raises(rb.ReasonbookError, match="before repairs"):
        rb.diff("before repair", df)
    with pytest.raises(rb.ReasonbookError, match="int cannot be compared"):
        rb.diff(3, df)
    with pytest.raises(StoreError, match="needs a name"):
        df.reason.version(" ")


def test_a_damaged_version_says_so(df):
    version = df.reason.version("before repairs")
    with version.store.writing() as db:
        db.execute("UPDATE events SET data = 'x' WHERE kind = 'rows'")
    with (
        pytest.warns(UserWarning, match="not what was written"),
        pytest.raises(StoreError, match="0 of 30 rows"),
    ):
        rb.diff(version, df)


@pytest.mark.train
@pytest.mark.slow
def test_compare_says_how_the_data_differ_and_which_test_rows_have_twins(df, tiny_student):
    df["split"] = ["train"] * 26 + ["test"] * 4
    for place in (28, 29):  # the cases of two training rows, in other words
        df.loc[place, ["prompt", "response"]] = (
            reworded(df.prompt[place - 28], Random(1)),
            df.response[place - 28],
        )
        df.at[place, "reasoning"] = rb.examples.refund_rules(df.prompt[place])
    settings = {"max_steps": 2, "samples": 1, "sample_tokens": 8}
    first = df.reason.train(tiny_student, **settings).wait()
    changed = df.copy()
    changed.loc[0, "response"] = "$1"
    second = changed.reason.train(tiny_student, **settings).wait()
    assert rb.diff(first, second).counts == {"response": 1}
    compared = rb.compare([first, second], score=lambda answer, expected: 1.0)
    assert compared.contaminated == [28, 29] and compared.without_twins.scores[0].rows == 2
    [twins, data] = compared.notes[-2:]
    assert twins.startswith("2 of 4 test rows have a twin case in train (rows 28, 29); without them: ")
    assert data.endswith("in 1 rows (response 1).")

    # right in the first run, wrong in the second
    right, other = compared.evaluations
    wrong = replace(other, replies=[replace(reply, correct=False) for reply in other.replies])
    told = ComparedData([first.trained, second.trained], [right, wrong], "test")
    assert [(flip.position, flip.case_rows) for flip in told.flips] == [(28, 1), (26, 0), (27, 0), (29, 0)]
    assert told.notes[-1].endswith("1 of them are of a case whose training rows differ (rows 28).")
    for run in (first, second):  # as an older version wrote it
        tasks = run.folder / "tasks.jsonl"
        lines = [json.dumps(json.loads(line)[:-1]) for line in tasks.read_text().splitlines()]
        tasks.write_text("\n".join(lines) + "\n")
    old = rb.compare([load_student(run.id, default_store()).student for run in (first, second)])
    assert "Twin cases of test rows in train: not recorded." in old.notes
