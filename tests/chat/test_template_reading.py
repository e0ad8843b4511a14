"""What a chat template reads, by its syntax tree: every spelling of a switch, a message key, a part, a bracket."""

from __future__ import annotations

import pytest

from reasonbook.chat.template.message_form import PartForm
from reasonbook.chat.template.template import Template

from .students import tokenizer


def reading(source: str):
    return Template(tokenizer(source)).reading


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("{% if x %}a{% endif %}", (True, False)),
        ("{% if not x %}a{% endif %}", (True, False)),
        ("{% if x is defined and x %}a{% endif %}", (True, False)),
        ("{{ 'a' if x else 'b' }}", (True, False)),
        ("{% if x == 'low' or 'high' == x %}a{% endif %}", ("low", "high")),
        ("{% if x not in ['low', 'high'] %}a{% endif %}", ("low", "high")),
        ("{% if x | lower == 'none' %}a{% endif %}", ("none",)),
        ("{% if x == 0 %}a{% elif x == -1 %}b{% endif %}", (0, -1)),
        ("{% set x = x | default('low') %}{{ x }}", ("low",)),
        ("{% set y = x if x is defined else 'off' %}{% if y == 'on' %}a{% endif %}", ("on",)),
        ("{% set ns = namespace(y=x) %}{% if ns.y %}a{% endif %}", (True, False)),
        ("{% set ns = namespace(y='') %}{% set ns.y = x %}{% if ns.y == 'on' %}a{% endif %}", ("on",)),
    ],
)
def test_switches_and_what_they_are_compared_with(source, values):
    assert reading(source).switches["x"] == values


@pytest.mark.parametrize(
    "source",
    [
        "{% if x.kind == 'a' %}b{% endif %}",  # something with parts of its own
        "{% for each in x %}{% if each %}a{% endif %}{% endfor %}",
        "{% if x is defined %}{{ x }}{% endif %}",  # written out: yes and no are no values of it
        "{% for x in messages %}{% if x %}a{% endif %}{% endfor %}",
        "{% macro f(x) %}{% if x %}a{% endif %}{% endmacro %}",
    ],
)
def test_what_is_no_switch(source):
    assert "x" not in reading(source).switches


def test_names_that_speak_of_thinking_come_first():
    names = ("add_dates", "effort_of_reasoning", "enable_thinking", "thinking")
    source = "".join(f"{{% if {name} %}}a{{% endif %}}" for name in names)
    assert list(reading(source).switches) == [
        "enable_thinking",
        "thinking",
        "effort_of_reasoning",
        "add_dates",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{{ m.thought }}{% endfor %}",
        "{% for m in messages %}{{ m['thought'] }}{% endfor %}",
        "{% for m in messages %}{{ m.get('thought', '') }}{% endfor %}",
        "{% for m in messages %}{% if 'thought' in m %}a{% endif %}{% endfor %}",
        "{% set all = messages[1:] %}{% for m in all %}{% set n = m %}{{ n.thought }}{% endfor %}",
        "{% macro say(m) %}{{ m.thought }}{% endmacro %}{% for m in messages %}{{ say(m) }}{% endfor %}",
        "{% for i in range(2) %}{{ messages[i].thought }}{% endfor %}",
    ],
)
def test_message_keys(source):
    assert reading(source).keys == ("thought",)


def test_the_usual_keys_come_before_others_and_the_protocols_own_are_left_out():
    keys = ("role", "content", "plan", "my_thoughts", "thinking", "reasoning_content", "tool_calls")
    source = "{% for m in messages %}" + "".join(f"{{{{ m.{key} }}}}" for key in keys) + "{% endfor %}"
    assert reading(source).keys == ("reasoning_content", "thinking", "my_thoughts", "plan")


def test_parts_of_a_content():
    source = (
        "{% for m in messages %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}"
        "{% elif part['type'] in ['thinking', 'image'] %}{{ part.thinking }}{% endif %}{% endfor %}{% endfor %}"
    )
    assert reading(source).parts[0] == PartForm("thinking", "thinking", "text")
    blocks = (
        "{% for m in messages %}{% if 'blocks' in m.content %}{% set all = m.content.blocks %}{% for b in all %}"
        "{% if b.type == 'thoughts' %}{{ b.text }}{% elif b.type == 'response' %}{{ b.text }}{% endif %}"
        "{% endfor %}{% endif %}{% endfor %}"
    )
    assert PartForm("thoughts", "text", "response", "blocks") in reading(blocks).parts


@pytest.mark.parametrize(
    "written",
    [
        "<a>{{ m.thinking }}</a>",
        "{{ '<a>' + m.thinking + '</a>' }}",
        "{{ '<a>' ~ m.get('thinking') ~ '</a>' }}",
        "{% set r = m.reasoning or m.thinking %}<a>{{ r | trim }}</a>",
        "{{ begin + m.thinking + '</a>' }}",
    ],
)
def test_what_stands_right_around_reasoning(written):
    source = f"{{% set begin = '<a>' %}}{{% for m in messages %}}{written}{{% endfor %}}"
    assert reading(source).brackets == (("<a>", "</a>"),)
