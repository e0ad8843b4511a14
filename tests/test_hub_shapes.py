"""Shapes of data sets on the Hub: hand-made rows in the columns of each, and every text in its place.

The texts are ours; only names and nesting are those of the sets.
"""

from __future__ import annotations

import json

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.layout import detect
from reasonbook.errors import LayoutError

Q, A = "A parcel came broken. It cost 108 and 4 were paid back. How much is open?", "104"
TRACE = "The parcel cost 108. Of that 4 are paid back already, so 108 - 4 = 104 is what remains to be paid."
LONG = "Refund what is open: " + "the customer keeps the parcel, and " * 4 + "104 goes back."
INLINE = f"<think>\n{TRACE}\n</think>\n\n{A}"
TOOL = {"type": "function", "function": {"name": "open_sum", "parameters": {"type": "object"}}}


def said(row: dict, n: int = 2) -> list[dict]:
    """The messages of the row, which is the same in every row of the frame."""
    df = pd.DataFrame([row] * n)
    conversations = list(detect(df).read(df))
    assert not any(c.problem for c in conversations), conversations[0].problem
    assert len({json.dumps(c.messages, sort_keys=True, default=str) for c in conversations}) == 1
    return [dict(message) for message in conversations[0].messages]


def user(text: str = Q) -> dict:
    return {"role": "user", "content": text}


def reply(text: str = A, thought: str = TRACE) -> dict:
    made = {"role": "assistant", "content": text}
    return {**made, "reasoning_content": thought} if thought else made


def call(name="open_sum", arguments='{"cost": 108}', **extra) -> dict:
    return {**extra, "type": "function", "function": {"name": name, "arguments": arguments}}


