"""Served template: whoever renders the exported template without arguments gets the trained prompt."""

from __future__ import annotations

import pytest

from reasonbook.chat import ChatConfig, ChatFormat
from reasonbook.chat.template.jinja_environment import compile_template, environment

from .students import student, tokenizer, trl_templates, unsloth_templates

TEMPLATES = {f"trl:{name}": source for name, source in trl_templates().items()}
TEMPLATES |= {f"unsloth:{name}": source for name, source in unsloth_templates().items()}
SYSTEM = 'Be "exact" %} {{ x }} \\n.\nAlways. é'
USER, OTHER = {"role": "user", "content": " One?\n"}, {"role": "user", "content": "Two?"}
TALKS = (
    [USER],
    [{"role": "system", "content": "Short."}, USER],
    [USER, {"role": "assistant", "content": "1."}, OTHER],
    [{"role": "system", "content": "Short."}, USER, {"role": "assistant", "content": "1."}, OTHER],
)
SWITCH = (
    "{% if enable_thinking is not defined or enable_thinking %}<think>\n{% else %}<think></think>{% endif %}"
)
LOOP = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_prompt_without_arguments_is_the_trained_one(name):
    """By transformers' own call; without a system prompt and with thinking the closed loop of each build proves it."""
    made = tokenizer(TEMPLATES[name], eos="<|im_end|>" if "<|im_end|>" in TEMPLATES[name] else "<EOS>")
    chat = ChatFormat(made, strategy="final_only", config=ChatConfig(system=SYSTEM))
    made.chat_template = chat.exported_template
    for talk in TALKS:
        ids = made.apply_chat_template(talk, add_generation_prompt=True, return_dict=False)
        assert ids == chat.prompt_ids(talk), talk


@pytest.mark.parametrize(
    "start", ["", "\n", "  \n", "  {% if true %}x{% endif %}\n", "\t{#- c -#}\n ", "{{ 'x' }}\n"]
)
@pytest.mark.parametrize("end", ["", "\n", "\n\n  "])
def test_white_space_of_the_makers_source_stays_as_it_was(start, end):
    source = f"{start}{LOOP}{{% if add_generation_prompt %}}<|im_start|>assistant\n{SWITCH}{{% endif %}}{end}"
    chat = ChatFormat(tokenizer(source), strategy="final_only")
    assert "as trained: enable_thinking" in chat.exported_template
    assert "<think></think>" in (trained := chat.prompt_text("Hi"))
    for compiled in (
        compile_template(chat.exported_template),
        environment().from_string(chat.exported_template),
    ):
        told = {"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": True}
        assert compiled.render(**told) == trained
        assert compiled.render(**told, enable_thinking=True) == chat.prompt_text("Hi", thinks=True)


@pytest.mark.skipif("qwen3" not in trl_templates(), reason="trl ships no such template")
def test_a_second_export_says_nothing_twice():
    first = ChatFormat(student("qwen3"), strategy="final_only", config=ChatConfig(system="Be exact."))
    again = ChatFormat(first.export_tokenizer(), strategy="final_only")
    assert again.exported_template == first.exported_template and again.prompt_ids("Hi") == first.prompt_ids(
        "Hi"
    )
    other = ChatFormat(first.export_tokenizer(), config=ChatConfig(system="Be brief."))
    assert other.exported_template.count("as trained:") == first.exported_template.count("as trained:")
    served = other.export_tokenizer()
    assert served.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, return_dict=False
    ) == other.prompt_ids("Hi")
    assert "Be exact." not in other.prompt_text("Hi") and "<think>" not in other.prompt_text("Hi")


def test_what_a_server_cannot_do_is_said():
    dated = "{{ strftime_now('%Y') }}" + LOOP + "{% if add_generation_prompt %}<|im_start|>{% endif %}"
    chat = ChatFormat(tokenizer(dated), config=ChatConfig(date="2020-02-03", markers="escape"))
    day, escaped = chat.serving_notes
    assert "2020-02-03" in day and "own day" in day and "escaped" in escaped
    assert "two calls" in ChatFormat(tokenizer(LOOP), strategy="two_message_cot").serving_notes[0]
    assert not ChatFormat(tokenizer(LOOP)).serving_notes


ODD = """{%- macro told(m) -%}{{ m | tojson(indent=2) }}{%- endmacro %}
  {% for m in messages %}
    {% if loop.index > 2 %}{% break %}{% endif %}
{% generation %}{{ told(m) }} <é'&>{% endgeneration %}
{% endfor %}{{ strftime_now('%Y-%m-%d') }} {{ messages[0].nothing is defined }}
"""


@pytest.mark.parametrize("source", [ODD, "{{ raise_exception('no') }}", "{% set x = [1] %}{{ x.append(2) }}"])
def test_our_environment_renders_as_transformers_does(source, monkeypatch):
    from transformers.utils import chat_template_utils

    def rendered(compiled):
        try:
            return compiled.render(messages=TALKS[3], add_generation_prompt=True, tools=None)
        except Exception as fault:
            return type(fault).__name__, str(fault)

    theirs = compile_template(source)
    monkeypatch.delattr(chat_template_utils, "_compile_jinja_template")
    ours = compile_template(source)
    assert ours.environment is not theirs.environment and rendered(ours) == rendered(theirs)
