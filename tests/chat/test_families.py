"""Families whose templates no installed package ships: short templates with the same bones, written for these tests.

Ministral's reasoning template takes thinking as a part of the content and puts a system prompt of its own before
requests that have none; Magistral's and Kimi's name their tags and drop the thinking of the turn that is learnt.
"""

from __future__ import annotations

import pytest

from reasonbook.chat import ChatConfig, build
from reasonbook.chat.template.message_form import PARTS

from .students import learnt_text, row, tokenizer

THOUGHT = "Two and two: ä 日本\n\n- make four."

_TEXT = """\
{%- macro text(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}{%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
"""
MINISTRAL = """\
{{- bos_token -}}
{%- set own = 'Think first.[THINK]Your draft, as long as you want.[/THINK]Then answer.' -%}
{%- if messages[0].role == 'system' -%}
  {{- '[SYSTEM_PROMPT]' + messages[0].content + '[/SYSTEM_PROMPT]' -}}{%- set rest = messages[1:] -%}
{%- else -%}
  {{- '[SYSTEM_PROMPT]' + own + '[/SYSTEM_PROMPT]' -}}{%- set rest = messages -%}
{%- endif -%}
{%- for message in rest -%}
  {%- if (message.role == 'user') != (loop.index0 % 2 == 0) -%}
    {{- raise_exception('After the optional system message, conversation roles must alternate.') -}}
  {%- elif message.role == 'user' -%}
    {{- '[INST]' + message.content + '[/INST]' -}}
  {%- elif message.content is string -%}
    {{- message.content + eos_token -}}
  {%- else -%}
    {%- for block in message.content -%}
      {%- if block.type == 'text' -%}{{- block.text -}}
      {%- elif block.type == 'thinking' -%}{{- '[THINK]' + block.thinking + '[/THINK]' -}}
      {%- else -%}{{- raise_exception('Only text and thinking chunks are supported.') -}}
      {%- endif -%}
    {%- endfor -%}
    {{- eos_token -}}
  {%- endif -%}
{%- endfor -%}
"""
MAGISTRAL = (
    _TEXT
    + """\
{{- bos_token + '[SYSTEM_PROMPT]Draft between [THINK] and [/THINK], then answer.[/SYSTEM_PROMPT]' -}}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}{{- '[INST]' + text(message.content) + '[/INST]' -}}
  {%- elif message.role == 'assistant' -%}{{- text(message.content).split('[/THINK]')[-1] + eos_token -}}
  {%- endif -%}
{%- endfor -%}
"""
)
KIMI = (
    _TEXT
    + """\
{%- for message in messages -%}
  {%- if loop.first and message.role != 'system' -%}
    {{- '<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|>' -}}
  {%- endif -%}
  {{- '<|im_' + message.role + '|>' + message.role + '<|im_middle|>' -}}
  {%- if message.role == 'assistant' and '◁/think▷' in text(message.content) -%}
    {{- text(message.content).split('◁/think▷')[-1] -}}
  {%- else -%}{{- text(message.content) -}}{#- ◁think▷ is the model's own -#}
  {%- endif -%}
  {{- '<|im_end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_assistant|>assistant<|im_middle|>' -}}{%- endif -%}
"""
)
FAMILIES = {
    "Ministral": (MINISTRAL, "</s>", "[THINK]", "[/THINK]", "[/INST]"),
    "Magistral": (MAGISTRAL, "</s>", "[THINK]", "[/THINK]", "[/INST]"),
    "Kimi": (KIMI, "<|im_end|>", "◁think▷", "◁/think▷", "<|im_assistant|>assistant<|im_middle|>"),
}
EARLIER = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1.", "reasoning_content": "earlier thinking"},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "2."},
]
each_kind = pytest.mark.parametrize("kind", ["bytes", "bpe"])


def made(name: str, kind: str = "bytes"):
    source, eos, *_ = FAMILIES[name]
    return tokenizer(source, kind=kind, eos=eos)


@each_kind
@pytest.mark.parametrize("name", FAMILIES)
def test_what_was_reviewed_is_learnt_in_the_familys_own_tags(name, kind):
    _, eos, opening, closing, tail = FAMILIES[name]
    rows = [
        row(reasoning=THOUGHT),
        row("Plain?", "Yes.", None, position=1),
        row(messages=EARLIER, position=2),
    ]
    chat = build(rows, made(name, kind))
    assert chat.report.ok and not chat.report.dropped and len(chat) == 4
    assert chat.report.reasoning == chat.report.reasoning_learnt == 3
    thinking, plain, first, last = (learnt_text(example, chat.tokenizer) for example in chat)
    assert thinking == f"{opening}{THOUGHT}{closing}It is 4.{eos}"
    assert plain == f"Yes.{eos}"
    assert first == f"{opening}earlier thinking{closing}1.{eos}"
    assert last == f"{opening}Two and two make four.{closing}2.{eos}"
    whole = chat.tokenizer.decode(chat[0].input_ids.tolist(), skip_special_tokens=False)
    assert (
        whole[: -len(thinking)].endswith(tail)
        and chat.format.prompt_text("What is 2 + 2?") + thinking == whole
    )
    parsed = chat.parse(thinking)
    assert (parsed.thinking, parsed.answer, parsed.health) == (THOUGHT, "It is 4.", "valid")


@pytest.mark.parametrize(
    ("name", "source"), [("Magistral", "Mistral reasoning"), ("Kimi", "Kimi"), ("Ministral", "template")]
)
def test_where_the_form_is_known_from(name, source):
    """Ministral's template shows thinking by itself; for the others the family's entry is needed, and said."""
    probe = build([row()], made(name)).probe
    assert probe.source == source
    assert probe.form.carrier == (PARTS if name == "Ministral" else "")
    assert any("written after the prompt" in note for note in probe.notes) == (name != "Ministral")


def test_a_content_of_parts_is_the_templates_own_rendering():
    """The row that is learnt, character for character as transformers renders the thinking part."""
    student = made("Ministral")
    chat = build([row(messages=EARLIER, reasoning=THOUGHT)], student)
    assert chat.probe.form.carrier == PARTS
    parts = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": "2."}]
    messages = [EARLIER[0], {"role": "assistant", "content": "1."}, EARLIER[2]]
    whole = student.apply_chat_template([*messages, {"role": "assistant", "content": parts}], tokenize=False)
    assert student.decode(chat[1].input_ids.tolist(), skip_special_tokens=False) == whole


def test_a_system_prompt_of_ones_own_takes_the_place_of_the_templates():
    chat = build([row()], made("Ministral"), config=ChatConfig(system="Be brief."))
    text = chat.format.prompt_text("Hi")
    assert text == "<BOS>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hi[/INST]"
    assert chat.tokenizer.decode(chat[0].input_ids.tolist(), skip_special_tokens=False).startswith(
        "<BOS>[SYSTEM_PROMPT]Be brief."
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_a_tag_of_the_family_in_ones_data_is_refused_with_its_place(name):
    closing = FAMILIES[name][3]
    rows = [row(), row("So?", f"no {closing} here", position=7)]
    report = build(rows, made(name)).report
    assert [report.places[why] for why in report.dropped if "reserved marker" in why] == [[7]]
