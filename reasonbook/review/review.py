"""Review: accept, reject, edit and rate rows; every act is in the journal before it is in the frame."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..data.conversation import missing
from ..data.frame import Frame
from ..errors import ReviewError
from ..events import Event, Stream
from ..html_card import card
from ..job import Mailbox
from ..options import checked
from ..schema import Schema
from ..store import Store, default_store
from ..teachers import TeacherSpec
from .checks import Flags
from .decisions import UNDECIDED, Change, Decisions
from .repair import Proposal, Repair
from .samples import Query, ReviewedRows, Sample

CURSOR = "review:cursor"
Rows = int | Iterable[int]


class Review:
    """The review of a frame.

    Opening it brings every earlier decision on these rows back into the frame. Verbs take a position or
    several and return the review. They may be called from any thread; the frame is written on the thread
    that opened the review.

    Example:
        >>> review = df.reason.review()
        >>> review.accept([0, 1]).rate(0, 5).reject([3, 4]).undo()
        Review(accepted=2, rejected=0, undecided=38, stale=0, rows=40)
    """

    def __init__(
        self,
        frame: Frame,
        store: Store | None = None,
        *,
        losses: Mapping[int, float] | None = None,
        schema: Schema | None = None,
        teacher: TeacherSpec | None = None,
    ) -> None:
        self.frame = frame
        self.store = store or default_store()
        self.schema = schema
        self.teacher = teacher
        self.stream = Stream(keep=500)
        self.mailbox = Mailbox()
        self.decisions = Decisions(self.store)
        self._rows = ReviewedRows(frame, self.decisions, losses=losses)
        self._lock = threading.RLock()
        self._take_in_ratings()
        self._restore()
        self._cursor = self._saved_cursor()

    # -- look --------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> Sample:
        [position] = self._positions(position)
        return self._rows.sample(position)

    @checked(ReviewError, "review.samples([0, 1])")
    def samples(self, rows: Iterable[int]) -> list[Sample]:
        """Several rows at once, which is faster than one by one."""
        return self._rows.samples(self._positions(rows))

    @property
    def counts(self) -> dict[str, int]:
        """Rows per verdict, stale ones, and all."""
        return self._rows.counts()

    @property
    def flags(self) -> list[Flags]:
        """What the checks say of every row, by position."""
        return self._rows.checks.flags

    @checked(ReviewError, 'review.where(verdict="undecided")', configs=lambda: (Query,))
    def where(self, query: Query | None = None, **parts: Any) -> np.ndarray:
        """Positions of the rows of a query, in its order.

        Args:
            query: a `Query`; or give its parts by name.

        Returns:
            int64 array of positions.
        """
        return self._rows.where(query or Query(**parts))

    @property
    def cursor(self) -> int:
        """The row that is looked at; it survives a restart."""
        return self._cursor

    @cursor.setter
    def cursor(self, position: int) -> None:
        if position != self._cursor and 0 <= position < len(self):
            self._cursor = position
            self.store.append(CURSOR, [Event("cursor", {"key": self._rows.roots[position]})])

    # -- decide ------------------------------------------------------------------------------------------
    @checked(ReviewError, "review.accept([0, 1])")
    def accept(self, rows: Rows) -> Review:
        """Accepts rows; they train when their reasoning is ok."""
        return self._take(rows, {"verdict": "accepted"})

    @checked(ReviewError, "review.reject([0, 1])")
    def reject(self, rows: Rows) -> Review:
        """Rejects rows; they never train."""
        return self._take(rows, {"verdict": "rejected"})

    @checked(ReviewError, "review.clear([0, 1])")
    def clear(self, rows: Rows) -> Review:
        """Takes verdict and rating off rows."""
        return self._take(rows, {"verdict": None, "rating": None})

    @checked(ReviewError, "review.rate(0, 5)")
    def rate(self, rows: Rows, rating: int | None) -> Review:
        """Rates rows from 1 to 5; None takes the rating off."""
        if rating is not None and (isinstance(rating, bool) or rating not in range(1, 6)):
            raise ReviewError(f"{rating!r} is no rating.", "review.rate(0, 5)   (1 to 5, or None)")
        return self._take(rows, {"rating": rating})

    @checked(ReviewError, "review.confirm([0, 1])")
    def confirm(self, rows: Rows) -> Review:
        """Says that stale reasoning still fits the new response."""
        return self._take(rows, {"stale": False})

    @checked(ReviewError, 'review.edit(0, {"Amount": "104"})')
    def edit(
        self,
        row: int,
        reasoning: Mapping[str, Any] | None = None,
        response: str | None = None,
        **verdict: Any,
    ) -> Review:
        """Changes some fields of a row's reasoning, its response, or both.

        A changed response alone marks the reasoning stale: it argued for the old answer. Changing the
        reasoning, or both together, makes the row ok again.

        Args:
            row: its position.
            reasoning: field name → new value; fields that are not named stay.
            response: the new response.
            **verdict: ``verdict`` or ``rating``, to be part of the same act.
        """
        sample = self[row]
        changes: dict[str, Any] = {}
        if reasoning is not None and any(
            sample.reasoning.get(name) != new for name, new in reasoning.items()
        ):
            merged = {**sample.reasoning, **reasoning}
            if all(missing(value) for value in merged.values()):
                raise ReviewError("The new reasoning is empty.", f"review.reject({row})   takes the row out")
            changes |= {
                "reasoning": merged,
                "teacher_reasoning": dict(sample.teacher_reasoning),
                "stale": False,
            }
        if response is not None and response != sample.response:
            if not response.strip():
                raise ReviewError("The new response is empty.", f"review.reject({row})   takes the row out")
            changes |= {"response": response, "data_response": sample.data_response}
            changes.setdefault("stale", bool(sample.reasoning))
        return self._take(sample.position, changes | verdict) if changes else self

    @checked(ReviewError, 'review.repair(0, "The amount is wrong.")')
    def repair(self, row: int, feedback: str, *, teacher: TeacherSpec | None = None) -> Repair[Review]:
        """Asks a teacher to rewrite reasoning and response together; nothing changes until you accept.

        Args:
            row: its position.
            feedback: what is wrong, in your words.
            teacher: as in ``augment``; the one that filled this frame when None.
        """
        sample = self[row]

        def accept(proposal: Proposal) -> Review:
            return self.edit(sample.position, proposal.reasoning, proposal.response, rating=None)

        return Repair(
            sample,
            feedback=feedback,
            store=self.store,
            accept=accept,
            schema=self.schema,
            teacher=teacher or self.teacher,
        ).start()

    @checked(ReviewError, "review.accept_all(passing=True)")
    def accept_all(self, *, passing: bool = True) -> Review:
        """Accepts every undecided row whose reasoning is ok and, with ``passing``, that no check flags."""
        rows = self.where(status="ok", verdict="undecided").tolist()
        if passing and rows:
            flags = self.flags
            rows = [row for row in rows if not flags[row].names]
        return self.accept(rows)

    def undo(self) -> Review:
        """Takes the last act back; the frame gets its old values."""
        return self._show(self.decisions.undo(self._rows.places.__contains__), "undo")

    def redo(self) -> Review:
        """Does again what was last undone."""
        return self._show(self.decisions.redo(self._rows.places.__contains__), "redo")

    @property
    def can_undo(self) -> bool:
        """Whether there is an act on these rows to take back."""
        return self.decisions.can("undo", self._rows.places.__contains__)

    @property
    def can_redo(self) -> bool:
        """Whether there is an act to do again."""
        return self.decisions.can("redo", self._rows.places.__contains__)

    def refresh(self) -> Review:
        """Looks again at the frame and at the journal, which other notebooks may have written."""
        self.decisions.refresh()
        self._rows.reload()
        self._restore()
        self.stream.emit("refresh", counts=self.counts)
        return self

    # -- inside ------------------------------------------------------------------------------------------
    def _take(self, rows: Rows, changes: Mapping[str, Any]) -> Review:
        with self._lock:
            positions = self._positions(rows)
            if not positions:
                return self
            roots = [self._rows.roots[position] for position in positions]
            aliases: dict[str, str] = {}
            if "response" in changes:
                new = self._rows.conversation(positions[0]).with_response(changes["response"])
                aliases[self.frame.renamed(positions[0], new)] = roots[0]
            change = self.decisions.take(dict.fromkeys(roots, changes), aliases=aliases)
        return self._show(change, "decision")

    def _show(self, change: Change | None, kind: str) -> Review:
        """Brings a change into the rows at once, and into the frame on its own thread."""
        if change is None:
            return self
        positions = [self._rows.places[root] for root in change.after if root in self._rows.places]
        changed = {name for new in change.after.values() for name in new}
        with self._lock:
            self._rows.fold(positions, changed)
            self._write(positions, changed)
        self.stream.emit(kind, positions=positions[:1000], count=len(positions), counts=self.counts)
        return self

    def _take_in_ratings(self) -> None:
        """Ratings that the data brings for rows nobody has decided on become decisions like any other."""
        if "rating" not in self.frame.df.columns:
            return
        known, given = self.decisions.roots, self.frame.column("rating")
        ratings = {
            root: {"rating": int(rating)}
            for root, rating in zip(self._rows.roots, given, strict=True)
            if root not in known and not isinstance(rating, bool) and rating in range(1, 6)
        }
        if ratings:
            self.decisions.take(ratings)

    def _restore(self) -> None:
        """Puts earlier decisions on these rows into the frame."""
        known = self.decisions.roots
        self._bring([i for i, root in enumerate(self._rows.roots) if root in known])

    def _bring(self, positions: Sequence[int]) -> None:
        for position in positions:
            decision = self._rows.decision(position)
            if decision == UNDECIDED:
                continue
            changed = {"verdict", "rating"}
            changed |= {"reasoning"} if decision.reasoning is not None else set()
            changed |= {"response"} if decision.response is not None else set()
            changed |= {"stale"} if decision.stale else set()
            self._rows.fold([position], changed)
        self._write(positions, {"verdict", "rating", "reasoning", "response"})

    def _write(self, positions: Sequence[int], changed: set[str]) -> None:
        """Posts the cells of these rows to the thread that owns the frame."""
        if not positions:
            return
        rows, keys, hints = self._rows, [self.frame.keys[p] for p in positions], list(positions)
        decisions = [rows.decision(p) for p in positions]
        columns = {
            name: [getattr(d, name) for d in decisions] for name in ("verdict", "rating") if name in changed
        }
        reasoned = "reasoning_status" in self.frame.df.columns or any(rows.reasonings[p] for p in positions)
        if changed & {"reasoning", "stale"} and reasoned:
            columns["reasoning"] = [rows.reasonings[p] for p in positions]
            columns["reasoning_status"] = [rows.statuses[p] for p in positions]
            columns["reasoning_error"] = [rows.errors[p] for p in positions]
        texts: list[str | None] = [None] * len(positions)
        if "response" in changed:
            texts = [d.data_response if d.response is None else d.response for d in decisions]

        def write() -> None:
            self.frame.write_rows(columns, keys, hints)
            for key, hint, text in zip(keys, hints, texts, strict=True):
                if text is not None:
                    self.frame.write_response(key, hint, text)

        self.mailbox.post(write)
        self.mailbox.drain()

    def _saved_cursor(self) -> int:
        for event in reversed(list(self.store.events(CURSOR))):
            if event.data.get("key") in self._rows.places:
                return self._rows.places[event.data["key"]]
        return 0

    def _positions(self, rows: Rows) -> list[int]:
        wanted: Any = [rows] if isinstance(rows, (int, np.integer)) else rows
        positions = [int(row) for row in wanted]
        for position in positions:
            if not -len(self) <= position < len(self):
                raise ReviewError(
                    f"There is no row {position}; the frame has {len(self)}.", "review.accept(0)"
                )
        return [position % len(self) for position in positions]

    # -- shown -------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return "Review(" + ", ".join(f"{name}={count}" for name, count in self.counts.items()) + ")"

    def _repr_html_(self) -> str:
        return card(
            "Review", self.counts, next_verb='review.accept_all()   ·   chat = df.reason.to_chat("STUDENT")'
        )
