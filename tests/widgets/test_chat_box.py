"""ChatBox: pieces add up on the page, and its buttons call the session."""

from __future__ import annotations

import time

import pytest

from reasonbook.training.chat_session import ChatSession
from reasonbook.widgets.chat_box import ChatBox
from tests.training.scripted_student import THOUGHT, Scripted


@pytest.fixture(scope="module")
def folder(tiny_student):
    return tiny_student


def replayed(opened):
    """The answers that the page holds after all pushes, put together as the page does it."""
    held = {}
    for push in opened.pushes:
        for news in push.get("news", ()):
            place = (news["turn"], news["student"])
            thinking, said = held.get(place, ("", ""))
            if "more" in news:
                at = news["at"]
                assert at[0] <= len(thinking) and at[1] <= len(said), "no piece is missing"
                held[place] = (thinking[: at[0]] + news["more"][0], said[: at[1]] + news["more"][1])
            else:
                held[place] = (news["thinking"], news["answer"])
    return held


@pytest.mark.slow
def test_a_question_from_the_page_is_answered_in_pieces(folder, page):
    session = ChatSession([Scripted(folder, THOUGHT, pause=0.02), Scripted(folder, "$1<|im_end|>")])
    opened = page(ChatBox(session))
    assert opened.call("snapshot")["turns"] == []
    opened.call("ask", question="Refund?")
    opened.wait_for(lambda m: "push" in m and m["push"].get("renew"))
    opened.wait_for(lambda m: m.get("push", {}).get("answering") is False)
    assert replayed(opened) == {(0, 0): ("Intent: refund\nAmount: 55", "$55"), (0, 1): ("", "$1")}
    pieces = [n for push in opened.pushes for n in push.get("news", ()) if "more" in n and n["student"] == 0]
    assert len(pieces) > 3, "it was streamed"
    shot = opened.call("snapshot")
    assert shot["turns"][0]["question"] == "Refund?" and not shot["answering"]
    assert shot["turns"][0]["answers"][0]["health"] == "valid"


def test_asked_twice_under_one_id_is_asked_once(folder, page):
    session = ChatSession([Scripted(folder, THOUGHT)])
    opened = page(ChatBox(session))
    opened.call("ask", id="same", question="Refund?")
    session.wait(5)
    opened.call("ask", id="same", question="Refund?")
    assert len(session.turns) == 1


def test_stop_clear_and_again_reach_the_session(folder, page):
    session = ChatSession([Scripted(folder, THOUGHT, pause=0.03)])
    opened = page(ChatBox(session))
    opened.call("ask", question="Refund?")
    while session.turns[0].answers[0].tokens < 2:
        time.sleep(0.01)
    opened.call("stop")
    session.wait(5)
    assert session.turns[0].answers[0].state == "stopped"
    session.runs[0].pause = 0
    opened.call("again")
    session.wait(5)
    assert session.turns[0].answers[0].state == "done" and len(session.turns) == 1
    opened.call("clear")
    assert opened.call("snapshot")["turns"] == []


def test_the_exact_prompt_is_what_the_student_is_given(folder, page):
    session = ChatSession([Scripted(folder, THOUGHT)]).ask("Refund?").wait(5)
    found = page(ChatBox(session)).call("prompt", turn=0, student=0)
    assert found["text"] == session.runs[0].format.prompt_text("Refund?")
    assert found["text"].endswith("<|im_start|>assistant\n") and found["tokens"] > 5


def test_a_refused_question_comes_back_with_what_to_do(folder, page):
    opened = page(ChatBox(ChatSession([Scripted(folder, THOUGHT)])))
    with pytest.raises(page.Refused, match="blank") as refused:
        opened.call("ask", question="  ")
    assert "session.ask" in refused.value.fix


def test_a_long_talk_is_sent_from_its_end(folder, page):
    session = ChatSession([Scripted(folder, "$1<|im_end|>")])
    for number in range(60):
        session.ask(f"question {number}").wait(5)
    shot = page(ChatBox(session)).call("snapshot")
    assert shot["first"] == 10 and len(shot["turns"]) == 50
    assert shot["turns"][-1]["question"] == "question 59"
