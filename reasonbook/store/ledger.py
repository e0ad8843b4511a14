"""Ledger: a budget that several workers of one job spend together."""

from __future__ import annotations

import contextlib
import math
import secrets

from ..errors import StoreError
from .database import Store

_TABLE = """CREATE TABLE IF NOT EXISTS ledger(
    job TEXT, worker INTEGER, granted REAL, PRIMARY KEY(job, worker)) WITHOUT ROWID"""


class Ledger:
    """One worker's page in the ledger of a job.

    A worker spends what it has been granted, and what it does not need goes back at its end. Of one that is killed the
    grant counts as spent, since nobody knows better.

    Args:
        store: where the workers meet.
        job: whose budget it is.
        dollars: the budget of the whole job.
    """

    def __init__(self, store: Store, job: str, dollars: float) -> None:
        self.store, self.job, self.dollars = store, job, dollars
        self.worker = secrets.randbits(62)

    def grant(self, spent: float, wanted: float) -> float:
        """Dollars that this worker may spend in all: what it wants, as far as the others have left it.

        Args:
            spent: what it has spent so far.
            wanted: what it would like to be able to spend in all, that included.

        Raises:
            StoreError: the store cannot be written.
        """
        with self.store.writing() as db:
            db.execute(_TABLE)
            [others] = db.execute(
                "SELECT total(granted) FROM ledger WHERE job = ? AND worker != ?", (self.job, self.worker)
            ).fetchone()
            left = self.dollars - float(others)
            granted = max(spent, min(wanted, left))
            db.execute(
                "INSERT OR REPLACE INTO ledger VALUES(?, ?, ?)", (self.job, self.worker, max(granted, 0.0))
            )
        return min(granted, left)

    def close(self, spent: float) -> None:
        """Gives back what was not spent."""
        with contextlib.suppress(StoreError):
            self.grant(spent, -math.inf)
