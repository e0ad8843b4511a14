"""Turns: the assistant turns of a row under review, each with its reasoning and what people wrote of it.

A decision holds what a person wrote of the last turn as its ``reasoning``, as it always did, and of earlier turns in
``turns``, by number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ..data.conversation import Conversation, is_mapping, is_sequence
from ..data.turn_reasoning import asked_turns, entries_of
from ..decisions import Decision
from ..quality.checks import Finding, Flags

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class ReviewedTurn:
    """One assistant turn of a row, decisions applied.

    Attributes:
        number: which one, from 0.
        at: where its message stands in the conversation.
        reasoning: field name → value; empty where the turn has none.
        teacher_reasoning: what the teacher wrote of it, before any edit.
        flags: what the checks say of it.

    Example:
        >>> df.reason.review()[0].turns  # a row of one request and its response has no turns to tell apart
        ()
    """

    number: int
    at: int
    reasoning: Fields
    teacher_reasoning: Fields
    flags: Flags = field(default_factory=Flags)
    read_findings: Callable[[], tuple[Finding, ...]] = field(default=tuple, repr=False, compare=False)


def turns_of(conversation: Conversation, cell: object, decision: Decision) -> tuple[ReviewedTurn, ...]:
    """The turns of a row that has several; none of one that has not."""
    ends = conversation.turn_ends
    if len(ends) < 2:
        return ()
    found: list[ReviewedTurn] = []
    for number, (at, entry) in enumerate(zip(ends, entries_of(cell, len(ends)), strict=True)):
        reasoning = dict(entry) if is_mapping(entry) else {}
        wrote = decision.teacher_turns.get(str(number)) if str(number) in decision.turns else None
        if number == len(ends) - 1 and decision.reasoning is not None:
            wrote = decision.teacher_reasoning
        found.append(ReviewedTurn(number, at, reasoning, reasoning if wrote is None else wrote))
    return tuple(found)


def lacks_turns(conversation: Conversation, cell: object) -> bool:
    """Whether some turn that trains is without reasoning although others have theirs."""
    if not is_sequence(cell):
        return False
    entries = entries_of(cell, len(conversation.turn_ends))
    return not all(entries[number] for number in asked_turns(conversation))


def edit_of(decision: Decision, turn: int | None, reasoning: Fields, wrote: Fields) -> dict[str, Any]:
    """What of a decision changes when a person writes a turn's reasoning; the last turn is None.

    Args:
        decision: as it stands.
        turn: the number of an earlier turn.
        reasoning: what the person writes.
        wrote: what the teacher had written.
    """
    if turn is None:
        return {"reasoning": reasoning, "teacher_reasoning": wrote}
    return {
        "turns": {**decision.turns, str(turn): reasoning},
        "teacher_turns": {**decision.teacher_turns, str(turn): wrote},
    }


def cell_with_last(cell: object, reasoning: Fields | None) -> object:
    """The cell with this reasoning for the last turn; texts that the data brought are no turns."""
    new = (
        deepcopy(dict(reasoning)) if reasoning else None
    )  # the frame is the user's, the decision the journal's
    if not is_sequence(cell) or not all(part is None or is_mapping(part) for part in cell):
        return new
    made = [*cell[:-1], new]
    return made if any(made) else None


def cell_with_turns(cell: object, count: int, decision: Decision, undone: set[str]) -> object:
    """The cell with what people wrote of earlier turns, and what the teacher wrote of those no longer edited."""
    made = entries_of(cell, count)
    for number in range(count - 1):
        name = str(number)
        if name in decision.turns or name in undone:
            new = (decision.turns if name in decision.turns else decision.teacher_turns).get(name)
            made[number] = deepcopy(new) or None
    return made if any(made[:-1]) else made[-1]
