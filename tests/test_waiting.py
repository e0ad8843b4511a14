"""Whoever reads a frame that a job is filling waits for it, says so, or is told what is missing."""

from __future__ import annotations

import _thread
import gc
import threading
import time
import weakref

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook import waiting
from reasonbook.errors import FormatError, ReasonbookError
from reasonbook.job import Status

ROWS = 30


def slow(prompt: str) -> dict[str, str]:
    time.sleep(0.02)
    return rb.examples.refund_rules(prompt)


def held(rows: int):
    """A teacher that fills so many rows and then waits for `gate`."""
    gate = threading.Semaphore(rows)

    def teacher(prompt: str) -> dict[str, str]:
        assert gate.acquire(timeout=60)
        return rb.examples.refund_rules(prompt)

    return teacher, gate


@pytest.fixture
def df() -> pd.DataFrame:
    return rb.examples.refunds(ROWS)


def begun(df: pd.DataFrame, **options):
    return df.reason.augment(rb.examples.refund_schema(), teacher=slow, concurrency=2, **options)


def verbs(df: pd.DataFrame, student: str, folder) -> dict:
    review = df.reason.review()
    return {
        "to_chat": lambda **o: df.reason.to_chat(student, **o),
        "train": lambda **o: df.reason.train(student, max_steps=1, samples=0, **o),
        "split": lambda **o: df.reason.split(**o),
        "export": lambda **o: rb.export(df, **o),
        "export to a file": lambda **o: rb.export(df, folder / "rows.jsonl", **o),
        "accept_all": lambda **o: review.accept_all(**o),
    }


@pytest.mark.slow
def test_every_reader_refuses_or_waits(df, tiny_student, tmp_path):
    made = verbs(df, tiny_student, tmp_path)
    job = begun(df)
    for name, verb in made.items():
        if name == "train":
            continue  # by `to_chat`
        with pytest.raises(
            ReasonbookError, match=r"still on their way: the augmentation by python:slow.*: .*(missing|read)"
        ) as caught:
            verb(wait=False)
        assert caught.value.fix.startswith("job.wait()"), name
    assert job.running and "split" not in df.columns and not (tmp_path / "rows.jsonl").exists()
    assert made["accept_all"]().counts["accepted"] == ROWS
    assert job.status is Status.COMPLETED
    for name in ("split", "export", "export to a file"):
        begun(df, samples=3)  # other answers, so it works anew
        assert made[name]() is not None
        assert set(df["reasoning_status"]) == {"ok"}, name


@pytest.mark.train
def test_in_one_cell_a_student_gets_all_of_its_reasoning(df, tiny_student):
    begun(df)
    run = df.reason.train(tiny_student, max_steps=1, samples=0)
    assert run.wait().card["data"]["rows_kept"] == ROWS
    assert all(task.reasoning for task in run.data.tasks)


@pytest.mark.slow
def test_what_is_finished_is_delivered_without_a_wait(df, tiny_student):
    job = begun(df)
    job._done.wait(30)  # nobody has looked at the frame since
    assert df.reason.to_chat(tiny_student).report.reasoning == ROWS


def test_an_augmentation_of_another_door_is_known_too(df, tiny_student):
    from reasonbook.augment import Augmentation
    from reasonbook.data.frame import Frame
    from reasonbook.data.layout import layout_of

    job = Augmentation(Frame(df, layout_of(df)), rb.examples.refund_schema(), slow).start()
    assert df.reason.to_chat(tiny_student).report.reasoning == ROWS and not job.running


