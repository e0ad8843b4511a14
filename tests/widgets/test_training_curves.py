"""TrainingCurves: what the page is told, and what its buttons do to the run."""

from __future__ import annotations

import time

import numpy as np
import pytest

from reasonbook.errors import TrainingError
from reasonbook.job import Status
from reasonbook.training.run_events import SampledAnswer, SamplesEvent
from reasonbook.widgets.points import RAW_LIMIT
from reasonbook.widgets.training_curves import TrainingCurves
from tests.widgets.paced_run import PacedRun


def tables(part, buffers):
    """A run's tables as the page reads them, {name: (x, {column: values})}; takes its buffers."""
    read = {}
    for table in part["tables"]:
        x = np.frombuffer(buffers.pop(0))
        matrix = np.frombuffer(buffers.pop(0), np.float32).reshape(len(table["columns"]), len(x))
        read[table["name"]] = (x, dict(zip(table["columns"], matrix, strict=True)))
    return read


def snapshot(page):
    before = len(page.sent)
    runs = page.call("snapshot")["runs"]
    index = next(i for i in range(before, len(page.sent)) if "call" in page.sent[i])
    buffers = list(page.buffers[index])
    return [(part["info"], tables(part, buffers)) for part in runs]


def finished(**options) -> PacedRun:
    run = PacedRun(rate=0, **options)
    run.start().wait()
    return run


def test_a_view_opened_late_shows_the_whole_run(page):
    run = finished(steps=120, every=40)
    [(info, curves)] = snapshot(page(TrainingCurves(run)))
    assert (info["status"], info["step"], info["total"]) == ("COMPLETED", 120, 120)
    assert curves["step"][0].tolist() == list(range(1, 121))
    assert np.isfinite(curves["step"][1]["loss"]).all()
    assert curves["eval"][0].tolist() == [40, 80, 120]
    assert info["samples"] == [40, 80, 120] and info["alarms"] == 1 and info["notes"] == 1
    assert curves["health"][1]["valid"][-1] == 1.0
    assert info["verbs"] == []


def test_a_mixture_has_a_curve_for_each_source(page):
    run = finished(steps=100, every=50, sources=("refunds", "chat"))
    [(_, curves)] = snapshot(page(TrainingCurves(run)))
    steps, apart = curves["source"]
    assert steps.tolist() == [50, 100] and list(apart) == ["refunds", "chat"]
    np.testing.assert_allclose(apart["chat"] / apart["refunds"], 1.3 / 0.8, rtol=1e-5)
    assert "source" not in snapshot(page(TrainingCurves(finished(steps=50))))[0][1]


@pytest.mark.slow
def test_what_is_pushed_while_it_trains_adds_up_to_the_run(page):
    run = PacedRun(steps=150, rate=250)
    opened = page(TrainingCurves(run))
    run.start().wait()
    opened.wait_for(lambda m: "push" in m and m["push"]["runs"][0]["info"]["status"] == "COMPLETED")
    xs, starts = [], []
    for message, buffers in zip(opened.sent, opened.buffers, strict=True):
        part = message["push"]["runs"][0]
        parts = {t["name"]: t for t in part["tables"]}
        if "step" in parts:
            starts.append((parts["step"]["start"], len(xs)))
            xs += tables(part, list(buffers))["step"][0].tolist()
    assert xs == list(range(1, 151))
    assert all(start == known for start, known in starts), "every message says where its points begin"


@pytest.mark.slow
def test_no_more_than_twenty_messages_a_second_and_small_ones(page):
    run = PacedRun(steps=400, rate=200, every=1000)
    opened = page(TrainingCurves(run))
    run.start().wait()
    time.sleep(0.2)
    assert 10 <= len(opened.sent) <= 2.0 * 20 * 1.25 + 5
    sizes = [sum(len(b) for b in buffers) for buffers in opened.buffers]
    assert max(sizes[5:]) < 3000


@pytest.mark.slow
def test_a_long_history_is_thinned_for_a_reload_and_refined_on_zoom(page):
    run = finished(steps=30_000, every=10_000)
    opened = page(TrainingCurves(run))
    [(info, curves)] = snapshot(opened)
    x, columns = curves["step"]
    assert len(x) < RAW_LIMIT and info["step"] == 30_000
    highest = run.trained.history.tables["step"].column("loss").max()
    assert columns["loss"].max() == pytest.approx(highest)
    found = opened.call("detail", run=run.id, low=500, high=700)
    fine = np.frombuffer(opened.buffers[-1][0])
    assert fine.tolist() == list(range(500, 701)) and found["stride"] == 1
    assert found["count"] == 30_000, "the page goes on counting from the whole history"


def test_buttons_call_the_run(page):
    run = PacedRun(steps=100_000, rate=500)
    opened = page(TrainingCurves(run))
    run.start()
    opened.call("pause", run=run.id)
    assert run.status is Status.PAUSED
    opened.wait_for(lambda m: "push" in m and m["push"]["runs"][0]["info"]["verbs"] == ["resume", "stop"])
    opened.call("resume", run=run.id)
    assert run.status is Status.RUNNING
    opened.call("stop", run=run.id)
    run.wait(5)
    assert run.status is Status.CANCELLED
    opened.wait_for(lambda m: "push" in m and m["push"]["runs"][0]["info"]["verbs"] == ["resume"])


