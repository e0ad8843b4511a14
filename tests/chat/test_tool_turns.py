"""Tool conversations: templates written for these tests, one per device by which real ones show calls and results.

Each is played whole: call, result, call, result, answer, with thinking and without. The row begins with the prompt of
inference, a perfect student is stopped at its end and nowhere before, and what it wrote comes back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from reasonbook.chat import ChatConfig, ChatFormat
from reasonbook.chat.builder import DatasetBuilder
from reasonbook.chat.closed_loop.loop import check_format
from reasonbook.chat.rendering.growable_arrays import RowBuffer
from reasonbook.chat.rendering.row_kinds import TOOLS
from reasonbook.errors import FormatError

from .students import learnt_text, row, tokenizer

TOOL = {"type": "function", "function": {"name": "price_of", "parameters": {"type": "object"}}}
OFFER = {"role": "user", "content": "What is a box?", "tools": [TOOL]}


def call(goods: str = "box", number: str = "call_4711", *, text: bool = False) -> dict[str, Any]:
    arguments = f'{{"goods": "{goods}"}}' if text else {"goods": goods}
    return {"id": number, "type": "function", "function": {"name": "price_of", "arguments": arguments}}


def calls(*made: dict[str, Any], says: str = "", thinks: str = "") -> dict[str, Any]:
    told = {"role": "assistant", "content": says, "tool_calls": list(made)}
    return {**told, "reasoning_content": thinks} if thinks else told


def result(words: str, number: str = "call_4711") -> dict[str, Any]:
    return {"role": "tool", "content": words, "tool_call_id": number}


THINKS = ("Look up\n\nthe box: ä 🙂.", "Then the lid.", "4 + 1 = 5.")
TALK = [
    OFFER,
    calls(call(), thinks=THINKS[0]),
    result("4 dollars"),
    calls(call("lid", "call_4712", text=True), thinks=THINKS[1]),
    result('{"price": 1}', "call_4712"),
    {"role": "assistant", "content": "5 dollars.", "reasoning_content": THINKS[2]},
]
PLAIN = [{k: v for k, v in message.items() if k != "reasoning_content"} for message in TALK]

_HEAD = "{%- if tools -%}<|tools|>{{ tools | tojson }}<|end|>{%- endif -%}{%- for m in messages -%}"
_TAIL = "{%- endfor -%}"
_ASK = "{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
_USER = "{%- if m.role == 'user' -%}<|user|>{{ m.content }}<|end|>"
_TOOL = "{%- elif m.role == 'tool' -%}<|tool|>{{ m.content }}<|end|>"
_JSON = "{%- for c in m.tool_calls -%}<call>{{ c.function | tojson }}</call>{%- endfor -%}"
_THINK = "{%- if m.reasoning_content -%}<think>{{ m.reasoning_content }}</think>{%- endif -%}"


def _made(turn: str, *, tool: str = _TOOL, ask: str = _ASK, head: str = _HEAD) -> str:
    return f"{head}{_USER}{tool}{{%- else -%}}<|assistant|>{turn}{{%- endif -%}}{_TAIL}{ask}"


class Device(NamedTuple):
    """A template, and what a student learns to write for the first call, with thinking and without."""

    source: str
    thinking: str
    plain: str
    eos: str = "<|end|>"


FIRST = '<call>{"name": "price_of", "arguments": {"goods": "box"}}</call>'
DEVICES = {
    # the calls stand behind thinking and text
    "usual": Device(
        _made(f"{_THINK}{{{{ m.content }}}}{_JSON}<|end|>"),
        f"<think>{THINKS[0]}</think>{FIRST}<|end|>",
        f"{FIRST}<|end|>",
    ),
    # arguments must be JSON text, and a call's content None
    "text and None": Device(
        _made(
            f"{_THINK}{{%- if m.content is none -%}}{{%- for c in m.tool_calls -%}}"
            "<call>{{ c.function.name + ' ' + c.function.arguments }}</call>{%- endfor -%}"
            "{%- else -%}{{ m.content }}{%- endif -%}<|end|>"
        ),
        f'<think>{THINKS[0]}</think><call>price_of {{"goods": "box"}}</call><|end|>',
        '<call>price_of {"goods": "box"}</call><|end|>',
    ),
    # the name beside the id, which must be nine letters and digits; results under another role
    "flat, nine, ipython": Device(
        _made(
            f"{_THINK}{{{{ m.content }}}}{{%- for c in m.tool_calls -%}}{{%- if c.id | length != 9 -%}}"
            "{{ raise_exception('Tool call IDs must have length 9') }}{%- endif -%}"
            "<call>{{ c.name }}{{ c.arguments | tojson }}</call>{%- endfor -%}<|end|>",
            tool="{%- elif m.role == 'ipython' -%}<|tool|>{{ m.content }}<|end|>",
        ),
        f'<think>{THINKS[0]}</think><call>price_of{{"goods": "box"}}</call><|end|>',
        '<call>price_of{"goods": "box"}</call><|end|>',
    ),
    # calls end in a token of their own; between several stands another one
    "a stop of calls": Device(
        _made(
            f"{_THINK}{{{{ m.content }}}}{{%- for c in m.tool_calls -%}}<|call|>{{{{ c.function.name }}}}"
            "{{ c.function.arguments | tojson }}<|sep|>{%- endfor -%}"
            "{{ '<|calls_end|>' if m.tool_calls else '<|end|>' }}"
        ),
        f'<think>{THINKS[0]}</think><|call|>price_of{{"goods": "box"}}<|sep|><|calls_end|>',
        '<|call|>price_of{"goods": "box"}<|sep|><|calls_end|>',
    ),
    # nothing ends a turn but the token of the next role
    "the next role": Device(
        _made(f"{_THINK}{{{{ m.content }}}}{_JSON}").replace("{{ m.content }}<|end|>", "{{ m.content }}"),
        f"<think>{THINKS[0]}</think>{FIRST}<|tool|>",
        f"{FIRST}<|tool|>",
        eos="<|eos|>",
    ),
    # the prompt opens the thinking, which the template shows in no turn at all
    "opened by the prompt": Device(
        _made(f"{{{{ m.content }}}}{_JSON}<|end|>", ask=_ASK.replace("<|assistant|>", "<|assistant|><think>")),
        f"\n{THINKS[0]}\n</think>\n\n{FIRST}<|end|>",
        f"{FIRST}<|end|>",  # which closes the thinking first, masked like every empty block beside thinking rows
    ),
    # thinking in a channel, calls in another one: what closes the thinking is shorter than before an answer
    "channels": Device(
        _made(
            "{%- if m.thinking -%}<|channel|>analysis<|message|>{{ m.thinking }}<|done|><|assistant|>{%- endif -%}"
            "{%- if m.tool_calls -%}{%- set f = m.tool_calls[0].function -%}"
            "{{ ' to=' + f.name }}<|message|>{{ f.arguments | tojson }}<|call|>"
            "{%- else -%}<|channel|>final<|message|>{{ m.content }}<|end|>{%- endif -%}"
        ),
        f"<|channel|>analysis<|message|>{THINKS[0]}<|done|><|assistant|>"
        ' to=price_of<|message|>{"goods": "box"}<|call|>',
        ' to=price_of<|message|>{"goods": "box"}<|call|>',
    ),
    # thinking is shown before calls alone, as an empty block where there is none; an answer has another beginning
    "thinking before calls": Device(
        _made(
            "{%- if m.tool_calls -%}<|think|>{{ m.reasoning_content }}<|/think|>{%- for c in m.tool_calls -%}"
            "<|act|>{{ c.function | tojson }}<|/act|>{%- endfor -%}"
            "{%- else -%}<|reply|>{{ m.content }}<|/reply|>{%- endif -%}<|end|>"
        ),
        f"<|think|>{THINKS[0]}<|/think|><|act|>{FIRST[6:-7]}<|/act|><|end|>",
        f"<|think|><|/think|><|act|>{FIRST[6:-7]}<|/act|><|end|>",
    ),
    # one token closes everything, thinking and calls too, and one alone ends the message
    "one close": Device(
        _made(
            "{%- if m.reasoning_content -%}<|open|>think<|sep|>{{ m.reasoning_content }}<|close|>think<|sep|>"
            "{%- endif -%}<|open|>reply<|sep|>{{ m.content }}<|close|>reply<|sep|>"
            "{%- for c in m.tool_calls -%}<|open|>call<|sep|>{{ c.function | tojson }}<|close|>call<|sep|>"
            "{%- endfor -%}<|close|>assistant<|sep|><|end|>",
            ask=_ASK.replace(
                "{%- endif", "<|open|>{{ 'think' if thinking | default(true) else 'reply' }}<|sep|>{%- endif"
            ),
        ).replace("<|assistant|>", "<|open|>assistant<|sep|>"),
        f"{THINKS[0]}<|close|>think<|sep|><|open|>reply<|sep|><|close|>reply<|sep|><|open|>call<|sep|>"
        f"{FIRST[6:-7]}<|close|>call<|sep|><|close|>assistant<|sep|><|end|>",
        f"<|close|>reply<|sep|><|open|>call<|sep|>{FIRST[6:-7]}<|close|>call<|sep|>"
        "<|close|>assistant<|sep|><|end|>",
    ),
}  # fmt: skip


def played(
    source: str,
    messages: list[dict[str, Any]],
    *,
    eos: str = "<|end|>",
    strategy: str = "final_and_reasoning",
):
    made = tokenizer(source.replace("{#", "{%#"), eos=eos)
    chat = ChatFormat(made, strategy=strategy, config=ChatConfig(max_length=1 << 16))
    return DatasetBuilder(RowBuffer([row(messages=messages, reasoning=None)]), chat).run()


@pytest.mark.parametrize("thinks", [True, False], ids=["thinking", "plain"])
@pytest.mark.parametrize("name", DEVICES)
def test_every_turn_of_a_tool_conversation_is_learnt_as_the_template_writes_it(name, thinks):
    device = DEVICES[name]
    data = played(device.source, TALK if thinks else PLAIN, eos=device.eos)
    assert not data.report.dropped and len(data) == 3
    learnt = [learnt_text(example, data.tokenizer) for example in data]
    assert learnt[0] == (device.thinking if thinks else device.plain)
    assert "price_of" in learnt[1] and "lid" in learnt[1] and "5 dollars." in learnt[2]
    if thinks:
        assert all(thought in text for thought, text in zip(THINKS, learnt, strict=True))
    stops = set(data.stop_ids)
    for example, task in zip(data, data.tasks, strict=True):
        ids = example.input_ids.tolist()
        head = data.prompt_ids(task.prompt, thinks=bool(task.reasoning))
        assert ids[: len(head)] == head, "the prompt of inference"
        written = [token for token, label in zip(ids, example.labels.tolist(), strict=True) if label != -100]
        assert [token in stops for token in written].index(True) == len(written) - 1, "stopped at its end"


@pytest.mark.parametrize("strategy", ["final_and_reasoning", "final_only"])
@pytest.mark.parametrize("name", DEVICES)
def test_a_perfect_student_gets_through_the_whole_conversation(name, strategy):
    device = DEVICES[name]
    chat = ChatFormat(tokenizer(device.source, eos=device.eos), strategy=strategy)
    assert [found for found in check_format(chat).broken if found.case == TOOLS] == []


def test_calls_text_and_thinking_come_back():
    source = DEVICES["usual"].source
    both = calls(call(), call("lid", "call_4712"), says="I look.", thinks=THINKS[0])
    messages = [OFFER, both, result("4"), result("1", "call_4712"), TALK[-1]]
    data = played(source, messages)
    parsed = data.parse(data.tokenizer.decode(data[0].input_ids.tolist()).partition("<|assistant|>")[2])
    assert parsed.thinking == THINKS[0] and parsed.health == "valid"
    assert parsed.answer == f"I look.{FIRST}{FIRST.replace('box', 'lid')}" == data.tasks[0].expected


def test_results_find_their_call_and_its_name():
    named = _made(
        f"{_THINK}{{{{ m.content }}}}{{%- for c in m.tool_calls -%}}<call>{{{{ c.id + c.function.name }}}}"
        "{{ c.function.arguments | tojson }}</call>{%- endfor -%}<|end|>",
        tool="{%- elif m.role == 'tool' -%}<|tool|>{{ m.tool_call_id + m.name + m.content }}<|end|>",
    )
    bare = {key: value for key, value in call().items() if key != "id"}
    data = played(
        named, [OFFER, calls(bare), {"role": "tool", "content": "4"}, {"role": "assistant", "content": "4."}]
    )
    assert not data.report.dropped and "<|tool|>call00000price_of4<|end|>" in data.tokenizer.decode(
        data[1].input_ids
    )


@pytest.mark.parametrize("given", [
    TOOL, TOOL["function"], {"type": "function", **TOOL["function"]},
    {"name": "price_of", "input_schema": {"type": "object"}},
])  # fmt: skip
def test_tools_are_offered_as_a_server_offers_them(given):
    """However the data writes them; templates show a tool that is not under `function` wrongly, or not at all."""
    strict = "{%- for tool in tools or [] -%}<|tools|>{{ tool.function.name }}{{ tool.function.parameters | tojson }}"
    source = _made("{{ m.content }}<|end|>", head=strict + "{%- endfor -%}{%- for m in messages -%}")
    data = played(source, [{**OFFER, "tools": [given]}, {"role": "assistant", "content": "A box."}])
    assert data.tokenizer.decode(data[0].input_ids).startswith('<|tools|>price_of{"type": "object"}<|user|>')
    assert (
        data.prompt_ids(data.tasks[0].prompt, thinks=False)
        == data[0].input_ids[: -len("A box.") - 1].tolist()
    )


REFUSED = {
    "the chat template does not show tool calls": (
        _made("{{ m.content }}<|end|>"), PLAIN),
    "the chat template does not show tool calls: it says no calls": (
        _made("{%- if m.tool_calls -%}{{ raise_exception('no calls') }}{%- endif -%}{{ m.content }}<|end|>"), PLAIN),
    "the chat template does not show the results of tools": (
        _made(f"{{{{ m.content }}}}{_JSON}<|end|>", tool="{%- elif m.role != 'assistant' -%}"), PLAIN),
    "the chat template does not show the text beside tool calls": (
        _made(f"{{{{ m.content if not m.tool_calls }}}}{_JSON}<|end|>"),
        [OFFER, calls(call(), says="I look."), *PLAIN[2:]]),
    "the stop token '<|end|>' stands inside a turn that calls tools: generation ends before the calls are whole": (
        _made(f"{{{{ m.content }}}}{{%- if m.tool_calls -%}}<|end|>{_JSON}{{%- endif -%}}<|end|>"), PLAIN),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_a_template_cannot_show_is_refused_and_says_so(why):
    source, messages = REFUSED[why]
    assert set(played(source, messages).report.dropped) == {why}


def test_a_template_for_tools_alone_says_so():
    each = "{%- for tool in tools -%}{{ tool | tojson }}{%- endfor -%}{%- for m in messages -%}"
    source = _made("{{ m.content }}<|end|>", head=each)
    with pytest.raises(FormatError, match="only where tools are offered"):
        ChatFormat(tokenizer(source))


def test_an_empty_answer_stands_as_the_template_writes_it():
    """Some templates leave the white space behind the thinking out where nothing follows."""
    source = _made("<think>\n{{ m.reasoning_content }}\n</think>{{ '\\n' + m.content if m.content }}<|end|>")
    empty = {"role": "assistant", "content": "", "reasoning_content": "Nothing to say."}
    data = played(source, [OFFER, empty])
    assert learnt_text(data[0], data.tokenizer) == "<think>\nNothing to say.\n</think><|end|>"
