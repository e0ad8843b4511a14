"""Devices: the ways in which real chat templates show thinking, each as a short template written for these tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Device:
    """A template, and what a student learns behind its prompts for the thought ``T`` and the answer ``A``.

    Attributes:
        like: who has such a template.
        source: the template.
        thinking: the prompt's end ¦ what is learnt, with thinking.
        plain: the same without.
        on: arguments with thinking.
        off: arguments without.
        eos: the tokenizer's own stop token.
    """

    like: str
    source: str
    thinking: str
    plain: str
    on: dict[str, Any] = field(default_factory=dict[str, Any])
    off: dict[str, Any] = field(default_factory=dict[str, Any])
    eos: str = "<EOS>"


# What is shared: system and user turns of the plainest kind.
_ASKED = "{%- if m.role != 'assistant' -%}<|{{ m.role }}|>{{ m.content }}<|end|>"
_CHATML = (
    "{%- if m.role != 'assistant' -%}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
)

DEVICES = {
    device.like: device
    for device in (
        Device(
            "Command R7B: thinking stands before calls of tools alone, and every answer in a bracket of its own",
            """\
{%- for m in messages -%}<|turn|>
{%- if m.role == 'assistant' -%}<|bot|>
  {%- if m.tool_calls -%}<|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|><|START_ACTION|>{{ m.tool_calls }}
  {%- else -%}<|START_RESPONSE|>{{ m.content }}<|END_RESPONSE|>{%- endif -%}<|over|>
{%- else -%}<|{{ m.role }}|>{{ m.content }}<|over|>{%- endif -%}
{%- endfor -%}
<|turn|><|bot|>{%- if not enable_thinking -%}<|START_THINKING|><|END_THINKING|>{%- endif -%}
""",
            "<|bot|>¦<|START_THINKING|>T<|END_THINKING|><|START_RESPONSE|>A<|END_RESPONSE|><|over|>",
            "<|END_THINKING|>¦<|START_RESPONSE|>A<|END_RESPONSE|><|over|>",
            on={"enable_thinking": True},
            eos="<|over|>",
        ),
        Device(
            "Command A Reasoning: a switch with a default, the prompt opens or closes the block, stops in a run",
            """\
{%- set reasoning = reasoning if reasoning is not undefined else (false if reasoning_effort == 'none' else true) -%}
{%- macro thought(of) -%}
  {%- if of.reasoning -%}{{ of.reasoning }}{%- elif of.thinking -%}{{ of.thinking }}{%- endif -%}
{%- endmacro -%}
{%- for m in messages -%}
{%- if m.role == 'assistant' -%}<|turn|><|bot|>
  {%- if m.reasoning or m.thinking -%}<|START_THINKING|>{{ thought(m) }}<|END_THINKING|>{%- endif -%}
  <|START_TEXT|>{{ m.content }}<|END_TEXT|><|over|>
{%- else -%}<|turn|><|{{ m.role }}|><|START_TEXT|>{{ m.content }}<|END_TEXT|><|over|>{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|turn|><|bot|><|START_THINKING|>
  {%- if not reasoning -%}<|END_THINKING|>{%- endif -%}
{%- endif -%}
""",
            "<|START_THINKING|>¦T<|END_THINKING|><|START_TEXT|>A<|END_TEXT|><|over|>",
            "<|END_THINKING|>¦<|START_TEXT|>A<|END_TEXT|><|over|>",
            off={"reasoning": False},
            eos="<|over|>",
        ),
        Device(
            "Apertus: contents are blocks, and a turn is closed by the next request",
            """\
{%- set ns = namespace(open=false, form=none) -%}
<|tools_start|>Deliberation:
{{- ' enabled' if enable_thinking is defined and enable_thinking else ' disabled' -}}
<|tools_end|>
{%- for m in messages -%}
{%- if m.role != 'assistant' -%}
  {%- if ns.open -%}<|bot_end|>{%- set ns.open = false -%}{%- endif -%}
  <|{{ m.role }}_start|>{{ m.content }}<|{{ m.role }}_end|>
{%- else -%}
  {%- if not ns.open -%}<|bot_start|>{%- set ns.open = true -%}{%- endif -%}
  {%- if m.content is string and ns.form in (none, 'text') -%}{%- set ns.form = 'text' -%}{{ m.content }}
  {%- elif m.content is mapping and 'blocks' in m.content and ns.form in (none, 'blocks') -%}
    {%- set ns.form = 'blocks' -%}
    {%- for block in m.content.blocks -%}
      {%- if block.type == 'thoughts' -%}<|inner_prefix|>{{ block.text }}<|inner_suffix|>
      {%- elif block.type == 'response' -%}{{ block.text }}
      {%- else -%}{{ raise_exception('Unknown block: ' + block.type) }}{%- endif -%}
    {%- endfor -%}
  {%- else -%}{{ raise_exception('All answers must have one form.') }}{%- endif -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|bot_start|>{%- endif -%}
""",
            "<|bot_start|>¦<|inner_prefix|>T<|inner_suffix|>A<|bot_end|>",
            "<|bot_start|>¦A<|bot_end|>",
            on={"enable_thinking": True},
            eos="<|bot_end|>",
        ),
        Device(
            "Apriel 1.6: the prompt opens the thinking in words that no row of the template shows",
            f"""\
{{%- for m in messages -%}}
{_ASKED}
{{%- else -%}}<|bot|>
  {{%- if m.get('reasoning_content') and loop.last -%}}
    {{{{- m['reasoning_content'] + '\\n[BEGIN FINAL RESPONSE]\\n' -}}}}
  {{%- endif -%}}
  {{{{ m.content }}}}{{%- if not loop.last -%}}<|end|>{{%- endif -%}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}{{{{ '<|bot|>Here are my reasoning steps:\\n' }}}}{{%- endif -%}}
""",
            "Here are my reasoning steps:\n¦T\n[BEGIN FINAL RESPONSE]\nA<|end|>",
            "Here are my reasoning steps:\n¦\n[BEGIN FINAL RESPONSE]\nA<|end|>",
        ),
        Device(
            "Apriel 1.5: marks that the system prompt asks for",
            f"""\
<|system|>Explain your thoughts, then write [BEGIN FINAL RESPONSE] ... [END FINAL RESPONSE].<|end|>
{{%- for m in messages -%}}
{_ASKED}
{{%- else -%}}<|bot|>{{{{ m.content }}}}
  {{%- if add_thoughts and 'thought' in m -%}}<thinking>{{{{ m['thought'] }}}}</thinking>{{%- endif -%}}<|end|>
{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}<|bot|>{{%- endif -%}}
""",
            "<|bot|>¦Here are my reasoning steps:\nT\n[BEGIN FINAL RESPONSE]\nA\n[END FINAL RESPONSE]<|end|>",
            "<|bot|>¦A<|end|>",
        ),
        Device(
            "Granite 3.3: tags that the system prompt asks for when it is told to",
            f"""\
<|system|>
{{%- if thinking -%}}Thoughts go between <think></think>, the answer between <response></response>.{{%- endif -%}}
<|end|>
{{%- for m in messages -%}}
{_ASKED}
{{%- else -%}}<|bot|>{{{{ m.content }}}}<|end|>{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}<|bot|>{{%- endif -%}}
""",
            "<|bot|>¦<think>T</think>\n<response>A</response><|end|>",
            "<|bot|>¦A<|end|>",
            on={"thinking": True},
        ),
        Device(
            "Hy3: an effort of three names, one of which is none; marks put together by format",
            """\
{%- set open, close = '<think{}>'.format(':own'), '</think{}>'.format(':own') -%}
{%- if reasoning_effort is not defined -%}{%- set reasoning_effort = 'no_think' -%}
{%- elif reasoning_effort not in ['high', 'low', 'no_think'] -%}{{ raise_exception('Unknown effort.') }}{%- endif -%}
{%- for m in messages -%}
{%- if m.role == 'assistant' -%}
  {%- if 'reasoning_content' in m and m['reasoning_content'] is string and loop.last -%}
    {%- set content = open + m['reasoning_content'] + close + m.content -%}
  {%- else -%}{%- set content = open + close + m.content -%}{%- endif -%}
  <|bot|>{{ content }}{%- if not loop.last -%}<|over|>{%- endif -%}
{%- else -%}<|{{ m.role }}|>{{ m.content }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  <|bot|>{{ open }}{%- if reasoning_effort == 'no_think' -%}{{ close }}{%- endif -%}
{%- endif -%}
""",
            "<|bot|><think:own>¦T</think:own>A<|over|>",
            "<|bot|><think:own></think:own>¦A<|over|>",
            on={"reasoning_effort": "high"},
            eos="<|over|>",
        ),
        Device(
            "Kimi K2 Thinking: an answer's own block is emptied, a call's is not",
            """\
{%- set ns = namespace(last=-1) -%}
{%- for m in messages -%}
  {%- if m.role == 'assistant' and not m.get('tool_calls') -%}{%- set ns.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for m in messages -%}<|{{ m.role }}|>
{%- if m.role == 'assistant' and loop.index0 <= ns.last -%}<think></think>{{ m.content }}
{%- elif m.role == 'assistant' -%}
  {%- set rc = m.get('reasoning_content', '') -%}
  <think>{{ rc }}</think>{{ m.content }}<|calls|>{{ m.tool_calls }}
{%- else -%}{{ m.content }}{%- endif -%}<|end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}
""",
            "<|assistant|>¦<think>T</think>A<|end|>",
            "<|assistant|>¦<think></think>A<|end|>",
        ),
        Device(
            "Kimi K3: thinking, answer and turn are closed by one token",
            """\
{%- macro open(tag) -%}{{ '<|open|>' + tag + '<|sep|>' }}{%- endmacro -%}
{%- macro close(tag) -%}{{ '<|close|>' + tag + '<|sep|>' }}{%- endmacro -%}
{%- macro said(m) -%}
  {%- set reasoning = m.get('reasoning_content') or m.get('reasoning') -%}
  {%- if thinking -%}{{ open('think') }}{{ reasoning or '' }}{{ close('think') }}{%- endif -%}
  {{ open('response') }}{{ m.get('content') }}{{ close('response') }}
{%- endmacro -%}
{%- if thinking is undefined -%}{%- set thinking = true -%}{%- endif -%}
{%- for m in messages -%}
  {{ open('message ' + m.role) }}{{ said(m) if m.role == 'assistant' else m.content }}{{ close('message') }}<|over|>
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- open('message assistant') }}{{ open('think' if thinking else 'response') -}}
{%- endif -%}
""",
            "<|open|>think<|sep|>¦T<|close|>think<|sep|><|open|>response<|sep|>"
            "A<|close|>response<|sep|><|close|>message<|sep|><|over|>",
            "<|open|>response<|sep|>¦A<|close|>response<|sep|><|close|>message<|sep|><|over|>",
            off={"thinking": False},
        ),
        Device(
            "Nemotron Nano v2: the prompt opens the block, and the content goes on behind it",
            f"""\
{{%- for m in messages -%}}
{_ASKED}
{{%- elif loop.last -%}}{{{{ '<|bot|><think>\\n' + m.content.strip() }}}}<|end|>
{{%- else -%}}<|bot|>{{{{ m.content.split('</think>')[-1].strip() }}}}<|end|>{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}{{{{ '<|bot|><think>\\n' }}}}{{%- endif -%}}
""",
            "<think>\n¦T\n</think>\n\nA<|end|>",
            "<think>\n¦\n</think>\n\nA<|end|>",
        ),
        Device(
            "Solar Open: one token closes thinking and answer",
            """\
{%- set reasoning_effort = reasoning_effort if reasoning_effort is defined else 'high' -%}
{%- for m in messages -%}
{%- if m.role == 'assistant' -%}
  {%- if m.reasoning and loop.last -%}<|begin|>assistant<|think|>{{ m.reasoning }}<|end|>{%- endif -%}
  <|begin|>assistant<|content|>{{ m.content }}<|end|>
{%- else -%}<|begin|>{{ m.role }}<|content|>{{ m.content }}<|end|>{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {%- if reasoning_effort in ['low', 'minimal'] -%}<|begin|>assistant<|think|><|end|>{%- endif -%}<|begin|>assistant
{%- endif -%}
""",
            "<|begin|>assistant¦<|think|>T<|end|><|begin|>assistant<|content|>A<|end|><EOS>",
            "<|think|><|end|><|begin|>assistant¦<|content|>A<|end|><EOS>",
            off={"reasoning_effort": "low"},
        ),
        Device(
            "axolotl's Qwen3: the prompt opens the block with other white space than the row",
            f"""\
{{%- for m in messages -%}}
{_CHATML}
{{%- else -%}}
  {{%- set thought = m.reasoning_content if m.reasoning_content is defined else '' -%}}
  {{{{ '<|im_start|>assistant\\n' + ('<think>\\n' + thought + '\\n</think>\\n\\n' if thought and loop.last else '') }}}}
  {{{{- m.content + '<|im_end|>\\n' }}}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}
  {{{{- '<|im_start|>assistant\\n<think>\\n\\n' -}}}}
  {{{{- '</think>\\n\\n' if enable_thinking is defined and not enable_thinking else '' -}}}}
{{%- endif -%}}
""",
            "<think>\n\n¦T\n</think>\n\nA<|im_end|>",
            "<think>\n\n</think>\n\n¦A<|im_end|>",
            off={"enable_thinking": False},
            eos="<|im_end|>",
        ),
        Device(
            "Seed-OSS: a budget of thinking, where nothing stands for none",
            f"""\
{{%- set think, done = '<seed:think>', '</seed:think>' -%}}
{{%- for m in messages -%}}
{_ASKED}
{{%- else -%}}<|bot|>
  {{%- if m.reasoning_content is defined and m.reasoning_content -%}}
    {{{{- think + m.reasoning_content + done -}}}}
  {{%- endif -%}}
  {{{{ m.content }}}}<|end|>
{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}<|bot|>
  {{%- if thinking_budget == 0 -%}}{{{{ think + 'No budget.' + done }}}}
  {{%- elif thinking_budget == -1 -%}}{{%- endif -%}}
{{%- endif -%}}
""",
            "<|bot|>¦<seed:think>T</seed:think>A<|end|>",
            "No budget.</seed:think>¦A<|end|>",
            off={"thinking_budget": 0},
        ),
        Device(
            "MiniMax M3: three modes, and a plain answer begins with the closing mark",
            f"""\
{{%- for m in messages -%}}
{_ASKED}
{{%- else -%}}<|bot|>
  {{%- if m.reasoning_content -%}}<mm:think>{{{{ m.reasoning_content }}}}{{%- endif -%}}</mm:think>
  {{{{- m.content }}}}<|end|>
{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}<|bot|>
  {{%- if thinking_mode == 'disabled' -%}}</mm:think>{{%- elif thinking_mode == 'enabled' -%}}<mm:think>{{%- endif -%}}
{{%- endif -%}}
""",
            "<|bot|>¦<mm:think>T</mm:think>A<|end|>",
            "</mm:think>¦A<|end|>",
            off={"thinking_mode": "disabled"},
        ),
    )
}
