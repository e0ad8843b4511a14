"""Tool calls in every spelling of them, in words for a teacher and in parts for a page; nothing of them is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reasonbook.data.conversation import Conversation
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.data.tool_calls import ToolCall, answering_tools, in_words, response_in_words, tool_calls
from reasonbook.review import Review
from reasonbook.store import Store
from reasonbook.widgets.review_rows import full, summary
from tests.augment.conftest import fields
from tests.servers.provider import KEY, Provider

OPENAI = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 1.50}'}}
ASKS = {"role": "assistant", "content": "I look.", "tool_calls": [OPENAI]}
FOUND = {"role": "tool", "tool_call_id": "c1", "content": "paid: 104.50"}
PAYS = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"name": "refund", "arguments": {"amount": 104.5}}],
}
ROW = [{"role": "user", "content": "Refund A-17."}, ASKS, FOUND, PAYS]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (OPENAI, ToolCall("find", '{"id": 1.50}', "c1")),
        ({"function": {"name": "find", "arguments": {"id": 7}}}, ToolCall("find", '{"id": 7}')),
        ({"name": "find", "arguments": {"ids": np.array([1, 2])}}, ToolCall("find", '{"ids": [1, 2]}')),
        (
            {"type": "tool_use", "id": "t", "name": "find", "input": {"q": "ü"}},
            ToolCall("find", '{"q": "ü"}', "t"),
        ),
        ({"name": "find", "parameters": None}, ToolCall("find")),
        ({"function": "find", "arguments": "no JSON"}, ToolCall("find", "no JSON")),
        ({"odd": 1}, ToolCall("")),
        ("find()", ToolCall("", "find()")),
        (None, ToolCall("")),
    ],
)
def test_a_call_in_any_spelling(given, expected):
    assert tool_calls({"role": "assistant", "tool_calls": [given]}) == (expected,)
    assert tool_calls({"tool_calls": np.array([given, given], dtype=object)}) == (expected, expected)


@pytest.mark.parametrize("none", [None, [], 7, float("nan"), ()])
def test_no_calls(none):
    assert tool_calls({"tool_calls": none}) == () == tool_calls({})


def test_in_words_nothing_is_missing():
    assert in_words(ROW) == [
        "user: Refund A-17.",
        'assistant: I look.\nassistant calls the tool find with {"id": 1.50}',
        "the tool find answers: paid: 104.50",
        'assistant calls the tool refund with {"amount": 104.5}',
    ]
    assert answering_tools([FOUND, {"role": "tool", "name": "other", "content": "x"}]) == ["", "other"]
    assert response_in_words(Conversation((ASKS,))) == 'I look.\n(calls the tool find with {"id": 1.50})'


@pytest.mark.slow
def test_the_teacher_reads_calls_and_results_in_words(monkeypatch):
    """What is really sent, to a server that speaks the provider's protocol."""
    import reasonbook as rb

    df = pd.DataFrame({"messages": [ROW]})
    with Provider(key=KEY) as provider:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        teacher = f"openai:mock@{provider.url}"
        df.reason.augment(rb.Schema(fields()), teacher=teacher, method="rationalize", turns="last").wait()
        [body] = provider.bodies
    [sent] = [message["content"] for message in body["messages"] if message["role"] == "user"]
    for words in (
        'assistant calls the tool find with {"id": 1.50}',
        "the tool find answers: paid: 104.50",
        'calls the tool refund with {"amount": 104.5}',
    ):
        assert words in sent
    assert "tool_calls" not in sent and "'function'" not in sent


def test_the_page_of_a_review_gets_them_in_parts(tmp_path):
    df = pd.DataFrame(
        {"messages": [ROW, [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]]}
    )
    review = Review(Frame(df, detect(df)), Store(tmp_path))
    row = full(review[0], None)
    find = {"name": "find", "arguments": '{"id": 1.50}', "id": "c1"}
    assert row["messages"][1] == {"role": "assistant", "text": "I look.", "calls": [find], "tool": ""}
    assert row["messages"][2] == {"role": "tool", "text": "paid: 104.50", "calls": [], "tool": "find"}
    assert row["response_calls"] == [{"name": "refund", "arguments": '{"amount": 104.5}', "id": ""}]
    assert row["full_response"] == "" and "calls the tool refund" in summary(review[0])["response"]
    assert full(review[1], None)["response_calls"] == [] and summary(review[1])["response"] == "b"
