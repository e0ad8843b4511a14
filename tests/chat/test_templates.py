"""Every chat template that the installed trl and unsloth ship: what was reviewed is learnt, and only that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache

import pytest

from reasonbook.chat import ChatConfig, build
from reasonbook.chat.template.message_form import EMBEDDED

from .students import learnt_text, row, tokenizer, trl_templates, unsloth_templates

TEMPLATES = {f"trl:{name}": source for name, source in trl_templates().items()}
TEMPLATES |= {f"unsloth:{name}": source for name, source in unsloth_templates().items()}
PINNED = {"date": "2026-11-01"}
CLOCK = datetime(2026, 11, 1).strftime  # for templates that print the date

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

# Templates that cannot show a tool call, or refuse the turn after it, with the reason that the user reads.
UNSEEN = "the chat template does not show tool calls"
BEHIND = "the chat template does not show tool calls behind its generation prompt"
ALTERNATE = (
    "the chat template refuses it: Conversation roles must alternate user/assistant/user/assistant/..."
)
ROLES = "the chat template refuses it: Only user and assistant roles are supported!"
NO_TOOLS = {
    UNSEEN: """
        trl:cohere trl:cohere2 trl:cohere2_training trl:cohere_training trl:gemma trl:gemma3
        trl:gemma3_training trl:gemma_training trl:idefics3 trl:idefics3_training trl:lfm2
        trl:lfm2_training trl:llama3 trl:llama3_training trl:llava_next trl:llava_next_training trl:phi3
        trl:phi3_5 trl:phi3_5_training trl:phi3_training trl:qwen2_5_vl trl:qwen2_5_vl_training
        trl:smolvlm trl:smolvlm_training unsloth:unsloth unsloth:zephyr unsloth:chatml unsloth:mistral
        unsloth:llama unsloth:vicuna unsloth:vicuna_old unsloth:alpaca unsloth:gemma
        unsloth:gemma_chatml unsloth:llama-3 unsloth:phi-3 unsloth:phi-4 unsloth:gemma-3
        unsloth:gemma-3n unsloth:lfm-2 unsloth:starling unsloth:yi-chat""",
    BEHIND: """
        trl:deepseek_r1_distill trl:deepseek_r1_distill_training trl:deepseekv3 trl:deepseekv3_training
        unsloth:gemma-4-thinking""",
    ALTERNATE: """
        trl:cohere trl:cohere2 trl:cohere2_training trl:cohere_training trl:gemma trl:gemma_training
        trl:gemma3 trl:gemma3_training unsloth:gemma-3 unsloth:gemma-3n""",
    ROLES: """
        trl:llava_next trl:llava_next_training unsloth:unsloth unsloth:mistral unsloth:llama
        unsloth:vicuna unsloth:vicuna_old unsloth:alpaca unsloth:gemma""",
}
WHY_NO_TOOLS = {name: {why for why, names in NO_TOOLS.items() if name in names.split()} for name in TEMPLATES}

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
        messages, tokenize=False, add_generation_prompt=True, strftime_now=CLOCK, **mode.kwargs
    )


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_what_was_reviewed_is_what_is_learnt(name, kind):
    chat = built(name, kind)
    assert chat.report.ok and not chat.report.dropped, (chat.report.dropped, chat.report.problems)
    assert len(chat) == sum(turns_in(given) for given in CASES.values())
    joins = 0
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
            joined = next(n for n in range(9) if text[len(prompt) - n :].startswith(learnt))
            assert not joined or kind == "bpe", case
            joins += joined > 0
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
    assert joins <= chat.report.straddled


@pytest.mark.parametrize("name", sorted(TEMPLATES))
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
        whole = chat.tokenizer.apply_chat_template(
            messages, tokenize=False, strftime_now=CLOCK, **mode.kwargs
        )
        text = decoded(chat, example)
        if mode.stop_added:
            assert (
                text.startswith(whole.rstrip()) and text[len(whole.rstrip()) :] in chat.format.markers.texts
            )
        else:
            assert text == whole, case


def turns_in(given) -> int:
    return sum(message["role"] == "assistant" for message in given.conversation.messages)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_tool_calls_are_learnt_or_refused_by_name(name):
    chat = build(
        [row(messages=TOOLS, reasoning=THOUGHT)], made(name, "bytes"), config=ChatConfig(max_length=100_000)
    )
    assert set(chat.report.dropped) == WHY_NO_TOOLS[name]
    if chat.report.dropped:
        return
    assert len(chat) == 2
    call, answer = (learnt_text(example, chat.tokenizer) for example in chat)
    assert "weather" in call and "Rome" in call and THOUGHT not in call
    assert answer.count(THOUGHT) == 1 and "It is sunny." in answer


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
