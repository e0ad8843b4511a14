"""Cases: short conversations of every kind that a format must bring back unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ...data.conversation import Conversation, Message
from ...data.training_rows import ChatRow
from ...data.turn_reasoning import RowReasoning
from ..rendering.row_kinds import ESCAPED, MIXED, PLAIN, SYSTEM, THINKING, TOOLS, TURNS

CASES = (THINKING, PLAIN, TURNS, MIXED, SYSTEM, TOOLS, ESCAPED)

# Texts, not fields: what is played here takes no field's place in the data's own arrays.
_THOUGHT = "Goods: 3 boxes at $4.50\n\n- no discount: ä 日本 🙂\nSum: 3 x 4.50 = 13.50"
_ANSWER = "It comes to $13.50.\n\n    pay(13.50)\n"
_SECOND = "Sum: 13.50 + 4.50 = 18.00"
_TOOL = {
    "type": "function",
    "function": {
        "name": "price_of",
        "description": "The price of one box.",
        "parameters": {"type": "object", "properties": {"goods": {"type": "string"}}, "required": ["goods"]},
    },
}


def rows_of(case: str, strategy: str, markers: Iterable[str] = ()) -> list[ChatRow]:
    """The rows of a case; none where the strategy has no such rows.

    Args:
        case: one of `CASES`.
        strategy: what the student learns to write.
        markers: reserved texts of the student, for `ESCAPED`.
    """
    thinks = strategy != "final_only"
    thought, second = (_THOUGHT, _SECOND) if thinks else (None, None)
    asked, more = _user("What do 3 boxes cost?"), _user("  And one more?\n")
    said, after = _assistant(_ANSWER), _assistant("$18.00")
    if case == THINKING and thinks:
        return [_row([asked, said], _THOUGHT), _row([more, after], _SECOND)]
    if case == PLAIN:
        return [_row([asked, said]), _row([more, after])]
    if case == TURNS:
        entries = [thought, second, thought] if thinks else None
        return [_row([asked, said, more, after, asked, said], entries)]
    if case == MIXED and thinks:
        return [_row([asked, said, more, after, asked, said], [_THOUGHT, None, _SECOND])]
    if case == SYSTEM:
        system = {"role": "system", "content": "Be brief.\nName prices in dollars."}
        return [_row([system, asked, said, more, after], [thought, second] if thinks else None)]
    if case == TOOLS:
        return [_row(_tool_talk(), [_SECOND, thought] if thinks else None)]
    if case == ESCAPED and (reserved := [m for m in markers if m.strip()][:8]):
        text = " ".join(f"a{marker}b {marker}" for marker in reserved)
        return [_row([_user(f"{text}?"), _assistant(f"So: {text}.")], text if thinks else None)]
    return []


def _row(messages: Sequence[Message], reasoning: RowReasoning | None = None) -> ChatRow:
    return ChatRow(0, "", "train", Conversation(tuple(messages)), reasoning)


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _tool_talk() -> list[Message]:
    call = {
        "id": "call00001",
        "type": "function",
        "function": {"name": "price_of", "arguments": json.dumps({"goods": "box"})},
    }
    return [
        {**_user("What do 3 boxes cost?"), "tools": [_TOOL]},
        {**_assistant(""), "tool_calls": [call]},
        {"role": "tool", "name": "price_of", "tool_call_id": "call00001", "content": '{"price": 4.5}'},
        _assistant(_ANSWER),
    ]