SHAPES = {
    "llama-nemotron post-training v1: reasoning is a switch": (
        {
            "input": [user()],
            "output": INLINE,
            "category": "math",
            "reasoning": "on",
            "system_prompt": "detailed thinking on",
            "used_in_training": "yes",
        },
        [{"role": "system", "content": "detailed thinking on"}, user(), reply()],
    ),
    "nemotron post-training v1: the same beside messages": (
        {"uuid": "u-1", "category": "chat", "reasoning": "off", "messages": [user(), reply(A, "")]},
        [user(), reply(A, "")],
    ),
    "medical-o1": ({"Question": Q, "Complex_CoT": TRACE, "Response": A}, [user(), reply()]),
    "LIMO": ({"question": Q, "solution": TRACE, "answer": A}, [user(), reply()]),
    "LIMO, answers read as numbers": ({"question": Q, "solution": TRACE, "answer": 104}, [user(), reply()]),
    "Chinese-DeepSeek-R1-Distill-110k": (
        {
            "input": Q,
            "reasoning_content": TRACE,
            "content": A,
            "repo_name": "x/y",
            "prompt_tokens_len": 20,
            "score": 9,
        },
        [user(), reply()],
    ),
    "SYNTHETIC-1": (
        {
            "problem_id": "p1",
            "task_type": "math",
            "prompt": Q,
            "gold_standard_solution": "104",
            "verification_info": "{}",
            "llm_response": INLINE,
            "score": 1.0,
        },
        [user(), reply()],
    ),
    "natural_reasoning": (
        {
            "question": Q,
            "reference_answer": "104",
            "responses": [{"response_model": "m", "response": A}, {"response_model": "n", "response": "105"}],
        },
        [user(), reply(A, "")],
    ),
    "CoT-Collection": (
        {"source": Q, "target": A, "rationale": TRACE, "task": "math", "type": "cot"},
        [user(), reply()],
    ),
    "aqua_rat": (
        {"question": Q, "options": ["A)104", "B)105"], "rationale": TRACE, "correct": "A"},
        [user(f"{Q}\n\nA)104\nB)105"), reply("A")],
    ),
    "glaive: calls and results are turns": (
        {
            "conversations": [
                {"from": "human", "value": Q},
                {"from": "function_call", "value": '{"name": "open_sum", "arguments": {"cost": 108}}'},
                {"from": "observation", "value": "104"},
                {"from": "gpt", "value": A},
            ],
            "tools": json.dumps([TOOL]),
        },
        [
            {**user(), "tools": [TOOL]},
            {**reply("", ""), "tool_calls": [call(arguments={"cost": 108})]},
            {"role": "tool", "content": "104"},
            reply(A, ""),
        ],
    ),
    "reasoning and tools, contents in parts": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "value": Q}]},
                {
                    "role": "assistant",
                    "content": [{"type": "text", "content": "I look."}],
                    "reasoning_content": TRACE,
                    "tool_calls": [call(id="c1")],
                },
                {
                    "role": "tool",
                    "tool_call_id": "c1",
                    "content": [{"type": "text", "text": "104", "value": None}],
                },
                {"role": "assistant", "content": [{"type": "output_text", "text": A}]},
            ],
            "tools": [TOOL],
        },
        [
            {**user(), "tools": [TOOL]},
            {**reply("I look."), "tool_calls": [call(id="c1")]},
            {"role": "tool", "tool_call_id": "c1", "content": "104"},
            reply(A, ""),
        ],
    ),
    "KodCode": (
        {
            "question_id": "k1",
            "question": Q,
            "solution": "print(104)",
            "test": "assert solve() == 104",
            "r1_solution": INLINE,
            "r1_correctness": "True",
        },
        [user(), reply()],
    ),
    "SQuAD": (
        {"id": "s1", "title": "Parcels", "context": LONG, "question": Q,
         "answers": {"text": [A], "answer_start": [7]}},
        [user(f"{Q}\n\n{LONG}"), reply(A, "")],
    ),
    "dolly": (
        {"instruction": Q, "context": LONG, "response": A, "category": "closed_qa"},
        [user(f"{Q}\n\n{LONG}"), reply(A, "")],
    ),
    "dolphin-r1": (
        {
            "messages": [{"role": "system", "content": "Be brief."}, user()],
            "reasoning": TRACE,
            "answer": A,
            "model": "r1",
        },
        [{"role": "system", "content": "Be brief."}, user(), reply()],
    ),
    "AM-DeepSeek-R1: the answer in tags": (
        {
            "messages": [
                {**user(), "info": {"source": "x", "reference_answer": "104"}},
                {
                    "role": "assistant",
                    "content": f"<think>{TRACE}</think>\n<answer>{A}</answer>",
                    "info": {"think_content": TRACE, "answer_content": A},
                },
            ]
        },
        [user(), reply()],
    ),
    "Capybara: turns in pairs": (
        {"source": "x", "conversation": [{"input": Q, "output": A}, {"input": "Sure?", "output": "Yes."}]},
        [user(), reply(A, ""), user("Sure?"), reply("Yes.", "")],
    ),
    "a sequence kept as a dict of lists": (
        {"messages": {"role": ["user", "assistant"], "content": [Q, A]}},
        [user(), reply(A, "")],
    ),
    "Anthropic's blocks": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": Q}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": TRACE, "signature": "s"},
                        {"type": "tool_use", "id": "t1", "name": "open_sum", "input": {"cost": 108}},
                    ],
                },
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "104"}
                ]},
                {"role": "assistant", "content": [{"type": "text", "text": A}]},
            ]
        },
        [
            user(),
            {**reply(""), "tool_calls": [call(arguments={"cost": 108}, id="t1")]},
            {"role": "tool", "tool_call_id": "t1", "content": "104"},
            reply(A, ""),
        ],
    ),
    "OpenAI's first function calls": (
        {
            "messages": [
                user(),
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "open_sum", "arguments": '{"cost": 108}'},
                },
                {"role": "function", "name": "open_sum", "content": "104"},
                reply(A, ""),
            ]
        },
        [
            user(),
            {**reply("", ""), "tool_calls": [call()]},
            {"role": "tool", "name": "open_sum", "content": "104"},
            reply(A, ""),
        ],
    ),
    "tool calls as JSON text": (
        {
            "messages": [user(), {"role": "assistant", "content": "", "tool_calls": json.dumps([call(id="c1")])}]
        },
        [user(), {**reply("", ""), "tool_calls": [call(id="c1")]}],
    ),
    "Gemini's function calls and thoughts": (
        {
            "contents": [
                {"role": "user", "parts": [{"text": Q}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": TRACE, "thought": True},
                        {"functionCall": {"name": "open_sum", "args": {"cost": 108}}},
                    ],
                },
            ]
        },
        [user(), {**reply(""), "tool_calls": [call(arguments={"cost": 108})]}],
    ),
    "reasoning beside messages": (
        {"messages": [user(), reply(A, "")], "reasoning": TRACE},
        [user(), reply()],
    ),
    "conversations under another name": ({"thread": [user(), reply()]}, [user(), reply()]),
    "a trace in the response goes before a summary beside it": (
        {"prompt": Q, "response": INLINE, "reasoning": "A subtraction."},
        [user(), reply()],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_text_is_in_its_place(name):
    row, expected = SHAPES[name]
    assert said(row) == expected


@pytest.mark.parametrize("name", SHAPES)
def test_and_again_after_parquet(name, tmp_path):
    row, expected = SHAPES[name]
    pd.DataFrame([row] * 2).to_parquet(tmp_path / "rows.parquet")
    back = pd.read_parquet(tmp_path / "rows.parquet")
    assert [dict(m) for m in next(detect(back).read(back)).messages] == expected


@pytest.mark.parametrize("name", SHAPES)
def test_and_again_after_a_csv(name, tmp_path):
    """`to_csv` prints lists as Python does; each conversation comes back from its text."""
    row, expected = SHAPES[name]
    pd.DataFrame([row] * 2).to_csv(tmp_path / "rows.csv", index=False)
    back = pd.read_csv(tmp_path / "rows.csv")
    layout = detect(back)
    if layout.messages is None:
        pytest.skip("no conversation in one cell")
    assert [dict(m) for m in next(layout.read(back)).messages] == expected


@pytest.mark.parametrize("switch", [["on", "off"], ["detailed", "brief"], [True, False], [1, 0]])
def test_a_column_that_marks_rows_is_no_reasoning(switch):
    df = pd.DataFrame(
        {
            "prompt": [f"{Q} ({i})" for i in range(40)],
            "response": [INLINE] * 40,
            "reasoning": [switch[i % 2] for i in range(40)],
        }
    )
    layout = df.reason.layout()
    assert layout.reasoning is None and "reasoning" in layout.account.unused
    assert {c.reasoning for c in layout.read(df)} == {TRACE}


def test_few_short_texts_of_reasoning_stay_reasoning():
    df = pd.DataFrame(
        {"prompt": [Q, "6 x 7?"], "response": ["104", "42"], "reasoning": ["108 - 4", "Six sevens."]}
    )
    assert [c.reasoning for c in detect(df).read(df)] == ["108 - 4", "Six sevens."]


def test_of_several_traces_in_a_list_none_is_lost_in_silence():
    df = pd.DataFrame({"prompt": [Q] * 3, "response": [A] * 3, "thoughts": [[TRACE, LONG]] * 3})
    layout = df.reason.layout()
    assert layout.reasoning is None and layout.account.unused == {"thoughts": "lists"}


def test_a_context_that_the_request_says_already_is_not_said_twice():
    df = pd.DataFrame({"prompt": [f"{LONG}\n{Q}"] * 3, "response": [A] * 3, "context": [LONG] * 3})
    assert detect(df).context is None


def test_long_texts_that_are_not_used_are_a_question():
    df = pd.DataFrame({"prompt": [Q] * 3, "response": [A] * 3, "minutes": [LONG] * 3, "id": [1, 2, 3]})
    layout = df.reason.layout()
    [ask] = layout.account.asks
    line = ask.partition("→ ")[2]
    assert "'minutes' holds texts of" in ask and layout.account.unused == {
        "minutes": "texts",
        "id": "numbers",
    }
    assert ask in layout._repr_html_().replace("&#x27;", "'")
    named = eval(line, {"df": df})  # what is printed must run
    assert next(named.read(df)).reasoning == LONG.strip() and named.account.asks == ()


def test_the_line_of_an_unclear_frame_names_what_fits():
    df = pd.DataFrame({"id": [1, 2], "kind": ["a", "a"], "ask": [Q, LONG], "said": [A, "105"]})
    with pytest.raises(LayoutError) as caught:
        df.reason.layout()
    named = eval(caught.value.fix, {"df": df})
    assert (named.prompt, named.response) == ("ask", "said")


def test_requests_alone_are_a_question_whose_line_runs():
    df = pd.DataFrame({"prompt": [Q, "6 x 7?"]})
    with pytest.raises(LayoutError, match="which column holds the responses") as caught:
        df.reason.layout()
    assert eval(caught.value.fix, {"df": df}).account.requests == 2


def test_two_columns_of_conversations_are_a_question():
    df = pd.DataFrame({"chosen": [[user(), reply()]], "rejected": [[user(), reply("105")]]})
    with pytest.raises(LayoutError, match="Several columns hold conversations") as caught:
        detect(df)
    assert caught.value.fix.startswith("df.reason.layout(messages='chosen')")


def test_one_broken_row_does_not_hide_the_layout():
    """The first rows too: the shape of a column is told by all that are looked at."""
    good = [user(), reply()]
    df = pd.DataFrame(
        {"messages": [[user(), reply(), {"role": "user", "content": 7}], good, good, "no list"]}
    )
    account = df.reason.layout().account
    assert account.problems == {
        0: "messages[2].content is a number, not text",
        3: "messages is a text, not a list of messages",
    }
    assert account.facts == {"rows": 4, "with a response": 2, "cannot be used": 2, "bring reasoning": 2}
    assert "row 0: messages[2].content is a number" in df.reason.layout()._repr_html_()


def test_a_job_names_the_field_of_a_broken_row():
    df = pd.DataFrame({"messages": [[user(), reply()], [user(), {"role": "assistant", "content": 7}]]})
    df.reason.augment({"Why": "Say why."}, teacher=lambda request: {"Why": "because"}).wait()
    assert df["reasoning_status"].tolist() == ["ok", "invalid"]
    assert df["reasoning_error"].tolist()[1] == "messages[1].content is a number, not text"


def test_keys_of_messages_that_are_not_used_are_told():
    row, _ = SHAPES["AM-DeepSeek-R1: the answer in tags"]
    assert pd.DataFrame([row]).reason.layout().account.unused == {"messages[].info": "a key of messages"}


def test_calls_without_a_function_around_them_go_out_as_openai_has_them():
    flat = {"name": "open_sum", "arguments": {"cost": 108}}
    df = pd.DataFrame({"messages": [[user(), {"role": "assistant", "content": "", "tool_calls": [flat]}]]})
    made = rb.export(df, layout="openai")["messages"][0][1]
    assert made["tool_calls"] == [call()]
