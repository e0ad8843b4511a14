"""Served template: a chat template that makes the trained prompt for a server that is told nothing else.

What training gave the template stands before the maker's source, one line for each thing, and holds only where
the caller does not say otherwise. Each line ends in a line break, which every engine drops behind a block (they all
follow transformers in ``trim_blocks``), so that the source begins at the start of a line as it did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...data.conversation import is_sequence

_LINE = re.compile(r"\{# as trained: (.+?) #\}[^\n]*\n")

# The texts of system messages go before the first of the other messages.
_MERGE = (
    "{% set trained = namespace(system=[], rest=[]) %}{% for m in messages %}"
    "{% if m.role in ['system', 'developer'] %}{% set trained.system = trained.system + [m.content] %}"
    "{% else %}{% set trained.rest = trained.rest + [m] %}{% endif %}{% endfor %}"
    "{% set messages = trained.rest %}{% if trained.system and messages %}"
    "{% set system, first = trained.system | join('\\n\\n') + '\\n\\n', messages[0].content %}"
    "{% set first = system + first if first is string else [{'type': 'text', 'text': system}] + first %}"
    "{% set messages = [dict(messages[0], content=first)] + messages[1:] %}{% endif %}"
)
_PARTS = (
    "{% set trained = namespace(messages=[]) %}{% for m in messages %}{% set trained.messages = trained.messages + "
    "[dict(m, content=[{'type': 'text', 'text': m.content}]) if m.content is string else m] %}{% endfor %}"
    "{% set messages = trained.messages %}"
)


def served(
    source: str,
    *,
    kwargs: Mapping[str, Any],
    system: str,
    merges: bool,
    parts: bool,
    given: Mapping[str, Any],
) -> str:
    """The template with defaults before it; none is said twice, and a newer one takes an older one's place.

    Args:
        source: of the template in use; it may have been served before.
        kwargs: what training gave the template.
        system: the system prompt of conversations that bring none.
        merges: the template shows no system message: its text goes before the first request.
        parts: the template takes contents as lists of parts.
        given: what the server gives each template of its own accord; where training gave something else, that is
            set whatever the server says.
    """
    lines: dict[str, str] = {}
    for name, value in kwargs.items():
        lines[name] = f"{{% set {name} = {_literal(value)} %}}"
        if given.get(name, value) == value:
            lines[name] = f"{{% if {name} is not defined %}}{lines[name]}{{% endif %}}"
    if system:
        lines["system prompt"] = (
            "{% if not messages or messages[0].role not in ['system', 'developer'] %}{% set messages = "
            f"[{{'role': 'system', 'content': {_literal(system)}}}] + messages %}}{{% endif %}}"
        )
    if merges:
        lines["system message"] = _MERGE
    if parts:
        lines["content parts"] = _PARTS
    while found := _LINE.match(source):
        lines.setdefault(found[1], found[0][found[0].index("#}") + 2 : -1])
        source = source[found.end() :]
    order = ("system prompt", "system message", "content parts")
    names = sorted(lines, key=lambda name: order.index(name) + 1 if name in order else 0)
    return "".join(f"{{# as trained: {name} #}}{lines[name]}\n" for name in names) + source


def _literal(value: object) -> str:
    """A value as Jinja reads it; its strings know the escapes of JSON."""
    if is_sequence(value):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False)
