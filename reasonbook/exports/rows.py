"""Export rows: a row on its way out, as it is learnt under a strategy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..chat.config import ChatConfig
from ..chat.reasoning_text import thought
from ..chat.rendering.turns import second_request
from ..data.conversation import REASONING_KEYS, Message, is_mapping, is_sequence, missing
from ..data.layout import INLINE as LAYOUT_TAGS
from ..data.training_rows import ChatRow
from ..data.turn_reasoning import RowReasoning, TurnCountError, by_turn

INLINE = "<think>\n{thinking}\n</think>\n\n{answer}"  # Kiln's R1 form, character for character

_TAGS = tuple(tag for tags in LAYOUT_TAGS for tag in tags)


@dataclass(frozen=True)
class ExportRow:
    """One row on its way out.

    Attributes:
        messages: as they are learnt; assistant turns may hold ``reasoning_content``.
        fields: the reasoning as it was reviewed, where it has fields; that of every turn as a list.
        source: the row of the frame.
        strategy: what is learnt of it.
        tools: descriptions of the tools that it offers.
    """

    messages: list[dict[str, Any]]
    fields: RowReasoning | None
    source: ChatRow
    strategy: str = "final_and_reasoning"
    tools: tuple[Any, ...] = ()

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights of assistant turns that are not 1."""
        return tuple(weight for m in self.messages if (weight := m.get("weight", 1)) != 1)


class UnsupportedRowError(Exception):
    """A row does not fit the layout; the text says why."""


def row_of(row: ChatRow, strategy: str) -> ExportRow:
    """The row under a strategy.

    Raises:
        UnsupportedRowError: it has no response, or no reasoning where the strategy needs it.
    """
    if row.conversation.problem:
        raise UnsupportedRowError(row.conversation.problem)
    if not row.conversation.has_response:
        raise UnsupportedRowError("there is no response")
    messages = [_clean(message) for message in row.conversation.messages]
    tools = tuple(messages[0].pop("tools", ()))
    if strategy == "final_only":
        messages = [without_reasoning(message) for message in messages]
        return ExportRow(messages, None, row, strategy, tools)
    texts = _texts(row)
    for at, text in texts.items():
        messages[at] = _with_reasoning(messages[at], text)
    own = (messages[-1].get("reasoning_content") or "").strip()
    messages[-1] = _with_reasoning(messages[-1], own)
    if strategy == "two_message_cot":
        if not own:
            raise UnsupportedRowError("there is no reasoning, which the two-message form needs")
        instructions = ChatConfig().thinking_instructions
        asked = second_request([without_reasoning(m) for m in messages[:-1]], instructions, own)
        messages = [*[dict(m) for m in asked], without_reasoning(messages[-1])]
    entries = row.reasoning if is_sequence(row.reasoning) else [row.reasoning]
    fields = row.reasoning if texts and any(map(is_mapping, entries)) else None
    return ExportRow(messages, fields, row, strategy, tools)


def _texts(row: ChatRow) -> dict[int, str]:
    """The reasoning of each assistant message that has one in the row's cell, by the message's place."""
    ends = row.conversation.turn_ends
    try:
        entries = by_turn(row.reasoning, len(ends))
    except TurnCountError as why:
        raise UnsupportedRowError(str(why)) from why
    return {at: text for at, entry in zip(ends, entries, strict=True) if (text := thought(entry).text)}


def _clean(message: Message) -> dict[str, Any]:
    if len(message) == 2 and type(message.get("content")) is str:  # role and content, as most are
        return dict(message)
    made = {k: v for k, v in message.items() if v is not None and not (isinstance(v, float) and missing(v))}
    text = next((made[k] for k in REASONING_KEYS if not missing(made.get(k))), None)
    made = {k: v for k, v in made.items() if k not in REASONING_KEYS}
    made.setdefault("content", "")
    return {**made, "reasoning_content": text} if text is not None else made


def without_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without its reasoning."""
    return {k: v for k, v in message.items() if k != "reasoning_content"}


def _with_reasoning(message: Mapping[str, Any], text: str) -> dict[str, Any]:
    made = without_reasoning(message)
    return {**made, "reasoning_content": text} if text else made


def inlined(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with its thinking in the text.

    Raises:
        UnsupportedRowError: its texts hold tags that a reader would take for the thinking's own.
    """
    made = without_reasoning(message)
    if message["role"] != "assistant":
        return made
    text = message.get("reasoning_content") or ""
    for tag in _TAGS:
        if tag in text or tag in made["content"]:
            raise UnsupportedRowError(f"its reasoning or answer holds {tag!r}")
    if not text:
        return made
    return {**made, "content": INLINE.format(thinking=text.strip(), answer=made["content"])}


def pair(row: ExportRow) -> tuple[str, str, str, str]:
    """System prompt, request, answer and reasoning of a conversation with one request.

    Raises:
        UnsupportedRowError: there is more in it.
    """
    *before, last = row.messages
    system = before.pop(0)["content"] if before and before[0]["role"] == "system" else ""
    if len(before) != 1 or before[0]["role"] != "user" or last.get("tool_calls"):
        raise UnsupportedRowError("it has more than one request and one answer")
    return system, before[0]["content"], last["content"], last.get("reasoning_content", "")


def with_text_calls(message: dict[str, Any]) -> dict[str, Any]:
    """Arguments of tool calls as JSON text, as OpenAI's API has them."""
    if not message.get("tool_calls"):
        return message
    calls: list[dict[str, Any]] = []
    for call in message["tool_calls"]:
        flat = {} if "function" in call else {k: v for k, v in call.items() if k in ("name", "arguments")}
        given = dict(call.get("function") or flat)
        if not isinstance(given.get("arguments"), str):
            given["arguments"] = json.dumps(given.get("arguments"), ensure_ascii=False)
        kept = {k: v for k, v in call.items() if k not in flat}
        calls.append({**kept, "type": "function", "function": given})
    return {**message, "tool_calls": calls}
