"""Kiln's two-turn form, from training to the table: the student is asked twice, and read from both answers."""

from __future__ import annotations

import pytest

import reasonbook as rb
from reasonbook.training import Run
from tests.training.refund_chat import refund_chat

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
ASKED = "Think step by step, explaining your reasoning."
CONCLUDE = "Considering the above, return a final result."


@pytest.fixture(scope="module")
def run(tiny_student, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("REASONBOOK_HOME", str(tmp_path_factory.mktemp("home")))
    patch.setenv("OMP_NUM_THREADS", "1")
    chat = refund_chat(tiny_student, 40, held_out=8, strategy="two_message_cot")
    yield rb.train(chat, max_steps=30, batch_size=8, eval_every=15, samples=2, sample_tokens=40).wait()
    patch.undo()


def test_both_turns_are_learnt(run):
    chat = refund_chat(run.student, 40, held_out=8, strategy="two_message_cot")
    assert len(chat.split("train")) == 64 and len(run.data.train) == 64 and len(run.data.of("train")) == 32
    loss = run.history["step"]["loss"]
    assert loss[-5:].mean() < 0.75 * loss[:5].mean()


def test_the_second_question_holds_the_first_answer(run, monkeypatch):
    """What the model is given, read at its own door."""
    asked = []
    with run.trained.lent() as model:
        kind = type(model)
    generate = kind.generate

    def spy(self, input_ids, attention_mask, **options):
        asked.append([ids[mask.bool()].tolist() for ids, mask in zip(input_ids, attention_mask, strict=True)])
        return generate(self, input_ids=input_ids, attention_mask=attention_mask, **options)

    monkeypatch.setattr(kind, "generate", spy)
    reply = run.generate(["Two lamps?"], max_tokens=24)[0]
    first, second = (run.format.tokenizer.decode(each[0], skip_special_tokens=False) for each in asked)
    assert ASKED in first and CONCLUDE not in first and "Two lamps?" in first
    question, _, _ = first.partition("<|im_end|>")  # the template drops empty thinking from earlier turns
    assert second.startswith(question) and CONCLUDE in second
    assert reply.thinking and reply.thinking in second[len(question) :]
    assert reply.health == "valid" and 0 < reply.tokens <= 48


def test_it_is_judged_compared_and_read_again(run, tmp_path):
    found = run.evaluate("test")
    assert len(found.replies) == 4 and found.health["valid"] + found.health["empty"] == 4
    assert all(0 <= grade <= 1 for grade in found.grades)
    graded = run.evaluate("test", score=lambda answer, expected: float(bool(answer)))
    assert graded.measure != found.measure and [r.text for r in graded.replies] == [
        r.text for r in found.replies
    ]
    table = rb.compare([run], base=True)
    assert len(table.scores) == 2 and table.scores[1].share == found.share.value
    assert len(run.samples) == 2
    saved = run.save(tmp_path / "two")
    again = Run.load(saved.path)
    assert again.format.calls == 2
    assert (
        again.generate(["Two lamps?"], max_tokens=16)[0].text
        == run.generate(["Two lamps?"], max_tokens=16)[0].text
    )
