"""Non-assistant loss: where texts besides the assistant's that carry loss stand in a prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..config import Roles
from .segments import RenderedRow
from .turns import TrainingTurn, UnusableRowError

_MARK = "spanquartz{}spanbasalt"


def context_spans(
    prompt: Callable[[list[dict[str, Any]]], str],
    roles: Roles,
    turn: TrainingTurn,
    messages: list[dict[str, Any]],
    rendered: RenderedRow,
) -> list[tuple[int, int]]:
    """Characters of the prompt that carry loss: the chosen roles' texts since the last assistant turn.

    The prompt is rendered a second time with marks for these texts, so that a text which stands elsewhere too
    is not mistaken for them. Earlier turns of a row have their own training rows.

    Args:
        prompt: messages in the template's form → the generation prompt after them.
        roles: whose texts carry loss.
        turn: what is learnt.
        messages: of its prompt, in the template's form.
        rendered: the row as it stands.

    Raises:
        UnusableRowError: the template does not show these texts word for word.
    """
    moved = len(messages) - len(turn.prompt)  # a system prompt may have been put in or merged
    chosen = [
        i
        for i, message in enumerate(messages)
        if i >= turn.first + (moved if turn.first else 0)
        and message["role"] != "assistant"
        and isinstance(message.get("content"), str)
        and message["content"].strip()
        and (
            message["role"] not in ("system", "developer")
            if roles == "all_but_system"
            else message["role"] in roles
        )
    ]
    if not chosen:
        return []
    marked = [dict(message) for message in messages]
    for i in chosen:
        marked[i]["content"] = _MARK.format(i)
    text = prompt(marked)
    spans: list[tuple[int, int]] = []
    at = done = 0
    for i in chosen:
        mark = _MARK.format(i)
        found = text.find(mark, done)
        if found < 0:
            raise UnusableRowError(
                f"the chat template does not show the {messages[i]['role']} message word for word"
            )
        at += found - done
        content = messages[i]["content"]
        if not rendered.text.startswith(content, at):
            content = content.strip()
        if not rendered.text.startswith(content, at):
            raise UnusableRowError(
                f"the chat template does not show the {messages[i]['role']} message word for word"
            )
        spans.append((at, at + len(content)))
        at += len(content)
        done = found + len(mark)
    if rendered.text[at : rendered.boundary] != text[done:]:
        raise UnusableRowError("the chat template changes with the text of its messages")
    return spans
