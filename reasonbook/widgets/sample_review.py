"""Sample review: a review at the keyboard, one row at a time beside a list of any length."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import traitlets

from ..data.conversation import digest
from ..decisions import reviewer
from ..errors import ReviewError
from ..events import Event
from ..quality.checks import WEIGHTS
from ..review import Review
from ..review.edit_rules import FieldError
from ..review.query import SORTS, STATUSES, Query
from ..review.repair import Repair
from ..review.samples import Sample
from .base import View, verb
from .messages import text_of
from .review_bulk import Value, bulk_act
from .review_rows import columns, full, pairs, summary
from .teacher_name import teacher_name

_WINDOW = 40  # rows of the list in the first answer
_FIRST = 4  # rows in full in the first answer
_AHEAD = 12  # rows whose full text the page may ask for at once
_COLUMNS = 200  # columns of a frame by which the page can filter and sort
_NAMED = 200  # changed rows that are sent one by one; beyond that the page asks for what it shows


class SampleReview(View):
    """The live view of a `Review`; what it is asked to do, the review does.

    The list holds the rows of one query in its order and stays as it is while rows are decided, so that
    nothing moves under the reader; asking again (or another filter) makes a new list.

    Args:
        review: the review.
        keys: command → key or keys, for example ``{"accept": "y", "reject": "n"}``.

    Example:
        >>> view = rb.widgets.SampleReview(df.reason.review(), keys={"accept": "y", "reject": "n"})
    """

    _name = "sample_review"

    core: Review
    keymap = traitlets.Dict().tag(sync=True)

    def __init__(self, review: Review, *, keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._query = Query()
        self._positions = review.where(self._query)
        self._list = 0  # number of the list; a page that shows an older one asks again
        self._repair: Repair[Review] | None = None  # the newest one, whose proposal can be taken
        self._checked: Any = None  # the flags that the page was told of
        self._turned: int | None = None  # the row of the latest act, where it was about one
        self._changed: set[int] = set()
        self._whole = False
        self._news = threading.Lock()
        super().__init__(review, subject=_subject(review))
        self.keymap = {
            name: [key] if isinstance(key, str) else list(key) for name, key in (keys or {}).items()
        }

    # -- look --------------------------------------------------------------------------------------------
    def snapshot(self) -> dict[str, Any]:
        """The list around the present row, and the first rows whole."""
        review = self.core
        at = self._place(review.cursor)
        start = max(0, (at or 0) - _WINDOW // 2)
        return {
            **self._state(),
            "query": asdict(self._query),
            "options": {
                "status": STATUSES,
                "flag": ("any", *WEIGHTS),
                "sort": SORTS,
                "field": review.field_names,
                "column": [str(name) for name in review.frame.df.columns][:_COLUMNS],
            },
            "notes": review.notes,
            "teacher": teacher_name(review.teacher),
            "window": self.window(start, _WINDOW),
            "at": at or 0,
            "samples": self.samples(list(range(at or 0, (at or 0) + _FIRST))),
        }

    @verb()
    def window(self, start: int, count: int) -> dict[str, Any]:
        """A stretch of the list, by place in the list."""
        start = max(0, int(start))
        positions = self._positions[start : start + min(int(count), 200)]
        return {"list": self._list, "start": start, "rows": self._summaries(positions)}

    @verb()
    def samples(self, places: list[int]) -> list[dict[str, Any]]:
        """The full text of some rows, by place in the list."""
        known = [int(place) for place in places[:_AHEAD] if 0 <= int(place) < len(self._positions)]
        samples = self.core.samples(self._positions[known].tolist() if known else [])
        return [{"place": place, **self._full(sample)} for place, sample in zip(known, samples, strict=True)]

    @verb(background=True)
    def choose(self, query: dict[str, Any], position: int | None = None) -> dict[str, Any]:
        """Makes a new list by a query; ``position`` is the row to stay at, where the list has it."""
        wanted = Query(**query)
        positions = self.core.where(wanted)
        with self._gate:
            self._query, self._positions, self._list = wanted, positions, self._list + 1
            at = self._place(position) if position is not None else 0
            self.touch("list")
            return {
                **self._state(),
                "query": asdict(wanted),
                "at": at or 0,
                "window": self.window(max(0, (at or 0) - _WINDOW // 2), _WINDOW),
            }

    @verb(background=True)
    def refresh(self) -> dict[str, Any]:
        """Looks again at the frame and the journal, then makes the list anew."""
        self.core.refresh()
        return self.choose(asdict(self._query), self.core.cursor)

    @verb(background=True)
    def check(self) -> None:
        """Runs the checks, so that flags show; the page hears when they are new."""
        before = self._checked
        self._checked = self.core.flags
        if self._checked is not before:
            with self._news:
                self._whole = True
            self.touch("rows")

    @verb(background=True)
    def trust(self) -> dict[str, str]:
        """How far to trust each flag, in words, by what is decided so far."""
        return self.core.calibration.words

    @verb()
    def columns(self, position: int, key: str) -> list[tuple[str, str]]:
        """The row's other columns, by name."""
        return columns(self.core[self._row(position, key)])

    @verb(background=True)
    def values(self, by: str, name: str) -> list[str]:
        """The values of a field or a column, where they are few enough to choose from."""
        return self.core.values(by, name)

    @verb()
    def look(self, position: int) -> None:
        """Remembers where the reader is."""
        self.core.cursor = int(position)

    # -- decide ------------------------------------------------------------------------------------------
    @verb(once=True)
    def decide(self, position: int, key: str, verdict: str | None) -> dict[str, Any]:
        """Accepts or rejects a row; None takes verdict and rating off."""
        row = self._row(position, key)
        act = {"accepted": self.core.accept, "rejected": self.core.reject, None: self.core.clear}.get(verdict)
        if act is None:
            raise ReviewError(f"{verdict!r} is no verdict.", "valid: 'accepted', 'rejected', None")
        act(row)
        return self._after(row)

    @verb(once=True)
    def rate(self, position: int, key: str, rating: int | None) -> dict[str, Any]:
        """Rates a row; None takes the rating off."""
        row = self._row(position, key)
        self.core.rate(row, rating)
        return self._after(row)

    @verb(once=True)
    def edit(
        self,
        position: int,
        key: str,
        reasoning: dict[str, Any] | None = None,
        response: str | None = None,
        turn: int | None = None,
    ) -> dict[str, Any]:
        """Changes fields of a turn's reasoning, the response, or both; says of each field why it is refused."""
        row = self._row(position, key)
        try:
            self.core.edit(row, reasoning, response, turn=turn)
        except FieldError as error:
            return {**self._after(row), "sample": self._full(self.core[row]), "refused": error.fields}
        return {**self._after(row), "sample": self._full(self.core[row])}

    @verb(once=True)
    def note(self, position: int, key: str, note: str | None) -> dict[str, Any]:
        """Writes a note about a row, or takes it off."""
        row = self._row(position, key)
        self.core.note(row, note)
        return self._after(row)

    @verb(once=True)
    def tag(self, position: int, key: str, tags: list[str]) -> dict[str, Any]:
        """Gives a row these tags and no others."""
        row = self._row(position, key)
        before = self.core[row].decision.tags
        if gone := [tag for tag in before if tag not in tags]:
            self.core.untag(row, *gone)
        if new := [tag for tag in tags if tag not in before]:
            self.core.tag(row, *new)
        return self._after(row)

    @verb(once=True)
    def later(self, position: int, key: str, later: bool) -> dict[str, Any]:
        """Puts a row aside, or takes it up again."""
        row = self._row(position, key)
        self.core.later(row, later)
        return self._after(row)

    @verb(once=True)
    def confirm(self, position: int, key: str) -> dict[str, Any]:
        """Says that a row's stale reasoning still fits its new response."""
        row = self._row(position, key)
        self.core.confirm(row)
        return {**self._after(row), "sample": self._full(self.core[row])}

    @verb(once=True)
    def settle(self, position: int, key: str, who: str) -> dict[str, Any]:
        """Lets one reviewer's version of a row in conflict stand for all."""
        row = self._row(position, key)
        self.core.settle(row, who)
        return {**self._after(row), "sample": self._full(self.core[row])}

    @verb(once=True)
    def undo(self) -> dict[str, Any]:
        """Takes the last act back, and says where the row stands that it was about."""
        return self._turn(self.core.undo)

    @verb(once=True)
    def redo(self) -> dict[str, Any]:
        """Does again what was undone last."""
        return self._turn(self.core.redo)

    @verb(background=True)
    def reach(self, act: str, list: int, value: Value = None) -> dict[str, Any]:
        """How many rows of the list that the page shows an act would be about, and how many it would change.

        Of an acceptance also how many of them are flagged, and what was checked at all.
        """
        rows, bulk = self._listed(list), bulk_act(self.core, act, value)
        reach = {"rows": len(rows), "change": sum(map(bulk.changes, map(self.core.decision, rows)))}
        if act != "accept":
            return reach
        flags = self.core.flags
        return reach | {"flagged": sum(bool(flags[row].names) for row in rows), "promise": self.core.promise}

    @verb(once=True, background=True)
    def bulk(self, act: str, list: int, value: Value = None) -> dict[str, Any]:
        """Does one thing to every row of the list that the page shows."""
        rows, bulk = self._listed(list), bulk_act(self.core, act, value)
        changed = sum(map(bulk.changes, map(self.core.decision, rows)))
        bulk.do(rows)
        return {**self._state(), "done": len(rows), "changed": changed}

    @verb(once=True, background=True)
    def repair(
        self,
        position: int,
        key: str,
        feedback: str,
        again: bool = False,
        teacher: str = "",
        turn: int | None = None,
    ) -> dict[str, Any]:
        """Asks the teacher for new reasoning and response; nothing is changed until `take_repair`.

        Args:
            position: the row's position.
            key: the row's key.
            feedback: what is wrong, in the reviewer's words.
            again: the feedback is about the proposal before.
            teacher: who to ask, where the review has no teacher.
            turn: the earlier turn whose reasoning alone is meant.
        """
        row, last = self._row(position, key), self._repair
        same = last is not None and (last.row, last.sample.turn) == (row, turn)
        if again and last is not None and same and last.proposal is not None:
            job = last.again(feedback)
        else:
            job = self.core.repair(row, feedback, teacher=teacher.strip() or None, turn=turn)
        job.wait()
        self._repair = job
        assert job.proposal is not None
        return {
            "reasoning": pairs(job.proposal.reasoning),
            "response": text_of(job.proposal.response),
            "same": not job.changes,
        }

    @verb(once=True)
    def take_repair(self, position: int, key: str) -> dict[str, Any]:
        """Puts the newest proposal into its row."""
        row = self._row(position, key)
        if self._repair is None or self._repair.row != row:
            raise ReviewError("There is no proposal for this row.", "ask the teacher again")
        self._repair.accept()
        return {**self._after(row), "sample": self._full(self.core[row])}

    @verb(once=True)
    def take_proposal(self, position: int, key: str) -> dict[str, Any]:
        """Puts the proposal that waits for a row into it."""
        row = self._row(position, key)
        self.core.proposals.accept(row)
        return {**self._after(row), "sample": self._full(self.core[row])}

    @verb(once=True)
    def decline_proposal(self, position: int, key: str) -> dict[str, Any]:
        """Lays the proposal that waits for a row aside."""
        row = self._row(position, key)
        self.core.proposals.decline(row)
        return {**self._after(row), "sample": self._full(self.core[row])}

    # -- news --------------------------------------------------------------------------------------------
    def fold(self, event: Event) -> None:
        """Notes the rows that an act has changed, or that too many have to be named."""
        positions = event.data.get("positions")
        self._turned = positions[0] if positions and event.data.get("count") == 1 else None
        with self._news:
            if positions is None or event.data.get("count", 0) > _NAMED:
                self._whole = True
            else:
                self._changed.update(positions)
        self.touch("rows")

    def collect(self, topics: set[str]) -> dict[str, Any]:
        """Summaries of the rows that changed, and the counts."""
        with self._news:
            changed, self._changed = self._changed, set()
            whole, self._whole = self._whole or len(changed) > _NAMED, False
        rows = [] if whole else self._summaries(sorted(changed))
        return {**self._state(), "rows": rows, "whole": whole, "query": asdict(self._query)}

    # -- inside ------------------------------------------------------------------------------------------
    def _row(self, position: int, key: str) -> int:
        """The row's position now; an act that was kept over a restart must never hit another row."""
        if not 0 <= position < len(self.core) or self.core[position].key != key:
            raise ReviewError("The frame has changed: this row stands elsewhere now.", "press ↻, then repeat")
        return position

    def _listed(self, number: int) -> list[int]:
        """The rows of the list of this number."""
        with self._gate:
            if number != self._list:
                raise ReviewError("The list has changed since you looked.", "look again, then repeat")
            return self._positions.tolist()

    def _turn(self, act: Callable[[], Any]) -> dict[str, Any]:
        self._turned = None
        act()
        return {**self._state(), "place": None if self._turned is None else self._place(self._turned)}

    def _state(self) -> dict[str, Any]:
        review = self.core
        return {
            "list": self._list,
            "count": len(self._positions),
            "counts": review.counts,
            "can_undo": review.can_undo,
            "can_redo": review.can_redo,
            "later": review.aside,
            "proposed": len(review.proposals),
            "tags": review.tags,
            "reviewer": reviewer(),
            "assigned": review.assigned,
        }

    def _full(self, sample: Sample) -> dict[str, Any]:
        return full(sample, self.core.schema_of(sample), self.core.proposals.proposed(sample.position))

    def _after(self, row: int) -> dict[str, Any]:
        sample = self.core[row]
        shown = {"sample": self._full(sample)} if sample.conflict is not None else {}
        return {**self._state(), "row": summary(sample), **shown}

    def _place(self, position: int) -> int | None:
        found = np.flatnonzero(self._positions == position)
        return int(found[0]) if len(found) else None

    def _summaries(self, positions: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
        return [summary(sample) for sample in self.core.samples([int(p) for p in positions])]


def _subject(review: Review) -> str:
    """The same for the same frame in another kernel, as far as can be told without reading it."""
    return "review:" + digest([repr(review.frame.layout), len(review)])[:16]
