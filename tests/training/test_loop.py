"""The loop on a real, tiny model: steps, evaluation, stop, resume, pause, memory, numbers that run away."""

from __future__ import annotations

import hashlib
import threading
import time

import numpy as np
import pytest

from reasonbook.errors import TrainingError
from reasonbook.training.loop import checkpoints
from reasonbook.training.loop.batches import Collator, LengthOrder, cut
from reasonbook.training.run_events import StepEvent

from .arrays import Fit, rows, save_student

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("student") / "random", reasonbook_random_weights=True)


def weights(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_and_tells(student, tmp_path):
    fit = Fit(tmp_path, student, max_steps=60, eval_every=30)
    _, outcome = fit.run()
    steps = fit.of("step")
    assert (outcome.step, outcome.ended) == (60, "done")
    assert [s["step"] for s in steps] == list(range(1, 61))
    assert steps[-1]["loss"] < 0.6 * steps[0]["loss"]
    assert all(s["tokens_per_second"] > 0 and s["memory"] > 0 for s in steps)
    assert steps[2]["learning_rate"] > steps[0]["learning_rate"]
    assert steps[-1]["learning_rate"] < 0.05 * max(s["learning_rate"] for s in steps)
    evals = fit.of("eval")
    assert [e["step"] for e in evals] == [30, 60] and evals[1]["eval_loss"] < evals[0]["eval_loss"]


def test_the_trainer_gets_the_very_arrays(student, tmp_path, monkeypatch):
    """Hashes of ids and labels inside the trainer's batches are those of the rows that went in."""
    from transformers import Trainer

    seen = []
    original = Trainer._prepare_inputs

    def look(self, inputs):
        for ids, labels, mask in zip(
            inputs["input_ids"], inputs["labels"], inputs["attention_mask"], strict=True
        ):
            n = int(mask.sum())
            assert (labels[n:] == -100).all()
            seen.append(digest(ids[:n].numpy(), labels[:n].numpy()))
        return original(self, inputs)

    monkeypatch.setattr(Trainer, "_prepare_inputs", look)
    fit = Fit(tmp_path, student, train=rows(16), max_steps=2, eval_every=50)
    fit.validation = None
    fit.run()
    assert sorted(seen) == sorted(
        digest(i, t) for i, t in zip(fit.train.input_ids, fit.train.labels, strict=True)
    )


def digest(ids, labels):
    return hashlib.sha256(ids.astype(np.int32).tobytes() + labels.astype(np.int32).tobytes()).hexdigest()


def test_own_loss_is_the_models_loss(student):
    from transformers import AutoModelForCausalLM

    from reasonbook.training.loop.loss import target_losses

    model = AutoModelForCausalLM.from_pretrained(student).eval()
    data = rows(5)
    batch = Collator(0)([data[i] for i in range(5)])
    with torch.no_grad():
        each, counts = target_losses(model, batch)
        whole = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]
        ).loss
    assert each.sum().item() / counts.sum().item() == pytest.approx(whole.item(), rel=1e-5)


def test_resume_takes_the_same_steps_as_no_interruption(student, tmp_path):
    whole = Fit(tmp_path / "whole", student, max_steps=14)
    model, _ = whole.run()
    first = Fit(tmp_path / "cut", student, max_steps=14)
    stop_after(first, 5)
    _, outcome = first.run()
    assert (outcome.step, outcome.ended) == (5, "stopped")
    found = checkpoints.latest(tmp_path / "cut")
    assert found is not None and found.name == "checkpoint-5"
    second = Fit(tmp_path / "cut", student, max_steps=14)
    resumed, outcome = second.run(resume_from=found)
    assert outcome.step == 14
    assert [s["step"] for s in second.of("step")] == list(range(6, 15))
    losses = {s["step"]: s["loss"] for s in whole.of("step")}
    assert all(s["loss"] == losses[s["step"]] for s in second.of("step"))
    assert same(weights(model), weights(resumed))


def stop_after(fit, step):
    tell = fit.emit

    def emit(event):
        tell(event)
        if isinstance(event, StepEvent) and event.step == step - 1:
            fit.stop_now = True

    fit.emit = emit


def test_a_pause_writes_a_checkpoint_and_holds_still(student, tmp_path):
    fit = Fit(tmp_path, student, max_steps=40, eval_every=100)
    fit.control.pause()
    thread = threading.Thread(target=fit.run)
    thread.start()
    wait_for(lambda: fit.of("status"))
    done = len(fit.of("step"))
    time.sleep(0.3)
    assert len(fit.of("step")) == done < 40
    with fit.control.borrow():  # the model is free meanwhile
        pass
    fit.control.go_on()
    thread.join(30)
    assert [s["status"] for s in fit.of("status")] == ["PAUSED", "RUNNING"]
    assert len(fit.of("step")) == 40


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_another_thread_gets_the_model_within_a_step(student, tmp_path):
    fit = Fit(tmp_path, student, max_steps=200, eval_every=1000)
    thread = threading.Thread(target=fit.run)
    thread.start()
    wait_for(lambda: fit.of("step"))
    before = len(fit.of("step"))
    with fit.control.borrow():
        held = len(fit.of("step"))
        time.sleep(0.1)
        assert len(fit.of("step")) <= held + 1  # the step that had just ended may still be told
    fit.stop_now = True
    thread.join(30)
    assert held - before <= 3


