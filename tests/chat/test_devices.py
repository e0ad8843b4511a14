"""Thinking as real templates show it: learnt in the template's own form, or refused with the name of the device."""

from __future__ import annotations

import pytest

from reasonbook.chat import ChatConfig, ChatFormat, build
from reasonbook.chat.rendering.row_kinds import TOOLS
from reasonbook.errors import FormatError

from .devices import DEVICES
from .students import learnt_text, row, tokenizer

TALK = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1.", "reasoning_content": "Earlier."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "A"},
]
ROWS = [row("Q?", "A", "T"), row("Q?", "A", None, position=1), row(messages=TALK, reasoning="T", position=2)]

# Shows that it knows thinking, and no way to write any.
DEAF = """\
{%- for m in messages -%}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|end|>{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{% if reasoning_mode == 'off' %}<think></think>{% endif %}{%- endif -%}
"""


@pytest.mark.parametrize("name", DEVICES)
def test_thinking_and_plain_rows_are_learnt_in_the_templates_own_form(name):
    device = DEVICES[name]
    student = tokenizer(device.source, eos=device.eos)
    chat = build(ROWS, student)
    assert len(chat) == 4 and not chat.report.dropped and chat.probe.source != "tags"
    assert (dict(chat.probe.on.kwargs), dict(chat.probe.off.kwargs)) == (device.on, device.off)
    for index, wanted in ((0, device.thinking), (1, device.plain), (3, device.thinking)):
        end, learnt = wanted.split("¦")
        example = chat[index]
        whole = student.decode(example.input_ids.tolist(), skip_special_tokens=False)
        stop = whole.rindex(learnt) + len(learnt)
        assert whole[: stop - len(learnt)].endswith(end), whole
        # Some of it is read, not learnt: an empty block of a plain row beside rows that think.
        assert learnt.endswith(learnt_text(example, student)), whole
        ended = next(span.stop for span in example.spans if span.part == "stop")
        assert int(example.input_ids[ended - 1]) in chat.stop_ids
    # What is read back and what servers are given is tested where that is done.
    broken = chat.report.loop.broken if chat.report.loop else ()
    steps = {found.step for found in broken if found.case != TOOLS}
    assert not steps & {"build", "prompt", "stop", "history"}, broken


@pytest.mark.parametrize("name", [name for name in DEVICES if name.startswith(("Solar", "Kimi K3"))])
def test_no_stop_token_stands_before_an_answer(name):
    device = DEVICES[name]
    student = tokenizer(device.source, eos=device.eos)
    chat = ChatFormat(student)
    before = chat.encode([chat.probe.on.opening + chat.probe.on.middle])[0].ids
    assert not set(chat.stop_ids) & set(before)


def test_a_student_whose_only_stop_closes_its_thinking_is_refused_and_trains_plainly():
    device = next(device for name, device in DEVICES.items() if name.startswith("Solar"))
    student = tokenizer(device.source, eos="<|end|>")
    with pytest.raises(FormatError, match=r"'<\|end\|>', where generation stops, also stands before its end"):
        ChatFormat(student)
    plain = build([row()], student, strategy="final_only")
    assert plain.report.ok and "It is 4.<|end|>" in learnt_text(plain[0], student)


def test_a_device_that_is_seen_and_cannot_be_used_is_refused_by_name():
    student = tokenizer(DEAF)
    with pytest.raises(FormatError) as refused:
        build([row()], student)
    assert "a thinking format of its own (</think>, <think>, reasoning_mode=…)" in refused.value.problem
    assert 'tags=("<reasoning>", "</reasoning>")' in refused.value.fix
    # what the lines say
    tagged = build([row()], student, config=ChatConfig(tags=("<reasoning>", "</reasoning>")))
    assert any("another thinking format of its own" in note for note in tagged.report.notes)
    assert "<reasoning>\nTwo and two make four.\n</reasoning>\n\nIt is 4.<|end|>" == learnt_text(
        tagged[0], student
    )
    plain = build([row()], student, strategy="final_only")
    assert learnt_text(plain[0], student) == "It is 4.<|end|>"


def test_a_template_that_needs_tools_says_so():
    source = "{%- for tool in tools -%}{{ tool }}{%- endfor -%}{%- for m in messages -%}{{ m.content }}{%- endfor -%}"
    with pytest.raises(FormatError, match="only where tools are offered"):
        ChatFormat(tokenizer(source))


def test_an_empty_answer_is_written_as_the_template_writes_it():
    source = (
        "{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
        "{{ '<|bot|>' + ('<think>\n' ~ m.reasoning_content ~ '\n</think>\n' ~ m.content) | trim }}<|end|>"
        "{%- else -%}<|user|>{{ m.content }}<|end|>{%- endif -%}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|bot|><think>\n' }}{%- endif -%}"
    )
    student = tokenizer(source)
    asked = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": ""}]
    chat = build([row(reasoning="T"), row(messages=asked, reasoning="T", position=1)], student)
    assert learnt_text(chat[0], student) == "T\n</think>\nIt is 4.<|end|>"
    assert learnt_text(chat[1], student) == "T\n</think><|end|>" and not chat.report.rebuilt
