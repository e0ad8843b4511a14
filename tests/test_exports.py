"""Every layout out: what is written comes in again as the same conversation, and as others expect it."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reasonbook as rb
from reasonbook.chat import ChatRow
from reasonbook.data.conversation import Conversation, missing
from reasonbook.data.layout import INLINE, detect
from reasonbook.errors import FormatError
from reasonbook.exports import LAYOUTS, export, records
from tests.walks import walk

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"])
    | st.sampled_from(["\n", " ", "\u2028", "<", ">", "日", "🙂"]),
    min_size=1,
    max_size=30,
).filter(
    lambda t: t.strip() and not any(tag in t for tags in INLINE for tag in tags) and t.lstrip()[:1] != "["
)
THOUGHTS = TEXTS.map(str.strip)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CONVERSATIONAL = ("messages", "instructlab", "harmony", "openrouter", "everything", "prompt_completion")
INLINED = ("openai", "sharegpt", "openthoughts", "kiln_chat", "kiln_huggingface")
PAIRED = (
    "prompt_response", "alpaca", "openmath", "openthoughts_metadata", "s1k", "s1k_1_1", "openr1", "data_designer",
    "kiln", "kiln_csv",
)  # fmt: skip


@st.composite
def conversations(draw, turns: int = 3, system: bool = True, history: bool = True):
    messages = []
    if system and draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXTS)})
    for i in range(draw(st.integers(1, turns))):
        messages.append({"role": "user", "content": draw(TEXTS)})
        reply = {"role": "assistant", "content": draw(TEXTS)}
        if draw(st.booleans()) and (history or i == 0):
            reply["reasoning_content"] = draw(THOUGHTS)
        messages.append(reply)
    return tuple(messages)


def rows(*all_messages) -> list[ChatRow]:
    return [
        ChatRow(i, f"k{i}", "train", Conversation(tuple(messages))) for i, messages in enumerate(all_messages)
    ]


def back(frame: pd.DataFrame) -> list[tuple]:
    return [conversation.messages for conversation in detect(frame).read(frame)]


@pytest.mark.slow
@pytest.mark.parametrize("layout", walk(CONVERSATIONAL + INLINED, fast=["messages", "openai", "sharegpt"]))
@FEW
@given(st.lists(conversations(), min_size=1, max_size=3))
def test_conversations_come_in_as_they_went_out(layout, given_messages):
    if layout.startswith("kiln"):
        given_messages = [_with_thought(m) for m in given_messages]
    assert back(export(rows(*given_messages), layout=layout)) == given_messages


@pytest.mark.parametrize("layout", walk(PAIRED, fast=["prompt_response", "openr1", "kiln"]))
@FEW
@given(st.lists(conversations(turns=1), min_size=1, max_size=3))
def test_pairs_come_in_as_they_went_out(layout, given_messages):
    if layout in ("openr1", "kiln", "kiln_csv"):
        given_messages = [tuple(m for m in messages if m["role"] != "system") for messages in given_messages]
    assert back(export(rows(*given_messages), layout=layout)) == given_messages


@FEW
@given(st.lists(conversations(), min_size=1, max_size=3))
def test_gemini_comes_in_as_it_went_out(given_messages):
    plain = [
        tuple({k: v for k, v in m.items() if k != "reasoning_content"} for m in ms) for ms in given_messages
    ]
    assert back(export(rows(*given_messages), layout="kiln_gemini", strategy="final_only")) == plain


@pytest.mark.parametrize("ending", walk([".jsonl", ".json", ".parquet"], fast=[".jsonl"]))
@FEW
@given(st.lists(conversations(), min_size=1, max_size=3))
def test_files_hold_all_of_it(ending, tmp_path, given_messages):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = export(rows(*given_messages), tmp_path / f"rows{ending}")
    if ending == ".jsonl":
        frame = pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
    elif ending == ".json":
        frame = pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
    else:
        frame = pd.read_parquet(path)
    assert back(frame) == given_messages


def _with_thought(messages):
    return (
        *messages[:-1],
        {**messages[-1], "reasoning_content": messages[-1].get("reasoning_content", "hm")},
    )


def test_every_layout_is_tried_above_or_below():
    tried = {*CONVERSATIONAL, *INLINED, *PAIRED, "kiln_gemini"}
    forms = {"kiln_chat_json_schema", "kiln_chat_toolcall", "kiln_huggingface_toolcall"}
    assert tried | forms == set(LAYOUTS)


# -- what OpenAI's files hold besides ------------------------------------------------------------------------
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "An order by its number",
        "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
    },
}
OTHER = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
OPENAI = tuple(name for name, layout in LAYOUTS.items() if layout.openai)


@st.composite
def openai_rows(draw):
    """Conversations of which some offer tools and some have turns that are not to be learnt."""
    messages = [dict(m) for m in draw(conversations(history=False))]
    for message in messages:
        if message["role"] == "assistant" and draw(st.booleans()):
            message["weight"] = 0
    tools = draw(st.sampled_from([[], [TOOL], [OTHER, TOOL]]))
    if tools:
        messages[0]["tools"] = tools
    return tuple(messages)


@pytest.mark.slow
@pytest.mark.parametrize("layout", walk(OPENAI, fast=["openai"]))
@FEW
@given(st.lists(openai_rows(), min_size=1, max_size=4))
def test_tools_and_weights_come_in_as_they_went_out(layout, given_messages):
    if layout == "kiln_chat":
        given_messages = [_with_thought(m) for m in given_messages]
    assert back(export(rows(*given_messages), layout=layout)) == given_messages


@pytest.mark.slow
@pytest.mark.parametrize("ending", walk([".jsonl", ".parquet"], fast=[".parquet"]))
@FEW
@given(st.lists(openai_rows(), min_size=1, max_size=4))
def test_files_hold_tools_and_weights(ending, tmp_path, given_messages):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = export(rows(*given_messages), tmp_path / f"rows{ending}", layout="openai")
    frame = pd.read_parquet(path) if ending == ".parquet" else pd.read_json(path, lines=True, dtype=False)
    assert back(frame) == given_messages


def test_an_openai_file_as_its_documentation_has_it(tmp_path):
    """One line per conversation: `tools` beside `messages`, `weight` within; 1 is the rule and leaves no trace."""
    turn = {"role": "assistant", "content": "Order 7 is on its way."}
    messages = [
        {"role": "user", "content": "Where is 7?"},
        {**turn, "weight": 0},
        SIMPLE[1],
        {**turn, "weight": 1},
    ]
    line = {"messages": messages, "tools": [TOOL], "parallel_tool_calls": False}
    (tmp_path / "train.jsonl").write_text(json.dumps(line) + "\n")
    frame = pd.read_json(tmp_path / "train.jsonl", lines=True)
    layout = detect(frame)
    assert layout.tools == "tools"
    (found,) = layout.read(frame)
    assert found.messages[0]["tools"] == [TOOL]
    assert [m.get("weight") for m in found.messages] == [None, 0, None, None]


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - set(OPENAI)))
def test_a_form_without_room_for_them_refuses_the_row(layout):
    talk = ({"role": "user", "content": "Where is 7?"}, {"role": "assistant", "content": '{"a": 1}'})
    offering = ({**talk[0], "tools": [TOOL]}, talk[1])
    unlearnt = (talk[0], {**talk[1], "weight": 0})
    strategy = LAYOUTS[layout].strategies[0]
    for messages, word in ((offering, "offers tools"), (unlearnt, "weight 0")):
        with pytest.raises(FormatError, match=f"Row 0 .*{word}"):
            list(records(rows(messages), layout=layout, strategy=strategy))


def test_a_column_of_other_tools_is_left_alone():
    frame = pd.DataFrame({"prompt": ["What is in the box?"], "response": ["A hammer."], "tools": ["hammer"]})
    assert detect(frame).tools is None
    frame["tools"] = [[{"weight": 2}]]
    assert detect(frame).tools is None


# -- as others expect it -------------------------------------------------------------------------------------
SIMPLE = (
    {"role": "system", "content": "Sys"},
    {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "Ä"},
)
REASONED = [ChatRow(0, "k", "train", Conversation(SIMPLE), {"Intent": "refund", "Fee": 2.0})]


def one(layout: str, strategy: str = "final_and_reasoning", given_rows=REASONED):
    [record] = records(given_rows, layout=layout, strategy=strategy)
    return record


def test_kilns_r1_string_is_exact():
    record = one("kiln_chat")
    assert record["messages"][-1]["content"] == "<think>\nIntent: refund\nFee: 2\n</think>\n\nÄ"
    assert one("kiln_huggingface")["conversations"] == record["messages"]


def test_kiln_refuses_blank_thinking_for_r1():
    with pytest.raises(FormatError, match=r"Row 0 .*R1"):
        one("kiln_chat", given_rows=rows(SIMPLE))
    assert one("kiln_chat", "final_only", rows(SIMPLE))["messages"] == list(SIMPLE)


def test_kilns_two_messages():
    messages = one("kiln_chat", "two_message_cot")["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[1]["content"].startswith(
        "The input is:\n<user_input>\nQ\n</user_input>\n\nThink step by step"
    )
    assert messages[2]["content"] == "Intent: refund\nFee: 2"
    assert messages[3]["content"] == "Considering the above, return a final result."
    assert messages[4] == {"role": "assistant", "content": "Ä"}


def test_kilns_structured_forms():
    answer = '{\n "näme": 1}'
    given_rows = rows((*SIMPLE[:2], {"role": "assistant", "content": answer}))
    schema = one("kiln_chat_json_schema", "final_only", given_rows)
    assert schema["messages"][-1]["content"] == '{"näme": 1}'
    call = one("kiln_chat_toolcall", "final_only", given_rows)["messages"][-1]
    assert call["content"] is None and call["tool_calls"][0]["id"] == "call_1"
    assert call["tool_calls"][0]["function"] == {"name": "task_response", "arguments": '{"näme": 1}'}
    call = one("kiln_huggingface_toolcall", "final_only", given_rows)["conversations"][-1]
    assert call["tool_calls"][0]["function"]["arguments"] == {"näme": 1}
    with pytest.raises(FormatError, match="not a JSON object"):
        one("kiln_chat_toolcall", "final_only", rows(SIMPLE))


@pytest.mark.parametrize("layout", ["kiln_chat_toolcall", "kiln_huggingface_toolcall", "kiln_gemini"])
def test_kiln_has_no_r1_for_these(layout):
    with pytest.raises(FormatError, match="cannot express"):
        list(records(REASONED, layout=layout))


def test_instructlab_keeps_its_flag():
    row = ChatRow(0, "k", "train", Conversation(SIMPLE), "why", unmask=True)
    record = one("instructlab", given_rows=[row])
    assert record["unmask"] is True and record["messages"][-1]["reasoning_content"] == "why"
    frame = pd.DataFrame([record])
    assert detect(frame).unmask == "unmask"


def test_fields_survive_in_everything():
    assert json.loads(one("everything")["reasoning_fields"]) == {"Intent": "refund", "Fee": 2.0}


def test_texts_that_would_be_read_as_tags_are_refused():
    bad = (*SIMPLE[:2], {"role": "assistant", "content": "a </think> b"})
    with pytest.raises(FormatError, match="holds '</think>'"):
        one("sharegpt", given_rows=rows(bad))
    assert one("messages", given_rows=rows(bad))["messages"][-1]["content"] == "a </think> b"


def test_what_does_not_fit_is_refused_with_its_place():
    long = (*SIMPLE, {"role": "user", "content": "More"}, {"role": "assistant", "content": "Yes"})
    with pytest.raises(FormatError, match=r"Row 1 .*more than one request"):
        list(records(rows(SIMPLE, long), layout="alpaca"))


def test_a_refused_row_leaves_no_file(tmp_path):
    bad = (*SIMPLE[:2], {"role": "assistant", "content": "a </think> b"})
    with pytest.raises(FormatError):
        export(rows(SIMPLE, bad), tmp_path / "x.jsonl", layout="sharegpt")
    assert not [path for path in tmp_path.iterdir() if "x.jsonl" in path.name]


def test_tool_calls_go_out_and_come_in(tmp_path):
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"city": "Rome"}}}
    messages = (
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "sunny", "tool_call_id": "1"},
        {"role": "assistant", "content": "A", "reasoning_content": "why"},
    )
    assert back(export(rows(messages))) == [messages]
    texted = one("openai", given_rows=rows(messages))["messages"][1]["tool_calls"][0]["function"]
    assert texted == {"name": "f", "arguments": '{"city": "Rome"}'}
    with pytest.raises(FormatError, match="tool calls"):
        one("sharegpt", given_rows=rows(messages))
    pytest.importorskip("pyarrow")
    plain = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}
    path = export(rows(messages, plain), tmp_path / "rows.parquet")
    [first, second] = back(pd.read_parquet(path))
    assert second == plain and json.loads(first[1]["tool_calls"][0]["function"]["arguments"]) == {
        "city": "Rome"
    }


def test_formulas_are_quoted_in_csv(tmp_path):
    given_rows = rows(
        ({"role": "user", "content": "=HYPERLINK(1)"}, {"role": "assistant", "content": "-5"}),
        ({"role": "user", "content": "@x"}, {"role": "assistant", "content": "+cmd"}),
    )
    path = export(given_rows, tmp_path / "rows.csv", layout="prompt_response")
    frame = pd.read_csv(path, dtype=str)
    assert frame["prompt"].tolist() == ["'=HYPERLINK(1)", "'@x"]
    assert frame["response"].tolist() == ["-5", "'+cmd"]


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("rows.xml", {}, "endings: .jsonl"),
        ("rows.jsonl", {"layout": "share_gpt"}, 'Did you mean "sharegpt"'),
        ("rows.jsonl", {"strategy": "final"}, "valid: 'final_and_reasoning'"),
        ("rows.jsonl", {"split": "nowhere"}, "value_counts"),
    ],
)
def test_wrong_wishes_say_what_to_type(path, options, words, tmp_path):
    with pytest.raises(FormatError) as caught:
        export(REASONED, tmp_path / path, **options)
    assert words in str(caught.value)


def test_a_frame_of_ones_own(tmp_path):
    df = pd.DataFrame(
        {
            "prompt": ["a?", "b?", "c?"],
            "response": ["A", "B", "C"],
            "reasoning": [{"Intent": "x"}, None, {"Intent": "z"}],
            "reasoning_status": ["ok", "error", "ok"],
            "verdict": [None, None, "rejected"],
            "split": ["train", "train", "train"],
        }
    )
    frame = rb.export(df, layout="openai")
    assert frame["messages"].tolist() == [
        [
            {"role": "user", "content": "a?"},
            {"role": "assistant", "content": "<think>\nIntent: x\n</think>\n\nA"},
        ]
    ]
    assert not missing(frame["messages"][0])
