"""Reading: the switches, message keys and parts of a content that a chat template reads.

A template says by itself what it can be given. More is found than works, so all of it is tried, and only what changes
the text counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, nodes

from ..message_form import KEYS, PartForm
from .names import THINKING, bare, name_of, text_of, written
from .walk import CONTENT, MESSAGE, REASONING, TreeWalk, Value

SWITCHES = ("enable_thinking", "thinking")  # the usual names, tried first where they are read

# What the protocol of messages has given away: none of these can carry reasoning.
_PROTOCOL = {
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "id",
    "type",
    "tools",
    "function",
    "tool",
}
_MEDIA = re.compile(r"image|video|audio|file|document|tool|json")
_MOST_PARTS = 12


@dataclass(frozen=True)
class TemplateReading:
    """What one template reads.

    Attributes:
        names: every name.
        switches: names that stand in its conditions, each with the values that it is compared with; those that speak
            of thinking first.
        keys: what it reads of a message beside the protocol's own keys; the usual ones for reasoning first.
        parts: forms of a content in parts that may hold thinking.
        brackets: what it writes right before and right after a message's reasoning.
    """

    names: frozenset[str]
    switches: Mapping[str, tuple[Value, ...]]
    keys: tuple[str, ...]
    parts: tuple[PartForm, ...]
    brackets: tuple[tuple[str, str], ...]


@lru_cache(maxsize=64)
def read(environment: Environment, source: str) -> TemplateReading:
    """The reading of a template."""
    walk = TreeWalk(environment.parse(source))
    return TemplateReading(_loaded(walk), _switches(walk), _keys(walk), _parts(walk), _brackets(walk))


def _loaded(walk: TreeWalk) -> frozenset[str]:
    return frozenset(node.name for node in walk.all(nodes.Name) if node.ctx == "load")


def _switches(walk: TreeWalk) -> dict[str, tuple[Value, ...]]:
    """Names in conditions that hold neither messages nor anything with parts of its own."""
    printed = {
        name_of(bare(child))
        for node in (*walk.all(nodes.Output), *walk.all(nodes.Add), *walk.all(nodes.Concat))
        for child in node.iter_child_nodes()
    }
    owners = (*walk.all(nodes.Getattr), *walk.all(nodes.Getitem), *walk.all(nodes.Call))
    built = {name_of(node.node) for node in owners} | {name_of(node.iter) for node in walk.all(nodes.For)}
    given = {name_of(node.target) for node in walk.all(nodes.For)}
    given |= {argument.name for macro in walk.all(nodes.Macro) for argument in macro.args}
    found: dict[str, tuple[Value, ...]] = {}
    names = _loaded(walk)
    for name in sorted(names - built - given - set(walk.kinds), key=_thinking_first):
        aliases = {name}
        for _ in range(3):
            aliases |= {alias for alias, sources in walk.sources.items() if sources & aliases}
        values = [
            value for each in (name, *sorted(aliases - {name})) for _, value in walk.values.get(each, {})
        ]
        told = [value for value in values if not isinstance(value, bool) and value != ""]
        # What is compared with texts or numbers, or written out, is no yes or no.
        values = told if told or aliases & printed else [value for value in (True, False) if values]
        if values:
            found[name] = tuple(dict.fromkeys(values))
    return found


def _keys(walk: TreeWalk) -> tuple[str, ...]:
    """Message keys that may carry reasoning."""
    read = [key for key in walk.keys[MESSAGE] if key not in _PROTOCOL]
    usual = [key for key in KEYS if key in read]
    return tuple(dict.fromkeys([*usual, *sorted(read, key=lambda key: not THINKING.search(key))]))


def _parts(walk: TreeWalk) -> tuple[PartForm, ...]:
    """Forms of a content in parts, those that speak of thinking first."""
    types = [each for each in walk.types if not _MEDIA.search(each)]
    keys = [key for key in walk.keys[CONTENT] if key != "type"]
    made: dict[PartForm, None] = {}
    for kind in sorted(types, key=lambda each: not THINKING.search(each)):
        answers = [each for each in types if each != kind and not THINKING.search(each)]
        for inside in ("", *walk.inside):
            for answer in sorted(answers, key=lambda each: (each == "text") == bool(inside)):
                own = [key for key in (kind, "text") if key in keys] or keys
                for key in own:
                    if kind != "text" and key != inside:
                        made[PartForm(kind, key, answer, inside)] = None
    return tuple(made)[:_MOST_PARTS]


def _brackets(walk: TreeWalk) -> tuple[tuple[str, str], ...]:
    """Texts right around an expression that holds reasoning."""
    texts = {name_of(node.target): node.node.value for node in walk.all(nodes.Assign)
             if isinstance(node.node, nodes.Const) and isinstance(node.node.value, str)}  # fmt: skip
    found: dict[tuple[str, str], None] = {}
    for node in (*walk.all(nodes.Output), *walk.all(nodes.Add), *walk.all(nodes.Concat)):
        texts_in = list(written(node))
        for before, middle, after in zip(texts_in, texts_in[1:], texts_in[2:], strict=False):
            around = (text_of(before, texts), text_of(after, texts))
            if all(around) and walk.kind(bare(middle)) == REASONING:
                found[around] = None
    return tuple(found)


def _thinking_first(name: str) -> tuple[bool, bool, str]:
    return not THINKING.search(name), name not in SWITCHES, name
