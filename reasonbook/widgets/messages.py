"""Messages: a conversation as the page shows it: texts by role, tool calls, and whose result it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..data.conversation import Message
from ..data.tool_calls import answering_tools, tool_calls


def shown_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages for the page; what is missing is empty."""
    return [
        {
            "role": str(message.get("role")),
            "text": text_of(message.get("content")),
            "calls": calls_of(message),
            "tool": tool,
        }
        for message, tool in zip(messages, answering_tools(messages), strict=True)
    ]


def calls_of(message: Message) -> list[dict[str, str]]:
    """A message's tool calls; their arguments as text, which a browser cannot reorder or round."""
    return [asdict(call) for call in tool_calls(message)]


def text_of(value: object) -> str:
    """A cell as text; nothing where nothing stands."""
    return "" if value is None else value if isinstance(value, str) else str(value)
