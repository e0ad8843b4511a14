"""Turn reasoning: which assistant turn of its conversation each part of a row's reasoning belongs to.

A cell of the column ``reasoning`` holds a dict, which belongs to the last assistant turn, or a list with one entry
per assistant turn, in order, None where a turn has none. Files and edits may bring the same in other forms.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeGuard

from .conversation import Conversation, Message, is_mapping, is_sequence, missing

Turns = Literal["all", "last"]
Reasoning = Mapping[str, Any] | str
RowReasoning = Reasoning | Sequence[Reasoning | None]  # the last turn's, or every turn's
_ANSWERED = ("user", "tool")


class TurnCountError(ValueError):
    """A cell has reasoning for another number of turns than its conversation has."""


def asked_turns(row: Conversation, turns: str = "all") -> tuple[int, ...]:
    """The numbers of the assistant turns that need reasoning, as they are trained: all of them, or the last.

    Turns of weight 0, empty ones and a greeting before any request have nothing to reason about. A conversation
    that ends with a request is asked for the response to come.
    """
    messages, ends = row.messages, row.turn_ends
    last = len(ends) - 1
    if not last or not row.has_response:
        weighs = ends[last] == len(messages) or _weighs(messages[ends[last]])
        return (last,) if weighs else ()
    learnt = [
        n for n, end in enumerate(ends) if _learns(messages, end) or (n == last and _weighs(messages[end]))
    ]
    return tuple(learnt if turns == "all" else learnt[-1:])


def _learns(messages: Sequence[Message], end: int) -> bool:
    asked = any(message.get("role") in _ANSWERED for message in messages[:end])
    return asked and _weighs(messages[end]) and replies(messages[end])


def _weighs(message: Message) -> bool:
    return message.get("weight") != 0


def replies(message: Message) -> bool:
    """Whether an assistant's message says anything: a text, or calls of tools."""
    return not missing(message.get("content")) or bool(message.get("tool_calls"))


def by_turn(cell: object, count: int) -> list[Reasoning | None]:
    """A cell as one entry per assistant turn; a dict or a text belongs to the last of them.

    Args:
        cell: what stands in the column; also a list as Arrow or a file of text gives it back.
        count: how many assistant turns the conversation has.

    Raises:
        TurnCountError: the cell is for another number of turns.
    """
    if _is_dict(cell):  # the common case
        return [cell] if count == 1 else [*[None] * (count - 1), cell]
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        cell = _read(cell, count)
    if not is_sequence(cell):
        return [None] * (count - 1) + [_entry(cell)]
    if len(cell) != count:
        raise TurnCountError(
            f"its reasoning is for {len(cell)} assistant turns, and the conversation has {count}"
        )
    return [_entry(part) for part in cell]


def entries_of(cell: object, count: int) -> list[Reasoning | None]:
    """A cell by turn; of one that is for another number of turns the last entry alone."""
    try:
        return by_turn(cell, count)
    except TurnCountError:
        return [None] * (count - 1) + [last_of(cell)]


def last_of(cell: object) -> Reasoning | None:
    """The reasoning of the last assistant turn, whatever the number of turns."""
    if _is_dict(cell) or not is_sequence(cell):
        return _entry(cell)
    return _entry(cell[-1]) if len(cell) else None


def of_row(cell: object, conversation: Conversation) -> RowReasoning | None:
    """A cell in the form in which a row goes on: the last turn's reasoning as it is, that of several as a list.

    A list for another number of turns goes on as it is, so that whoever looks at the turns can say so.
    """
    if _is_dict(cell) or not (is_sequence(cell) or isinstance(cell, str)):
        return _entry(cell)
    try:
        entries = by_turn(cell, len(conversation.turn_ends))
    except TurnCountError:
        return [_entry(part) for part in cell]
    return entries if any(entries[:-1]) else entries[-1]


def _is_dict(value: object) -> TypeGuard[Mapping[str, Any]]:
    """As `is_mapping`, quicker for what most cells are."""
    return type(value) is dict


def _entry(part: object) -> Reasoning | None:
    return part if _is_dict(part) or is_mapping(part) or (isinstance(part, str) and part.strip()) else None


def _read(text: str, count: int) -> object:
    """A list that a file of text has kept as JSON or as Python prints it; the text itself where it is neither."""
    for reader in (json.loads, ast.literal_eval):
        try:
            found = reader(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if is_sequence(found) and all(part is None or is_mapping(part) for part in found):
            return found if count > 1 or len(found) == 1 else text
    return text
