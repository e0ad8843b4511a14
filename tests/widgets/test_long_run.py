"""One run of 12 000 steps, live, opened late and loaded in a new kernel: one and the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from reasonbook.job import Status
from reasonbook.store import Store
from reasonbook.training import Run
from reasonbook.training.run_events import (
    AlarmEvent,
    CheckpointEvent,
    EvalEvent,
    SampledAnswer,
    SamplesEvent,
    StepEvent,
)
from reasonbook.training.runs import kernel_runs, run_card
from reasonbook.widgets import TrainingCurves
from tests.widgets.paced_run import student_of
from tests.widgets.test_training_curves import snapshot

STEPS, EVERY = 12_000, 1_000


class Played(Run):
    """A run with a real store, stream and history, whose steps are told without training."""

    def _train(self) -> Status:
        for step in range(1, STEPS + 1):
            loss = 2.5 * np.exp(-step / 3000) + 0.1 * np.sin(step)
            self.emit(StepEvent(step, STEPS, float(loss), 1e-4, 0.5, 512, 100, 9_000.0, 1e9, step / 4000))
            if step % EVERY == 0:
                self.emit(EvalEvent(step, float(loss) + 0.05, 0.5))
                answer = SampledAnswer(
                    f"question {step}", "$1", f"text {step}", f"thought {step}", "$1", "valid"
                )
                self.emit(
                    SamplesEvent(
                        step, (answer,), {"valid": step // EVERY, "empty": 1}, 0.5, step // EVERY + 1
                    )
                )
                self.emit(CheckpointEvent(step))
        self.emit(AlarmEvent("divergence", "The loss rose.", STEPS))
        return Status.COMPLETED


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def picture(opened) -> tuple:
    """What the page shows: its facts, its curves as they are drawn, its samples, its log."""
    [(info, curves)] = snapshot(opened)
    facts = {name: info[name] for name in ("status", "step", "total", "samples", "alarms", "notes", "alarm")}
    samples = [opened.call("samples", run=info["id"], index=i)["rows"] for i in range(len(info["samples"]))]
    log = [entry["text"] for entry in opened.call("log", run=info["id"])["entries"]]
    fine = opened.call("detail", run=info["id"], low=1, high=STEPS)["count"]
    return facts, curves, samples, log, fine


def same(a: tuple, b: tuple) -> None:
    assert a[0] == b[0] and a[2:] == b[2:]
    for name in ("step", "eval", "health"):
        assert np.array_equal(a[1][name][0], b[1][name][0]), name
        for column, values in a[1][name][1].items():
            assert np.array_equal(values, b[1][name][1][column], equal_nan=True), (name, column)


@pytest.mark.slow
def test_live_late_and_in_a_new_kernel_it_is_the_same_picture(page, store):
    student = student_of("long", STEPS)
    student.folder = store.folder / "runs" / "long"
    student.lock.path = student.folder / "lock"
    student.card.path = student.folder / run_card.NAME
    run = Played(student, store=store)
    watching = page(TrainingCurves(run))
    run.start().wait()
    card = {
        "card": 1,
        "run": "long",
        "name": "long",
        "plan": student.plan.to_dict(),
        "strategy": student.strategy,
    }
    run_card.write(student.folder, {**card, "config": student.config.to_dict(), "curves": run.history})

    live = picture(watching)
    late = picture(page(TrainingCurves(run)))
    kernel_runs.forget()
    again = Run.load("long", store=store)
    assert again is not run
    loaded = picture(page(TrainingCurves(again)))
    same(live, late)
    same(live, loaded)

    facts, curves, samples, _, fine = loaded
    assert (facts["step"], facts["total"], fine) == (STEPS, STEPS, STEPS)
    assert facts["samples"] == list(range(EVERY, STEPS + 1, EVERY)) == curves["eval"][0].tolist()
    assert curves["health"][0].tolist() == facts["samples"] and len(curves["health"][0]) == 12
    assert [rows[0]["thinking"] for rows in samples] == [f"thought {step}" for step in facts["samples"]]
    for kind, series in run.history.items():
        for name, values in series.items():
            np.testing.assert_array_equal(again.history[kind][name], values, err_msg=f"{kind} {name}")
    assert again.samples == run.samples and len(run.samples) == 12

    bare = Run.load(
        student.folder, store=Store(store.folder.parent / "another")
    )  # the folder alone, without a store
    np.testing.assert_array_equal(bare.history["step"]["loss"], run.history["step"]["loss"])
    np.testing.assert_array_equal(bare.history["health"]["valid"], run.history["health"]["valid"])