def test_stop_sent_twice_under_one_id_is_carried_out_once(page):
    run = PacedRun(steps=10_000, rate=500)
    calls = []
    run.stop = lambda: calls.append(1)
    opened = page(TrainingCurves(run))
    opened.call("stop", id="same", run=run.id)
    opened.call("stop", id="same", run=run.id)
    assert calls == [1]


def test_a_click_on_a_point_brings_the_rows_of_the_nearest_logged_step(page):
    run = finished(steps=50)
    opened = page(TrainingCurves(run))
    answer = opened.call("step_rows", run=run.id, step=17.4)
    assert answer["step"] == 17 and len(answer["rows"]) == 4
    assert answer["rows"][0]["position"] == 170 and answer["why"] == ""


def test_a_run_that_kept_no_rows_says_so(page):
    run = finished(steps=5)
    run.rows_at = lambda step: []
    answer = page(TrainingCurves(run)).call("step_rows", run=run.id, step=3)
    assert answer["rows"] == [] and "did not keep" in answer["why"]


def test_samples_and_log_are_asked_for_when_wanted(page):
    run = finished(steps=100, every=25)
    opened = page(TrainingCurves(run))
    rows = opened.call("samples", run=run.id, index=3)["rows"]
    assert len(rows) == 4 and rows[0]["thinking"].startswith("Customer Intent") and rows[0]["correct"] is True
    assert opened.call("samples", run=run.id, index=99)["rows"] == []
    entries = opened.call("log", run=run.id)["entries"]
    assert [entry["alarm"] for entry in entries] == [True, False], "newest first"


def test_a_failed_run_shows_why(page):
    run = PacedRun(steps=50, rate=0, fail_at=7)
    run.start()
    run._done.wait(5)
    [(info, curves)] = snapshot(page(TrainingCurves(run)))
    assert info["status"] == "FAILED" and "out of memory at step 7" in info["error"]
    assert len(curves["step"][0]) == 6 and info["verbs"] == ["resume"]


def test_an_error_with_a_remedy_shows_both(page):
    run = PacedRun(steps=5, rate=0)
    run.one_step = lambda step: (_ for _ in ()).throw(TrainingError("Out of memory.", "batch_size=4"))
    run.start()
    run._done.wait(5)
    opened = page(TrainingCurves(run))
    [(info, _)] = snapshot(opened)
    assert (info["error"], info["fix"]) == ("Out of memory.", "batch_size=4")
    newest = opened.call("log", run=run.id)["entries"][0]
    assert newest["alarm"] and newest["text"] == "Out of memory. → batch_size=4"


def test_a_resumed_run_replaces_its_abandoned_tail(page):
    run = finished(steps=20, every=5)
    for step in (11, 12):
        run.one_step(step)
    [(info, curves)] = snapshot(page(TrainingCurves(run)))
    assert curves["step"][0].tolist() == [*range(1, 13)]
    assert info["step"] == 12


def test_two_runs_share_the_picture_and_only_known_ones_are_steered(page):
    first, second = finished(steps=10), finished(steps=30)
    opened = page(TrainingCurves(first, others=[second]))
    assert [len(curves["step"][0]) for _, curves in snapshot(opened)] == [10, 30]
    with pytest.raises(Exception, match="shows no run"):
        opened.call("stop", run="another")


def test_closing_the_view_lets_the_run_go_on_alone(page):
    run = finished(steps=10)
    opened = page(TrainingCurves(run))
    run.one_step(11)
    opened.wait_for(lambda m: "push" in m and m["push"]["runs"][0]["info"]["step"] == 11)
    opened.view.close()
    before = len(opened.sent)
    run.one_step(12)
    time.sleep(0.2)
    assert len(opened.sent) == before and run.step == 12


def test_nothing_of_the_run_stands_in_the_widget_state():
    run = finished(steps=50)
    view = TrainingCurves(run)
    state = {name: value for name, value in view.get_state().items() if name not in ("_esm", "_css")}
    assert "refund" not in str(state).lower() and len(str(state)) < 2000
    view.close()


@pytest.mark.slow
def test_taking_a_point_costs_the_same_in_a_long_run():
    def cost(history: int) -> float:
        run = finished(steps=history, every=10**9)
        view = TrainingCurves(run)
        times = []
        for step in range(history + 1, history + 1500):
            start = time.perf_counter()
            run.one_step(step)
            times.append(time.perf_counter() - start)
        view.close()
        return float(np.median(times))

    assert cost(40_000) < 3 * cost(500) + 5e-5


def test_shares_are_over_all_that_were_asked_where_the_run_says_so(page):
    run = PacedRun(steps=5, rate=0)
    rows = (SampledAnswer(prompt="p", text="t", answer="a", health="valid", correct=True),)
    run.emit(SamplesEvent(3, rows, {"valid": 3, "unfinished": 1}, score=0.25, tasks=4))
    [(_, curves)] = snapshot(page(TrainingCurves(run)))
    x, columns = curves["health"]
    assert x.tolist() == [3]
    assert (columns["valid"][0], columns["unfinished"][0], columns["correct"][0]) == (0.75, 0.25, 0.25)


def test_a_run_without_thinking_has_no_thinking_to_judge(page):
    run = PacedRun(steps=5, rate=0, strategy="final_only")
    rows = (SampledAnswer(prompt="p", answer="a", health="missing", correct=True),)
    run.emit(SamplesEvent(3, rows, {"missing": 1}, score=1.0, tasks=1))
    [(_, curves)] = snapshot(page(TrainingCurves(run)))
    assert np.isnan(curves["health"][1]["valid"][0]) and curves["health"][1]["correct"][0] == 1
