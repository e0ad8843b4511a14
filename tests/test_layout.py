"""Every layout that data sets on the Hub have comes in as the same conversation."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from reasonbook.data.layout import HUB, Layout, detect
from reasonbook.errors import LayoutError

USER = {"role": "user", "content": "What is 6 × 7?"}
REPLY = {"role": "assistant", "content": "42", "reasoning_content": "Six sevens."}
EXPECTED = (USER, REPLY)
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


def test_every_known_layout_has_a_row_here():
    found = set()
    for row in ROWS.values():
        layout = detect(pd.DataFrame([row]))
        found |= {h.name for h in HUB if h.prompt == layout.prompt and h.response == layout.response}
    assert found == {h.name for h in HUB} - {"s1K-1.1, Gemini"}, "DeepSeek's comes first in s1K-1.1"


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
        ({"prompt": 5, "response": "b"}, "the request is not text but int"),
        ({"prompt": "a", "response": 7.5}, "the response is not text but float"),
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
        ("no list", "not a list"),
        ("[{", "not valid JSON"),
        ([1], "not a message"),
        ([{"role": "wizard", "content": "x"}], "without a known role"),
        ([{"role": "user", "content": {"a": 1}}], "not text"),
        ([{"role": "user", "content": [{"type": "image"}]}], "content that is not text"),
        ([USER, {**REPLY, "reasoning_content": ["a"]}], "reasoning of a message is not text"),
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
