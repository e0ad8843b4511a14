"""Review: accept, reject, edit and rate rows; every act is in the journal before it is in the frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.conversation import is_mapping
from ..data.frame import Frame
from ..data.frame_jobs import settle
from ..decisions import Change, Decision, Decisions, who_decides
from ..errors import ReviewError
from ..events import Event, Stream
from ..html_card import card
from ..job import Mailbox
from ..options import checked
from ..quality.calibration import Calibration
from ..quality.checks import Flags
from ..quality.known_schemas import KnownSchemas
from ..schema import Schema
from ..store import Store, default_store
from ..teachers import TeacherSpec
from .arguments import Rows, judged, positions_of, rating_of, tags_of, verdict_of
from .delivery import Delivery
from .edits import Edits
from .query import Query
from .repair import Proposal, Repair
from .reviewers import Agreement, agreement_of, assigned, merged, sent, settled_by, settling
from .samples import ReviewedRows, Sample
from .teaching.examples import ExampleSet
from .teaching.waiting_proposals import WaitingProposals

if TYPE_CHECKING:
    from .teaching.repair_all import RepairAll

CURSOR = "review:cursor"
_NOTED = 3  # things of a kind that are said one by one


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
        schemas = KnownSchemas(self.store, schema)
        self._read = ReviewedRows(frame, self.decisions, losses=losses, schemas=schemas)
        self._told: list[str] = []  # what came of files of acts
        self._edits = Edits(self._rows, schemas)
        self._delivery = Delivery(self._rows, self.mailbox)
        self._lock = threading.RLock()
        self._promised: list[str] = []
        self._take_in_ratings()
        self._delivery.restore()
        self._cursor = self._saved_cursor()

    @property
    def _rows(self) -> ReviewedRows:
        """The rows as the reviewer who is named now may see them."""
        if self._read.who != who_decides():
            self._read.reload()
            self._delivery.restore()
        return self._read

    # -- look --------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> Sample:
        [position] = positions_of(len(self), position)
        return self._rows.sample(position)

    @checked(ReviewError, "review.samples([0, 1])")
    def samples(self, rows: Iterable[int]) -> list[Sample]:
        """Several rows at once, which is faster than one by one."""
        return self._rows.samples(positions_of(len(self), rows))

    @property
    def counts(self) -> dict[str, int]:
        """Rows per verdict, stale ones, and all."""
        return self._rows.counts()

    @property
    def flags(self) -> list[Flags]:
        """What the checks say of every row, by position."""
        return self._rows.checks.flags

    @property
    def findings(self) -> dict[str, int]:
        """How many rows have each flag, the most frequent first; ``review[3].findings`` says in words what was seen.

        Example:
            >>> review = df.reason.review().edit(0, {"Subtotal": "2 x 54 = 110"})
            >>> review.findings, str(review[0].findings[0])
            ({'sum wrong': 1}, 'sum wrong: 2 x 54 = 108, not 110')
        """
        return self._rows.checks.counts

    @property
    def promise(self) -> str:
        """What was checked and what could not be, which `accept_all` takes for granted.

        Example:
            >>> print(df.reason.review().promise.partition("Not")[2])
             checked: unsupported (what recurs can be told from 200 rows on that have numbers or names).
        """
        return self._rows.checks.promise

    @property
    def calibration(self) -> Calibration:
        """How far to trust each flag, by what was decided of the rows that it was on, before they were edited."""
        return self._rows.calibration()

    @property
    def notes(self) -> list[str]:
        """What of the journal could not be applied, and what `accept_all` held the rows against."""
        aside = [f"Set aside, not applied: {words}." for words in self.decisions.set_aside]
        refused = [f"Not in the frame: {words}" for words in self._delivery.refused.values()]
        return _first(aside) + _first(refused) + self._told + self._promised

    @checked(ReviewError, 'review.where(verdict="undecided")', configs=lambda: (Query,))
    def where(self, query: Query | None = None, **parts: Any) -> np.ndarray:
        """Positions of the rows of a query, in its order.

        Args:
            query: a `Query`; or give its parts by name.

        Returns:
            int64 array of positions.
        """
        query = query or Query(**parts)
        if query.assigned is None:
            query = replace(query, assigned=self._rows.queue())
        return self._rows.where(query)

    def decision(self, position: int) -> Decision:
        """What people said of a row."""
        return self._rows.decision(position)

    def values(self, by: str, name: str) -> list[str]:
        """The values of a ``field`` or a ``column``, most frequent first; none where they are too many."""
        return self._rows.values(by, name)

    @property
    def field_names(self) -> list[str]:
        """The fields of the reasoning, as the first rows have them."""
        return self._rows.field_names()

    @checked(ReviewError, "review.examples(6)")
    def examples(self, most: int = 6) -> ExampleSet:
        """Rows that people found right, for ``augment(…, examples=…)``: edited first, then rated and accepted ones.

        They are as different as there are, the same for the same decisions, and never from validation or test. Their
        `ExampleSet.trial` says whether they help before anything is paid for.

        Example:
            >>> [example.reasoning["Amount"] for example in df.reason.review().accept([0, 1]).rate(2, 5).examples(2)]
            ['108 - 4 = 104', '360']
        """
        if most < 1:
            raise ReviewError(f"{most} examples cannot be chosen.", "review.examples(6)")
        return ExampleSet(self._rows, most, schema_of=self.schema_of, teacher=self.teacher)

    @property
    def proposals(self) -> WaitingProposals[Review]:
        """What teachers propose for rows that have reasoning: `repair_all`, and ``augment(…, propose=True)``."""
        return WaitingProposals(self._rows, self._edits, self._put, self._tell_proposals, self)

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
        """Accepts rows; they train when their reasoning is ok. What was put aside no longer is."""
        return self._judge(rows, "accepted")

    @checked(ReviewError, "review.reject([0, 1])")
    def reject(self, rows: Rows) -> Review:
        """Rejects rows; they never train. What was put aside no longer is."""
        return self._judge(rows, "rejected")

    @checked(ReviewError, "review.clear([0, 1])")
    def clear(self, rows: Rows) -> Review:
        """Takes verdict and rating off rows."""
        return self._take(rows, {"verdict": None, "rating": None})

    @checked(ReviewError, "review.rate(0, 5)")
    def rate(self, rows: Rows, rating: int | None) -> Review:
        """Rates rows from 1 to 5; None takes the rating off."""
        return self._take(rows, {"rating": rating_of(rating)})

    @checked(ReviewError, "review.confirm([0, 1])")
    def confirm(self, rows: Rows) -> Review:
        """Says that stale reasoning still fits the new response."""
        return self._take(rows, {"stale": False})

    @checked(ReviewError, 'review.note(0, "…")')
    def note(self, row: int, text: str | None) -> Review:
        """Writes a note about a row; None or an empty text takes it off.

        Example:
            >>> df.reason.review().note(3, "ask Ana about the fee").where(note=True).tolist()
            [3]
        """
        return self._take(row, {"note": (text or "").strip() or None})

    @checked(ReviewError, 'review.tag([0, 1], "ask Ana")')
    def tag(self, rows: Rows, *tags: str) -> Review:
        """Puts tags on rows, beside those that they have."""
        words = tags_of(tags)
        return self._take(rows, lambda d: {"tags": [*d.tags, *(tag for tag in words if tag not in d.tags)]})

    @checked(ReviewError, 'review.untag([0, 1], "ask Ana")')
    def untag(self, rows: Rows, *tags: str) -> Review:
        """Takes tags off rows."""
        words = tags_of(tags)
        return self._take(rows, lambda d: {"tags": [tag for tag in d.tags if tag not in words]})

    @checked(ReviewError, "review.later([0, 1])")
    def later(self, rows: Rows, aside: bool = True) -> Review:
        """Puts rows aside to come back to, or takes them up again; `where(later=True)` finds them."""
        return self._take(rows, {"later": bool(aside)})

    @property
    def aside(self) -> int:
        """How many rows were put aside."""
        return self._rows.marks()[0]

    @property
    def tags(self) -> dict[str, int]:
        """How many rows bear each tag, the most frequent first."""
        return dict(self._rows.marks()[1].most_common())

    @checked(ReviewError, 'review.edit(0, {"Amount": "104"})')
    def edit(
        self,
        row: int,
        reasoning: Mapping[str, Any] | None = None,
        response: str | None = None,
        *,
        turn: int | None = None,
        **verdict: Any,
    ) -> Review:
        """Changes some fields of a row's reasoning, its response, or both.

        A changed response alone marks the reasoning stale: it argued for the old answer. Changing the
        reasoning, or both together, makes the row ok again. Values are held to the schema that filled the row,
        also in a new kernel; where none is on record, a value keeps the type that it had.

        Args:
            row: its position.
            reasoning: field name → new value; fields that are not named stay.
            response: the new response.
            turn: the assistant turn whose reasoning it is, from 0; the last one when None. The responses of earlier
                turns stay as they are: later turns answer to them.
            **verdict: ``verdict`` or ``rating``, to be part of the same act.

        Raises:
            ReviewError: a field is not known, a value does not fit it, or nothing would be left.
        """
        sample = self[row].at(turn)
        changes = self._edits.of(sample, reasoning, response)
        if "reasoning" in changes:
            changes["stale"] = False
        elif "response" in changes:
            changes["stale"] = bool(sample.reasoning)
        return self._take(sample.position, changes | verdict_of(verdict)) if changes else self

    def schema_of(self, sample: Sample) -> Schema | None:
        """The schema that filled a row, found again by the store where it was not named; None where nobody knows."""
        return self._edits.schema_of(sample)

    @checked(ReviewError, 'review.repair(0, "The amount is wrong.")')
    def repair(
        self, row: int, feedback: str, *, teacher: TeacherSpec | None = None, turn: int | None = None
    ) -> Repair[Review]:
        """Asks a teacher to rewrite reasoning and response together; nothing changes until you accept.

        Args:
            row: its position.
            feedback: what is wrong, in your words.
            teacher: as in ``augment``; the one that filled this frame when None.
            turn: as in `edit`; of an earlier turn the reasoning alone is rewritten.
        """
        sample = self[row].at(turn)

        def accept(proposal: Proposal, asked: Mapping[str, str]) -> Review:
            now = self[sample.position].at(turn)
            changes = self._edits.of(now, proposal.reasoning, proposal.response)
            if not changes:
                return self
            if now.turn is None:
                changes["stale"] = False  # whatever of the two it keeps, the teacher has read both
            with self.decisions.because(repair=asked):
                return self._take(sample.position, changes)

        return Repair(
            sample,
            feedback=feedback,
            store=self.store,
            accept=accept,
            schema=self.schema_of(sample),
            teacher=teacher or self.teacher,
        ).start()

    @checked(ReviewError, 'review.repair_all([0, 1], "The amount is wrong.")')
    def repair_all(
        self,
        rows: Rows | Query,
        feedback: str,
        *,
        teacher: TeacherSpec | None = None,
        budget: float | None = None,
        price: tuple[float, float] | None = None,
    ) -> RepairAll[Review]:
        """Asks a teacher to rewrite many rows by one sentence; what comes is proposed, and waits in `proposals`.

        Args:
            rows: positions, or a `Query`; those without reasoning are passed over.
            feedback: what is wrong with all of them, in your words.
            teacher: as in ``augment``; the one that filled this frame when None.
            budget: the most that it may cost, in dollars.
            price: dollars per million tokens as (input, output), where the price table does not know the model.

        Raises:
            ReviewError: there is no feedback, no teacher, or no row with reasoning.
        """
        positions = self.where(rows).tolist() if isinstance(rows, Query) else positions_of(len(self), rows)
        from .teaching.repair_all import RepairAll  # with the engine that asks

        return RepairAll(
            self._rows,
            positions,
            feedback,
            teacher=teacher or self.teacher,
            budget=budget,
            price=price,
            schema_of=self.schema_of,
            waiting=lambda: self.proposals,
            told=self._tell_proposals,
        ).start()

    @checked(ReviewError, "review.accept_all(passing=True)")
    def accept_all(self, *, passing: bool = True, wait: bool = True) -> Review:
        """Accepts every undecided row whose reasoning is ok and, with ``passing``, that no check flags.

        What was checked and what could not be is said in `notes`, and on the card, before a row is taken: a check that
        is off lets everything pass. Rows that were put aside stay so. An augmentation that is filling the frame is
        waited for, or with ``wait=False`` an error, so that no row is passed over because it came late.
        """
        if settle(self.frame.df, wait=wait, purpose="accept_all"):
            self.refresh()
        rows = self.where(status="ok", verdict="undecided", later=False).tolist()
        if passing and rows:
            flagged = self._rows.checks.flagged("any")
            self._promised = [self.promise]
            rows = [row for row in rows if not flagged[row]]
        return self.accept(rows)

    # -- several reviewers -------------------------------------------------------------------------------
    @checked(ReviewError, 'review.assign({"ana": 0.6, "ben": 0.6})')
    def assign(self, shares: Mapping[str, float], *, seed: int = 0) -> Review:
        """Gives each reviewer a share of the rows; what the shares have over 1 is looked at by two.

        A reviewer's queue then is their own rows; `where(assigned="all")` has all. Others learn of it by `send`.

        Args:
            shares: name → part of the rows, from 0 to 1.
            seed: another seed gives another draw; the order of the rows does not matter.

        Example:
            >>> review = df.reason.review().assign({"ana": 0.6, "ben": 0.6})
            >>> ana, ben = (set(review.where(assigned=name).tolist()) for name in ("ana", "ben"))
            >>> len(ana), len(ben), len(ana & ben), len(ana | ben)
            (24, 24, 8, 40)
        """
        self._told += assigned(self._rows, shares, seed)
        return self.refresh()

    @property
    def assigned(self) -> dict[str, int]:
        """How many of these rows are assigned to each reviewer."""
        return self._rows.assigned()

    @checked(ReviewError, 'review.send("ana.jsonl")')
    def send(self, path: str | Path) -> Review:
        """Writes your acts on these rows to a file, for others to `merge`; it can go by mail or in git.

        Args:
            path: a JSON Lines file, written whole or not at all; `reasonbook.decisions.travel` says what stands in it.

        Raises:
            ReviewError: nobody is named, or they have taken no act on these rows.

        Example:
            >>> import tempfile, pathlib
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "ana.jsonl"
            >>> ana = rb.reviewer("ana") and df.reason.review().accept([0, 1]).send(path)
            >>> rb.reviewer("") or len(path.read_text().splitlines())
            2
        """
        self._told.append(sent(self._rows, Path(path)))
        return self

    @checked(ReviewError, 'review.merge("ana.jsonl")')
    def merge(self, path: str | Path) -> Review:
        """Takes in what another reviewer has sent: the union of all acts, in any order, twice as once.

        What cannot be read is set aside; `notes` says what, and how many acts came.

        Args:
            path: a file that `send` has written.

        Raises:
            ReviewError: there is no such file, it is none of acts, or all of its rows are unknown here.

        Example:
            >>> import tempfile, pathlib
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "ana.jsonl"
            >>> ana = rb.reviewer("ana") and df.reason.review().accept([0, 1]).send(path)
            >>> rb.reviewer("") or df.reason.review().merge(path).notes
            ['ana.jsonl: nothing new; its 1 act is known.']
        """
        self._told += merged(self._rows, Path(path))
        return self.refresh()

    def agreement(self) -> Agreement:
        """How far reviewers agree on the rows that two of them have judged, each by themselves.

        Example:
            >>> for name, rows in (("ana", [0, 1, 2]), ("ben", [0, 1, 3])):
            ...     review = rb.reviewer(name) and df.reason.review().accept(rows).reject(4)
            >>> found = df.reason.review().agreement()
            >>> rb.reviewer("") or found.to_frame()[["pair", "rows", "agreed"]].values.tolist()[0]
            ['ana and ben', 3, 3]
        """
        return agreement_of(self._rows)

    @checked(ReviewError, 'review.settle(3, "ana")')
    def settle(self, row: int, who: str) -> Review:
        """Settles a conflict: the version of one reviewer stands for all. It can be undone, and who did it is kept.

        `accept`, `reject` and `edit` of a row in conflict settle it too, once you have judged it yourself.

        Args:
            row: its position; ``where(verdict="conflict")`` has them.
            who: whose version.

        Raises:
            ReviewError: the row is in no conflict, or who has said nothing of it.

        Example:
            >>> ana = rb.reviewer("ana") and df.reason.review().accept(0)
            >>> review = rb.reviewer("ben") and df.reason.review().reject(0)
            >>> review.where(verdict="conflict").tolist(), df["verdict"][0]
            ([0], 'conflict')
            >>> review = review.settle(0, "ana")
            >>> rb.reviewer("") or df["verdict"][0]
            'accepted'
        """
        [position] = positions_of(len(self), row)
        changes = settling(self.decisions, self._rows.roots[position], position, who)
        with self.decisions.because(version=who):
            return self._take(position, changes)

    def undo(self) -> Review:
        """Takes your last act back; the frame gets its old values."""
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
        with self._lock:
            self._rows.reload()
        self._delivery.restore()
        self.stream.emit("refresh", counts=self.counts)
        return self

    # -- inside ------------------------------------------------------------------------------------------
    def _judge(self, rows: Rows, verdict: str) -> Review:
        if not self.aside:
            return self._take(rows, {"verdict": verdict})
        return self._take(rows, lambda decision: judged(verdict, decision))

    def _take(
        self, rows: Rows, changes: Mapping[str, Any] | Callable[[Decision], Mapping[str, Any]]
    ) -> Review:
        """Journals one act on rows, then shows it; what changes may depend on what is decided of the row."""
        with self._lock:
            positions = positions_of(len(self), rows)
            if not positions:
                return self
            names = self._rows.roots
            roots = [names[position] for position in positions]
            if callable(changes):
                after = {root: changes(self.decisions.of(root)) for root in roots}
            else:
                after = dict.fromkeys(roots, changes)
            aliases: dict[str, str] = {}
            if not callable(changes) and "response" in changes:
                aliases = self._edits.aliases(positions[0], changes["response"])
            settled = settled_by(self.decisions, after)
            change = self.decisions.take(after, aliases=aliases, settled=settled)
        return self._show(change, "decision")

    def _put(self, changes: Mapping[int, Mapping[str, Any]], why: Mapping[str, Any]) -> str:
        """Journals one act on rows, each with changes of its own, and why; its name in the journal."""
        with self._lock:
            roots = self._rows.roots
            after = {roots[position]: new for position, new in changes.items()}
            aliases: dict[str, str] = {}
            for position, new in changes.items():
                if "response" in new:
                    aliases |= self._edits.aliases(position, new["response"])
            with self.decisions.because(**why):
                change = self.decisions.take(after, aliases=aliases)
        self._show(change, "decision")
        return change.id

    def _tell_proposals(self) -> None:
        self.stream.emit("proposals", counts=self.counts)

    def _show(self, change: Change | None, kind: str) -> Review:
        """Brings a change into the rows at once, and into the frame on its own thread."""
        if change is None:
            return self
        places = self._rows.places
        positions = [places[root] for root in change.after if root in places]
        changed = {name for new in change.after.values() for name in new}
        if self.decisions.several:  # what one says may hide or show what others have said
            changed |= {"verdict", "rating", "note"}
        with self._lock:
            self._rows.fold(positions, changed)
            self._delivery.write(positions, changed)
        self.stream.emit(kind, positions=positions[:1000], count=len(positions), counts=self.counts)
        return self

    def _take_in_ratings(self) -> None:
        """Ratings that the data brings for rows nobody has decided on become decisions like any other."""
        if "rating" not in self.frame.df.columns:
            return
        given = self.frame.column("rating")
        # Of equals nobody can tell which one has the rating that is ours already.
        known = {root.rpartition(".")[0] for root in self.decisions.roots}
        ratings = {
            root: {"rating": int(rating)}
            for root, rating in zip(self._rows.roots, given, strict=True)
            if not isinstance(rating, bool) and rating in range(1, 6) and root.rpartition(".")[0] not in known
        }
        if ratings:
            self.decisions.take(ratings, signed=False)

    def _saved_cursor(self) -> int:
        for event in reversed(list(self.store.events(CURSOR))):
            data: object = event.data
            key = data.get("key") if is_mapping(data) else None
            if isinstance(key, str) and key in self._rows.places:
                return self._rows.places[key]
        return 0

    # -- shown -------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return "Review(" + ", ".join(f"{name}={count}" for name, count in self.counts.items()) + ")"

    def _repr_html_(self) -> str:
        return card(
            "Review",
            self.counts,
            notes=self.notes,
            next_verb='review.accept_all()   ·   chat = df.reason.to_chat("STUDENT")',
        )


def _first(notes: list[str]) -> list[str]:
    return (
        notes if len(notes) <= _NOTED else [*notes[:_NOTED], f"And {len(notes) - _NOTED} more of the kind."]
    )
