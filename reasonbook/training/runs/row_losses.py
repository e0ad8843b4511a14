"""Row losses: each row's mean loss per target token, and the rows behind a step."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...store import Store, default_store

if TYPE_CHECKING:
    from ...chat import Task
    from ..planning.plan import Plan
    from .data import RunData


FILE = "row_losses.json"
_LOOKED_AT = 50  # runs, the newest first


def write(folder: Path, losses: Mapping[str, float], *, epoch: int) -> None:
    """Keeps the losses of an epoch by row key; the file is whole at any moment."""
    scratch = folder / f".{FILE}"
    scratch.write_text(json.dumps({"epoch": epoch, "losses": losses}))
    os.replace(scratch, folder / FILE)


def read(folder: Path) -> dict[str, float]:
    """Row key → loss in the run's last epoch; empty when there is none."""
    try:
        return dict(json.loads((folder / FILE).read_text())["losses"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def row_losses(keys: Sequence[str], *, store: Store | None = None) -> dict[int, float]:
    """Position → loss, from the newest run that was trained on any of these rows.

    Args:
        keys: the row keys of a frame, in order.
        store: its folder holds the runs; the default store when None.
    """
    store = store or default_store()
    try:
        files = sorted(
            store.folder.glob(f"runs/*/{FILE}"), key=lambda path: path.stat().st_mtime, reverse=True
        )
    except OSError:
        return {}
    for path in files[:_LOOKED_AT]:
        losses = read(path.parent)
        found = {i: losses[key] for i, key in enumerate(keys) if key in losses}
        if found:
            return found
    return {}


@dataclass(frozen=True)
class StepRow:
    """A row in the batch of an optimizer step.

    Attributes:
        position: of the row in the frame.
        key: its identity in the journal.
        prompt: the request, for people.
        response: the right answer.
        loss: newest mean loss per target token, in nats; None where it is not known yet.
    """

    position: int
    key: str
    prompt: str
    response: str
    loss: float | None


class RowLosses:
    """Rows by step and losses by row of one run.

    Args:
        data: gives the run's data; not called before it is needed.
        plan: batch size and seed make the order.
        folder: of the run; the losses stand there in a file.
    """

    def __init__(self, data: Callable[[], RunData], plan: Plan, folder: Path) -> None:
        self._data, self.plan, self.folder = data, plan, folder
        self._losses: dict[str, float] | None = None
        self._epoch: tuple[int, np.ndarray] | None = None
        self._tasks: dict[int, Task] | None = None

    @property
    def losses(self) -> Mapping[str, float]:
        """Row key → mean loss per target token in the newest epoch that saw the row."""
        if self._losses is None:
            self._losses = read(self.folder)
        return self._losses

    def take(self, epoch: int, rows: Sequence[int], fresh: Sequence[float]) -> None:
        """Keeps what an epoch has found, by row key.

        Raises:
            OSError: the file could not be written; the figures are kept in memory.
        """
        tasks = self._by_position()
        new = {tasks[row].key: loss for row, loss in zip(rows, fresh, strict=True) if row in tasks}
        self._losses = {**self.losses, **new}
        write(self.folder, self._losses, epoch=epoch)

    def rows_at(self, step: int) -> list[StepRow]:
        """The rows in the batch of an optimizer step, counted from 1."""
        train, batch = self._data().train, self.plan.batch_size
        epoch, place = divmod(max(1, int(step)) - 1, -(-train.per_epoch // batch))
        tasks, known = self._by_position(), self.losses
        found: list[StepRow] = []
        for i in self._order(epoch)[place * batch : (place + 1) * batch].tolist():
            task = tasks[train.rows[i]]
            found.append(StepRow(task.position, task.key, task.request, task.expected, known.get(task.key)))
        return found

    def _order(self, epoch: int) -> np.ndarray:
        """The order of one epoch; kept, as neighbouring points of a curve are clicked one after the other."""
        if self._epoch is None or self._epoch[0] != epoch:
            from ..loop.batches import LengthOrder  # a review that opens asks for the losses alone

            train = self._data().train
            order = LengthOrder(train.lengths, self.plan.batch_size, seed=self.plan.seed, draws=train.draws)
            self._epoch = (epoch, order.order(epoch))
        return self._epoch[1]

    def _by_position(self) -> dict[int, Task]:
        if self._tasks is None:
            self._tasks = {task.position: task for task in self._data().of("train")}
        return self._tasks
