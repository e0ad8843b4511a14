"""Samples: the rows of a review as they stand now, and which of them a query picks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..data.conversation import Conversation, is_mapping, is_sequence
from ..data.frame import Frame
from ..data.turn_reasoning import last_of
from ..errors import ReviewError, choices
from ..options import checked
from .checks import WEIGHTS, Checks, Flags, Row, earlier_of
from .decisions import Decision, Decisions
from .turns import ReviewedTurn, cell_with_last, cell_with_turns, cells_of, checked_row, lacks_turns, turns_of

VERDICTS = ("accepted", "rejected", "undecided")
STATUSES = ("ok", "pending", "error", "stale", "invalid", "none")
SORTS = ("position", "suspicion", "rating", "length", "loss")
_KEPT = 1000  # conversations held; more are read again from the frame


@checked(ReviewError, 'Query(status="ok", sort="suspicion")')
@dataclass(frozen=True)
class Query:
    """Which rows to show, and in which order; every part that is None lets all rows through.

    Attributes:
        status: a ``reasoning_status``, or ``none`` for rows without one.
        verdict: ``accepted``, ``rejected`` or ``undecided``.
        rating: the least rating.
        flag: a flag of the checks, or ``any``.
        text: found in request, reasoning or response, without regard to case.
        split: ``train``, ``validation`` or ``test``.
        sort: ``position``, ``suspicion``, ``rating``, ``length`` or ``loss``; all but position largest first.
    """

    status: str | None = None
    verdict: str | None = None
    rating: int | None = None
    flag: str | None = None
    text: str = ""
    split: str | None = None
    sort: str = "position"

    def __post_init__(self) -> None:
        for name, options in (("status", STATUSES), ("verdict", VERDICTS), ("sort", SORTS)):
            value = getattr(self, name)
            if value is not None and value not in options:
                raise ReviewError(f"{value!r} is no {name}.", choices(value, options))
        if self.flag not in (None, "any", *WEIGHTS):
            raise ReviewError(f"{self.flag!r} is no flag.", choices(str(self.flag), ("any", *WEIGHTS)))


@dataclass(frozen=True)
class Sample:
    """One row as the reviewer sees it, decisions applied; ``key`` names it in the journal.

    Reasoning and response are the last assistant turn's; ``turns`` holds every turn of a row that has several. A sample
    of one earlier turn, as `at` gives it, says which in ``turn``.
    """

    position: int
    key: str
    conversation: Conversation
    reasoning: Mapping[str, Any]
    response: str | None
    status: str | None
    error: str | None
    decision: Decision
    flags: Flags = field(default_factory=Flags)
    turns: tuple[ReviewedTurn, ...] = ()
    turn: int | None = None

    def at(self, turn: int | None) -> Sample:
        """The row as it stood with one assistant turn, counted from 0; whole with the last one, and for None."""
        count = len(self.turns) or 1
        if turn is not None and not -count <= turn < count:
            raise ReviewError(
                f"Row {self.position} has {count} assistant turns; there is no turn {turn!r}.",
                f"review[{self.position}].turns   (numbered from 0)",
            )
        if turn is None or turn % count == count - 1:
            return self
        one, told = self.turns[turn], self.conversation.turn(turn % count)
        return replace(
            self,
            conversation=told,
            reasoning=one.reasoning,
            response=told.response,
            flags=one.flags,
            turns=(),
            turn=one.number,
        )

    @property
    def teacher_reasoning(self) -> Mapping[str, Any]:
        """What the teacher wrote, before any edit."""
        if self.turn is not None:
            edited = str(self.turn) in self.decision.turns
            return self.decision.teacher_turns.get(str(self.turn), {}) if edited else self.reasoning
        original = self.decision.teacher_reasoning
        return self.reasoning if self.decision.reasoning is None or original is None else original

    @property
    def data_response(self) -> str | None:
        """What the data had as the response, before any edit."""
        original = self.decision.data_response
        return (
            self.response
            if self.turn is not None or self.decision.response is None or original is None
            else original
        )


class ReviewedRows:
    """The read side of a review: the frame's rows under the fold of all decisions."""

    def __init__(
        self, frame: Frame, decisions: Decisions, *, losses: Mapping[int, float] | None = None
    ) -> None:
        self.frame = frame
        self.decisions = decisions
        self.roots = [decisions.root(key) for key in frame.keys]
        self.places = {root: i for i, root in enumerate(self.roots)}
        self.statuses = frame.column("reasoning_status")
        self.reasonings = cells_of(frame)
        self.errors = frame.column("reasoning_error")
        self._verdicts = np.full(len(self.roots), "undecided", dtype="U9")
        self._ratings = np.zeros(len(self.roots))
        self._tally = {**dict.fromkeys(VERDICTS, 0), "undecided": len(self.roots)}
        self._stale = {i for i, status in enumerate(self.statuses) if status == "stale"}
        self._losses = dict(losses or {})
        self._first: dict[int, tuple[Any, Any]] = {}  # status and error of rows before the first act on them
        self._by_hand: dict[
            int, set[str]
        ] = {}  # earlier turns that stand in a row's cell as a person wrote them
        self._conversations: dict[int, Conversation] = {}
        self._checks: Checks | None = None
        self._checking = threading.Lock()  # taken before the lock below, never inside it
        self._late: set[int] = set()  # rows that changed while all were being checked
        self._texts: list[str] | None = None
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.roots)

    def decision(self, position: int) -> Decision:
        """What people said of a row."""
        return self.decisions.of(self.roots[position])

    def conversation(self, position: int) -> Conversation:
        """The row's messages, with an edited response in place."""
        with self._lock:
            if position not in self._conversations:
                self._read([position])
            return self._conversations[position]

    def _read(self, positions: Sequence[int]) -> None:
        """Reads rows from the frame at once: one by one costs pandas half a millisecond each."""
        if len(self._conversations) + len(positions) > _KEPT:
            self._conversations.clear()
        for position, found in zip(positions, self.frame.layout.read(self.frame.df, positions), strict=True):
            response = self.decision(position).response
            if response is not None and response != found.response:
                found = found.with_response(response)
            self._conversations[position] = found

    def samples(self, positions: Sequence[int]) -> list[Sample]:
        """Several rows, read together; at most a thousand."""
        with self._lock:
            unread = [position for position in positions if position not in self._conversations]
            if unread:
                self._read(unread)
            return [self.sample(position) for position in positions]

    def sample(self, position: int) -> Sample:
        """One row, decisions applied."""
        conversation = self.conversation(position)
        return Sample(
            position=position,
            key=self.roots[position],
            conversation=conversation,
            reasoning=dict(self._reasoning(position) or {}),
            response=conversation.response,
            status=self.statuses[position],
            error=self.errors[position],
            decision=self.decision(position),
            flags=self._checks.flags[position] if self._checks is not None else Flags(),
            turns=self._turns(position, conversation),
        )

    def _turns(self, position: int, conversation: Conversation) -> tuple[ReviewedTurn, ...]:
        turns = turns_of(conversation, self.reasonings[position], self.decision(position))
        if self._checks is None:
            return turns
        messages, checks = conversation.messages, self._checks
        said = [messages[turn.at].get("content") if turn.at < len(messages) else None for turn in turns]
        return tuple(
            replace(turn, flags=checks.of((turn.reasoning, text)))
            for turn, text in zip(turns, said, strict=True)
        )

    def fold(self, positions: Iterable[int], changed: set[str]) -> None:
        """Brings what a decision changed into these rows."""
        with self._lock:
            for position in positions:
                decision = self.decision(position)
                self._mark(position, decision)
                first = self._first.setdefault(position, (self.statuses[position], self.errors[position]))
                if "reasoning" in changed:
                    new = decision.teacher_reasoning if decision.reasoning is None else decision.reasoning
                    self.reasonings[position] = cell_with_last(self.reasonings[position], new)
                if "turns" in changed:
                    self._take_turns(position, decision)
                if decision.stale:
                    self.statuses[position] = "stale"
                elif changed & {"stale", "reasoning", "turns"} and self._is_whole(position):
                    self.statuses[position], self.errors[position] = "ok", None
                elif "turns" in changed:  # the edit of a turn that had failed was taken back
                    self.statuses[position], self.errors[position] = first
                (self._stale.add if self.statuses[position] == "stale" else self._stale.discard)(position)
                if "response" in changed:
                    text = decision.data_response if decision.response is None else decision.response
                    if text is not None:
                        self._conversations[position] = self.conversation(position).with_response(text)
                if changed & {"reasoning", "response", "turns"}:
                    self._late.add(position)
                    self._renew(position)

    def _take_turns(self, position: int, decision: Decision) -> None:
        """Brings what people wrote of earlier turns into the row's cell, and what they took back out of it."""
        before, now = self._by_hand.get(position, set()), set(decision.turns)
        self._by_hand[position] = now
        count = len(self.conversation(position).turn_ends)
        self.reasonings[position] = cell_with_turns(self.reasonings[position], count, decision, before - now)

    def _is_whole(self, position: int) -> bool:
        """Whether reasoning is there, and no turn that failed is still without."""
        cell = self.reasonings[position]
        failed = is_sequence(cell) and self.statuses[position] != "stale"
        return bool(cell) and not (failed and lacks_turns(self.conversation(position), cell))

    def reload(self) -> None:
        """Reads status and reasoning again, after an augmentation has written more rows."""
        with self._checking, self._lock:
            self.statuses = self.frame.column("reasoning_status")
            self.reasonings = cells_of(self.frame)
            self.errors = self.frame.column("reasoning_error")
            self._stale = {i for i, status in enumerate(self.statuses) if status == "stale"}
            self._checks = self._texts = None
            self._first.clear()

    @property
    def checks(self) -> Checks:
        """What the checks say of every row; computed when first asked for, then kept true by `fold`."""
        with self._checking:
            if self._checks is None:
                self._late.clear()
                read = enumerate(self.frame.layout.read(self.frame.df))
                checks = Checks(self._checked(i, found) for i, found in read)
                with self._lock:  # not before: deciding goes on meanwhile
                    self._checks = checks
                    for position in self._late:
                        self._renew(position)
            return self._checks

    def _renew(self, position: int) -> None:
        """Brings one row's change into what was computed of all rows."""
        if self._checks is None and self._texts is None:
            return
        conversation = self.conversation(position)
        if self._checks is not None:
            row = self._checked(position, conversation)
            self._checks.update(position, row[0], row[1], earlier_of(row))
        if self._texts is not None:
            self._texts[position] = self._searched(position, conversation)

    def counts(self) -> dict[str, int]:
        """Rows per verdict, stale ones, and all."""
        return {**self._tally, "stale": len(self._stale), "rows": len(self)}

    def where(self, query: Query) -> np.ndarray:
        """Positions (int64) of a query's rows, in its order."""
        keep = np.ones(len(self), dtype=bool)
        if query.status is not None:
            wanted = None if query.status == "none" else query.status
            keep &= self._mask(status == wanted for status in self.statuses)
        if query.verdict is not None:
            keep &= self._verdicts == query.verdict
        if query.rating is not None:
            keep &= self._ratings >= query.rating
        if query.flag is not None:
            keep &= self.checks.flagged(query.flag)
        if query.split is not None:
            keep &= self._mask(split == query.split for split in self.frame.column("split"))
        if query.text:
            needle = query.text.casefold()
            keep &= self._mask(needle in text for text in self._searchable())
        found = np.flatnonzero(keep)
        if query.sort == "position":
            return found
        return found[np.argsort(-self._sort_values(query.sort)[found], kind="stable")]

    def _mask(self, hits: Iterable[bool]) -> np.ndarray:
        return np.fromiter(hits, bool, len(self))

    def _reasoning(self, position: int) -> Mapping[str, Any] | None:
        """The last turn's."""
        reasoning = last_of(self.reasonings[position])
        return reasoning if is_mapping(reasoning) else None

    def _checked(self, position: int, conversation: Conversation) -> Row:
        return checked_row(conversation, self.reasonings[position], self._response(position, conversation))

    def _response(self, position: int, conversation: Conversation) -> str | None:
        edited = self.decision(position).response
        return conversation.response if edited is None else edited

    def _mark(self, position: int, decision: Decision) -> None:
        old, new = str(self._verdicts[position]), decision.verdict or "undecided"
        self._tally[old] -= 1
        self._tally[new] += 1
        self._verdicts[position] = new
        self._ratings[position] = decision.rating or 0

    def _searchable(self) -> list[str]:
        with self._lock:
            if self._texts is None:
                read = enumerate(self.frame.layout.read(self.frame.df))
                self._texts = [self._searched(i, conversation) for i, conversation in read]
            return self._texts

    def _searched(self, position: int, conversation: Conversation) -> str:
        parts = [str(message.get("content")) for message in conversation.prompt]
        parts.append(self._response(position, conversation) or "")
        cell = self.reasonings[position]
        for entry in cell if is_sequence(cell) else [cell]:
            parts += map(str, entry.values() if is_mapping(entry) else ())
        return "\n".join(parts).casefold()

    def _sort_values(self, sort: str) -> np.ndarray:
        if sort == "rating":
            return self._ratings
        if sort == "suspicion":
            return self.checks.suspicion
        if sort == "loss":
            return np.array([self._losses.get(i, -np.inf) for i in range(len(self))])
        return np.array([len(text) for text in self._searchable()])
