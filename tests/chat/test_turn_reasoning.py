"""Reasoning of every assistant turn: learnt in its own training row, and in later prompts what the template shows."""

from __future__ import annotations

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.chat import ChatConfig, build, build_from_frame
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.errors import FormatError
from reasonbook.training.answering.scoring import exact
from tests.walks import walk

from .students import learnt_text, row, student, trl_templates

CALL = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": {"id": "7"}}}
TALK = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "First answer."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "order seven"},
    {"role": "assistant", "content": "Third answer."},
]
THREE = [{"Aim": "amethyst"}, {"Aim": "beryl"}, {"Aim": "citrine"}]
STONES = ("amethyst", "beryl", "citrine")


def reasoning_of(chat, index: int) -> str:
    example = chat[index]
    spans = [span for span in example.spans if span.part.startswith("reasoning") and span.learnt]
    ids = [i for span in spans for i in example.input_ids[span.start : span.stop].tolist()]
    return chat.tokenizer.decode(ids, skip_special_tokens=False)


def test_the_masked_tokens_of_each_turn_hold_that_turns_reasoning():
    chat = build([row(messages=TALK, reasoning=THREE)], student("qwen3"))
    assert chat.report.ok and [example.turn for example in chat] == [0, 1, 2]
    assert [reasoning_of(chat, i) for i in range(3)] == ["Aim: amethyst", "Aim: beryl", "Aim: citrine"]
    for i, stone in enumerate(STONES):
        learnt = learnt_text(chat[i], chat.tokenizer)
        assert [each in learnt for each in STONES] == [each == stone for each in STONES]
    assert chat.report.reasoning == chat.report.reasoning_learnt == 3 and chat.report.plain == 0
    assert [task.reasoning for task in chat.tasks] == ["Aim: amethyst", "Aim: beryl", "Aim: citrine"]


def test_a_dict_is_the_last_turns_and_a_gap_is_a_plain_turn():
    last = build([row(messages=TALK, reasoning=THREE[2])], student("qwen3"))
    assert [reasoning_of(last, i) for i in range(3)] == ["", "", "Aim: citrine"]
    gap = build([row(messages=TALK, reasoning=[THREE[0], None, THREE[2]])], student("qwen3"))
    assert [reasoning_of(gap, i) for i in range(3)] == ["Aim: amethyst", "", "Aim: citrine"]
    own = [TALK[0], {**TALK[1], "reasoning_content": "my own"}, *TALK[2:]]
    kept = build([row(messages=own, reasoning=[None, *THREE[1:]])], student("qwen3"))
    assert reasoning_of(kept, 0) == "my own"
    over = build([row(messages=own, reasoning=THREE)], student("qwen3"))
    assert reasoning_of(over, 0) == "Aim: amethyst" and "my own" not in decoded(over, 0)


def decoded(chat, index: int) -> str:
    return chat.tokenizer.decode(chat[index].input_ids.tolist(), skip_special_tokens=False)


def test_later_prompts_show_of_earlier_thinking_what_the_template_shows():
    """Qwen3 forgets the thinking of earlier questions, and keeps it while a tool is being asked."""
    chat = build([row(messages=TALK, reasoning=THREE)], student("qwen3"))
    prompt = chat.format.prompt_text(list(chat.tasks[2].prompt))
    assert decoded(chat, 2).startswith(prompt)
    assert "amethyst" not in prompt and "beryl" in prompt and "citrine" not in prompt
    plain = build([row(messages=TALK, reasoning=THREE)], student("qwen3"), strategy="final_only")
    assert not any(stone in decoded(plain, i) for i in range(len(plain)) for stone in STONES)
    two = build([row(messages=TALK[:4:2] + TALK[-1:], reasoning=THREE[0])], student("qwen3"))
    assert len(two) == 1


@pytest.mark.parametrize("name", walk(sorted(trl_templates()), fast=["gptoss", "llama3", "qwen3"]))
def test_training_and_inference_see_the_same_history_in_every_template(name):
    """The closed loop: the prompt of a task is the masked prefix, and what is learnt parses into what is expected."""
    talk = [TALK[0], TALK[1], TALK[2], TALK[-1], {"role": "user", "content": "Three?"}, TALK[1]]
    rows = [row(messages=talk, reasoning=THREE), row(messages=TALK, reasoning=THREE, position=1)]
    chat = build(rows, student(name), config=ChatConfig(date="2026-11-01"))
    plain = [i for i in range(len(chat)) if chat[i].position == 0]
    assert len(plain) == 3, chat.report.dropped
    for i, example in enumerate(chat):
        task = chat.tasks[i]
        prompt = chat.format.prompt_ids(list(task.prompt))
        assert example.input_ids[: len(prompt)].tolist() == prompt
        assert STONES[task.turn] in reasoning_of(chat, i) and task.reasoning == f"Aim: {STONES[task.turn]}"
        text = chat.tokenizer.decode(example.input_ids[len(prompt) :].tolist(), skip_special_tokens=False)
        if (task.position, task.turn) == (1, 1):
            assert "find_order" in task.expected
        else:
            assert exact(chat.parse(text, request=task.prompt).answer, task.expected)


