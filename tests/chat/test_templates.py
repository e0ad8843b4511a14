"""Every chat template that the installed trl and unsloth ship: what was reviewed is learnt, and only that."""

from __future__ import annotations

from dataclasses import replace
from datetime import date as Date
from functools import cache

import pytest

from reasonbook.chat import ChatConfig, ChatFormat, build
from reasonbook.chat.builder import DatasetBuilder
from reasonbook.chat.rendering.growable_arrays import RowBuffer
from reasonbook.chat.template.message_form import EMBEDDED
from tests.walks import walk

from .students import KINDS, learnt_text, row, tokenizer, trl_templates, unsloth_templates

TEMPLATES = {f"trl:{name}": source for name, source in trl_templates().items()}
TEMPLATES |= {f"unsloth:{name}": source for name, source in unsloth_templates().items()}
FAST = ["trl:deepseekv3", "trl:gemma3", "trl:gptoss", "trl:llama3", "trl:qwen2_5", "trl:qwen3_training"]
PINNED = {"date": Date.today().isoformat()}  # transformers' own call takes today's

TOOLS = [
    {"role": "user", "content": "Weather in Rome?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "call12345",
                "type": "function",
                "function": {"name": "weather", "arguments": {"city": "Rome"}},
            }
        ],
    },
    {"role": "tool", "content": "sunny", "tool_call_id": "call12345", "name": "weather"},
    {"role": "assistant", "content": "It is sunny."},
]
HISTORY = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1.", "reasoning_content": "earlierquartz"},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "2."},
]
SYSTEM = [{"role": "system", "content": "systemquartz"}, *HISTORY]
THOUGHT = "thoughtquartz: ä 日本 🙂\n\n- second line"
CALL_THOUGHT = "callquartz"
CASES = {
    "single": row("What?", "It is so.", THOUGHT),
    "single plain": row("What?", "It is so.", None),
    "unicode": row("日本 🙂 naïve?", "café 🙂 — 10 €", THOUGHT),
    "white space": row("  What?\n", "\n    indented()\n", f" \n{THOUGHT}\n "),
    "white space plain": row("  What?\n", "\n    indented()\n", None),
    "turns": row(messages=HISTORY, reasoning=THOUGHT),
    "turns plain": row(messages=[{**m, "reasoning_content": None} for m in HISTORY], reasoning=None),
    "system": row(messages=SYSTEM, reasoning=THOUGHT),
}

NO_CALLS = "the chat template does not show tool calls"

MERGING = [
    kind for kind in KINDS if kind not in ("bytes", "sentencepiece")
]  # the last one's decoding adds spaces

if not TEMPLATES:
    pytest.skip("trl is not installed: it brings the chat templates", allow_module_level=True)


@cache
def made(name: str, kind: str):
    source = TEMPLATES[name]
    return tokenizer(source, kind=kind, eos="<|im_end|>" if "<|im_end|>" in source else "<EOS>")


@cache
def built(name: str, kind: str):
    """All cases in one dataset; the position of a row is its place among the cases."""
    rows = [replace(given, position=i) for i, given in enumerate(CASES.values())]
    return build(rows, made(name, kind), config=ChatConfig(max_length=100_000, **PINNED))


def decoded(chat, example) -> str:
    return chat.tokenizer.decode(example.input_ids.tolist(), skip_special_tokens=False)


def generation_prompt(chat, index: int, thinks: bool) -> str:
    """The prompt by transformers' own call, as a server makes it."""
    mode = chat.probe.on if thinks else chat.probe.off
    messages = chat.probe.form.messages(chat.tasks[index].prompt)
    return chat.tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, **mode.kwargs
    )


@pytest.mark.parametrize("name", walk(sorted(TEMPLATES), fast=FAST))
@pytest.mark.parametrize("merges", [False, True])
def test_what_was_reviewed_is_what_is_learnt(name, merges):
    """By bytes, and with merges: each template meets one of the other ways to split a text."""
    chat = built(name, MERGING[sorted(TEMPLATES).index(name) % len(MERGING)] if merges else "bytes")
    assert chat.report.ok and not chat.report.dropped, (chat.report.dropped, chat.report.problems)
    assert len(chat) == sum(turns_in(given) for given in CASES.values())
    for index, example in enumerate(chat):
        case = list(CASES)[example.position]
        given = CASES[case]
        last = example.turn == turns_in(given) - 1
        text, learnt = decoded(chat, example), learnt_text(example, chat.tokenizer)
        thinks = "plain" not in case
        thought = THOUGHT if last else "earlierquartz"
        answer = given.conversation.messages[-1]["content"] if last else "1."
        # the reviewed texts are learnt, once
        assert learnt.count(thought) == thinks, case
        assert learnt.count(answer.strip()) == 1, case
        assert text.count(THOUGHT) == (thinks and last), case
        # the prompt is what inference sees, and is not learnt
        prompt = generation_prompt(chat, index, thinks)
        assert text.startswith(prompt), case
        if not chat.probe.off.empty or thinks:
            assert text[len(prompt) :].startswith(learnt), case
        # it ends in a stop token
        spans = {span.part: span for span in example.spans}
        assert spans["stop"].learnt, case
        assert int(example.input_ids[spans["stop"].stop - 1]) in chat.stop_ids, case
        assert not spans.get("trailer") or not spans["trailer"].learnt
        # the thinking is closed before the answer, and opened by whoever has to
        if thinks:
            middle = chat.probe.tags[1]
            assert learnt.index(thought) < learnt.index(middle) < learnt.rindex(answer.strip()), case
            assert chat.probe.tags[0] in text[: text.index(learnt)] + learnt, case


