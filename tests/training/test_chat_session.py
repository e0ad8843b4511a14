"""A chat with students: real tokenizers and parsers, answers written piece by piece."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from reasonbook.errors import TrainingError
from reasonbook.training.chat_session import ChatSession
from tests.training.scripted_student import THOUGHT, Scripted


@pytest.fixture(scope="module")
def folder(tiny_student):
    return tiny_student


def test_the_answer_arrives_in_pieces_that_add_up(folder):
    session = ChatSession([Scripted(folder, THOUGHT)])
    seen = []
    session.stream.subscribe(
        lambda event: (
            seen.append((session.turns[0].answers[0].thinking, session.turns[0].answers[0].answer))
            if event.kind == "text"
            else None
        )
    )
    session.ask("Refund for order 17?").wait(5)
    answer = session.turns[0].answers[0]
    assert (answer.thinking, answer.answer) == ("Intent: refund\nAmount: 55", "$55")
    assert (answer.state, answer.health) == ("done", "valid") and answer.tokens > 10
    assert len(seen) == answer.tokens
    thoughts = [thinking for thinking, _ in seen]
    assert all(after.startswith(before) for before, after in itertools.pairwise(thoughts))
    assert any(thinking and not said for thinking, said in seen), "the thinking comes before the answer"
    assert not any("<" in thinking + said for thinking, said in seen), "no tag is ever shown"


def test_a_student_sees_its_own_earlier_answers_without_their_thinking(folder):
    first, second = Scripted(folder, THOUGHT, name="a"), Scripted(folder, "$7<|im_end|>", name="b")
    session = ChatSession([first, second], system="Be brief.")
    session.ask("one").wait(5).ask("two").wait(5)
    assert [m["content"] for m in first.seen[1]] == ["Be brief.", "one", "$55", "two"]
    assert [m["content"] for m in second.seen[1]] == ["Be brief.", "one", "$7", "two"]
    text, tokens = session.prompt(turn=1, student=0)
    assert "Intent" not in text and text.count("<|im_start|>") == 5
    assert tokens == len(first.format.prompt_ids(first.seen[1]))


def test_stop_keeps_what_is_written_and_skips_the_next_student(folder):
    slow = Scripted(folder, THOUGHT, pause=0.03)
    other = Scripted(folder, THOUGHT)
    session = ChatSession([slow, other])
    session.ask("Refund?")
    while session.turns[0].answers[0].tokens < 3:
        time.sleep(0.01)
    session.stop().wait(5)
    written, skipped = session.turns[0].answers
    assert written.state == "stopped" and written.thinking and not written.answer
    assert skipped.state == "stopped" and other.seen == []


def test_one_student_that_fails_does_not_silence_the_other(folder):
    broken = Scripted(folder, TrainingError("The weights are gone.", "rb.Run.load(…)"))
    session = ChatSession([broken, Scripted(folder, THOUGHT)]).ask("Refund?").wait(5)
    failed, answered = session.turns[0].answers
    assert failed.state == "failed" and failed.error == ("The weights are gone.", "rb.Run.load(…)")
    assert answered.state == "done"


def test_again_takes_the_place_of_the_last_answer(folder):
    student = Scripted(folder, THOUGHT)
    session = ChatSession([student]).ask("Refund?").wait(5)
    student.script = "<think>\nno\n</think>\n\n$0<|im_end|>"
    session.again().wait(5)
    assert len(session.turns) == 1 and session.turns[0].answers[0].answer == "$0"


def test_clear_begins_anew(folder):
    student = Scripted(folder, THOUGHT)
    session = ChatSession([student]).ask("one").wait(5).clear()
    assert session.turns == []
    session.ask("two").wait(5)
    assert [m["content"] for m in student.seen[-1]] == ["two"]


def test_bad_questions_are_refused_with_a_line_to_type(folder):
    session = ChatSession([Scripted(folder, THOUGHT, pause=0.05)])
    for wrong in ("", "  \n"):
        with pytest.raises(TrainingError, match="blank"):
            session.ask(wrong)
    with pytest.raises(TrainingError, match="Nothing has been asked"):
        session.prompt()
    session.ask("one")
    with pytest.raises(TrainingError, match="still being answered"):
        session.ask("two")
    session.stop().wait(5)
    with pytest.raises(TrainingError, match="one student or two"):
        ChatSession([])


def test_the_card_escapes_what_the_student_wrote(folder):
    student = Scripted(folder, "<think>\n<img src=x onerror=alert(1)>\n</think>\n\n<b>no</b><|im_end|>")
    html = ChatSession([student]).ask("<script>x</script>").wait(5)._repr_html_()
    assert "<img" not in html and "<script" not in html and "<b>no" not in html


def test_ask_does_not_block(folder):
    session = ChatSession([Scripted(folder, THOUGHT, pause=0.02)])
    begun = time.perf_counter()
    session.ask("Refund?")
    assert time.perf_counter() - begun < 0.2 and session.answering
    assert threading.current_thread() is threading.main_thread()
    session.stop().wait(5)


def test_a_run_talks_alone_or_beside_another(folder):
    from reasonbook.training.run import Run

    class Known(Scripted):
        chat = Run.chat.__wrapped__  # its options are held to the types of real runs
        trained = property(lambda self: self)
        _refuse_in_line = Run._refuse_in_line
        waits = ""

    one, two = Known(folder, THOUGHT, name="thinking"), Known(folder, "$1<|im_end|>", name="plain")
    assert one.chat().labels == ("thinking",)
    session = one.chat(beside=two).ask("Refund?").wait(5)
    assert [answer.answer for answer in session.turns[0].answers] == ["$55", "$1"]
    assert one.chat("Refund?").answer == "$55"
