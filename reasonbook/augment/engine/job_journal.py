"""Job journal: an augmentation as events in the store: begun, how far it was, which rows failed, ended."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...data.reasoning_origin import Origin, OriginKeys
from ...errors import StoreError
from ...events import Event
from ...job import Status
from ...notebook import notebook_name
from ...store import Store
from ...store.context import text_print
from ..results import Progress

SUBJECT = "augmentation"
INTERRUPTED = "INTERRUPTED"  # it never said that it ended, and says nothing any more
_BEAT = 30.0  # seconds between two words of a running job,
_SILENT = 3 * _BEAT  # and after which it is taken for dead
_SKETCH = 32  # rows by which a job that has no answers yet is known to be about a frame


def recipe_of(keys: OriginKeys) -> str:
    """Names what was asked and of whom: the same for a cell that is run again."""
    return text_print(json.dumps(keys.to_dict(), sort_keys=True))


def new_job_id() -> str:
    """Sorts by time; two in the same second differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"


def values_print(values: Mapping[str, Any]) -> str:
    """Names the values of one sample."""
    return text_print(json.dumps(values, sort_keys=True, default=str))


def sketch(keys: Iterable[str]) -> list[str]:
    """A few row keys that frames with rows in common are likely to share: the smallest."""
    return [key[:16] for key in heapq.nsmallest(_SKETCH, keys)]


@dataclass(frozen=True)
class AugmentationRecord:
    """One augmentation as it stands on record, or all parts of one over a dataset.

    Attributes:
        id: of the job.
        recipe: see `recipe_of`.
        teacher: the teacher's name.
        method: how it was asked.
        parameters: the config, as far as it was not the default.
        mode: ``live`` or ``batch``.
        notebook: where it was started.
        begun: seconds since the epoch.
        until: when it was last heard of.
        state: a `Status`, or ``INTERRUPTED``.
        rows: how many it was about.
        done: with reasoning, those from the store among them.
        failed: without.
        cached: from the store, unpaid.
        cost: dollars; None when nobody knows the price.
        error: why it ended before its time.
        failures: content of a turn, or key of a row that cannot be asked → why it got no reasoning.
        sketch: see `sketch`.
        part_of: id of the job over a dataset that it is a chunk of.
        parts: how many starts these are.
    """

    id: str
    recipe: str
    teacher: str
    method: str
    parameters: Mapping[str, Any]
    mode: str
    notebook: str
    begun: float
    until: float
    state: str = str(Status.RUNNING)
    rows: int = 0
    done: int = 0
    failed: int = 0
    cached: int = 0
    cost: float | None = None
    error: str = ""
    failures: Mapping[str, str] = field(default_factory=dict[str, str])
    sketch: frozenset[str] = frozenset()
    part_of: str = ""
    parts: int = 1


@dataclass
class JobJournal:
    """What one start of an augmentation writes; a store that cannot be written never ends the job.

    Args:
        store: where.
        id: of the job.
        part_of: id of the job over a dataset that it is a chunk of.
    """

    store: Store
    part_of: str = ""
    id: str = field(default_factory=new_job_id)
    _begun: bool = False
    _heard: float = 0.0
    _paid: float = 0.0
    _failed: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _chosen: dict[str, str] = field(default_factory=dict[str, str])

    def begun(
        self,
        origin: Origin,
        keys: OriginKeys,
        parameters: Mapping[str, Any],
        rows: list[str],
        paid: float | None = None,
    ) -> None:
        """Announces the job, with the keys of the frame's rows, and what its earlier starts have paid."""
        self._begun, self._heard, self._paid = True, time.monotonic(), paid or 0.0
        self._say(
            "begun",
            part_of=self.part_of,
            recipe=recipe_of(keys),
            teacher=origin.teacher,
            method=origin.method,
            parameters=parameters,
            notebook=notebook_name(),
            sketch=sketch(rows),
        )

    def failed(self, content: str, reason: str) -> None:
        """Notes what got no reasoning: a turn by its content, a row that cannot be asked by its key."""
        self._failed.setdefault(reason, []).append(content)

    def chosen(self, content: str, values: Mapping[str, Any]) -> None:
        """Notes which of several samples a turn has kept."""
        self._chosen[content] = values_print(values)

    def heard(self, progress: Progress) -> None:
        """Says how far it is, now and then, so that little is forgotten when the kernel dies."""
        if self._begun and time.monotonic() - self._heard > _BEAT:
            self._heard = time.monotonic()
            self._say("heard", **self._counts(progress))
            self._flush()

    def ended(self, status: Status, progress: Progress, error: BaseException | None) -> None:
        """Says how it ended."""
        if self._begun:
            self._flush()
            self._say(
                "ended", status=str(status), error=str(error) if error else "", **self._counts(progress)
            )
            self._begun = False

    def _flush(self) -> None:
        for kind, rows in (("failed", self._failed), ("chosen", self._chosen)):
            if rows:
                self._say(kind, rows=rows)
        self._failed, self._chosen = {}, {}

    def _counts(self, progress: Progress) -> dict[str, Any]:
        return {
            "rows": progress.total,
            "done": progress.done,
            "failed": progress.failed,
            "cached": progress.cached,
            "cost": None if progress.cost is None else progress.cost - self._paid,
        }

    def _say(self, kind: str, **data: Any) -> None:
        with contextlib.suppress(StoreError):
            self.store.append(SUBJECT, [Event(kind, {"job": self.id, **data})])


