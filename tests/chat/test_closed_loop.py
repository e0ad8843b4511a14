"""The closed loop: a planted fault for each of its steps, what it costs, and where its result stands."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

import reasonbook as rb
from reasonbook.chat import ChatConfig, ChatFormat, build, check
from reasonbook.chat.closed_loop.loop import check_format
from reasonbook.chat.loop_report import STEPS
from reasonbook.chat.rendering.row_kinds import MIXED, PLAIN, SYSTEM, THINKING, TOOLS, TURNS
from reasonbook.chat.thinking_parser import ThinkingStream
from reasonbook.errors import FormatError

from .students import row, student

# Shows the thinking of every turn, so that history has something to lose.
SHOWS_ALL = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def made(name: str = "qwen3", **choices) -> ChatFormat:
    return ChatFormat(student(name), config=ChatConfig(**choices))


def steps(loop) -> dict[str, str]:
    return {found.case: found.step for found in loop.broken}


def test_a_sound_student_gets_through_with_every_kind_of_row():
    loop = check_format(made())
    assert loop.ok and not loop.broken, loop
    assert set(loop.cases) == {THINKING, PLAIN, TURNS, MIXED, SYSTEM, TOOLS} and all(loop.cases.values())


def test_a_stop_token_inside_an_answer_is_seen():
    chat = made()
    token = chat.encode(["$13"])[0].ids[0]
    chat.probe = replace(chat.probe, stop_ids=(*chat.probe.stop_ids, token))
    found = next(each for each in check_format(chat).broken if each.case == THINKING)
    assert found.step == "stop" and "'$' stands inside it" in found.said and "is cut off" in found.said


def test_an_answer_that_nothing_ends_is_seen():
    chat = made()
    chat.probe = replace(chat.probe, stop_ids=(0,))
    found = check_format(chat).broken[0]
    assert found.step == "stop" and "no stop token ends it" in found.said and "<|im_end|>" in found.said


def test_thinking_that_is_read_wrongly_is_seen():
    chat = made()
    chat.parser_after = lambda thinks, _: ChatFormat.parser_after(made(tags=("<a>", "</a>")), thinks)  # type: ignore[method-assign]
    assert steps(check_format(chat))[THINKING] == "parse"


def test_a_stream_that_loses_text_is_seen(monkeypatch):
    fed = ThinkingStream.feed
    monkeypatch.setattr(ThinkingStream, "feed", lambda self, piece: fed(self, piece.replace("5", "")))
    loop = check_format(made())
    assert steps(loop)[THINKING] == "stream" and "arrives as" in loop.broken[0].said


def test_a_prompt_that_inference_does_not_see_is_seen(monkeypatch):
    asked = ChatFormat.prompt_text
    monkeypatch.setattr(ChatFormat, "prompt_text", lambda *a, **k: asked(*a, **k).replace("boxes", "bags"))
    loop = check_format(made())
    assert steps(loop)[THINKING] == "prompt" and "bags" in loop.broken[0].said


def test_history_that_loses_its_thinking_is_seen(monkeypatch):
    chat = made(chat_template=SHOWS_ALL)
    assert check_format(chat).ok and chat.probe.keeps_history
    monkeypatch.setattr(
        ChatFormat, "reply", lambda self, answer, thinking: {"role": "assistant", "content": answer}
    )
    found = steps(check_format(chat))
    assert {case: found[case] for case in (TURNS, MIXED, SYSTEM)} == dict.fromkeys(
        (TURNS, MIXED, SYSTEM), "history"
    )
    assert THINKING not in found and PLAIN not in found


def test_an_exported_template_that_asks_otherwise_is_seen(monkeypatch):
    plain = ChatFormat.exported_template
    monkeypatch.setattr(
        ChatFormat, "exported_template", property(lambda self: plain.fget(self) + "\n\nThink!")
    )
    loop = check_format(made())
    assert steps(loop)[THINKING] == "served" and "Think!" in loop.broken[0].said


def test_every_step_has_a_fault_above():
    source = open(__file__, encoding="utf-8").read()
    assert [step for step in STEPS if step != "build" and f'"{step}"' not in source] == []


def test_training_is_refused_with_the_step_and_a_line_to_type(monkeypatch):
    rows = [row(f"{i}?", f"{i}.", f"so {i}", position=i) for i in range(5)]
    assert build(rows, student("qwen3")).report.loop.ok
    monkeypatch.setattr(ChatFormat, "reply", lambda *_: {"role": "assistant", "content": "else"})
    assert build(rows, student("qwen3")).report.ok, "no row here has a history"
    monkeypatch.setattr(ChatFormat, "stop_ids", property(lambda self: (0,)))
    chat = build(rows, student("qwen3"))
    with pytest.raises(
        FormatError, match="A perfect student would fail: thinking, stop: no stop token"
    ) as caught:
        chat.check()
    assert "chat_template=" in caught.value.fix


def test_a_row_of_the_data_is_named(monkeypatch):
    rows = [row(answer, answer, position=i) for i, answer in enumerate(("one", "two 7", "three"))]
    parse = ChatFormat.parse
    monkeypatch.setattr(
        ChatFormat, "parse", lambda self, text, **k: parse(self, text.replace("two 7", "2"), **k)
    )
    found = build(rows, student("qwen3")).report.loop.problems
    assert [(each.case, each.position, each.step) for each in found] == [("your rows", 1, "parse")]
    assert "row 1, parse: the answer 'two 7' comes back as '2'" in str(found[0])


@pytest.mark.slow
def test_it_costs_less_than_the_time_of_a_breath():
    chat = ChatFormat(rb.examples.tiny_student())
    begun = time.process_time()
    loop = check_format(chat)
    assert loop.ok and time.process_time() - begun < 0.3


def test_its_result_is_in_the_record():
    report = build([row()], student("qwen3")).report
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["loop"]["cases"]["your rows"] == 1 and plain["loop"]["broken"] == []


@pytest.mark.slow
def test_a_student_is_checked_without_data():
    assert check(rb.examples.tiny_student()).ok
    assert THINKING not in check(rb.examples.tiny_student(), strategy="final_only").cases
