"""Fence: a row as a teacher reads it, between markers that no text can hold, as data and not as orders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ...data.conversation import Conversation
from ...data.tool_calls import request_text, response_in_words

_SYSTEM = ("system", "developer")


def record(row: Conversation, shown: bool) -> str:
    """The row between markers."""
    system = _system_text(row)
    parts = [("context", system)] if system.strip() else []
    parts.append(("request", request_text(row)))
    if shown:
        parts.append(("response", response_in_words(row)))
    return fenced(parts)


def fenced(parts: Sequence[tuple[str, str]]) -> str:
    """Texts by name between markers that carry a code made from the texts, so that none can hold its own."""
    whole = "\x00".join(text for _, text in parts)
    code = hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return "\n".join(f"[{name} {code}]\n{text}\n[end of {name} {code}]" for name, text in parts)


def as_asked(row: Conversation) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """System, first user message and the turns after it, as the row itself has them."""
    system = _system_text(row)
    turns = [m for m in row.prompt if m.get("role") not in _SYSTEM]
    if any(m.get("role") not in ("user", "assistant") or m.get("tool_calls") for m in turns) or (
        turns and turns[0].get("role") != "user"
    ):
        return system, request_text(row), ()
    texts = [(str(m["role"]), str(m.get("content") or "")) for m in turns]
    return system, texts[0][1], tuple(texts[1:])


def _system_text(row: Conversation) -> str:
    return "\n\n".join([str(m.get("content") or "") for m in row.prompt if m.get("role") in _SYSTEM])
