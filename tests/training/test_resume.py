"""Stop, pause, resume, and a kernel that dies: nothing is lost and nothing is trained twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reasonbook.chat import Origin
from reasonbook.job import Status
from reasonbook.training import Run, train
from tests.training.refund_chat import refund_chat

pytestmark = pytest.mark.train
SETTINGS = {"max_steps": 14, "batch_size": 8, "samples": 0, "eval_every": 100}


def weights(run: Run) -> dict[str, np.ndarray]:
    with run.trained.lent() as model:
        return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def until(run: Run, step: int) -> None:
    """Blocks until a step is done."""
    deadline = time.monotonic() + 60
    while run.step < step and run.running:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_stopped_run_resumes_to_the_same_weights(tiny_student):
    """Stopped in the second epoch and resumed: losses, rates and weights equal an uninterrupted run's."""
    chat = refund_chat(tiny_student)
    straight = train(chat, **SETTINGS).wait()

    broken = train(chat, **SETTINGS)
    until(broken, 8)
    broken.stop().wait()
    stopped_at = broken.step
    assert broken.status is Status.CANCELLED and 8 <= stopped_at < 14
    assert (broken.folder / f"checkpoint-{stopped_at}").is_dir()
    assert "resume" in broken.reason
    broken.resume().wait()

    assert broken.status is Status.COMPLETED
    for name in ("step", "loss", "learning_rate", "grad_norm", "tokens"):
        np.testing.assert_allclose(
            broken.history["step"][name], straight.history["step"][name], rtol=1e-5, atol=1e-7
        )
    theirs = weights(broken)
    for name, value in weights(straight).items():
        np.testing.assert_allclose(theirs[name], value, atol=1e-5, err_msg=name)


def test_stop_acts_within_a_step(tiny_student):
    run = train(refund_chat(tiny_student), max_steps=5000, batch_size=8, samples=0)
    until(run, 3)
    at = run.step
    asked = time.monotonic()
    run.stop().wait()
    assert run.step - at <= 2 and time.monotonic() - asked < 10
    assert run.status is Status.CANCELLED
    assert run.generate(["Hi"])[0].text  # the last step is there to be used


def test_pause_holds_and_the_model_can_be_asked(tiny_student):
    run = train(refund_chat(tiny_student), max_steps=16, batch_size=8, samples=0)
    until(run, 2)
    run.pause()
    deadline = time.monotonic() + 30
    while run.status is not Status.PAUSED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    at = run.step
    assert any((run.folder / f"checkpoint-{at}").iterdir())
    assert run.generate(["Hi"], max_tokens=4)[0].tokens <= 4
    time.sleep(0.3)
    assert run.step == at and run.running
    run.resume().wait()
    assert run.status is Status.COMPLETED and run.step == 16
    told = [event.data["status"] for event in run.stream if event.kind == "status"]
    assert told == ["RUNNING", "PAUSED", "RUNNING", "COMPLETED"]


def test_a_student_is_asked_while_it_trains(tiny_student):
    run = train(refund_chat(tiny_student), max_steps=30, batch_size=8, samples=0)
    until(run, 2)
    reply = run.generate(["Hi"], max_tokens=4)[0]
    assert reply.tokens <= 4
    run.wait()
    assert run.status is Status.COMPLETED and run.step == 30


CHILD = """
import sys, time
sys.path.insert(0, {root!r})
from transformers import Trainer
from tests.training.refund_chat import refund_chat
from reasonbook.training import train
prepare = Trainer._prepare_inputs
def slowly(self, *args, **kwargs):  # so that it is killed in its middle, however quick the machine
    time.sleep(0.3)
    return prepare(self, *args, **kwargs)
Trainer._prepare_inputs = slowly
run = train(refund_chat({student!r}), max_steps={steps}, batch_size=8, samples=0, eval_every=1000,
            checkpoint_seconds=0.3)
print(run.id, flush=True)
run.wait()
"""