def test_out_of_memory_halves_the_micro_batch_and_changes_nothing_else(student, tmp_path, monkeypatch):
    from reasonbook.training.loop import trainer as loop

    plain = Fit(tmp_path / "plain", student, max_steps=4)
    model, _ = plain.run()
    real = loop.target_losses

    def small(model, batch):
        if len(batch["input_ids"]) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return real(model, batch)

    monkeypatch.setattr(loop, "target_losses", small)
    fit = Fit(tmp_path / "small", student, max_steps=4)
    squeezed, outcome = fit.run()
    assert outcome.step == 4
    assert [n["micro_batch_size"] for n in fit.of("note")] == [4, 2]
    for a, b in zip(plain.of("step"), fit.of("step"), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
    for name, value in weights(model).items():
        assert torch.allclose(value, weights(squeezed)[name], atol=1e-3)


def test_memory_for_not_even_one_row_ends_with_what_to_do(student, tmp_path, monkeypatch):
    from reasonbook.training.loop import trainer as loop

    def never(model, batch):
        raise MemoryError("out of memory")

    monkeypatch.setattr(loop, "target_losses", never)
    with pytest.raises(TrainingError, match="single row") as caught:
        Fit(tmp_path, student).run()
    assert "max_length" in caught.value.fix


def test_nan_stops_before_the_weights_are_spoilt(student, tmp_path, monkeypatch):
    from reasonbook.training.loop import trainer as loop

    real, calls = loop.target_losses, []

    def poisoned(model, batch):
        each, counts = real(model, batch)
        calls.append(1)
        return (each * float("nan") if len(calls) == 3 else each), counts

    monkeypatch.setattr(loop, "target_losses", poisoned)
    fit = Fit(tmp_path, student)
    from reasonbook.training.backends.pick import get_backend

    model = get_backend("peft").load(fit.plan)
    with pytest.raises(TrainingError, match="NaN or infinite at step 3") as caught:
        fit.run(model=model)
    assert "learning_rate" in caught.value.fix
    assert all(torch.isfinite(p).all() for p in model.parameters())
    with fit.control.borrow():  # the switch is not left locked
        pass


def test_a_full_disk_at_a_checkpoint_is_said_and_training_goes_on(student, tmp_path, monkeypatch):
    from transformers import Trainer

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Trainer, "_save_optimizer_and_scheduler", full)
    fit = Fit(tmp_path, student, max_steps=6)
    _, outcome = fit.run()
    assert outcome.step == 6
    assert "disk is full" in fit.of("alarm")[0]["text"]
    assert not list(tmp_path.glob("checkpoint-*"))


def test_early_stopping_keeps_the_best_weights(student, tmp_path):
    fit = Fit(
        tmp_path, student, max_steps=40, eval_every=2, early_stopping="score", patience=2, learning_rate=1e-3
    )
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    at = {}

    def observe(model, step):
        at[step] = weights(model)
        return next(scores)

    fit.observe = observe
    model, outcome = fit.run()
    assert (outcome.step, outcome.ended, outcome.best_step) == (8, "early", 4)
    assert same(at[4], weights(model))
    assert "Stopped early" in fit.of("note")[0]["text"]


def test_row_losses_of_an_epoch(student, tmp_path):
    fit = Fit(tmp_path, student, train=rows(20), max_steps=6, batch_size=8)
    fit.run()
    assert [(epoch, len(seen)) for epoch, seen, _ in fit.row_losses] == [(1, 20), (2, 20)]
    (_, _, first), (_, _, second) = fit.row_losses
    assert np.mean(second) < np.mean(first)


def test_the_order_depends_on_seed_and_epoch_alone():
    order = LengthOrder(rows(100).lengths, 8, seed=3)
    assert (order.order(2) == LengthOrder(rows(100).lengths, 8, seed=3).order(2)).all()
    assert (order.order(1) != order.order(2)).any()
    for epoch in range(3):
        assert sorted(order.order(epoch)) == list(range(100))
    lengths = rows(1000).lengths
    grouped = LengthOrder(lengths, 10).order(0)
    spread = np.mean([np.ptp(lengths[grouped[i : i + 10]]) for i in range(0, 1000, 10)])
    assert spread < 0.2 * np.ptp(lengths)
    firsts = lengths[grouped[::10]]
    assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.3


def test_micro_batches_hold_every_row_once_and_no_needless_padding():
    data = rows(7)
    batch = Collator(0)([data[i] for i in range(7)])
    pieces = list(cut(batch, 3))
    assert sorted(i for piece in pieces for i in piece["index"].tolist()) == list(range(7))
    for piece in pieces:
        assert piece["input_ids"].shape[1] == int(piece["attention_mask"].sum(1).max())
        for row, i in enumerate(piece["index"].tolist()):
            n = len(data.input_ids[i])
            assert (piece["input_ids"][row, :n].numpy() == data.input_ids[i]).all()
            assert (piece["labels"][row, :n].numpy() == data.labels[i]).all()
