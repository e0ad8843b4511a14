"""Proposing: what comes for rows that have reasoning is proposed, and leaves what stands in the frame alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.conversation import is_mapping, json_ready
from ..data.frame import Frame
from ..data.turn_reasoning import last_of
from ..decisions import Decisions, Proposals, Proposed
from ..job import Mailbox
from .frame_writer import FrameWriter
from .row_turns import Cell

Standing = Mapping[int, Mapping[str, Any]]


def standing_in(frame: Frame) -> dict[int, Mapping[str, Any]]:
    """Position → the reasoning of the last turn, of the rows in which it is ok."""
    cells, statuses = frame.column("reasoning"), frame.column("reasoning_status")
    found = {i: last_of(cells[i]) for i, status in enumerate(statuses) if status == "ok"}
    return {i: reasoning for i, reasoning in found.items() if is_mapping(reasoning) and reasoning}


def proposing(rows: int) -> str:
    """What a person is told of it."""
    return (
        f"{rows} rows hold reasoning, which stays: what comes for those that nobody has decided on is proposed, and "
        "df.reason.review().proposals shows it. propose=False puts it in place instead."
    )


class ProposingWriter(FrameWriter):
    """A `FrameWriter` that proposes for rows that have reasoning, and writes the others.

    Args:
        frame: as for `FrameWriter`.
        mailbox: as for `FrameWriter`.
        standing: what stands in the rows that have reasoning, by position.
        decisions: by which rows are named.
        told: what each proposal says of where it comes from.
    """

    def __init__(
        self,
        frame: Frame,
        mailbox: Mailbox,
        standing: Standing,
        decisions: Decisions,
        told: Mapping[str, Any],
    ) -> None:
        super().__init__(frame, mailbox)
        self.standing = standing
        self.proposals = Proposals(decisions.store, decisions)
        self._decisions = decisions
        self._told = told
        self._roots: list[str] = []
        self._found: dict[int, Mapping[str, Any]] = {}

    def add(self, position: int, reasoning: Cell | None, status: str, error: str | None) -> None:
        """Takes one finished row; a row that has reasoning keeps it and its status, whatever comes."""
        if position not in self.standing:
            super().add(position, reasoning, status, error)
            return
        new = last_of(reasoning)
        if status == "ok" and is_mapping(new) and json_ready(new) != json_ready(self.standing[position]):
            self._found[position] = new

    def flush(self, *, now: bool = False) -> None:
        """Proposes what is ready, and posts the rest."""
        found, self._found = self._found, {}
        if found:
            self._roots = self._roots or self._decisions.roots_of(self.keys)
            self.proposals.add(Proposed(self._roots[i], new, None, self._told) for i, new in found.items())
        super().flush(now=now)
