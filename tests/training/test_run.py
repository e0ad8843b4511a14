"""A run from its start to its reload, with the real tiny student."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import reasonbook as rb
from reasonbook.errors import TrainingError
from reasonbook.job import Status
from reasonbook.store import Store
from reasonbook.training import Run, train
from reasonbook.training.runs.row_losses import row_losses
from tests.training.refund_chat import refund_chat

pytestmark = pytest.mark.train


def test_the_curves_fall_and_are_complete(pair):
    plain, thinking = pair
    for run in (plain, thinking):
        assert run.status is Status.COMPLETED and run.step == 12 == run.total_steps
        steps = run.history["step"]
        assert steps["step"].tolist() == list(range(1, 13))
        assert steps["loss"][-3:].mean() < steps["loss"][:3].mean() - 1
        assert run.history["eval"]["step"].tolist() == [6, 12]
        assert np.isfinite(run.history["eval"]["eval_loss"]).all()
        assert (steps["tokens_per_second"] > 0).all() and (steps["memory"] > 1e6).all()


def test_the_events_a_view_needs(pair):
    _, run = pair
    events = {event.kind: event.data for event in run.stream}
    assert {"status", "step", "eval", "samples", "row_loss", "checkpoint", "eta"} <= set(events)
    row = events["samples"]["rows"][0]
    assert {"prompt", "text", "thinking", "answer", "health", "correct", "expected"} <= set(row)
    assert events["step"]["total"] == 12


def test_the_learning_rate_rises_and_falls(pair):
    rates = pair[1].history["step"]["learning_rate"]
    assert rates.argmax() <= 1 and rates[-1] < rates.max() / 10


def test_rows_at_names_the_rows_of_that_step(pair):
    _, run = pair
    rows = run.rows_at(3)
    assert len(rows) == 8 and all(row.loss > 0 for row in rows)
    epoch = [row.position for step in range(1, 7) for row in run.rows_at(step)]
    assert sorted(epoch) == list(range(48))  # an epoch sees each training row once
    assert [r.key for r in run.rows_at(3)] == [r.key for r in Run.load(run.id).rows_at(3)]


def test_losses_of_rows_reach_the_review(pair):
    _, run = pair
    tasks = run.data.of("train")
    store = Store(run.folder.parents[1])
    keys = ["unknown", *(task.key for task in tasks[:5])]
    assert row_losses(keys, store=store) == {
        i + 1: run.row_losses[task.key] for i, task in enumerate(tasks[:5])
    }


def test_generation_uses_the_training_prompts_and_does_not_depend_on_its_neighbours(pair):
    _, run = pair
    prompts = [task.prompt for task in run.data.of("test")]
    together = run.generate(prompts)
    alone = [run.generate([prompt])[0] for prompt in prompts]
    assert [r.text for r in together] == [r.text for r in alone]
    row = run.data.train.input_ids[0]
    ids = run.format.prompt_ids(run.data.of("train")[0].prompt)
    assert row[: len(ids)].tolist() == ids


def test_text_is_told_as_it_is_written_and_stops_on_demand(pair):
    _, run = pair
    pieces: list[str] = []
    reply = run.generate(["Hi"], on_text=lambda i, piece: pieces.append(piece))[0]
    assert "".join(pieces) == reply.text and len(pieces) > 3
    count = len(pieces)
    pieces.clear()
    short = run.generate(
        ["Hi"], on_text=lambda i, piece: pieces.append(piece), should_stop=lambda: len(pieces) >= 3
    )[0]
    assert short.tokens < reply.tokens and len(pieces) < count and reply.text.startswith(short.text)


def test_saved_reloaded_and_asked(pair, tmp_path):
    _, run = pair
    saved = run.save(tmp_path / "kept")
    assert saved.bytes > 100_000 and "<div" in saved._repr_html_()
    again = Run.load(tmp_path / "kept")
    assert again is not run
    assert again.chat("Hi, 3 mugs please").text == run.chat("Hi, 3 mugs please").text
    assert again.history["step"]["loss"].tolist() == run.history["step"]["loss"].tolist()
    plain = pair[0]
    plain.save(tmp_path / "kept")  # again into the same folder: what is loaded now is the new one
    assert Run.load(tmp_path / "kept").chat("Hi").text == plain.chat("Hi").text
    with pytest.raises(TrainingError, match="holds other files"):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("x")
        run.save(tmp_path / "mine")


def test_a_run_is_found_again_without_training(pair):
    _, run = pair
    from reasonbook.training.runs import kernel_runs

    kernel_runs.forget()  # as in a new kernel
    again = Run.load(run.id)
    assert again is not run and again.status is Status.COMPLETED
    for kind in ("step", "eval"):
        for name, values in run.history[kind].items():
            np.testing.assert_array_equal(again.history[kind][name], values)
    assert [e.kind for e in again.stream if e.kind == "samples"] == ["samples"] * 2
    assert again.generate(["Hi"])[0].text == run.generate(["Hi"])[0].text
    with pytest.raises(TrainingError, match="is complete"):
        again.resume()


def test_the_card_says_what_it_stood_on(pair):
    _, run = pair
    card = json.loads(run.card_path.read_text())
    assert card["status"] == "COMPLETED" and card["data"]["fingerprint"] == run.data.fingerprint
    assert card["closed_loop"] == run.data.loop and card["closed_loop"]["cases"]["your rows"]
    assert card["packages"]["torch"] and card["plan"]["steps"] == 12
    assert len(card["curves"]["step"]["loss"]) == 12


def test_it_shows_itself_and_escapes(pair):
    _, run = pair
    assert "12 of 12" in run._repr_html_() and "<svg" in run._repr_html_()
    name, run.name = run.name, "<script>alert(1)</script>"
    try:
        assert "<script>" not in run._repr_html_()
    finally:
        run.name = name
    assert "<img" not in rb.training.Reply("<img src=x>", "<img src=x>", health="valid")._repr_html_()


def test_the_trainer_sees_the_labels_as_they_are(tiny_student, monkeypatch):
    """The arrays of the first batch, at the model's door, are the chat dataset's arrays."""
    from reasonbook.training.loop import trainer as loop

    seen: list[tuple[bytes, bytes]] = []
    real = loop.target_losses

    def spy(model, batch):
        if model.training:
            for ids, labels, mask in zip(
                batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
            ):
                n = int(mask.sum())
                seen.append((ids[:n].int().numpy().tobytes(), labels[:n].int().numpy().tobytes()))
        return real(model, batch)

    monkeypatch.setattr(loop, "target_losses", spy)
    chat = refund_chat(tiny_student, 20, held_out=4)
    train(chat, max_steps=2, batch_size=8, samples=0).wait()
    ours = {(e.input_ids.tobytes(), e.labels.tobytes()) for e in chat.split("train")}
    assert len(seen) == 16 and set(seen) == ours


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"learning_rat": 1e-3}, "learning_rate"),
        ({"max_steps": -1}, "above 0"),
        ({"tuning": "lorra"}, "lora"),
    ],
)
def test_a_wrong_setting_names_the_right_one(tiny_student, settings, words):
    with pytest.raises(TrainingError, match=words):
        train(refund_chat(tiny_student, 20, held_out=4), **settings)


def test_an_empty_train_split_is_refused(tiny_student):
    with pytest.raises(TrainingError, match="train split"):
        train(refund_chat(tiny_student, 20).split("test"))


def test_an_unknown_run_is_refused():
    with pytest.raises(TrainingError, match="no run 'nothing'"):
        Run.load("nothing")
    assert not os.path.exists("nothing")


def test_the_card_of_a_run_from_a_frame_says_where_its_reasoning_is_from(tiny_student, home):
    from reasonbook.examples import refund_rules, refund_schema, refunds

    df = refunds(40)
    df.reason.augment(refund_schema(), teacher=refund_rules).wait()
    df.reason.split(test=0.1, validation=0.1)
    run = df.reason.train(tiny_student, max_steps=1, batch_size=8, samples=0).wait()
    card = json.loads(run.card_path.read_text())
    names = [field["name"] for field in card["schema"]["fields"]]
    assert names == list(refund_schema().names) and card["method"] == "extract"
    assert "refund_rules" in card["teacher"]
    assert all(name in card["prompt"] for name in names) and "JSON object" in card["prompt"]
