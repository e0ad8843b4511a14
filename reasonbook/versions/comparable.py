"""Comparable: versions, frames and runs as data that can be held against each other (`rb.diff`)."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..data.frame import Frame
from ..data.layout.frame_layout import layout_of
from ..data.task import Task
from ..data.typed_pandas import DataFrame
from ..decisions import Decisions
from ..errors import ReasonbookError, choices
from ..options import checked
from ..store import Store, default_store
from .data_diff import DataDiff
from .snapshot import Snapshot, snapshot_of_frame, snapshot_of_tasks
from .version import Version, recorded

_EXAMPLE = 'rb.diff("before repairs", df)'


class _RunData(Protocol):
    tasks: list[Task]


class _Student(Protocol):
    name: str
    strategy: str

    @property
    def data(self) -> _RunData: ...


@runtime_checkable
class _Run(Protocol):
    """Whoever has a trained student, as in `reasonbook.compare`."""

    @property
    def trained(self) -> _Student: ...


@checked(ReasonbookError, _EXAMPLE)
def diff(before: Any, after: Any) -> DataDiff:
    """What has changed from one state of the data to another, row by row and field by field.

    Args:
        before: a version or its name, a DataFrame, or a run, whose data is read from its folder.
        after: the same.

    Returns:
        A `DataDiff`: rows added and gone, and counts of what changed by field; ``.to_frame()`` has every change.

    Raises:
        ReasonbookError: there is no such version, or nothing of that kind can be compared.

    Example:
        >>> version = df.reason.version("before repairs")
        >>> review = df.reason.review().edit(0, {"Amount": "105"}).accept([1, 2])
        >>> rb.diff(version, df)
        DataDiff(40 rows in common; verdict 2, reasoning: Amount 1)
    """
    return DataDiff(_snapshot(before), _snapshot(after))


def snapshot_of_run(run: _Run) -> Snapshot:
    """What a run keeps of its rows; a student that learnt answers alone was not told of any reasoning."""
    student = run.trained
    return snapshot_of_tasks(student.data.tasks, student.name, reasoning=student.strategy != "final_only")


def _snapshot(thing: object) -> Snapshot:
    if isinstance(thing, Snapshot):
        return thing
    if isinstance(thing, Version):
        return thing.snapshot
    if isinstance(thing, str):
        return _named(thing, default_store()).snapshot
    if isinstance(thing, DataFrame):
        return snapshot_of_frame(Frame(thing, layout_of(thing)), Decisions(default_store()))
    if isinstance(thing, _Run):
        return snapshot_of_run(thing)
    raise ReasonbookError(f"Data of a {type(thing).__name__} cannot be compared.", _EXAMPLE)


def _named(name: str, store: Store) -> Version:
    """The newest version of this name."""
    known = [version for version, _ in recorded(store)]
    found = [version for version in known if name in (version.name, version.id)]
    if not found:
        names = list(dict.fromkeys(version.name for version in known))
        raise ReasonbookError(
            f"There is no version {name!r}.",
            choices(name, names) if names else f"df.reason.version({name!r})",
        )
    return found[-1]