@pytest.mark.parametrize("name", walk(sorted(TEMPLATES), fast=FAST))
def test_the_whole_is_the_templates_own_rendering(name):
    """Where the template shows thinking, a row is character for character what it renders."""
    chat = built(name, "bytes")
    for example in chat:
        case = list(CASES)[example.position]
        mode = chat.probe.off if "plain" in case else chat.probe.on
        *earlier, last = CASES[case].conversation.messages
        if not mode.exact or "white" in case or example.turn < turns_in(CASES[case]) - 1:
            continue
        form = chat.probe.form
        thought = "" if "plain" in case else THOUGHT
        messages = [
            *form.messages(earlier),
            form.answer(last["content"], thought, tags=("<think>", "</think>")),
        ]
        whole = chat.tokenizer.apply_chat_template(messages, tokenize=False, **mode.kwargs)
        text = decoded(chat, example)
        if mode.stop_added:
            assert (
                text.startswith(whole.rstrip()) and text[len(whole.rstrip()) :] in chat.format.markers.texts
            )
        else:
            assert text == whole, case


def turns_in(given) -> int:
    return sum(message["role"] == "assistant" for message in given.conversation.messages)


@pytest.mark.parametrize("name", walk(sorted(TEMPLATES), fast=FAST))
def test_tool_calls_are_learnt_wherever_the_template_reads_them(name):
    """With thinking before the call and without, up to the stop token and no further."""
    thinking = [{**m, "reasoning_content": CALL_THOUGHT} if m.get("tool_calls") else m for m in TOOLS]
    rows = [row(messages=m, reasoning=THOUGHT, position=i) for i, m in enumerate((TOOLS, thinking))]
    format = ChatFormat(made(name, "bytes"), config=ChatConfig(max_length=100_000, **PINNED))
    chat = DatasetBuilder(RowBuffer(rows), format).run()
    if "tool_calls" not in TEMPLATES[name]:
        assert set(chat.report.dropped) == {NO_CALLS} and not len(chat)
        return
    assert not chat.report.dropped and len(chat) == 4
    for example in chat:
        learnt = learnt_text(example, chat.tokenizer)
        if example.turn:
            assert learnt.count(THOUGHT) == 1 and "It is sunny." in learnt
        else:
            assert learnt.index("weather") < learnt.index("Rome") and THOUGHT not in learnt
            assert learnt.partition("weather")[0].count(CALL_THOUGHT) == example.position
        stops = [token in chat.stop_ids for token in example.labels.tolist() if token != -100]
        assert stops.index(True) == len(stops) - 1


@pytest.mark.slow
def test_reasoning_that_the_template_deletes_is_still_learnt():
    """The families whose own template loses reasoning whichever way it goes in."""
    lossy = [
        n for n, s in TEMPLATES.items() if not build([CASES["single"]], made(n, "bytes")).probe.form.carrier
    ]
    assert {"trl:deepseek_r1_distill", "trl:deepseekv3", "trl:gemma4", "trl:gemma4_v4"} <= set(lossy)


def test_a_student_without_a_format_of_its_own_gets_tags():
    chat = build([CASES["single"]], made("trl:qwen2_5", "bytes"))
    assert chat.probe.form.carrier == EMBEDDED and chat.probe.source == "tags"
    custom = ChatConfig(tags=("<reasoning>", "</reasoning>"))
    chat = build([CASES["single"]], made("trl:qwen2_5", "bytes"), config=custom)
    learnt = learnt_text(chat[0], chat.tokenizer)
    assert learnt == f"<reasoning>\n{THOUGHT}\n</reasoning>\n\nIt is so.<|im_end|>"
    assert chat.parse(learnt).thinking == THOUGHT and chat.parse(learnt).answer == "It is so."
