"""Tool calls: what an assistant asks of its tools and what they give back, however the data spells it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .conversation import Conversation, Message, is_mapping, is_sequence, missing


@dataclass(frozen=True)
class ToolCall:
    """One tool that a message calls.

    Attributes:
        name: the tool's; "" where the data names none.
        arguments: JSON where they are an object, else the text that stands there; "" where there are none.
        id: what the tool's answer refers to; "" where there is none.
    """

    name: str
    arguments: str = ""
    id: str = ""


def tool_calls(message: Message) -> tuple[ToolCall, ...]:
    """The calls of a message, in order; never fails, whatever stands there.

    Example:
        >>> from reasonbook.data.tool_calls import tool_calls
        >>> tool_calls({"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": {"id": 7}}}]})
        (ToolCall(name='find', arguments='{"id": 7}', id=''),)
    """
    found = message.get("tool_calls")
    if is_mapping(found) or isinstance(found, str):
        found = [found]
    return tuple(map(_call, found)) if is_sequence(found) else ()


def answering_tools(messages: Sequence[Message]) -> list[str]:
    """For each message the tool whose result it is, found by its id where it bears no name; "" for all others.

    Example:
        >>> from reasonbook.data.tool_calls import answering_tools
        >>> call = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "find"}}]}
        >>> answering_tools([call, {"role": "tool", "tool_call_id": "c1", "content": "9 found"}])
        ['', 'find']
    """
    called: dict[str, str] = {}
    names: list[str] = []
    for message in messages:
        called |= {call.id: call.name for call in tool_calls(message) if call.id}
        own = message.get("name") if message.get("role") == "tool" else None
        names.append(_text(own) or called.get(_text(message.get("tool_call_id")), ""))
    return names


def in_words(messages: Sequence[Message]) -> list[str]:
    """Each message as a paragraph with its role, its tool calls and results said in words.

    Example:
        >>> from reasonbook.data.tool_calls import in_words
        >>> call = {"role": "assistant", "content": "", "tool_calls": [{"name": "find", "arguments": '{"id": 7}'}]}
        >>> in_words([call, {"role": "tool", "name": "find", "content": "9 found"}])
        ['assistant calls the tool find with {"id": 7}', 'the tool find answers: 9 found']
    """
    tools = answering_tools(messages)
    return ["\n".join(_lines(message, tool)) for message, tool in zip(messages, tools, strict=True)]


def request_text(row: Conversation) -> str:
    """The request as one text: a single user message as it stands, several with their roles named."""
    prompt = row.prompt
    if len(prompt) == 1 and prompt[0].get("role") == "user" and not prompt[0].get("tool_calls"):
        return str(prompt[0].get("content") or "")
    asked = [message for message in prompt if message.get("role") not in ("system", "developer")]
    if len(asked) == 1 and asked[0].get("role") == "user" and not asked[0].get("tool_calls"):
        return str(asked[0].get("content") or "")
    return "\n\n".join(in_words(asked))


def response_in_words(row: Conversation) -> str:
    """A row's response: its text, then the tools that it calls in words; "" where it has none."""
    if not row.has_response:
        return ""
    text = _text(row.response)
    calls = [f"({_calls(call)})" for call in tool_calls(row.messages[-1])]
    return "\n".join([text, *calls] if text.strip() or not calls else calls)


def _lines(message: Message, tool: str) -> Iterator[str]:
    role, text = message.get("role"), _text(message.get("content"))
    calls = tool_calls(message)
    if role == "tool":
        yield f"the tool {tool} answers: {text}" if tool else f"tool: {text}"
    elif text.strip() or not calls:
        yield f"{role}: {text}"
    for call in calls:
        yield f"{role} {_calls(call)}"


def _calls(call: ToolCall) -> str:
    given = f" with {call.arguments}" if call.arguments else ""
    return f"calls the tool {call.name or '(without a name)'}{given}"


def _call(item: object) -> ToolCall:
    if not is_mapping(item):
        return ToolCall("", _text(item))
    inner = item.get("function")
    made = inner if is_mapping(inner) else item
    name = made.get("name", inner if isinstance(inner, str) else None)
    given = next((made[key] for key in ("arguments", "parameters", "input") if key in made), None)
    return ToolCall(_text(name), _text(given), _text(item.get("id")))


def _text(value: object) -> str:
    """A text as it stands, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if missing(value) else json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    as_python = getattr(value, "tolist", None)  # what NumPy holds
    return as_python() if callable(as_python) else str(value)
