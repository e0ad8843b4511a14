"""The views of a training that really ran."""

from __future__ import annotations

import numpy as np
import pytest

from reasonbook.chat import ChatRow, build
from reasonbook.data.conversation import Conversation
from reasonbook.examples.refund_requests import refunds
from reasonbook.examples.refund_teacher import refund_rules
from reasonbook.training import Run, compare, train
from reasonbook.widgets import ChatBox, Comparison, TrainingCurves
from tests.widgets.test_training_curves import snapshot

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_student):
    place = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONBOOK_HOME", str(place / "home"))
        patch.setenv("OMP_NUM_THREADS", "1")
        frame = refunds(60, seed=3)
        rows = []
        for i, (request, response) in enumerate(zip(frame.iloc[:, 0], frame.iloc[:, 1], strict=True)):
            messages = ({"role": "user", "content": request}, {"role": "assistant", "content": str(response)})
            split = ("train", "train", "train", "validation", "test")[i % 5]
            rows.append(ChatRow(i, f"key{i}", split, Conversation(messages=messages), refund_rules(request)))
        chat = build(rows, tiny_student)
        yield train(chat, max_steps=12, name="thinking first").wait()


def test_the_curves_of_a_real_run_are_those_of_its_history(run, page):
    opened = page(TrainingCurves(run))
    [(info, curves)] = snapshot(opened)
    assert (info["label"], info["status"], info["step"], info["total"]) == (
        "thinking first",
        "COMPLETED",
        12,
        12,
    )
    x, columns = curves["step"]
    history = run.history["step"]
    assert x.tolist() == history["step"].tolist() == list(range(1, 13))
    for name in ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory"):
        assert np.allclose(columns[name], history[name], rtol=1e-5), name
    assert np.allclose(curves["eval"][1]["eval_loss"], run.history["eval"]["eval_loss"], rtol=1e-5)
    assert info["samples"] and opened.call("samples", run=run.id, index=0)["rows"][0]["prompt"]


def test_a_point_leads_to_the_rows_of_its_batch(run, page):
    answer = page(TrainingCurves(run)).call("step_rows", run=run.id, step=5.3)
    expected = run.rows_at(5)
    assert answer["step"] == 5 and len(answer["rows"]) == len(expected) > 0
    assert {row["position"] for row in answer["rows"]} == {row.position for row in expected}


def test_a_run_that_comes_back_shows_the_same_curves(run, page):
    [(_, before)] = snapshot(page(TrainingCurves(run)))
    [(info, after)] = snapshot(page(TrainingCurves(Run.load(run.folder))))
    assert info["status"] == "COMPLETED" and info["step"] == 12
    assert np.allclose(before["step"][1]["loss"], after["step"][1]["loss"], rtol=1e-5)


def test_a_real_comparison_and_a_real_chat(run, page):
    shot = page(Comparison(compare([run], split="test"))).call("snapshot")
    assert shot["rows"] == 12 and shot["scores"][0]["rows"] == 12
    assert sum(shot["scores"][0]["health"].values()) == 12
    session = run.chat()
    opened = page(ChatBox(session))
    opened.call("ask", question=run.rows_at(1)[0].prompt)
    session.wait(60)
    [answer] = opened.call("snapshot")["turns"][0]["answers"]
    assert answer["state"] == "done" and answer["tokens"] > 0
    prompt = opened.call("prompt", turn=0, student=0)
    assert prompt["text"].endswith("assistant\n") and prompt["tokens"] > 10
