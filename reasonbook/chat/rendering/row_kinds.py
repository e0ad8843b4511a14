"""Row kinds: what sets training rows apart for a student: thinking, turns, a system prompt, tools."""

from __future__ import annotations

from collections.abc import Sequence

from ...data.conversation import Message

THINKING, PLAIN, TURNS, MIXED = "thinking", "plain", "several turns", "thinking and plain turns"
SYSTEM, TOOLS, ESCAPED = "system prompt", "tool calls", "escaped markers"


def has_system(messages: Sequence[Message]) -> bool:
    """Whether a conversation begins with a system prompt."""
    return messages[0]["role"] in ("system", "developer")


def has_tools(messages: Sequence[Message]) -> bool:
    """Whether tools are called in a conversation."""
    if len(messages) == 2 and len(messages[1]) == 2:  # as most are
        return False
    return any(message["role"] == "tool" or message.get("tool_calls") for message in messages)


def kinds_of(thinking: int, plain: int, several: bool) -> set[str]:
    """The kinds among training rows with and without reasoning, some of them behind earlier turns."""
    found = {kind for kind, count in ((THINKING, thinking), (PLAIN, plain)) if count}
    if several:
        found.add(TURNS)
        if thinking and plain:
            found.add(MIXED)
    return found
