"""What OpenAI's files hold beside messages: tools that are offered, and turns that are not to be learnt."""

from __future__ import annotations

import pytest

from reasonbook.chat import ChatConfig, build

from .students import learnt_text, row, student

TOOLS = [
    {
        "type": "function",
        "function": {"name": "look_up", "description": "An order", "parameters": {"type": "object"}},
    }
]
TALK = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Wrong.", "weight": 0},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "2.", "weight": 1},
]


def decoded(chat, index: int = 0) -> str:
    return chat.tokenizer.decode(chat[index].input_ids.tolist(), skip_special_tokens=False)


@pytest.mark.parametrize("roles", [("assistant",), "all_but_system"])
def test_a_turn_of_weight_0_is_read_and_not_learnt(roles):
    chat = build([row(messages=TALK, reasoning="So two.")], student("qwen3"), config=ChatConfig(roles=roles))
    assert len(chat) == 1 and "Wrong." in decoded(chat)
    learnt = learnt_text(chat[0], chat.tokenizer)
    assert "Wrong" not in learnt and learnt.endswith("<think>\nSo two.\n</think>\n\n2.<|im_end|>")
    assert [task.expected for task in chat.tasks] == ["2."]


def test_a_row_that_teaches_nothing_is_left_out_with_its_reason():
    silent = [TALK[0], {**TALK[1]}]
    chat = build([row(), row(messages=silent, position=4)], student("qwen3"))
    (why,) = chat.report.dropped
    assert "weight 0" in why and chat.report.places[why] == [4]
    last = build([row(messages=[*TALK[:3], {**TALK[3], "weight": 0}])], student("qwen3"))
    assert list(last.report.dropped) == [why]


@pytest.mark.parametrize("name", ["qwen3", "glm4moe", "llama3_1", "gptoss"])
def test_tools_stand_in_the_prompt_of_training_and_of_inference(name):
    """As transformers renders them, for the row, for the task that judges, and in the first system prompt."""
    given = [{**TALK[0], "tools": TOOLS}, {"role": "assistant", "content": "1."}]
    made = student(name)
    chat = build([row(messages=given, reasoning="So one.")], made, config=ChatConfig(date="2026-11-01"))
    assert chat.report.ok and len(chat) == 1 and not chat.report.warnings
    task = chat.tasks[0]
    prompt = chat.format.prompt_text(list(task.prompt))
    assert "look_up" in prompt and decoded(chat).startswith(prompt)
    theirs = made.apply_chat_template(
        [TALK[0]], tools=TOOLS, tokenize=False, add_generation_prompt=True, **chat.probe.on.kwargs
    )
    assert name in ("gptoss", "llama3_1") or prompt == theirs  # those print the day
    plain = build([row(messages=[TALK[0], given[1]], reasoning="So one.")], made)
    assert "look_up" not in decoded(plain)


def test_tools_stay_when_a_system_prompt_is_put_before():
    given = [{**TALK[0], "tools": TOOLS}, {"role": "assistant", "content": "1."}]
    chat = build([row(messages=given)], student("qwen3"), config=ChatConfig(system="Be brief."))
    assert decoded(chat).startswith("<|im_start|>system\nBe brief.") and "look_up" in decoded(chat)


def test_a_template_that_shows_no_tools_is_said():
    given = [{**TALK[0], "tools": TOOLS}, {"role": "assistant", "content": "1."}]
    chat = build([row(messages=given), row(position=1)], student("phi3"))
    assert chat.report.tools_unseen == 1
    assert any(
        "1 rows offer tools" in what and "chat_template" in line for what, line in chat.report.warnings
    )
