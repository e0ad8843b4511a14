"""Loss on other roles than the assistant's: where their texts stand in a rendered prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .turns import Unusable

if TYPE_CHECKING:
    from ..template.mode import Mode
    from .render import Renderer
    from .segments import Rendered
    from .turns import Turn

_MARK = "spanquartz{}spanbasalt"


def context_spans(
    renderer: Renderer,
    roles: tuple[str, ...] | str,
    turn: Turn,
    messages: list[dict[str, Any]],
    mode: Mode,
    rendered: Rendered,
) -> list[tuple[int, int]]:
    """Characters of the prompt that carry loss: the chosen roles' texts since the last assistant turn.

    The prompt is rendered a second time with marks for these texts, so that a text which stands elsewhere too
    is not mistaken for them. Earlier turns of a row have their own training rows.

    Raises:
        Unusable: the template does not show these texts word for word.
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
    text = renderer.prompt(marked, mode)
    spans, at, done = [], 0, 0
    for i in chosen:
        mark = _MARK.format(i)
        found = text.find(mark, done)
        if found < 0:
            raise Unusable(f"the chat template does not show the {messages[i]['role']} message word for word")
        at += found - done
        content = messages[i]["content"]
        if not rendered.text.startswith(content, at):
            content = content.strip()
        if not rendered.text.startswith(content, at):
            raise Unusable(f"the chat template does not show the {messages[i]['role']} message word for word")
        spans.append((at, at + len(content)))
        at += len(content)
        done = found + len(mark)
    if rendered.text[at : rendered.boundary] != text[done:]:
        raise Unusable("the chat template changes with the text of its messages")
    return spans
