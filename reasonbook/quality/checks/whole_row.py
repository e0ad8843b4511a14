"""Whole row: what the checks look at in a row, every turn that has reasoning and the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...data.conversation import Conversation, is_mapping, is_sequence
from ...data.frame import Frame
from ...data.turn_reasoning import entries_of, last_of

Turn = tuple[Mapping[str, Any] | None, str | None]
# The last turn, those before it, and the request as it stands.
WholeRow = tuple[Mapping[str, Any] | None, str | None, Sequence[Turn], str]
Row = Turn | WholeRow


def whole(row: Row) -> WholeRow:
    """A row with its parts, also of one turn alone."""
    return row if len(row) == 4 else (row[0], row[1], (), "")


def checked_row(conversation: Conversation, cell: object, response: str | None) -> WholeRow:
    """What the checks look at in a row: every turn that has reasoning, each with its response, and the request."""
    last, asked = last_of(cell), conversation.prompt
    texts = [str(message.get("content") or "") for message in asked if message.get("role") != "system"]
    reasoning = last if is_mapping(last) else None
    request = texts[0] if len(texts) == 1 else "\n".join(texts)
    if not is_sequence(cell) or len(conversation.turn_ends) < 2:
        return (reasoning, response, (), request)
    ends = conversation.turn_ends[:-1]
    earlier = [
        (entry, conversation.messages[at].get("content"))
        for at, entry in zip(ends, entries_of(cell, len(ends) + 1), strict=False)
        if is_mapping(entry)
    ]
    return (reasoning, response, earlier, request)


def cells_of(frame: Frame) -> list[Any]:
    """The column of reasoning; lists where Arrow gave arrays, which are neither true nor false."""
    return [list(cell) if hasattr(cell, "tolist") else cell for cell in frame.column("reasoning")]
