"""Where reasoning comes from: every way from a frame to a run card tells the same, and never a wrong one."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.data.reasoning_origin import SUBJECT, Origin, origin_of
from reasonbook.data.training_rows import training_rows
from reasonbook.store import default_store

PARTS = ("schema", "teacher", "method", "prompt")
FEW = {"max_steps": 1, "batch_size": 4, "samples": 0}


def rules(prompt):
    return rb.examples.refund_rules(prompt)


def shouting(prompt):
    made = rb.examples.refund_rules(prompt)
    return {**made, **{name: str(made[name]).upper() for name in ("Intent", "Policy")}}


def opening_alike(prompt):
    """The same first field as `rules`; only another one tells the two apart."""
    made = rb.examples.refund_rules(prompt)
    return {**made, "Policy": f"{made['Policy']}!"}


def schema():
    return rb.examples.refund_schema()


def filled(teacher, n=24, fields=None, **config):
    df = rb.examples.refunds(n, seed=5)
    df.reason.augment(fields or schema(), teacher=teacher, **config).wait()
    return df


def traced(df):
    return origin_of(training_rows(Frame(df, detect(df))).rows, default_store())


@pytest.mark.train
def test_every_way_to_a_run_tells_the_same_origin(tiny_student, home, tmp_path):
    df = filled(rules)
    df.reason.split(test=0.2, validation=0.2)
    df.to_parquet(tmp_path / "df.parquet")
    df.to_csv(tmp_path / "df.csv", index=False)
    direct = df.reason.train(tiny_student, **FEW).wait().card
    told = {part: direct[part] for part in PARTS}
    assert all(told.values()) and told["method"] == "extract" and "rules" in told["teacher"]
    assert [field["name"] for field in told["schema"]["fields"]] == list(schema().names)
    ways = {
        "to_chat": df,
        "copy": df.copy(),
        "some rows in another order": df.iloc[::-1].iloc[:20],
        "parquet": pd.read_parquet(tmp_path / "df.parquet"),
        "csv": pd.read_csv(tmp_path / "df.csv"),
    }
    for way, frame in ways.items():
        card = rb.train(frame.reason.to_chat(tiny_student), **FEW).wait().card
        assert {part: card[part] for part in PARTS} == told, way
    code = (
        "import json, sys, pandas as pd, reasonbook as rb\n"
        f"run = pd.read_parquet(sys.argv[1]).reason.train(sys.argv[2], **{FEW!r}).wait()\n"
        "print(json.dumps({part: run.card[part] for part in sys.argv[3:]}))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "df.parquet"), str(tiny_student), *PARTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == told


@pytest.mark.parametrize("other", [shouting, opening_alike])
def test_equal_rows_of_two_teachers_keep_each_its_own(other, home):
    mine, others = filled(rules), filled(other)
    assert "rules" in traced(mine)[0].teacher and traced(mine)[1] == ()
    assert other.__name__ in traced(others)[0].teacher and traced(others)[1] == ()


@pytest.mark.slow
def test_rows_of_several_teachers_have_no_one_origin_and_the_report_says_whose_they_are(tiny_student, home):
    df = filled(rules)
    df.reason.augment(schema(), teacher=shouting, limit=10).wait()
    origin, notes = traced(df)
    assert origin is None and len(notes) == 1
    assert ": 14 by " in notes[0] and ", 10 by " in notes[0] and "python:shouting" in notes[0]
    chat = df.reason.to_chat(tiny_student)
    assert chat.origin is None and notes[0] in chat.report.notes
    assert df.iloc[10:].reason.to_chat(tiny_student).origin.teacher.startswith("python:rules")


def test_rows_that_nobody_on_record_wrote_leave_no_one_origin(home):
    df = filled(rules, 10)
    extra = pd.DataFrame({
        "prompt": ["one more"], "response": ["$1"], "reasoning": [{"By": "hand"}], "reasoning_status": ["ok"],
    })  # fmt: skip
    origin, notes = traced(pd.concat([df, extra], ignore_index=True))
    assert origin is None and "1 by no augmentation on record" in notes[0]
    assert traced(extra) == (None, ())


def test_edited_rows_are_counted_and_speak_against_no_origin(home):
    df = filled(rules, 10)
    first = next(iter(df["reasoning"][0]))
    df.reason.review().edit(3, {first: "something else"})
    origin, notes = traced(df)
    assert origin is not None and origin.teacher.startswith("python:rules")
    assert notes == ("Rows whose reasoning was edited since their teacher wrote it: 1.",)


@pytest.mark.parametrize(
    "config", [{"method": "rationalize"}, {"samples": 2}, {"method": "chain_of_thought"}]
)
def test_every_method_is_found_again(config, home):
    if config.get("method") == "chain_of_thought":
        teacher, fields = (lambda prompt: f"First, {prompt}"), {"Unused": "unused"}
    else:
        teacher, fields = rules, None
    df = filled(teacher, 8, fields, **config)
    assert (df["reasoning_status"] == "ok").all()
    origin, notes = traced(df.copy())
    assert origin is not None and origin.method == config.get("method", "extract") and notes == ()


def test_a_larger_schema_over_the_same_answers_is_told_apart(home):
    wide = filled(rules, 6)
    narrow = filled(rules, 6, schema().fields[:2])
    assert len(traced(wide)[0].schema["fields"]) == len(schema().fields)
    assert len(traced(narrow)[0].schema["fields"]) == 2


def test_an_origin_is_on_record_once_however_often_it_is_run(home):
    for _ in range(3):
        filled(rules, 4)
    [event] = default_store().events(SUBJECT)
    origin = Origin.from_dict(event.data["origin"])
    assert Origin.from_dict(origin.to_dict() | {"run": "other parts of a card"}) == origin
