"""Any list of messages, any kind of tokenizer: rows are kept whole or left out with a reason, and nothing else.

``REASONBOOK_FUZZ_MINUTES=10 pytest tests/chat/test_fuzz.py`` goes on for ten minutes.
"""

from __future__ import annotations

import os
import re
import time
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reasonbook.chat import ChatFormat, ChatRow
from reasonbook.chat.builder import DatasetBuilder
from reasonbook.chat.config import STRATEGIES
from reasonbook.chat.rendering.growable_arrays import RowBuffer
from reasonbook.chat.rendering.turns import turns_of
from reasonbook.data.layout.layout import Layout
from reasonbook.errors import ReasonbookError

from .students import KINDS, template, tokenizer, trl_templates

if not trl_templates():
    pytest.skip("trl is not installed: it brings the chat templates", allow_module_level=True)

# The thinking is opened by the student, by the prompt, or is a channel; without a system prompt; with tools.
TEMPLATES = ("qwen3", "qwen3_5_think", "phi3", "gptoss", "gemma", "llama3_1", "deepseekv3", "glm4moe")
ODD = (
    "\n\n", "\n", "  ", "\t\r\n", "\x00", "\x1b[0m", "\u200b", "\ufeff", "\u202e", "e\u0301", "\u0338", "🙂", "日本",
    "12345", "\ufffd", "<|", "|>", "{{ x }}", "{% raw %}", "▁", "Ġ", "<0x0A>", "<unk>", "null", "nan", "</", "<s",
)  # fmt: skip
NASTY = (
    "<|im_end|>", "<|im_start|>assistant\n", "<think>", "</think>", "<|end|>", "<EOS>", "</s>", "<|channel|>",
    "<|return|>", "<start_of_turn>", "<|eot_id|>", "\ud83d", "\udc00",
)  # fmt: skip
LONG = ("x" * 100_000, " " * 20_000, "\n" * 3_000 + "a", "</" * 5_000, "1" * 10_000)
HARD = st.sampled_from((*ODD, *NASTY)) | st.text(max_size=8)
MILD = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=8)


def rarely(
    usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any], one_in: int = 12
) -> st.SearchStrategy[Any]:
    return st.integers(1, one_in).flatmap(lambda n: other if n == one_in else usual)


mild = st.lists(MILD, min_size=1, max_size=6).map("".join)
texts = rarely(mild, st.lists(HARD, max_size=6).map("".join) | st.sampled_from(LONG))
parts = st.lists(
    st.one_of(
        st.builds(lambda t: {"type": "text", "text": t}, texts),
        st.builds(lambda t: {"type": "thinking", "thinking": t}, texts),
        rarely(texts, st.none() | st.just({"type": "image_url", "image_url": {"url": "x"}})),
    ),
    min_size=1,
    max_size=3,
)
wrong = st.none() | st.sampled_from((1, 2.5, float("nan"), True, {}, [], b"x"))
contents = rarely(rarely(texts, parts, 5), wrong, 20)
calls = st.builds(
    lambda name, given: {
        "id": "call12345",
        "type": "function",
        "function": {"name": name, "arguments": given},
    },
    texts,
    st.one_of(texts, st.dictionaries(texts, texts, max_size=2), st.none()),
)
tools = st.builds(
    lambda name, said: {
        "type": "function",
        "function": {"name": name, "description": said, "parameters": {}},
    },
    texts,
    texts,
)


@st.composite
def message(draw: Any, role: str | None = None) -> dict[str, Any]:
    role = role or draw(st.sampled_from(("user", "assistant", "system", "tool", "developer", "human", "gpt")))
    made = {"role": role, "content": draw(contents)}
    if draw(st.integers(0, 3)) == 0:
        made["reasoning_content"] = draw(contents)
    if draw(st.integers(0, 7)) == 0:
        made["tool_calls"] = draw(st.lists(calls, max_size=2))
    if draw(st.integers(0, 7)) == 0:
        made["weight"] = draw(st.sampled_from((1, 0, None, 0.5)))
    if role == "tool":
        made |= {"tool_call_id": "call12345", "name": draw(texts)}
    return made


