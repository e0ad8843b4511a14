"""Trainings of one kernel: one at a time, the others in line; what waits is seen, stopped, and outlives the kernel."""

from __future__ import annotations

import time

import pytest

import reasonbook as rb
from reasonbook.errors import ReasonbookError, TrainingError
from reasonbook.job import Status
from reasonbook.training import Run, train
from reasonbook.training.runs import kernel_runs
from tests.training.refund_chat import refund_chat

pytestmark = pytest.mark.train
SHORT = {"max_steps": 2, "batch_size": 8, "samples": 0, "eval_rows": 2}
LONG = {**SHORT, "max_steps": 5_000}


@pytest.fixture
def chat(tiny_student):
    return refund_chat(tiny_student, 40)


def statuses(run) -> list[str]:
    return [event.data["status"] for event in run.stream if event.kind == "status"]


def test_a_second_run_waits_its_turn_and_begins_by_itself(chat):
    first = train(chat, name="first", **LONG)
    second = train(chat, name="second", **SHORT)
    third = train(chat, name="third", **SHORT)
    assert (first.status, second.status, third.status) == (Status.RUNNING, Status.QUEUED, Status.QUEUED)
    assert second.waits == "waits for first; 2nd in line" and third.waits.endswith("3rd in line")
    assert "waits for first; 2nd in line" in second._repr_html_() + repr(second)
    assert second.possible == ("stop",) and second.step == 0 and second.seconds == 0.0
    first.stop()
    third.wait()
    assert (first.status, second.status, third.status) == (
        Status.CANCELLED, Status.COMPLETED, Status.COMPLETED,
    )  # fmt: skip
    assert statuses(second) == ["QUEUED", "RUNNING", "COMPLETED"]
    assert second.ended_at <= third.started_at, "one at a time"
    assert third.seconds < time.time() - first.started_at - second.seconds, "waiting is no training time"


def test_the_next_begins_however_the_first_ends(chat, monkeypatch):
    from reasonbook.training.backends import peft

    real = peft.PeftBackend.load
    broken: list[bool] = [True]

    def load(self, plan, **options):
        if broken and broken.pop():
            time.sleep(0.3)
            raise RuntimeError("no such weights")
        return real(self, plan, **options)

    monkeypatch.setattr(peft.PeftBackend, "load", load)
    first, second = train(chat, **SHORT), train(chat, **SHORT)
    assert second.wait().status is Status.COMPLETED
    assert first.status is Status.FAILED


def test_a_run_is_taken_out_of_the_line(chat, tmp_path):
    first, second, third = (train(chat, name=name, **LONG) for name in ("a", "b", "c"))
    for verb in (
        lambda: second.generate("Hi"),
        lambda: second.save(tmp_path / "x"),
        second.chat,
        second.evaluate,
    ):
        with pytest.raises(TrainingError, match="b has not begun: it waits for a; 2nd in line"):
            verb()
    second.stop().wait(10)
    assert second.status is Status.CANCELLED and second.step == 0 and "Taken out of the line" in second.reason
    assert first.status is Status.RUNNING and third.waits == "waits for a; 2nd in line"
    third.stop().wait(10)
    second.resume()
    assert second.waits == "waits for a; 2nd in line", "it lines up again"
    first.stop()
    deadline = time.monotonic() + 60
    while second.step < 1:
        assert time.monotonic() < deadline and second.error is None
        time.sleep(0.05)
    second.stop().wait()
    assert second.status is Status.CANCELLED and second.step >= 1


def test_what_waited_outlives_its_kernel(chat):
    first = train(chat, **LONG)
    second = train(chat, name="waiting", **SHORT)
    while not second.card_path.is_file():
        time.sleep(0.02)
    while second.card["status"] != "QUEUED":
        time.sleep(0.02)
    kernel_runs.forget()  # as in a new kernel: nobody there trains it
    second.trained.lock.release()
    found = Run.load(second.id)
    assert found is not second and found.status is Status.CANCELLED
    assert found.reason == "The kernel ended before its turn came; run.resume() begins it."
    second.stop().wait(10)
    first.stop().wait()
    assert found.resume().wait().status is Status.COMPLETED and found.step == 2


def test_compare_waits_for_runs_in_line(chat, capsys, monkeypatch):
    from reasonbook import waiting

    monkeypatch.setitem(waiting._PATIENCE, "terminal", 0.0)
    plain = train(chat, name="plain", **{**SHORT, "max_steps": 30})
    thinking = train(chat, name="thinking", **SHORT)
    with pytest.raises(TrainingError, match="still training"):
        rb.compare([plain, thinking], wait=False)
    comparison = rb.compare([plain, thinking], limit=2)
    assert comparison.runs == ("plain", "thinking") and thinking.status is Status.COMPLETED
    said = capsys.readouterr().err
    assert "compare waits: plain" in said and "Waited for: plain completed at step 30 of 30" in said


def test_a_paused_run_is_not_waited_for(chat):
    run = train(chat, name="held", **LONG)
    while run.step < 1:
        time.sleep(0.02)
    run.pause()
    with pytest.raises(ReasonbookError, match="held is paused at step") as caught:
        rb.compare([run])
    assert caught.value.fix == "run.resume()   or   run.stop()"
    run.stop().wait()


def test_an_interrupt_leaves_the_runs_training(chat, capsys, interruptible):
    import _thread
    import threading

    run = train(chat, name="long", **LONG)
    threading.Timer(0.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        rb.compare([run])
    assert run.running and not run.stopping
    assert "No longer waited for, and it goes on: long" in capsys.readouterr().err
    run.stop().wait()


def test_the_page_of_the_curves_hears_of_it(chat):
    from reasonbook.widgets import TrainingCurves

    first, second = train(chat, name="first", **LONG), train(chat, **SHORT)
    [part] = TrainingCurves(second).snapshot().content["runs"]
    assert part["info"]["status"] == "QUEUED" and part["info"]["waits"] == "waits for first; 2nd in line"
    assert part["info"]["verbs"] == ["stop"]
    first.stop()
    second.wait()
