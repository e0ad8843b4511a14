"""One training row as a perfect student plays it: for the preview, its card and the live view."""

from __future__ import annotations

import json

import pytest

from reasonbook.chat import ChatConfig, ChatFormat, build
from reasonbook.chat.loop_report import STEPS
from reasonbook.errors import FormatError

from .students import row, student

TALK = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1."},
    {"role": "user", "content": "Two <b>?"},
    {"role": "assistant", "content": "2."},
]
ROWS = [row(messages=TALK, reasoning=["so 1", "so 2"]), row("Three?", "3.", None, position=1)]


def states(played) -> dict[str, str]:
    return {step.step: step.state for step in played.steps}


def test_it_writes_what_carries_loss_and_stops_at_its_last_token():
    chat = build(ROWS, student("qwen3"))
    for index, example in enumerate(chat):
        played = chat.preview(index).loop
        learnt = [i for i, label in enumerate(example.labels.tolist()) if label != -100]
        assert played.ok and played.end == played.stop + 1
        assert learnt[-1] == played.stop and int(example.input_ids[played.stop]) in chat.stop_ids
        assert played.start <= learnt[0]
        assert (played.thinking, played.answer) == (played.row_thinking, played.row_answer)
        assert played.story.endswith(f"stops at <|im_end|>, id {example.input_ids[played.stop]}.")
    assert chat.play(0).thinking == "so 1" and chat.play(-1).answer == "3."


def test_every_step_is_told_and_what_a_row_does_not_have_is_not_asked():
    chat = build(ROWS, student("qwen3"))
    first, last, plain = (states(chat.play(i)) for i in range(3))
    assert list(first) == list(STEPS[1:])
    assert set(first.values()) == {"passed"}
    assert [step for step, state in last.items() if state == "not asked"] == ["history"]
    assert [step for step, state in plain.items() if state == "not asked"] == ["history", "served"]
    assert states(chat.split("train").play(0)) == first, "a view plays as the whole does"


def test_both_calls_of_two_messages_are_played():
    chat = build(ROWS[:1], student("qwen2_5"), strategy="two_message_cot")
    thought, answer = chat.play(0), chat.play(1)
    assert thought.ok and (thought.answer, thought.thinking) == ("so 1", "")
    assert answer.ok and (answer.answer, answer.thinking) == ("1.", "so 1")


def test_where_it_breaks_is_told_and_what_lies_behind_is_not_reached(monkeypatch):
    chat = build(ROWS, student("qwen3"))
    token = chat.format.encode(["1"])[0].ids[0]
    monkeypatch.setattr(ChatFormat, "stop_ids", property(lambda self: (token,)))
    preview = chat.preview(0)
    played = preview.loop
    assert played.broken is not None and played.broken.step == "stop" and "is cut off" in played.broken.said
    assert "chat_template" in played.broken.fix and "behind it are lost" in played.story
    assert states(played)["prompt"] == "passed" and set(list(states(played).values())[2:]) == {"not reached"}
    assert played.stop + 1 < played.end and played.answer != played.row_answer == "1."
    assert repr(played).startswith("PlayedRow(breaks at stop")
    html = preview._repr_html_()
    assert "✗ closed loop" in html and "im_end|&gt;</s>" in html
    monkeypatch.setattr(ChatFormat, "stop_ids", property(lambda self: (0,)))
    assert chat.play(0).stop == -1 and chat.play(0).story.endswith("does not stop.")


def test_the_card_folds_it_and_its_texts_stay_text():
    hostile = "<img src=x onerror=alert(1)>"
    chat = build([row("Hi", hostile, hostile)], student("qwen3"))
    html = chat.preview(0)._repr_html_()
    assert "<details><summary>✓ closed loop: It writes" in html
    assert "&lt;|im_end|&gt;</b><s></s>" in html, "it stops at its last token, and nothing is cut"
    assert "<img" not in html and "&lt;img" in html
    json.dumps(chat.play(0).to_dict())


def test_masked_reasoning_is_the_students_own():
    chat = build(ROWS[:1], student("qwen3"), config=ChatConfig(mask_reasoning=True))
    assert chat.play(0).ok


def test_the_cards_say_what_the_loop_found(monkeypatch):
    chat = build(ROWS, student("qwen3"))
    card = chat._repr_html_()
    assert "closed loop</span> <b>passed" in card and "closed loop: ✓ a perfect student gets" in card
    assert chat.report._repr_html_().count("your rows") == 1
    monkeypatch.setattr(ChatFormat, "stop_ids", property(lambda self: (0,)))
    broken = build(ROWS, student("qwen3"))._repr_html_()
    assert "<b>breaks" in broken and "closed loop: ✗ thinking, stop" in broken


def test_rows_that_nobody_proved_are_not_played():
    chat = build(ROWS, student("qwen3"))
    chat.make_player = None
    with pytest.raises(FormatError, match="Nobody plays"):
        chat.play(0)
    assert "closed loop" not in chat.preview(0)._repr_html_()
    with pytest.raises(FormatError, match="index takes a whole number"):
        chat.play("0")