whole = st.lists(message(), max_size=5)
usual = st.builds(  # what most data looks like: a request and its answer, once or twice
    lambda pairs: [turn for pair in pairs for turn in pair],
    st.lists(st.tuples(message("user"), message("assistant")), min_size=1, max_size=2),
)
conversations = rarely(rarely(usual, whole, 4), st.just([]) | texts, 20)
fields = st.one_of(
    st.none(), texts, st.dictionaries(texts, st.one_of(texts, st.none(), st.integers()), max_size=3)
)
choices = st.fixed_dictionaries(
    dict(
        markers=st.sampled_from(("refuse", "escape")),
        turns=st.sampled_from(("all", "last")),
        missing=st.sampled_from(("keep", "drop")),
        roles=st.sampled_from((("assistant",), ("assistant", "user"), "all_but_system")),
        system=st.one_of(st.just(""), texts),
        max_length=st.sampled_from((300_000, 300_000, 64)),
    )
)

SECONDS = 60 * float(os.environ.get("REASONBOOK_FUZZ_MINUTES", 0))


@cache
def chat_format(name: str, kind: str, strip: str, strategy: str) -> ChatFormat:
    source = template(name)
    eos = "<|im_end|>" if "<|im_end|>" in source else "<EOS>"
    return ChatFormat(tokenizer(source, kind=kind, eos=eos, strip=strip), strategy=strategy)


def bare(text: str) -> str:
    """A text without the white space that some tokenizers take or add; SentencePiece writes ▁ for a space."""
    return re.sub(r"[\s▁]+", "", text)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def holds(data: Any) -> None:
    name, kind = data.draw(st.sampled_from(TEMPLATES)), data.draw(st.sampled_from(KINDS))
    strip, strategy = data.draw(st.sampled_from(("", "", "r", "lr"))), data.draw(st.sampled_from(STRATEGIES))
    talks = data.draw(
        st.lists(st.tuples(conversations, fields, st.lists(tools, max_size=1)), min_size=1, max_size=4)
    )
    chosen = data.draw(choices)
    frame = pd.DataFrame({"m": [talk for talk, *_ in talks], "t": [offered for *_, offered in talks]})
    read = list(Layout(messages="m", tools="t").read(frame))
    rows = [ChatRow(i, str(i), "train", said, talks[i][1]) for i, said in enumerate(read)]
    try:
        form = chat_format(name, kind, strip, strategy).under(**chosen)
        chat = DatasetBuilder(RowBuffer(rows), form).run()
    except ReasonbookError:
        return
    report = chat.report
    assert report.rows == len(rows) == report.rows_kept + sum(report.left_out.values())
    assert {example.position for example in chat} | {
        place for reason in report.left_out for place in report.places[reason]
    } == set(range(len(rows)))
    for index, example in enumerate(chat):
        check(chat, index, example, rows[example.position])
    for said in read[:1]:
        try:
            chat.prompt_ids(said)
        except ReasonbookError:
            pass


def check(chat: Any, index: int, example: Any, row: ChatRow) -> None:
    """One training row: the prompt of inference, the whole text, and loss behind the prompt alone."""
    form: ChatFormat = chat.format
    half = int(chat.arrays.half[chat.chosen[index]])
    turn = next(
        turn
        for turn in turns_of(row, chat.strategy, form.shown, form.guard)
        if (turn.number, int(turn.is_thought)) == (example.turn, half)
    )
    rendered = form.renderer.render(turn)
    prompt = form.encode([rendered.text[: rendered.boundary]])[0].ids
    ids = example.input_ids.tolist()
    assert ids[: len(prompt)] == prompt
    tokenizer = chat.tokenizer
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    assert bare(decoded) == bare(rendered.text)
    learnt = np.flatnonzero(example.labels != -100)
    if chat.config.roles == ("assistant",):
        assert learnt[0] >= len(prompt)
    said = bare(tokenizer.decode([ids[i] for i in learnt if i >= len(prompt)], skip_special_tokens=False))
    assert bare(turn.thought.text) in said and (turn.is_thought or bare(turn.answer) in said)
    shown = chat.preview(index)
    assert [token.id for token in shown.tokens] == ids
    if "\ufffd" not in decoded:  # which is also how half a character reads
        assert bare("".join(token.text for token in shown.tokens)) == bare(decoded)


@pytest.mark.slow
@pytest.mark.timeout(300 + SECONDS)
def test_nothing_but_a_reason_or_the_whole_row():
    until = time.monotonic() + SECONDS
    holds()
    while time.monotonic() < until:
        holds()