@pytest.mark.slow
def test_a_copy_or_slice_is_not_waited_for_and_its_rows_are_accounted_for(df, tiny_student):
    teacher, gate = held(5)
    job = df.reason.augment(rb.examples.refund_schema(), teacher=teacher, concurrency=2)
    while "reasoning_status" not in df or (df["reasoning_status"] == "ok").sum() < 5:
        job.deliver(0.02)
    part = df[df.index % 2 == 0]
    pending = int((part["reasoning_status"] == "pending").sum())
    assert pending
    report = part.reason.to_chat(tiny_student).report
    assert report.left_out == {"pending": pending} and report.rows == len(part)
    assert not report.ok and f"{pending} of {len(part)} rows were to get reasoning" in report.problems[0][0]
    gate.release(ROWS)
    job.wait()
    assert df.reason.to_chat(tiny_student).report.rows_kept == ROWS


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["final_and_reasoning", "two_message_cot"])
def test_stopped_short_is_told_and_refused_until_the_caller_decides(df, tiny_student, strategy):
    teacher, gate = held(5)
    job = df.reason.augment(rb.examples.refund_schema(), teacher=teacher, concurrency=2)
    while job.progress.done < 5:
        job.deliver(0.02)
    job.stop()
    time.sleep(0.5)  # it asks no more rows; those that are under way end
    gate.release(ROWS)
    job.wait()
    done = int((df["reasoning_status"] == "ok").sum())
    report = df.reason.to_chat(tiny_student, strategy=strategy).report
    assert (report.rows, report.rows_kept) == (ROWS, done) and report.left_out == {"pending": ROWS - done}
    [told] = [note for note in report.notes if "did not get through all rows" in note]
    assert not report.ok and told.endswith("cancelled.")
    with pytest.raises(FormatError, match="were to get reasoning and have none") as caught:
        df.reason.train(tiny_student, strategy=strategy)
    goes_on, leaves_out = caught.value.fix.split("   or   ")
    names = {"df": df, "student": tiny_student, "schema": rb.examples.refund_schema(), "teacher": teacher}
    dropped = eval(leaves_out.partition(" leaves")[0], names)
    assert dropped.report.ok and dropped.report.left_out == report.left_out
    kept = df.reason.to_chat(tiny_student, strategy=strategy, missing="keep").report
    assert kept.ok and kept.rows_kept == ROWS and kept.plain_rows == ROWS - done
    eval(goes_on.partition(" goes on")[0], names)
    assert df.reason.to_chat(tiny_student, strategy=strategy).report.rows_kept == ROWS


def test_a_student_of_reasoning_without_any_is_refused(df, tiny_student):
    report = df.reason.to_chat(tiny_student).report
    assert not report.ok and "No row has reasoning" in report.problems[0][0]
    assert df.reason.to_chat(tiny_student, strategy="final_only").report.ok


def test_an_answers_only_student_takes_the_same_rows(df, tiny_student):
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    df.loc[[3, 4], "reasoning_status"] = ["pending", "error"]
    report = df.reason.to_chat(tiny_student, strategy="final_only").report
    assert report.ok and report.rows_kept == ROWS - 2
    assert any("were to get reasoning" in what for what, _ in report.warnings)


@pytest.mark.slow
def test_the_line_shows_how_far_and_how_long(df, tiny_student, capsys, monkeypatch):
    monkeypatch.setitem(waiting._PATIENCE, "terminal", 0.0)
    monkeypatch.setattr(waiting.sys.stderr, "isatty", lambda: True, raising=False)
    begun(df)
    df.reason.to_chat(tiny_student)
    said = capsys.readouterr().err
    first, *_, last = said.strip().split("\r")
    assert first.startswith("to_chat waits: the augmentation by python:slow")
    assert " missing, about " in said and " s left" in said
    assert last.startswith("Waited for: the augmentation by python:slow")
    assert last.rstrip().endswith(f"{ROWS} of {ROWS} rows, completed.")
    assert said.count("\n") == 1, "one line"


@pytest.mark.slow
def test_a_short_wait_says_nothing(df, tiny_student, capsys):
    begun(df)
    df.reason.to_chat(tiny_student)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_an_interrupt_ends_the_waiting_and_not_the_job(df, tiny_student, capsys, interruptible):
    job = begun(df)
    threading.Timer(0.1, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        df.reason.to_chat(tiny_student)
    assert job.running and not job.stopping
    assert "it goes on: the augmentation by python:slow" in capsys.readouterr().err
    assert df.reason.to_chat(tiny_student).report.rows_kept == ROWS, "and the same line waits again"


@pytest.mark.slow
def test_another_thread_is_told_where_the_rows_arrive(df, tiny_student):
    job, caught = begun(df), []

    def read() -> None:
        try:
            df.reason.to_chat(tiny_student)
        except ReasonbookError as error:
            caught.append(error)

    other = threading.Thread(target=read)
    other.start()
    other.join(30)
    assert "Rows arrive on the thread that began their job" in str(caught[0])
    job.wait()
    assert df.reason.to_chat(tiny_student).report.rows_kept == ROWS


@pytest.mark.slow
def test_a_frame_that_is_gone_is_not_held():
    df = rb.examples.refunds(5)
    begun(df).wait()
    ref = weakref.ref(df)
    del df
    gc.collect()
    assert ref() is None