def test_kill_dash_nine_then_resume(tiny_student, home):
    """The process dies in mid-training; another one loads the run and ends as if nothing had happened."""
    root = str(Path(__file__).parents[2])
    steps = 20
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(root=root, student=tiny_student, steps=steps)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "REASONBOOK_HOME": str(home), "OMP_NUM_THREADS": "1"},
    )
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    folder = home / "runs" / name
    deadline = time.monotonic() + 60
    while not any(folder.glob("checkpoint-*/trainer_state.json")):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.02)
    time.sleep(1.0)  # so that steps beyond the checkpoint reach the store
    os.kill(child.pid, signal.SIGKILL)
    child.wait()

    run = Run.load(name)
    assert run.status is Status.CANCELLED and "kernel ended" in run.reason
    assert 0 < run.step < steps
    run.resume().wait()
    assert run.status is Status.COMPLETED
    assert run.history["step"]["step"].tolist() == list(range(1, steps + 1))

    straight = train(
        refund_chat(tiny_student), max_steps=steps, batch_size=8, samples=0, eval_every=1000
    ).wait()
    np.testing.assert_allclose(
        run.history["step"]["loss"], straight.history["step"]["loss"], rtol=1e-4, atol=1e-6
    )


def test_a_run_that_trains_elsewhere_is_not_resumed_here(tiny_student):
    from reasonbook.errors import TrainingError
    from reasonbook.training.runs.folder import RunLock

    run = train(refund_chat(tiny_student), max_steps=500, batch_size=8, samples=0)
    until(run, 2)
    run.stop().wait()
    other = RunLock(run.folder)
    assert other.take()
    try:
        with pytest.raises(TrainingError, match="another kernel"):
            run.resume()
    finally:
        other.release()
    assert run.resume().stop().wait().status is Status.CANCELLED


def test_early_stopping_keeps_the_best_step(tiny_student):
    """Eight rows are soon known by heart: the eval loss turns, and the weights of its lowest point stay."""
    run = train(
        refund_chat(tiny_student, 16, held_out=8),
        max_steps=120,
        batch_size=8,
        samples=0,
        eval_every=8,
        early_stopping="eval_loss",
        patience=2,
        learning_rate=6e-3,
        schedule="constant",
        precision="fp32",  # the losses of the run are compared with those of its saved weights
    ).wait()
    evals = run.history["eval"]
    lowest = int(np.nanargmin(evals["eval_loss"]))
    assert run.status is Status.COMPLETED and run.step < 120 and "Stopped early" in run.reason
    assert len(evals["step"]) == lowest + 3  # two evaluations without progress, then the end
    notes = [str(event.data["text"]) for event in run.stream if event.kind == "note"]
    assert any(f"weights of step {int(evals['step'][lowest])}" in note for note in notes)
    best = pytest.approx(evals["eval_loss"][lowest], abs=1e-4)
    assert eval_loss(run) == best
    assert eval_loss(run.unload()) == best  # from disk too


def test_early_stopping_on_the_score(tiny_student):
    """Nothing is right in so few steps: one evaluation without progress, and it ends."""
    run = train(
        refund_chat(tiny_student), max_steps=40, batch_size=8, samples=1, sample_tokens=4,
        eval_every=2, early_stopping="score", patience=1,
    ).wait()  # fmt: skip
    assert run.step == 4 and run.history["eval"]["score"].tolist() == [0.0, 0.0]


def eval_loss(run: Run) -> float:
    import torch

    from reasonbook.training.loop.batches import Collator
    from reasonbook.training.loop.loss import target_losses

    data = run.data.validation
    batch = Collator(0)([data[i] for i in range(len(data))])
    batch.pop("index")
    with run.trained.lent() as model, torch.no_grad():
        sums, counts = target_losses(model, batch)
    return float(sums.sum() / counts.sum())


def test_the_card_keeps_where_the_reasoning_is_from(tiny_student):
    """Schema, teacher and method have names of their own on the card, and a resume in another kernel keeps them."""
    from reasonbook.training.runs import kernel_runs

    origin = {"schema": {"fields": []}, "teacher": "rules", "method": "extract", "prompt": None}
    chat = refund_chat(tiny_student, 40, origin=Origin.from_dict(origin))
    run = train(chat, max_steps=400, batch_size=8, samples=0)
    while run.step < 2:
        time.sleep(0.005)
    run.stop().wait()
    assert {name: run.card[name] for name in origin} == origin
    kernel_runs.forget()
    again = Run.load(run.id)
    again.resume()
    while again.step < run.step + 1:
        time.sleep(0.005)
    again.stop().wait()
    assert again is not run and {name: again.card[name] for name in origin} == origin
