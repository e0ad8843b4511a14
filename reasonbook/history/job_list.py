"""Job list: every augmentation and every training in the store, each start by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..augment.engine.job_journal import AugmentationRecord, read
from ..errors import ReasonbookError
from ..options import checked
from ..store import NOT_RECORDED, Store, default_store
from .listing import Listing, dollars, moment
from .run_list import RunRecord, runs


@dataclass(frozen=True)
class JobRecord:
    """One job on record.

    Attributes:
        id: its name in the store.
        kind: ``augmentation``, ``audit`` or ``training``.
        at: when it began, in seconds since the epoch.
        seconds: until it ended, or was last heard of; None when it is not known.
        state: where it stands; ``INTERRUPTED`` when its kernel went without a word.
        what: teacher and method, or student and strategy.
        rows: what became of its rows, in words.
        cost: dollars; None when it has none, or nobody knows it.
        notebook: where it was started.
    """

    id: str
    kind: str
    at: float
    seconds: float | None
    state: str
    what: str
    rows: str
    cost: float | None
    notebook: str


_COLUMNS: Mapping[str, Callable[[JobRecord], Any]] = {
    "job": lambda job: job.id,
    "kind": lambda job: job.kind,
    "when": lambda job: moment(job.at),
    "state": lambda job: job.state,
    "what": lambda job: job.what,
    "rows": lambda job: job.rows,
    "seconds": lambda job: job.seconds,
    "cost": lambda job: "" if job.kind == "training" else dollars(job.cost),
    "notebook": lambda job: job.notebook,
}


@checked(ReasonbookError, "rb.jobs()")
def jobs(*, store: Store | None = None) -> Listing[JobRecord]:
    """Every augmentation and training in the store, oldest first, those of other notebooks too.

    Args:
        store: the default store when None.

    Example:
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
        >>> rb.jobs()[-1].kind, rb.jobs()[-1].rows, rb.jobs()[-1].cost
        ('augmentation', '40 of 40, 40 from the store', 0.0)
    """
    store = store or default_store()
    found = [_augmentation(job) for job in read(store).whole] + [_training(run) for run in runs(store=store)]
    return Listing(
        sorted(found, key=lambda job: job.at), _COLUMNS, title="Jobs", next_verb="rb.spent()   ·   rb.runs()"
    )


def _augmentation(job: AugmentationRecord) -> JobRecord:
    rows = f"{job.done} of {job.rows}"
    rows += f", {job.failed} failed" if job.failed else ""
    rows += f", {job.cached} from the store" if job.cached else ""
    what = f"{job.teacher} ({job.method}{', batch' if job.mode == 'batch' else ''})"
    seconds = round(job.until - job.begun, 2)
    kind = "audit" if job.method == "answer" else "augmentation"
    return JobRecord(job.id, kind, job.begun, seconds, job.state, what, rows, job.cost, job.notebook)


def _training(run: RunRecord) -> JobRecord:
    what = f"{run.name} ({run.strategy})"
    return JobRecord(
        run.id, "training", run.at, run.seconds, run.state, what, f"{run.rows} examples", None, NOT_RECORDED
    )
