"""Every layout that data sets on the Hub have comes in as the same conversation."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from reasonbook.data.layout import Layout, detect
from reasonbook.errors import LayoutError

USER = {"role": "user", "content": "What is 6 × 7?"}
REPLY = {"role": "assistant", "content": "42", "reasoning_content": "Six sevens."}
EXPECTED = (USER, REPLY)
KEY = "01ad8ed9a74a1acbbbd395423844963e"  # of these two in every store there is
INLINE = "<think>\nSix sevens.\n</think>\n\n42"
MARKED = (
    "<|begin_of_thought|>\n\nSix sevens.\n\n<|end_of_thought|>\n\n"
    "<|begin_of_solution|>\n\n42\n\n<|end_of_solution|>"
)

ROWS = {
    "reasoning_content": {"messages": [USER, REPLY]},
    "thinking": {"messages": [USER, {"role": "assistant", "content": "42", "thinking": "Six sevens."}]},
    "reasoning": {"messages": [USER, {"role": "assistant", "content": "42", "reasoning": "Six sevens.\n"}]},
    "inline": {"messages": [USER, {"role": "assistant", "content": INLINE}]},
    "inline, the opening tag was in the prompt": {
        "messages": [USER, {"role": "assistant", "content": INLINE.removeprefix("<think>")}]
    },
    "parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is 6 × 7?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Six sevens."}]},
                    {"type": "text", "text": "42"},
                ],
            },
        ]
    },
    "messages as JSON text": {"messages": json.dumps([USER, REPLY])},
    "what Arrow fills in": {
        "messages": [
            {**USER, "reasoning_content": None, "tool_calls": None, "name": math.nan},
            {**REPLY, "thinking": None, "tool_calls": []},
        ]
    },
    "ShareGPT": {
        "conversations": [{"from": "human", "value": "What is 6 × 7?"}, {"from": "gpt", "value": INLINE}]
    },
    "OpenThoughts": {
        "system": None,
        "conversations": [
            {"from": "user", "value": "What is 6 × 7?"},
            {"from": "assistant", "value": MARKED},
        ],
    },
    "OpenThoughts, metadata": {
        "problem": "What is 6 × 7?",
        "deepseek_reasoning": "Six sevens.",
        "deepseek_solution": "42",
        "ground_truth_solution": "42",
        "domain": "math",
    },
    "s1K": {
        "solution": "forty-two",
        "question": "What is 6 × 7?",
        "cot": None,
        "thinking_trajectories": ["Six sevens.", "other"],
        "attempt": "42",
    },
    "s1K-1.1": {
        "solution": "forty-two",
        "question": "What is 6 × 7?",
        "gemini_thinking_trajectory": "another way",
        "gemini_attempt": "43",
        "deepseek_thinking_trajectory": "Six sevens.",
        "deepseek_attempt": "42",
    },
    "OpenR1-Math": {
        "problem": "What is 6 × 7?",
        "solution": "forty-two",
        "answer": "42",
        "generations": ["<think>no</think>41", INLINE],
        "correctness_math_verify": [False, True],
        "is_reasoning_complete": [True, True],
    },
    "OpenMathReasoning": {
        "problem": "What is 6 × 7?",
        "generated_solution": INLINE,
        "expected_answer": "42",
        "problem_source": "x",
    },
    "Data Designer": {
        "topic": "x",
        "question": "What is 6 × 7?",
        "reply": "42",
        "reply__reasoning_content": "Six sevens.",
    },
    "Multilingual-Thinking": {
        "reasoning_language": "English",
        "user": "What is 6 × 7?",
        "analysis": "Six sevens.",
        "final": "42",
    },
    "Kiln runs": {
        "input": "What is 6 × 7?",
        "output": {"output": "42", "rating": None},
        "intermediate_outputs": {"reasoning": "Six sevens.", "chain_of_thought": None},
        "repaired_output": None,
    },
    "Kiln runs, repaired": {
        "input": "What is 6 × 7?",
        "output": {"output": "41"},
        "intermediate_outputs": {"chain_of_thought": "Six sevens."},
        "repaired_output": {"output": "42"},
    },
    "Kiln runs, flattened": {
        "input": "What is 6 × 7?",
        "output.output": "42",
        "intermediate_outputs.chain_of_thought": "Six sevens.",
    },
    "Kiln CSV": {"input": "What is 6 × 7?", "output": "42", "reasoning": "Six sevens.", "tags": "a,b"},
    "prompt and completion as messages": {"prompt": [USER], "completion": [REPLY]},
    "Gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "What is 6 × 7?"}]},
            {"role": "model", "parts": [{"text": INLINE}]},
        ]
    },
    "Orca, with the thinking beside it": {
        "question": "What is 6 × 7?",
        "response": "42",
        "rationale": "Six sevens.",
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_known_layouts_are_found(name):
    df = pd.DataFrame([ROWS[name], ROWS[name]])
    layout = detect(df)
    assert layout.guessed
    assert [c.messages for c in layout.read(df)] == [EXPECTED, EXPECTED], layout
    assert "as found" in layout._repr_html_()


@pytest.mark.parametrize("name", ROWS)
def test_and_found_again_after_parquet(name, tmp_path):
    pytest.importorskip("pyarrow")
    df = pd.DataFrame([ROWS[name]] * 2)
    df.to_parquet(tmp_path / "rows.parquet")
    back = pd.read_parquet(tmp_path / "rows.parquet")
    assert [c.messages for c in detect(back).read(back)] == [EXPECTED, EXPECTED]


def test_rows_that_were_read_before_keep_their_names():
    """What a store knows of a row hangs on its key: these must never change."""
    keys = {name: detect(df).keys(df) for name in ROWS for df in [pd.DataFrame([ROWS[name]])]}
    assert {name: next(iter(found)) for name, found in keys.items()} == dict.fromkeys(ROWS, KEY)


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1, "b": None}}}
TURNS = [{"from": who, "value": what} for who, what in zip(["human", "gpt"] * 2, "abcd", strict=True)]


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"prompt": "Do", "response": "<think>a</think>b"}, "106a25ac576d45c556dba95dec3374f6"),
        ({"instruction": "Do", "input": "this", "output": "done"}, "a0cbeeaa9aaa994657bd912562cfb6ae"),
        ({"instruction": "Do", "input": "", "output": "done"}, "6ddf9bdb850bfd3f07e3d20d53bf2071"),
        ({"prompt": "Do", "response": None}, "3360b3a965f90cfe043fe7e3eaadc1ac"),
        ({"system": "s", "conversations": TURNS}, "f142f1f2908549f625aec90928a48787"),
        (
            {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": []}]},
            "1595768cee4682abdc536614b8e3e0cd",
        ),
        (
            {
                "messages": [
                    USER,
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"name": "f", "arguments": "{}"}],
                    },
                ]
            },
            "a9edd43f87872036064b56f47c0f4964",
        ),
        (
            {
                "messages": [
                    USER,
                    {"role": "assistant", "content": None, "tool_calls": [CALL]},
                    {"role": "tool", "content": "5", "tool_call_id": "1"},
                    {"role": "assistant", "content": "5", "weight": 0},
                ],
                "tools": json.dumps([{"type": "function", "function": {"name": "f"}}]),
            },
            "2f436f6b3879abd19157b2771a56e9f2",
        ),
    ],
)
def test_and_so_do_odder_ones(row, key):
    df = pd.DataFrame([row])
    assert list(detect(df).keys(df)) == [key]


def test_the_other_attempt_can_be_named():
    df = pd.DataFrame([ROWS["s1K-1.1"]])
    layout = Layout(
        prompt="question", response="gemini_attempt", reasoning="gemini_thinking_trajectory"
    ).check(df)
    assert next(layout.read(df)).reasoning == "another way"


def test_system_prompts():
    openai = {"messages": [{"role": "system", "content": "Be brief."}, USER, REPLY]}
    columns = {"system": "Be brief.", "conversations": ROWS["ShareGPT"]["conversations"]}
    orca = {"system_prompt": "Be brief.", "question": "What is 6 × 7?", "response": INLINE}
    gemini = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, **ROWS["Gemini"]}
    for row in (openai, columns, orca, gemini):
        df = pd.DataFrame([row])
        [conversation] = detect(df).read(df)
        assert conversation.messages == ({"role": "system", "content": "Be brief."}, *EXPECTED)


def test_tool_calls_come_in_without_what_arrow_adds():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1, "b": None}}}
    df = pd.DataFrame(
        {"messages": [[USER, {"role": "assistant", "content": None, "tool_calls": np.array([call])}]]}
    )
    [conversation] = detect(df).read(df)
    assert conversation.messages[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
    }


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "a", "response": None}, ""),
        ({"prompt": "", "response": "b"}, "the request is empty"),
        ({"prompt": math.nan, "response": "b"}, "the request is empty"),
        ({"prompt": "a", "response": b"7"}, "response is of type bytes, not text"),
        ({"prompt": "a", "response": math.inf}, "response is an infinite number, not text"),
        ({"prompt": "a", "response": {"b": 1}}, "response is a dict with the key 'b'"),
        (
            {"problem": "a", "generations": ["x"], "is_reasoning_complete": [False]},
            "none of its responses passed",
        ),
    ],
)
def test_rows_that_cannot_be_used_say_why(row, why):
    df = pd.DataFrame([row])
    [conversation] = detect(df).read(df)
    assert why in conversation.problem and bool(conversation.problem) == bool(why)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (None, "empty"),
        ("no list", "m is a text, not a list of messages"),
        (5, "m is a number, not a list of messages"),
        ("[{", "m is neither valid JSON nor a printed Python list"),
        ([1], "m[0] is a number, not a message"),
        ([{"role": "wizard", "content": "x"}], "m[0].role is 'wizard', which is not known"),
        ([{"content": "x"}], "m[0].role is missing"),
        ([USER, {"role": "assistant"}], "m[1].content is missing"),
        ([USER, REPLY, {"role": "user", "content": 7}], "m[2].content is a number, not text"),
        ([{"from": "human", "value": 7}], "m[0].value is a number, not text"),
        ([{"role": "user", "content": {"a": 1}}], "m[0].content[0] holds no text; it has 'a'"),
        (
            [{"role": "user", "content": [{"type": "image", "url": "x"}]}],
            "m[0].content[0] is 'image', not text",
        ),
        ([{"role": "user", "content": [{"type": "text", "txt": "x"}]}], "holds no text; it has 'txt'"),
        ([USER, {**REPLY, "reasoning_content": ["a"]}], "m[1].reasoning_content is a list, not text"),
        ([USER, {**REPLY, "tool_calls": ["{"]}], "m[1].tool_calls[0] is neither valid JSON"),
        ([USER, {**REPLY, "tool_calls": [5]}], "m[1].tool_calls[0] is a number, not a call"),
    ],
)
def test_conversations_that_cannot_be_used_say_why(cell, why):
    assert why in Layout(messages="m").conversation({"messages": cell}).problem


def test_unclear_frames_show_their_columns_and_the_line_to_type():
    with pytest.raises(LayoutError, match="'alpha'") as caught:
        detect(pd.DataFrame({"alpha": ["x"], "beta": ["y"]}))
    assert "df.reason.layout(prompt='alpha', response='beta')" in caught.value.fix


def test_indented_code_after_thinking_keeps_its_indentation():
    conversation = Layout(prompt="p", response="r").conversation(
        {"prompt": "code?", "response": "<think>\nhm\n</think>\n\n    return 1\n"}
    )
    assert conversation.response == "    return 1\n"
