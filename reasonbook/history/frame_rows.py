"""Frame rows: the rows of a frame, turn by turn, with what people said of them, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..data.conversation import Conversation, is_mapping, is_sequence, missing
from ..data.frame import Frame
from ..data.reasoning_origin import same_values
from ..data.turn_reasoning import Reasoning, TurnCountError, Turns, asked_turns, by_turn
from ..decisions import Decision, Decisions

_ONLY = (0,)  # the asked turns of most rows


class FrameRows:
    """The rows of a frame with what people said of them, read once.

    Attributes:
        keys: by position, as the frame names them.
        roots: by position, as the journal names them.
        conversations: by position.
        reasonings: what stands in the frame now, by position.
        several: position → how many assistant turns, of rows that have more than one.
    """

    def __init__(self, frame: Frame, decisions: Decisions) -> None:
        self.frame, self.decisions = frame, decisions
        self.keys = frame.keys
        self.roots = decisions.roots_of(frame.fresh_keys)
        self.conversations: list[Conversation] = list(frame.layout.read(frame.df))
        self.reasonings: list[Any] = frame.column("reasoning")
        self.versions = decisions.versions()
        counts = ((i, len(row.turn_ends)) for i, row in enumerate(self.conversations) if not row.problem)
        self.several = {i: count for i, count in counts if count > 1}
        self._turns: dict[tuple[int, int], Conversation] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def decision(self, position: int) -> Decision:
        """What people said of a row."""
        return self.decisions.of(self.roots[position])

    def count(self, position: int) -> int:
        """How many assistant turns a row has."""
        return self.several.get(position, 1)

    def asked(self, position: int, turns: Turns) -> tuple[int, ...]:
        """The numbers of the turns of a row that an augmentation asks."""
        row = self.conversations[position]
        if position not in self.several and "weight" not in row.messages[-1]:  # as most have it
            return _ONLY
        return asked_turns(row, turns)

    def turn(self, position: int, number: int) -> Conversation:
        """The conversation up to one turn."""
        if position not in self.several:
            return self.conversations[position]
        place = position, number
        if place not in self._turns:
            self._turns[place] = self.conversations[position].turn(number)
        return self._turns[place]

    def name(self, position: int, number: int) -> str:
        """A turn as the journal names it; "" for the last one."""
        return "" if number == self.count(position) - 1 else str(number)

    def entries(self, position: int) -> list[Reasoning | None]:
        """What stands in the frame for a row, turn by turn; nothing that is for another number of turns."""
        try:
            return by_turn(self.reasonings[position], self.count(position))
        except TurnCountError:
            return [None] * self.count(position)

    def teachers(self, position: int, number: int) -> Reasoning | None:
        """What stands in the frame for a turn, or what the teacher had written before the edit that stands there."""
        decided, stands = self.decision(position), self.entries(position)[number]
        name = self.name(position, number)
        mine = decided.turns.get(name) if name else decided.reasoning
        if mine is None or not same_values(stands, mine):
            return stands
        return (decided.teacher_turns.get(name) if name else decided.teacher_reasoning) or stands

    def edits(self, position: int, number: int) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """What people gave a turn and stands, each with the teacher's before; oldest first."""
        if not self.versions:
            return ()
        return self.versions.get((self.roots[position], self.name(position, number)), ())

    def edited(self, position: int, number: int) -> bool:
        """Whether what stands in the frame for a turn is a person's own, and in the journal."""
        edits = self.edits(position, number)
        return bool(edits) and any(same_values(self.entries(position)[number], mine) for mine, _ in edits)

    def changed(self, position: int, coming: object) -> list[int]:
        """The turns of which something else would stand in the frame."""
        pairs = zip(self.entries(position), by_turn(coming, self.count(position)), strict=True)
        return [
            n
            for n, (old, new) in enumerate(pairs)
            if old != new and not (is_mapping(new) and same_values(old, new))
        ]

    def lost(self, position: int, coming: object) -> bool:
        """Whether a row holds what would be gone and is no person's own on record."""
        cell = self.reasonings[position]
        if missing(cell) or (is_mapping(cell) and cell == coming):
            return False
        if is_sequence(cell) and len(cell) != self.count(position):
            return True
        entries = self.entries(position)
        return any(entries[n] and not self.edited(position, n) for n in self.changed(position, coming))
