import threading
import time

import pandas as pd
import pytest

from reasonbook.augment import Augmentation, AugmentConfig
from reasonbook.augment.engine.failures.breaker import Patience
from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout
from reasonbook.schema import Schema
from reasonbook.store import Store
from reasonbook.teachers import CallError
from reasonbook.widgets.augment_progress import AugmentProgress

SCHEMA = Schema({"Intent": "What is wanted.", "Length": "How long it is."})


class Gate:
    """A teacher that answers as fast as the test lets it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.failing = {"request 3", "request 4"}
        self.down = False

    def __call__(self, request):
        self.open.wait(10)
        if self.down:
            raise CallError("server", "Overloaded.", status=503)
        if request in self.failing:
            raise ValueError("I do not know this one.")
        return {"Intent": f"wants {request}", "Length": "short"}


@pytest.fixture
def job(tmp_path):
    df = pd.DataFrame({"prompt": [f"request {i}" for i in range(20)], "response": ["x"] * 20})
    gate = Gate()
    job = Augmentation(
        Frame(df, Layout(prompt="prompt", response="response")),
        SCHEMA,
        gate,
        AugmentConfig(max_retries=0),
        store=Store(tmp_path),
    )
    job.gate, job.df = gate, df  # type: ignore[attr-defined]
    yield job
    gate.open.set()
    job.stop()


def test_page_follows_from_start_to_end(page, job):
    probe = page(AugmentProgress(job))
    before = probe.call("snapshot")
    assert (before["status"], before["running"], before["newest"]) == ("CREATED", False, [])
    job.start()
    job.gate.open.set()
    job.wait()
    last = probe.wait_for(lambda m: m.get("push", {}).get("status") == "PARTIAL")["push"]
    assert last["progress"]["done"] == 18
    assert last["progress"]["failed"] == 2
    [cause] = last["errors"]
    assert cause["count"] == 2 and cause["positions"] == [3, 4] and "do not know" in cause["cause"]
    snapshot = probe.call("snapshot")
    assert snapshot["newest"][0]["reasoning"] or snapshot["newest"][0]["error"]
    assert len(probe.pushes) < 20


def test_a_view_opened_late_shows_the_same(page, job):
    job.start()
    job.gate.open.set()
    job.wait()
    early = page(AugmentProgress(job)).call("snapshot")
    assert len(early["newest"]) == 8
    assert early["errors"][0]["count"] == 2


def test_newest_rows_show_before_the_frame_has_them(page, job):
    probe = page(AugmentProgress(job))
    job.start()
    job.gate.open.set()
    probe.wait_for(lambda m: m.get("push", {}).get("status") == "PARTIAL")
    newest = probe.call("snapshot")["newest"]
    assert any(
        ("Intent", f"wants request {row['position']}") in map(tuple, row["reasoning"]) for row in newest
    )
    assert "reasoning" not in job.df, "nobody waited, so nothing was delivered yet"


def test_stop_and_go_on(page, job):
    probe = page(AugmentProgress(job))
    job.start()
    probe.call("stop")
    probe.wait_for(lambda m: m.get("push", {}).get("status") == "CANCELLED")
    job.gate.open.set()
    job.wait()
    probe.call("start")
    job.wait()
    assert str(job.status) == "PARTIAL"


def test_retry_asks_for_the_failed_rows_alone(page, job):
    probe = page(AugmentProgress(job))
    job.start()
    job.gate.open.set()
    job.wait()
    job.gate.failing = set()
    probe.call("retry")
    job.wait()
    assert str(job.status) == "COMPLETED"
    assert job.df["reasoning_status"].eq("ok").all()
    with pytest.raises(Exception, match="no row with an error"):
        probe.call("retry")


@pytest.mark.slow
def test_an_outage_is_told_while_it_lasts(page, job, monkeypatch):
    monkeypatch.setattr(
        "reasonbook.augment.engine.failures.breaker.PATIENCE", Patience(first=0.1, longest=0.5)
    )
    job.config = AugmentConfig(max_retries=4)
    probe = page(AugmentProgress(job))
    job.gate.down = True
    job.gate.open.set()
    job.start()
    push = probe.wait_for(lambda m: m.get("push", {}).get("progress") and m["push"]["progress"]["paused"])[
        "push"
    ]
    assert push["status"] == "RUNNING" and push["progress"]["eta"] is None
    assert push["progress"]["paused"].startswith("the provider is down since")
    assert "(Overloaded), next probe in" in push["progress"]["paused"]
    job.gate.down = False
    job.wait()
    last = probe.wait_for(lambda m: m.get("push", {}).get("status") == "PARTIAL")["push"]
    assert last["progress"]["done"] == 18 and last["progress"]["paused"] == ""
    paused, back = probe.call("snapshot")["notes"]
    assert paused.startswith("Paused: the provider is down since") and "answers again, after" in back


def test_a_failed_job_says_what_to_do(page, tmp_path):
    def broken(request):
        raise ValueError("always")

    df = pd.DataFrame({"prompt": ["a", "b"], "response": ["x", "y"]})
    job = Augmentation(
        Frame(df, Layout(prompt="prompt", response="response")),
        SCHEMA,
        broken,
        AugmentConfig(max_retries=0),
        store=Store(tmp_path),
    )
    probe = page(AugmentProgress(job))
    job.start()
    while job.running:
        time.sleep(0.02)
    error = probe.call("snapshot")["error"]
    assert "always" in error["problem"] and error["fix"]


@pytest.mark.slow
def test_newest_rows_show_also_where_rows_come_by_the_thousand(page, tmp_path):
    df = pd.DataFrame({"prompt": [f"request {i}" for i in range(3000)], "response": ["x"] * 3000})

    def teacher(request):
        return {"Intent": request, "Length": "short"}

    frame = Frame(df, Layout(prompt="prompt", response="response"))
    Augmentation(frame, SCHEMA, teacher, store=Store(tmp_path)).start().wait()
    again = Augmentation(frame, SCHEMA, teacher, store=Store(tmp_path)).start().wait()
    snapshot = page(AugmentProgress(again)).call("snapshot")
    assert snapshot["progress"]["cached"] == 3000
    assert len(snapshot["newest"]) == 8
