"""Response cell: which cell of a row holds its response, and that cell with another one in its place."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..conversation import REASONING_KEYS, is_mapping, is_sequence, missing
from .cells import UnusableCellError
from .hub import ROLES
from .layout import Layout


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
    """The cell with this response; reasoning that belonged to the old one goes, and nothing else.

    Raises:
        UnusableCellError: it should hold a conversation and does not.
    """
    if role == "messages":
        turns = _turns(cell)
        if turns is None:
            raise UnusableCellError("the conversation cannot be read, so no response can stand in it")
        made = _answered(turns, text)
        return json.dumps(made, ensure_ascii=False) if isinstance(cell, str) else made
    if is_mapping(cell):
        return {**cell, "output": text}
    if is_sequence(cell) and cell and all(is_mapping(item) for item in cell):
        return _answered(cell, text)
    return text


def _turns(cell: Any) -> Sequence[Any] | None:
    if isinstance(cell, str):
        for read in (json.loads, ast.literal_eval):
            try:
                cell = read(cell)
                break
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
    return cell if is_sequence(cell) and len(cell) > 0 and all(is_mapping(item) for item in cell) else None


def _answered(turns: Sequence[Any], text: str) -> list[dict[str, Any]]:
    """The turns with the last word of the assistant replaced, or added where somebody else has it."""
    made = [dict(turn) for turn in turns]
    last = made[-1]
    role = str(last.get("role") or last.get("from") or "").strip().lower()
    if ROLES.get(role) != "assistant":
        return [
            *made,
            {"from": "gpt", "value": text} if "from" in last else {"role": "assistant", "content": text},
        ]
    last = {name: value for name, value in last.items() if name not in REASONING_KEYS}
    last["value" if "from" in last and "content" not in last else "content"] = text
    return [*made[:-1], last]