def spent_before(store: Store, recipe: str, rows: Iterable[str], part_of: str) -> float:
    """Dollars that earlier starts of an augmentation of these rows have cost, with all parts of their datasets."""
    jobs, about = read(store).jobs, set(sketch(rows))
    alike = {job.part_of or job.id for job in jobs if job.recipe == recipe and job.sketch & about} - {part_of}
    return sum(job.cost or 0.0 for job in jobs if (job.part_of or job.id) in alike)


@dataclass(frozen=True)
class JobRecords:
    """Every augmentation on record, oldest first.

    Attributes:
        jobs: one per start.
        failed: recipe → content → why it has no reasoning; the newest word counts.
        refused: recipe → contents whose answers stand, but did not pass the user's check.
        chosen: recipe → content → print of the sample that was kept.
    """

    jobs: Sequence[AugmentationRecord]
    failed: Mapping[str, Mapping[str, str]]
    refused: Mapping[str, frozenset[str]]
    chosen: Mapping[str, Mapping[str, str]]

    @property
    def whole(self) -> list[AugmentationRecord]:
        """The jobs, with the parts of one over a dataset added up."""
        found: dict[str, AugmentationRecord] = {}
        for job in self.jobs:
            name = job.part_of or job.id
            found[name] = added(found[name], job) if name in found else replace(job, id=name)
        return list(found.values())


def added(one: AugmentationRecord, other: AugmentationRecord) -> AugmentationRecord:
    """Two starts as one; the later one says how it stands."""
    costs = [job.cost for job in (one, other) if job.cost is not None]
    return replace(
        one,
        until=other.until,
        state=other.state,
        error=other.error,
        rows=one.rows + other.rows,
        done=one.done + other.done,
        failed=one.failed + other.failed,
        cached=one.cached + other.cached,
        cost=sum(costs) if costs else None,
        failures={**one.failures, **other.failures},
        sketch=one.sketch | other.sketch,
        parts=one.parts + other.parts,
    )


class _Fold:
    """What the events add up to."""

    def __init__(self) -> None:
        self.jobs: dict[str, AugmentationRecord] = {}
        self.failed: dict[str, dict[str, str]] = {}
        self.refused: dict[str, set[str]] = {}
        self.chosen: dict[str, dict[str, str]] = {}

    def take(self, event: Event) -> None:
        data = event.data
        if event.kind == "begun":
            job = self.jobs[data["job"]] = _announced(event)
            if not job.parameters.get("check"):
                self.refused.pop(job.recipe, None)
            return
        job = self.jobs[data["job"]]
        if event.kind == "failed":
            rows = {content: reason for reason, contents in data["rows"].items() for content in contents}
            self.jobs[job.id] = replace(job, failures={**job.failures, **rows})
            self.failed.setdefault(job.recipe, {}).update(rows)
            if job.parameters.get("check"):
                self.refused.setdefault(job.recipe, set()).update(rows)
        elif event.kind == "chosen":
            self.chosen.setdefault(job.recipe, {}).update(data["rows"])
        elif event.kind in ("heard", "ended"):
            counts = {name: data[name] for name in ("rows", "done", "failed", "cached", "cost")}
            state, error = data.get("status", job.state), data.get("error", "")
            self.jobs[job.id] = replace(job, until=event.at, state=state, error=error, **counts)


def read(store: Store) -> JobRecords:
    """Folds what augmentations have said; an event that cannot be read is passed over."""
    fold = _Fold()
    for event in store.events(SUBJECT):
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            fold.take(event)
    now = time.time()
    return JobRecords(
        [
            replace(job, state=INTERRUPTED)
            if job.state == str(Status.RUNNING) and now - job.until > _SILENT
            else job
            for job in fold.jobs.values()
        ],
        fold.failed,
        {recipe: frozenset(rows) for recipe, rows in fold.refused.items()},
        fold.chosen,
    )


def _announced(event: Event) -> AugmentationRecord:
    data = event.data
    return AugmentationRecord(
        id=data["job"], recipe=data["recipe"], teacher=data["teacher"], method=data["method"],
        parameters=data["parameters"], mode=data["parameters"].get("mode", "live"), notebook=data["notebook"],
        begun=event.at, until=event.at, sketch=frozenset(data["sketch"]), part_of=data["part_of"],
    )  # fmt: skip
