"""Response cell: which cell of a row holds its response, and that cell with another one in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..conversation import REASONING_KEYS, is_mapping, is_sequence, missing
from .cells import ANSWER_KEYS, speaks
from .hub import CONTENT_KEYS, ROLES
from .layout import Layout
from .literals import parsed
from .messages import UnusableCellError, paired, rows_of, speaker


def response_role(layout: Layout, given: Mapping[str, Any]) -> str:
    """The role whose cell holds the row's response: a corrected response goes before the one it corrects.

    Args:
        layout: where the data of a row stands.
        given: the row's cells, by role.

    Raises:
        UnusableCellError: the layout names no column for it.
    """
    if layout.messages is not None:
        return "messages"
    if layout.response is None:
        raise UnusableCellError("the layout names no response column")
    return "repaired" if not missing(given.get("repaired")) else "response"


def with_response(role: str, cell: Any, text: str) -> Any:
    """The cell with this response, in the form that it has; reasoning that belonged to the old one goes.

    Raises:
        UnusableCellError: it should hold a conversation and does not.
    """
    if role == "messages":
        made = _answered(_turns(cell), text)
        return json.dumps(made, ensure_ascii=False) if isinstance(cell, str) else made
    if is_mapping(cell):
        return {**cell, next((key for key in ANSWER_KEYS if key in cell), "output"): text}
    if is_sequence(cell) and len(cell) and all(speaks(item) for item in cell):
        return _answered(cell, text)
    return text


def _turns(cell: Any) -> Sequence[Any]:
    try:
        turns = rows_of(parsed(cell) if isinstance(cell, str) else cell)
    except (ValueError, RecursionError):
        turns = None
    if not is_sequence(turns) or not len(turns) or not all(is_mapping(turn) for turn in turns):
        raise UnusableCellError("the conversation cannot be read, so no response can stand in it")
    return turns


def _answered(turns: Sequence[Any], text: str) -> list[dict[str, Any]]:
    """The turns with the last word of the assistant replaced, or added where somebody else has it."""
    *before, last = [dict(turn) for turn in turns]
    pair = None if speaks(last) else paired(last)
    if pair is None and ROLES.get(speaker(last) or "") != "assistant":
        new = {"from": "gpt", "value": text} if "from" in last else {"role": "assistant", "content": text}
        return [*before, last, new]
    key = pair[1] if pair else next((key for key in CONTENT_KEYS if last.get(key) is not None), "content")
    return [*before, {**{k: v for k, v in last.items() if k not in REASONING_KEYS}, key: text}]
