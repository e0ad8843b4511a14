"""Lying batches: rows that lie with the provider as batches whose process has ended; a live job takes them over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ...teachers import CallError
from ..results import RowError
from ..work import Work
from .batch import BatchEngine
from .batch_journal import BatchJournal
from .contract import EngineJob

_AGAIN = 1.0  # seconds after which the journal is read anew, where another job's rows came free


class LyingBatches:
    """Knows which rows of a live job are in a batch already, and collects them when the others are done.

    Rows of a batch whose process lives are claimed by it, and never come here.
    """

    def __init__(self, job: EngineJob) -> None:
        self._job = job
        self._keys: frozenset[str] | None = None
        self._read_at = 0.0
        self._engine: BatchEngine | None = None
        self._halted = False

    def holds(self, work: Work, *, anew: bool) -> bool:
        """Whether a batch asks for what this row lacks; ``anew``: one may have been sent lately."""
        if self._job.config.samples > 1:
            return False
        if self._keys is None or (anew and time.monotonic() - self._read_at > _AGAIN):
            self._read_at = time.monotonic()
            journal = BatchJournal(self._job.store, self._job.teacher.name)
            batches = [*journal.outstanding.values(), *(one.rows for one in journal.unconfirmed)]
            self._keys = frozenset(key for rows in batches for keys in rows.values() for key in keys)
        if not self._keys:
            return False
        known = (work.found or {}).get(0, {})
        return any(
            self._job.keys.key(work, name, 0) in self._keys
            for name in self._job.keys.names
            if name not in known
        )

    async def collect(self, works: list[Work]) -> list[Work]:
        """Waits for the batches and takes these rows in; gives those that came back without an answer."""
        left = dict.fromkeys(works)

        def settled(work: Work, result: dict[str, Any] | RowError) -> None:
            left.pop(work, None)
            self._job.settled(work, result)

        engine = self._engine = BatchEngine(replace(self._job, settled=settled, member=None))
        try:
            await engine.collect(works, halted=self._halted)
        except CallError as error:
            self._job.note(
                f"The batches cannot be collected: {error.message} Their {len(left)} rows are asked."
            )
        finally:
            self._engine = None
        return list(left)

    def halt(self) -> None:
        """Stops waiting; what the provider has stays with it."""
        self._halted = True
        if self._engine is not None:
            self._engine.halt()
