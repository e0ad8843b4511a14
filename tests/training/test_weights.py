"""The loss with weights, on a real, tiny model: by hand, by its gradient, in the trainer's steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reasonbook.chat.rendering.token_weights import TokenWeights
from reasonbook.training.loop.batches import Collator
from reasonbook.training.runs.data import RunData

from .arrays import Fit, heavier, rows, save_student
from .refund_chat import refund_chat

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("student") / "random")


@pytest.fixture(scope="module")
def model(student):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(student)


def gradient(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def by_hand(model, data):
    """Row by row, token by token: the loss of each times its weight, over the sum of these weights."""
    total = weight = 0
    for ids, labels, weights in zip(data.input_ids, data.labels, data.weights, strict=True):
        logits = model(input_ids=torch.as_tensor(ids[None].astype(np.int64))).logits[0]
        for at in np.flatnonzero(labels != -100).tolist():
            total = total - torch.log_softmax(logits[at - 1], 0)[int(labels[at])] * float(weights[at])
            weight += float(weights[at])
    return total / weight


@pytest.mark.parametrize("tail", [False, True])
def test_it_is_what_one_adds_up_by_hand(model, tail):
    from reasonbook.training.loop.loss import target_losses, weighted_losses

    data = heavier(rows(5), [0.25, 3.0, 0.0, 1.0])
    batch = Collator(0)([data[i] for i in range(5)])
    weighted, plain, counts = weighted_losses(model, batch, tail=tail)
    loss = weighted.sum() / batch["weights"][:, 1:].sum()
    hand = by_hand(model, data)
    assert loss.item() == pytest.approx(hand.item(), rel=1e-5)
    assert torch.allclose(gradient(model, loss), gradient(model, hand), atol=1e-6)
    each, number = target_losses(model, batch)
    assert torch.allclose(plain, each) and torch.equal(counts, number)


def steps(folder, student, data, **settings):
    """Weights of the student and losses after three steps."""
    fit = Fit(folder, student, train=data, max_steps=3, eval_every=3, **settings)
    trained, _ = fit.run()
    found = torch.cat([p.detach().flatten() for p in trained.parameters()])
    return found, [step["loss"] for step in fit.of("step")], fit.of("eval")[0]["eval_loss"], fit.row_losses


def test_all_the_same_weight_trains_as_none(student, tmp_path):
    plain = steps(tmp_path / "a", student, rows(24))
    even = steps(tmp_path / "b", student, heavier(rows(24), [7.0]), micro_batch_size=3)
    assert even[1] == pytest.approx(plain[1], rel=1e-5) and torch.allclose(even[0], plain[0], atol=2e-4)
    assert even[2] == pytest.approx(plain[2], rel=1e-4)
    for (_, rows_then, then), (_, rows_now, now) in zip(plain[3], even[3], strict=True):
        assert rows_then == rows_now and now == pytest.approx(
            then, rel=1e-3
        )  # what a row loses is not weighed


def test_weight_0_trains_as_a_mask(student, tmp_path):
    """Two of three target tokens count nothing; micro-batches of another size add up to the same step."""
    zero = heavier(rows(24), [2.0, 0.0, 0.0])
    labels = [
        np.where(w > 0, t, -100).astype(np.int32) for t, w in zip(zero.labels, zero.weights, strict=True)
    ]
    masked = steps(tmp_path / "a", student, replace(rows(24), labels=labels))
    weighed = steps(tmp_path / "b", student, zero, micro_batch_size=3)
    assert weighed[1] == pytest.approx(masked[1], rel=1e-5) and torch.allclose(
        weighed[0], masked[0], atol=2e-4
    )


def test_a_step_is_a_mean_over_its_whole_weight(student, model, tmp_path):
    data = heavier(rows(8), [0.25, 3.0, 1.0])
    _, losses, _, _ = steps(tmp_path, student, data, micro_batch_size=3)
    assert losses[0] == pytest.approx(by_hand(model, data).item(), rel=1e-4)


def test_a_run_keeps_them_in_a_byte_per_token(tiny_student, tmp_path):
    chat = refund_chat(tiny_student, n=24, weights={"answer": 2.0})
    data = RunData.from_chat(chat)
    data.save(tmp_path)
    held = RunData.load(tmp_path).train.weights
    assert isinstance(held, TokenWeights) and held.codes[0].dtype == np.uint8
    expected = [example.weights for example in chat.split("train")]
    assert all(np.array_equal(a, b) for a, b in zip(held, expected, strict=True))
    RunData.from_chat(refund_chat(tiny_student, n=24)).save(tmp_path)
    assert RunData.load(tmp_path).train.weights is None
