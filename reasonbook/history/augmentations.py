"""Augmentations: those of a frame, side by side; each can be looked at, and one of them stands in the frame."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ..augment.engine.job_journal import AugmentationRecord, JobRecords, added
from ..augment.engine.job_journal import read as read_jobs
from ..data.frame import Frame
from ..data.turn_reasoning import Turns
from ..decisions import Decisions
from ..errors import ReviewError, choices
from ..html_card import clip, details
from ..schema import Schema
from ..store import NOT_RECORDED, Store
from .frame_rows import FrameRows
from .listing import Listing, dollars, moment
from .past_reasoning import PastReasoning, bring_in, first_rows
from .stored_reasoning import StoredReasoning, holders, recipes

_VIEWED = 3  # rows of each augmentation that the card unfolds


@dataclass(frozen=True)
class PastAugmentation:
    """One augmentation of a frame: a schema, a teacher and a way to ask; a cell that was run again is the same one.

    Attributes:
        number: in the list, from 0, oldest first.
        id: 16 hex digits that other frames know it by too.
        schema: the fields that were filled.
        teacher: the teacher's name.
        method: how it was asked.
        turns: whether ``all`` assistant turns were asked or the ``last``.
        prompt: the fixed instructions.
        parameters: the rest of the config, where it was not the default; None when it is not recorded.
        at: when it first began, in seconds since the epoch.
        until: when it was last heard of; None when it is not recorded.
        state: how its newest job stands, or "not recorded".
        rows: rows of this frame by the status that it has for them.
        standing: how many rows of the frame hold its reasoning now.
        cost: dollars that its jobs have paid, for other frames too; None when it is not known.
        starts: how often it was started; 0 when it is not recorded.
        notebook: where it was last started, or "not recorded".

    Example:
        >>> past = df.reason.history()[0]
        >>> past.method, past.rows, past.standing, past.state
        ('extract', {'ok': 40}, 40, 'COMPLETED')
    """

    number: int
    id: str
    schema: Schema
    teacher: str
    method: str
    turns: Turns
    prompt: str
    parameters: Mapping[str, Any] | None
    at: float
    until: float | None
    state: str
    rows: Mapping[str, int]
    standing: int
    cost: float | None
    starts: int
    notebook: str

    def __str__(self) -> str:
        asked = f"{self.method}, last turns" if self.turns == "last" else self.method
        return f"{self.teacher} ({asked}; {clip(', '.join(self.schema.names), 60)})"


_COLUMNS: Mapping[str, Callable[[PastAugmentation], Any]] = {
    "#": lambda one: one.number,
    "when": lambda one: moment(one.at),
    "schema": lambda one: clip(", ".join(one.schema.names), 80),
    "teacher": lambda one: one.teacher,
    "method": lambda one: one.method,
    "turns": lambda one: one.turns,
    "rows": lambda one: ", ".join(f"{count} {status}" for status, count in one.rows.items()),
    "in the frame": lambda one: one.standing,
    "cost": lambda one: NOT_RECORDED if not one.starts else dollars(one.cost),
    "state": lambda one: one.state,
    "id": lambda one: one.id,
}


class FrameHistory(Listing[PastAugmentation]):
    """The augmentations of a frame, oldest first.

    Args:
        frame: the frame.
        store: where they are on record.
        notes: sentences for the card.

    Example:
        >>> history = df.reason.history()
        >>> len(history), history.to_frame()["schema"][0]
        (1, 'Intent, Timeline, ...')
    """

    def __init__(self, frame: Frame, store: Store, *, notes: Sequence[str] = ()) -> None:
        self._frame, self._store = frame, store
        self._rows = FrameRows(frame, Decisions(store))
        records = read_jobs(store)
        known = [StoredReasoning(recipe, self._rows, records, store) for recipe in recipes(store)]
        answered, holder = holders(known, len(self._rows))
        about = [n for n, one in enumerate(known) if any(answered[n]) or self._is_about(one, records)]
        self._stored = [known[n] for n in about]
        self._holder = [about.index(n) if n is not None else None for n in holder]
        past = [self._past(number, answered[n], records) for number, n in enumerate(about)]
        standing = sum(n is not None for n in holder)
        super().__init__(
            past,
            _COLUMNS,
            title=f"Augmentations of these {len(self._rows)} rows",
            next_verb="df.reason.history().view(0)   ·   df.reason.use(0)   ·   df.reason.history(17): one row's life",
            notes=[*notes, *([] if standing or not past else ["None of them stands in the frame now."])],
        )

    def view(self, which: int | str | Schema | PastAugmentation) -> PastReasoning:
        """The reasoning of an augmentation for these rows, with your edits of it; the frame stays as it is.

        Args:
            which: its number, its id, or its schema where only one has it.
        """
        one = self.find(which)
        return PastReasoning(self._frame, str(one), self._stored[one.number].whole())

    def use(self, which: int | str | Schema | PastAugmentation, *, replace: bool = False) -> FrameHistory:
        """Brings the reasoning of an augmentation into the frame, in place and unpaid; see ``df.reason.use``."""
        one = self.find(which)
        found, notes = bring_in(one.number, self._stored, self._rows, self._holder, replace=replace)
        self._holder = [None if row.reasoning is None else one.number for row in found]
        self._records = tuple(
            dataclasses.replace(each, standing=self._holder.count(each.number)) for each in self
        )
        self.notes = (f"In the frame now: {one}.", *notes)
        return self

    def find(self, which: int | str | Schema | PastAugmentation) -> PastAugmentation:
        """The augmentation of that number, id or schema.

        Raises:
            ReviewError: there is none, or several have the schema.
        """
        if isinstance(which, PastAugmentation):
            which = which.id
        if isinstance(which, Schema):
            found = [one for one in self if one.schema == which]
        elif isinstance(which, str):
            found = [one for one in self if which and one.id.startswith(which)]
        else:
            found = list(self)[which:][:1] if -len(self) <= which < len(self) else []
        if len(found) == 1:
            return found[0]
        if not len(self):
            raise ReviewError(
                "No augmentation of these rows is on record.", "df.reason.augment(schema, teacher=…)"
            )
        raise ReviewError(
            f"{which!r} means {len(found) or 'none'} of the augmentations of this frame.",
            choices(str(which), [str(one.number) for one in found or self])
            + "   (df.reason.history() lists them)",
        )

    # -- inside ------------------------------------------------------------------------------------------
    def _is_about(self, one: StoredReasoning, records: JobRecords) -> bool:
        """Whether a job without answers for these rows was about them all the same."""
        mine = {key[:16] for key in self._rows.keys}
        jobs = [job for job in records.jobs if job.recipe == one.recipe.id]
        return any(job.sketch & mine for job in jobs)

    def _past(self, number: int, answered: Sequence[bool], records: JobRecords) -> PastAugmentation:
        stored = self._stored[number]
        recipe, origin = stored.recipe, stored.recipe.origin
        jobs = [job for job in records.jobs if job.recipe == recipe.id]
        job: AugmentationRecord | None = reduce(added, jobs) if jobs else None
        return PastAugmentation(
            number=number,
            id=recipe.id,
            schema=Schema.from_dict(origin.schema or {}),
            teacher=origin.teacher or NOT_RECORDED,
            method=origin.method or NOT_RECORDED,
            turns=stored.turns,
            prompt=origin.prompt or "",
            parameters=jobs[-1].parameters if jobs else None,
            at=min(recipe.at, *(each.begun for each in jobs)) if jobs else recipe.at,
            until=job.until if job else None,
            state=job.state if job else NOT_RECORDED,
            rows=self._statuses(stored, answered),
            standing=self._holder.count(number),
            cost=job.cost if job else None,
            starts=job.parts if job else 0,
            notebook=jobs[-1].notebook if jobs else NOT_RECORDED,
        )

    def _statuses(self, stored: StoredReasoning, answered: Sequence[bool]) -> Mapping[str, int]:
        """Rows by status; only those that one answer does not settle are read."""
        counts: Counter[str] = Counter()
        plain = 0
        looked: list[int] = []
        for i, there in enumerate(answered):
            if there and not stored.doubtful(i):
                plain += 1
            else:
                looked.append(i)
        counts["ok"] = plain
        counts.update(row.status for row in stored.read(looked))
        return {status: count for status, count in counts.items() if count}

    def _body(self) -> str:
        shown = [
            details(
                f"{one.number}: {one}, the first rows",
                first_rows(
                    self._frame, list(self._stored[one.number].read(range(min(20, len(self._rows))))), _VIEWED
                ),
            )
            for one in self
        ]
        return super()._body() + "".join(shown)
