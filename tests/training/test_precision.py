"""Precision: steps may be taken in bfloat16; answers, during the training too, are those of the saved weights."""

from __future__ import annotations

import shutil

import pytest

from reasonbook.errors import TrainingError
from reasonbook.training import Run, train
from reasonbook.training.backends.pick import get_backend
from reasonbook.training.loop.batches import Collator
from reasonbook.training.runs import kernel_runs
from tests.training.refund_chat import refund_chat

from .arrays import Fit, rows, save_student

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.parametrize("precision", ["fp32", "bf16"])]
IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("student") / "learned")


@pytest.fixture(scope="module")
def talkative(tiny_student, tmp_path_factory):
    """The tiny student with larger weights, so that it writes much and something else for each prompt."""
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("student") / "talkative"
    shutil.copytree(tiny_student, folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("proj.weight"):
                weight *= 6
    model.save_pretrained(folder)
    return folder


def logits(model):
    with torch.no_grad():
        return model.eval()(IDS).logits


def as_saved(fit, model):
    """The same weights in a model that was never trained."""
    fresh = get_backend("peft").load(fit.plan)
    fresh.load_state_dict(model.state_dict())
    return fresh


def test_answers_are_those_of_the_saved_weights(talkative, tmp_path, precision):
    """In mid-training, in memory, after `unload`, from a saved folder, and in another kernel."""
    run = train(
        refund_chat(talkative, 52), precision=precision, max_steps=3, learning_rate=1e-4,
        batch_size=8, eval_every=3, samples=4, sample_tokens=48,
    ).wait()  # fmt: skip
    assert run.plan.precision == precision
    prompts = [task.prompt for task in run.data.of("train")[:24]]

    def texts(run):
        return [reply.text for reply in run.generate(prompts)]

    told = texts(run)
    assert len(set(told)) > 4
    sampled = run.samples[-1].rows
    tasks = {task.position: task for task in run.data.of("validation")}
    again = run.generate([tasks[row.position].prompt for row in sampled])
    assert [row.text for row in sampled] == [reply.text for reply in again]
    run.save(tmp_path / "kept")
    assert texts(run.unload()) == told
    assert texts(Run.load(tmp_path / "kept")) == told
    kernel_runs.forget()
    assert texts(Run.load(run.id)) == told


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_only_losses_are_taken_in_the_precision(student, tmp_path, tuning, precision):
    fit = Fit(tmp_path, student, tuning=tuning, precision=precision, max_steps=4, eval_every=2)
    model = get_backend("peft").load(fit.plan)
    seen = {"loss": set(), "asked": set()}
    caller = "loss"

    def ask(model, step):
        nonlocal caller
        caller = "asked"
        logits(model)
        caller = "loss"

    layer = next(module for name, module in model.named_modules() if name.endswith("mlp.up_proj"))
    layer.register_forward_hook(lambda module, args, out: seen[caller].add(out.dtype))
    fit.observe = ask
    fit.run(model=model)
    ask(model, 4)
    trained_in = torch.bfloat16 if precision == "bf16" else torch.float32
    assert seen == {"loss": {trained_in}, "asked": {torch.float32}}


def stop_at_once(fit, monkeypatch):
    fit.stop_now = True


def not_a_number(fit, monkeypatch):
    from reasonbook.training.loop import trainer

    real, calls = trainer.target_losses, []

    def poisoned(model, batch):
        each, counts = real(model, batch)
        calls.append(1)
        return (each * float("nan") if len(calls) == 3 else each), counts

    monkeypatch.setattr(trainer, "target_losses", poisoned)


def fail_before_the_first_step(fit, monkeypatch):
    from transformers import Trainer

    def broken(self, *args, **kwargs):
        raise TrainingError("The optimizer's state is damaged.", "")

    monkeypatch.setattr(Trainer, "create_scheduler", broken)


@pytest.mark.parametrize("end", [None, stop_at_once, not_a_number, fail_before_the_first_step])
def test_however_it_ends(student, tmp_path, monkeypatch, end, precision):
    fit = Fit(tmp_path, student, tuning="full", precision=precision, max_steps=4, eval_every=100)
    if end is not None:
        end(fit, monkeypatch)
    model = get_backend("peft").load(fit.plan)
    if end in (not_a_number, fail_before_the_first_step):
        with pytest.raises(TrainingError):
            fit.run(model=model)
    else:
        fit.run(model=model)
    assert torch.equal(logits(model), logits(as_saved(fit, model)))
    assert isinstance(model(IDS, return_dict=False), tuple)  # transformers' own decorators are still there


def test_early_stopping_on_the_loss_keeps_its_lowest_point(student, tmp_path, precision):
    fit = Fit(
        tmp_path, student, train=rows(8), tuning="full", precision=precision, max_steps=80, eval_every=4,
        early_stopping="eval_loss", patience=1, learning_rate=2e-2, schedule="constant",
    )  # fmt: skip
    model, outcome = fit.run()
    evals = {event["step"]: event["eval_loss"] for event in fit.of("eval")}
    assert outcome.ended == "early" and outcome.best_step == min(evals, key=evals.__getitem__)
    for kept in (model, get_backend("peft").load(fit.plan, weights=tmp_path / "best")):
        assert eval_loss(fit, kept) == pytest.approx(evals[outcome.best_step], abs=1e-4)
        assert torch.equal(logits(kept), logits(as_saved(fit, model)))


def eval_loss(fit, model):
    from reasonbook.training.loop.loss import target_losses

    data = fit.validation
    batch = Collator(0)([data[i] for i in range(len(data))])
    in_bf16 = torch.autocast("cpu", torch.bfloat16, enabled=fit.plan.precision == "bf16")
    with torch.no_grad(), in_bf16:
        sums, counts = target_losses(model.eval(), batch)
    return float(sums.sum() / counts.sum())