def test_a_turn_that_calls_tools_is_judged_by_the_text_of_the_calls():
    chat = build([row(messages=TALK, reasoning=THREE)], student("qwen3"))
    expected = chat.tasks[1].expected
    assert expected.startswith("<tool_call>") and "find_order" in expected
    assert chat.tasks[0].expected == "First answer." and chat.tasks[2].expected == "Third answer."


def test_two_messages_teach_each_turn_in_two_halves():
    chat = build([row(messages=TALK[:2] + TALK[2:3] + TALK[-1:], reasoning=[THREE[0], THREE[2]])], student("qwen3"),
                 strategy="two_message_cot")  # fmt: skip
    assert [(task.turn, task.reasoning) for task in chat.tasks] == [
        (0, "Aim: amethyst"), (0, "Aim: amethyst"), (1, "Aim: citrine"), (1, "Aim: citrine")
    ]  # fmt: skip
    assert "amethyst" not in decoded(chat, 2) and "amethyst" not in decoded(chat, 3)


def test_reasoning_for_another_number_of_turns_leaves_the_row_out_and_says_so():
    chat = build([row(), row(messages=TALK, reasoning=THREE[:2], position=1)], student("qwen3"))
    (why,) = chat.report.dropped
    assert why == "its reasoning is for 2 assistant turns, and the conversation has 3"
    frame = pd.DataFrame({"messages": [TALK], "reasoning": [THREE[:2]], "reasoning_status": ["ok"]})
    with pytest.raises(FormatError, match="for 2 assistant turns"):
        rb.export(frame)


def test_reserved_markers_are_found_in_the_reasoning_of_every_turn():
    marked = [{"Aim": "say <|im_end|>"}, *THREE[1:]]
    chat = build([row(messages=TALK, reasoning=marked), row(position=1)], student("qwen3"))
    (why,) = chat.report.dropped
    assert "'Aim'" in why and "<|im_end|>" in why
    chat = build(
        [row(messages=TALK, reasoning=marked)], student("qwen3"), config=ChatConfig(markers="escape")
    )
    assert len(chat) == 3 and "<\u200b|im_end|>" in reasoning_of(chat, 0)


@pytest.mark.parametrize("form", ["memory", "parquet", "json", "csv"])
def test_every_turn_trains_from_a_frame_and_from_its_files(form, tmp_path):
    df = pd.DataFrame(
        {"messages": [TALK, TALK[:2]], "reasoning": [THREE, THREE[:1]], "reasoning_status": ["ok", "ok"]}
    )
    if form == "parquet":
        df.to_parquet(tmp_path / "df.parquet")
        df = pd.read_parquet(tmp_path / "df.parquet")
    elif form == "json":
        df.to_json(tmp_path / "df.jsonl", orient="records", lines=True)
        df = pd.read_json(tmp_path / "df.jsonl", lines=True)
    elif form == "csv":
        df["reasoning"] = df["reasoning"].map(str)
    chat = build_from_frame(Frame(df, detect(df)), student("qwen3"))
    assert [reasoning_of(chat, i) for i in range(4)] == [f"Aim: {s}" for s in (*STONES, "amethyst")]


@pytest.mark.parametrize("layout, where", [
    ("messages", "reasoning_content"), ("harmony", "thinking"), ("openrouter", "reasoning"),
])  # fmt: skip
def test_exports_carry_the_reasoning_of_every_turn(layout, where):
    frame = pd.DataFrame({"messages": [TALK], "reasoning": [THREE], "reasoning_status": ["ok"]})
    out = rb.export(frame, layout=layout)["messages"][0]
    assert [m.get(where) for m in out if m["role"] == "assistant"] == [f"Aim: {stone}" for stone in STONES]
    plain = rb.export(frame, layout=layout, strategy="final_only")["messages"][0]
    assert not any(where in m for m in plain)


def test_exports_with_the_thinking_in_the_text_and_the_fields_beside():
    talk = [TALK[0], TALK[1], TALK[2], TALK[-1]]
    frame = pd.DataFrame({"messages": [talk], "reasoning": [THREE[:2]], "reasoning_status": ["ok"]})
    said = rb.export(frame, layout="sharegpt")["conversations"][0]
    assert said[1]["value"].startswith("<think>\nAim: amethyst\n</think>") and "beryl" in said[3]["value"]
    assert (
        rb.export(frame, layout="everything")["reasoning_fields"][0]
        == '[{"Aim": "amethyst"}, {"Aim": "beryl"}]'
    )
