"""Samples: the rows of a review as they stand now, and which of them a query picks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..data.conversation import Conversation, is_mapping, is_sequence, missing
from ..data.frame import Frame
from ..data.row_account import CONFLICT
from ..data.turn_reasoning import last_of
from ..decisions import Conflict, Decision, Decisions, Proposals, who_decides
from ..decisions.assignment import Assignment
from ..errors import LayoutError, ReviewError, choices
from ..quality.audit import AUDIT_FLAGS, RowAudit, RowAudits, flags_of
from ..quality.calibration import Calibration, as_it_was, calibrated, is_edited
from ..quality.checks import Checks, Finding, Flags, Row, WholeRow, cells_of, checked_row
from ..quality.known_schemas import KnownSchemas
from ..quality.same_cases import Conflicting, SameCases
from .query import EVERYBODY, VERDICTS, Query, condition, sort_key
from .turns import ReviewedTurn, cell_with_last, cell_with_turns, lacks_turns, turns_of

_KEPT = 1000  # conversations held; more are read again from the frame
_LOOKED = 200  # rows whose reasoning is looked at for names of fields
_CHOICES = 24  # values of a column or field that one chooses from; of more one types


@dataclass(frozen=True)
class Sample:
    """One row as the reviewer sees it, decisions applied; ``key`` names it in the journal.

    Reasoning and response are the last assistant turn's; ``turns`` holds every turn of a row that has several. A sample
    of one earlier turn, as `at` gives it, says which in ``turn``. What audits have found of it as it stands now is in
    ``audits``, the newest first.

    Example:
        >>> from reasonbook.review import Review
        >>> df.reason.review().tag(0, "odd")[0].decision.tags
        ('odd',)
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
    audits: tuple[RowAudit, ...] = ()
    conflict: Conflict | None = None
    read_columns: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False, compare=False)
    read_findings: Callable[[], tuple[Finding, ...]] = field(default=tuple, repr=False, compare=False)

    @cached_property
    def columns(self) -> Mapping[str, Any]:
        """What the row has beside request, response and reasoning: its other columns, read when asked for."""
        return self.read_columns()

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks see in the row, or in this turn, in words and with its place; read when asked for."""
        return self.read_findings()

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
            read_findings=one.read_findings,
            turns=(),
            turn=one.number,
            audits=(),
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
        self,
        frame: Frame,
        decisions: Decisions,
        *,
        losses: Mapping[int, float] | None = None,
        schemas: KnownSchemas | None = None,
    ) -> None:
        self.frame = frame
        self._schemas = schemas
        self.decisions = decisions
        self.proposals = Proposals(decisions.store, decisions)
        self._losses = dict(losses or {})
        self._checking = threading.Lock()  # taken before the lock below, never inside it
        self._late: set[int] = set()  # rows that changed while all were being checked
        self._lock = threading.RLock()
        self._look()

    def _look(self) -> None:
        """Takes the rows as they stand in the frame and in the journal now."""
        frame = self.frame
        self.who = who_decides()  # as whom the rows are looked at
        self.names = list(frame.keys)
        self.roots = self.decisions.roots_of(frame.fresh_keys)
        self.places = {root: i for i, root in enumerate(self.roots)}
        self.statuses = frame.column("reasoning_status")
        self.reasonings = cells_of(frame)
        self.errors = frame.column("reasoning_error")
        self._index = frame.df.index
        self._verdicts = np.full(len(self.roots), "undecided", dtype="U9")
        self._ratings = np.zeros(len(self.roots))
        self._tally = {**dict.fromkeys(VERDICTS, 0), "undecided": len(self.roots)}
        self._stale = {i for i, status in enumerate(self.statuses) if status == "stale"}
        self._first: dict[int, tuple[Any, Any]] = {}  # status and error of rows before the first act on them
        self._by_hand: dict[int, set[str]] = {}  # earlier turns that stand in a cell as a person wrote them
        self._edited: set[int] = set()
        self._counted: tuple[Assignment, dict[str, int]] | None = None  # rows by whom they are assigned to
        self._marked: set[int] = set()  # rows with a note, a tag, or put aside
        self._conversations: dict[int, Conversation] = {}
        self._checks: Checks | None = None
        self._before: dict[int, int] = {}  # flags that edited rows had before, as bits
        self._audits = RowAudits(self.decisions.store)
        self._texts: list[str] | None = None

    def __len__(self) -> int:
        return len(self.roots)

    def decision(self, position: int) -> Decision:
        """What people said of a row, as whoever reviews may see it."""
        return self.decisions.seen(self.roots[position])

    def cells(self, position: int) -> dict[str, Any]:
        """What the frame holds of the decision on a row, by column: what all reviewers say together."""
        decision = self.decisions.of(self.roots[position])
        conflict = self.decisions.conflict(self.roots[position])
        return {"verdict": decision.verdict if conflict is None else CONFLICT, "rating": decision.rating}

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
        names = [self.names[position] for position in positions]
        for position, found in zip(positions, self.frame.read(names, positions), strict=True):
            self._conversations[position] = self._decided(position, found)

    def _decided(self, position: int, found: Conversation) -> Conversation:
        """What the frame holds, with the decision on it where that has not reached the frame yet."""
        response = self.decision(position).stands
        if response is None or (isinstance(response, str) and response == found.response):
            return found
        try:
            return self.frame.revised(self.names[position], position, response)
        except LayoutError:  # the decision was made in a frame where the row could take it
            return found

    def _all(self) -> Iterator[Conversation]:
        """Every row's messages as the frame holds them, in the order of the rows here."""
        if not self.frame.df.index.is_(self._index) or len(self.frame.df) != len(self):
            return iter(self.frame.read(self.names, range(len(self))))
        return self.frame.layout.read(self.frame.df)

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
            audits=tuple(self._audited(position, conversation)),
            conflict=self.decisions.conflict(self.roots[position], seen=True),
            read_columns=lambda: self.frame.other_columns(self.names[position], position),
            read_findings=lambda: self._findings(self._checked(position, conversation), position),
        )

    def _findings(self, row: Row, position: int | None = None) -> tuple[Finding, ...]:
        """What is seen in a row or a turn; of a row at a position also what others say of it."""
        if self._checks is None:
            return ()
        others = () if position is None else self._conflicting.finding(position)
        return (*others, *self._checks.findings(row))

    def _turns(self, position: int, conversation: Conversation) -> tuple[ReviewedTurn, ...]:
        turns = turns_of(conversation, self.reasonings[position], self.decision(position))
        if self._checks is None:
            return turns
        messages, checks = conversation.messages, self._checks
        said = [messages[turn.at].get("content") if turn.at < len(messages) else None for turn in turns]
        rows = [(turn.reasoning, text) for turn, text in zip(turns, said, strict=True)]
        return tuple(
            replace(turn, flags=checks.of(row), read_findings=partial(self._findings, row))
            for turn, row in zip(turns, rows, strict=True)
        )

    def fold(self, positions: Iterable[int], changed: set[str]) -> None:
        """Brings what a decision changed into these rows."""
        with self._lock:
            for position in positions:
                decision = self.decision(position)
                self._mark(position, decision)
                if changed & {"stale", "reasoning", "turns"}:
                    self._reason(position, decision, changed)
                if "response" in changed:
                    self._conversations.pop(position, None)
                if changed & {"reasoning", "response", "turns", "note"}:
                    self._late.add(position)
                    self._renew(position)

    def _reason(self, position: int, decision: Decision, changed: set[str]) -> None:
        """Brings reasoning and status to what a decision says, or back to what they were before any."""
        first = self._first.setdefault(position, (self.statuses[position], self.errors[position]))
        if "reasoning" in changed:
            new = decision.teacher_reasoning if decision.reasoning is None else decision.reasoning
            self.reasonings[position] = cell_with_last(self.reasonings[position], new)
        if "turns" in changed:
            self._take_turns(position, decision)
        by_hand = decision.reasoning is not None or decision.response is not None or bool(decision.turns)
        looked_at = by_hand or first[0] == "stale"
        if decision.stale:
            self.statuses[position] = "stale"
        elif looked_at and self._is_whole(position):
            self.statuses[position], self.errors[position] = "ok", None
        else:
            self.statuses[position], self.errors[position] = first
        (self._stale.add if self.statuses[position] == "stale" else self._stale.discard)(position)

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
        """Looks at the frame again, whose rows may have moved, come, gone or been filled since."""
        with self._checking, self._lock:
            self.frame.refresh()
            self._look()

    @property
    def checks(self) -> Checks:
        """What the checks say of every row; computed when first asked for, then kept true by `fold`."""
        with self._checking:
            if self._checks is None:
                self._late.clear()
                read = enumerate(self._all())
                self._conflicting = Conflicting(SameCases(self.frame))
                also = {"conflict": self._conflicting.mask}
                fitting = None if self._schemas is None else self._schemas.fitting
                checks = Checks((self._checked(i, found) for i, found in read), fitting, also=also)
                with self._lock:  # not before: deciding goes on meanwhile
                    self._checks = checks
                    self._late.update(self.places[row] for row in self._audits.rows if row in self.places)
                    for position in self._late:
                        self._renew(position)
            return self._checks

    def calibration(self) -> Calibration:
        """How far to trust each flag, by what is decided of these rows."""
        checks = self.checks
        with self._lock:
            decided = np.flatnonzero(self._verdicts != "undecided").tolist()
            rows = {*decided, *self._edited}
            return calibrated(checks.bits, {at: self.decision(at) for at in sorted(rows)}, self._bits_before)

    def _bits_before(self, position: int, decision: Decision) -> int:
        if position not in self._before:
            row = self._checked(position, self.conversation(position))
            self._before[position] = self.checks.bits_of(as_it_was(row, decision))
        return self._before[position]

    def _renew(self, position: int) -> None:
        """Brings one row's change into what was computed of all rows."""
        if self._checks is None and self._texts is None:
            return
        conversation = self.conversation(position)
        self._before.pop(position, None)
        if self._checks is not None:
            self._checks.update(position, *self._checked(position, conversation))
            for row, conflicts in self._conflicting.answered(position, conversation.response).items():
                self._checks.note(row, ["conflict"] if conflicts else [], among=["conflict"])
            self._checks.note(position, flags_of(self._audited(position, conversation)), among=AUDIT_FLAGS)
        if self._texts is not None:
            self._texts[position] = self._searched(position, conversation)

    def counts(self) -> dict[str, int]:
        """Rows per verdict, stale ones, and all."""
        tally = {name: rows for name, rows in self._tally.items() if rows or name != CONFLICT}
        return {**tally, "stale": len(self._stale), "rows": len(self)}

    def where(self, query: Query) -> np.ndarray:
        """Positions (int64) of a query's rows, in its order."""
        keep = np.ones(len(self), dtype=bool)
        if query.assigned not in (None, EVERYBODY):
            keep &= self._assigned(query.assigned)
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
        for by, parts in (("field", query.field), ("column", query.column)):
            for name, wanted in (parts or {}).items():
                keep &= self._mask(map(condition(wanted), self._cells(by, name)))
        if query.tag is not None:
            keep &= self._marks(lambda decision: query.tag in decision.tags)
        if query.note is not None:
            keep &= self._marks(lambda decision: decision.note is not None) == query.note
        if query.later is not None:
            keep &= self._marks(lambda decision: decision.later) == query.later
        if query.proposed is not None:
            waiting = self.proposals.waiting
            keep &= self._mask(root in waiting for root in self.roots) == query.proposed
        if query.text:
            needle = query.text.casefold()
            keep &= self._mask(needle in text for text in self._searchable())
        return self._ordered(np.flatnonzero(keep), query)

    def queue(self) -> str | None:
        """Whoever reviews, where some of these rows are assigned to them."""
        return self.who if self.who in self.assigned() else None

    def _assigned(self, name: str) -> np.ndarray:
        """The rows that are assigned to a reviewer."""
        given = self.decisions.assignment.rows
        if name not in given:
            raise ReviewError(f"No row is assigned to {name!r}.", choices(name, (*given, EVERYBODY)))
        return self._mask(root in given[name] for root in self.roots)

    def assigned(self) -> dict[str, int]:
        """How many of these rows are assigned to each reviewer."""
        given = self.decisions.assignment
        if self._counted is None or self._counted[0] is not given:
            counts = {name: sum(root in self.places for root in rows) for name, rows in given.rows.items()}
            self._counted = given, {name: count for name, count in counts.items() if count}
        return self._counted[1]

    def _ordered(self, found: np.ndarray, query: Query) -> np.ndarray:
        by, _, name = query.sort.partition(":")
        if query.sort == "position":
            return found[::-1] if query.falling else found
        if not name:
            values = self._sort_values(query.sort)[found]
            return found[np.argsort(-values if query.falling else values, kind="stable")]
        cells = self._cells(by, name)
        known = [position for position in found.tolist() if not missing(cells[position])]
        known.sort(key=lambda position: sort_key(cells[position]), reverse=query.falling)
        rest = np.setdiff1d(found, known, assume_unique=True)
        return np.concatenate([np.array(known, dtype=np.int64), rest])

    def _cells(self, by: str, name: str) -> list[Any]:
        """A field of the reasoning or a column of the frame, by position.

        Raises:
            ReviewError: there is none of this name.
        """
        if by == "field":
            cells = [(self._reasoning(i) or {}).get(name) for i in range(len(self))]
            if any(cell is not None for cell in cells) or name in self.field_names():
                return cells
            raise ReviewError(f"The reasoning has no field {name!r}.", choices(name, self.field_names()))
        columns = {str(column): column for column in self.frame.df.columns}
        if name not in columns:
            raise ReviewError(f"The frame has no column {name!r}.", choices(name, columns))
        if not self.frame.df.index.is_(self._index):
            self.reload()
        return self.frame.column(columns[name])

    def field_names(self) -> list[str]:
        """The fields of the reasoning, as the first rows have them."""
        names: dict[str, None] = {}
        for position in range(min(len(self), _LOOKED)):
            names.update(dict.fromkeys(map(str, self._reasoning(position) or {})))
        return list(names)

    def values(self, by: str, name: str) -> list[str]:
        """The values that a field or column has, most frequent first; none where they are too many to choose from."""
        cells = self._cells(by, name)
        counted = Counter(
            str(cell) for cell in cells if isinstance(cell, (str, bool)) and len(str(cell)) <= 60
        )
        return [value for value, _ in counted.most_common()] if 0 < len(counted) <= _CHOICES else []

    def marks(self) -> tuple[int, Counter[str]]:
        """How many rows are put aside, and how many bear each tag."""
        decisions = [self.decision(position) for position in self._marked]
        return sum(d.later for d in decisions), Counter(tag for d in decisions for tag in d.tags)

    def _marks(self, fits: Callable[[Decision], bool]) -> np.ndarray:
        hits = np.zeros(len(self), dtype=bool)
        hits[[position for position in self._marked if fits(self.decision(position))]] = True
        return hits

    def _mask(self, hits: Iterable[bool]) -> np.ndarray:
        return np.fromiter(hits, bool, len(self))

    def _reasoning(self, position: int) -> Mapping[str, Any] | None:
        """The last turn's."""
        reasoning = last_of(self.reasonings[position])
        return reasoning if is_mapping(reasoning) else None

    def _checked(self, position: int, conversation: Conversation) -> WholeRow:
        return checked_row(conversation, self.reasonings[position], self._response(position, conversation))

    def _audited(self, position: int, conversation: Conversation) -> list[RowAudit]:
        said = self._response(position, conversation)
        return self._audits.of(self.roots[position], conversation, self.reasonings[position], said)

    def _response(self, position: int, conversation: Conversation) -> str | None:
        edited = self.decision(position).response
        return conversation.response if edited is None else edited

    def _mark(self, position: int, decision: Decision) -> None:
        clash = self.decisions.several and self.decisions.conflict(self.roots[position], seen=True)
        old, new = str(self._verdicts[position]), CONFLICT if clash else decision.verdict or "undecided"
        self._tally[old] -= 1
        self._tally[new] += 1
        self._verdicts[position] = new
        (self._edited.add if is_edited(decision) else self._edited.discard)(position)
        self._ratings[position] = decision.rating or 0
        marked = decision.note is not None or bool(decision.tags) or decision.later
        (self._marked.add if marked else self._marked.discard)(position)

    def _searchable(self) -> list[str]:
        with self._lock:
            if self._texts is None:
                read = enumerate(self._all())
                self._texts = [self._searched(i, conversation) for i, conversation in read]
            return self._texts

    def _searched(self, position: int, conversation: Conversation) -> str:
        parts = [str(message.get("content")) for message in conversation.prompt]
        parts.append(self._response(position, conversation) or "")
        cell = self.reasonings[position]
        for entry in cell if is_sequence(cell) else [cell]:
            parts += map(str, entry.values() if is_mapping(entry) else ())
        parts.append(self.decision(position).note or "")
        return "\n".join(parts).casefold()

    def _sort_values(self, sort: str) -> np.ndarray:
        if sort == "rating":
            return self._ratings
        if sort == "suspicion":
            return self.checks.suspicion
        if sort == "loss":
            return np.array([self._losses.get(i, -np.inf) for i in range(len(self))])
        return np.array([len(text) for text in self._searchable()])
