"""Claimed works: the rows that a job may ask, claimed a block at a time; those that others ask wait for them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ...errors import StoreError
from ...store import Claims, Store
from ..work import AnswerKeys, Work, note_answers

# Seconds that a block shall last: claims are cheap then, and nobody waits long for one.
_QUICK, _SLOW = 0.1, 0.5
_LARGEST = 512


class ClaimedWorks:
    """Hands out rows that nobody else on the store asks.

    A row that another job asks waits until its answer is there, and is then taken for free, or until that job has given
    it up or died, and is then asked. Without claims every row is handed out as it comes.

    Args:
        works: the rows, in order.
        keys: of their answers.
        samples: answers per row.
        store: where the answers come to stand.
        claims: this job's; None where the store is shared with nobody.
        most: rows that the first block has.
        answered: called with a row whose answers have come from another job.
        arrived: called when there may be a row again after `take` had none.

    Attributes:
        elsewhere: rows of the frame that another job asks at this moment.
        waited: whether rows ever had to wait for another job.
    """

    def __init__(
        self,
        works: Iterator[Work],
        *,
        keys: AnswerKeys,
        samples: int,
        store: Store,
        claims: Claims | None,
        most: int,
        answered: Callable[[Work], object],
        arrived: Callable[[], object],
    ) -> None:
        self._works, self._keys, self._samples, self._store = works, keys, samples, store
        self._claims = claims
        self._size, self._largest, self._drawn_at = most, max(most, _LARGEST), time.monotonic() - _QUICK
        self._answered, self._arrived = answered, arrived
        self._ready: deque[Work] = deque()
        self._asked: dict[Work, tuple[str, tuple[str, ...]]] = {}
        self._waiting: list[Work] = []
        self._owner = claims.owner if claims is not None else 0
        self._drained = self._drawing = False
        self.elsewhere = 0
        self.waited = False

    @property
    def waits(self) -> bool:
        """Whether rows wait for another job."""
        return bool(self._waiting)

    @property
    def open(self) -> bool:
        """Whether there may still be a row to hand out."""
        return bool(self._waiting or self._ready) or not self._drained

    def take(self) -> Work | None:
        """The next row to ask; None when there is none at this moment."""
        if not self._ready and not self._drawing:
            self._draw()
        if self._ready:
            return self._ready.popleft()
        if not self._drained and not self._drawing:  # the loop has its turn before the next block is read
            self._drawing = True
            asyncio.get_running_loop().call_soon(self._draw_on)
        return None

    def done(self, work: Work) -> None:
        """Notes that a row is answered or given up, so that others need not wait for it."""
        ask = self._asked.pop(work, None)
        if ask is not None and self._claims is not None:
            self._claims.release(ask)

    def look(self) -> None:
        """Sees whether rows that others asked are answered or free by now."""
        freed = self._freed()
        if freed:
            gone = set(freed)
            self._waiting = [work for work in self._waiting if work not in gone]
            self._waiting += self._claim(freed)
            self._count()
            self._arrived()

    def close(self) -> None:
        """Hands out no more, and lets others have what was not asked."""
        self._drained = True
        self._waiting.clear()
        self._ready.clear()
        if self._claims is not None:
            self._claims.close()

    # -- inside ------------------------------------------------------------------------------------------
    def _draw(self) -> None:
        """Claims the next block."""
        if not self._drained:
            block = list(islice(self._works, self._block()))
            self._drained = not block
            self._waiting += self._claim(block)
            self._count()

    def _draw_on(self) -> None:
        self._draw()
        if self._ready or self._drained:
            self._drawing = False
            self._arrived()
        else:
            asyncio.get_running_loop().call_soon(self._draw_on)

    def _freed(self) -> list[Work]:
        """Rows to claim again: those that others have done with."""
        claims = self._claims
        if claims is None or not (self._waiting or self._ready):
            return list(self._waiting)
        if (
            claims.owner != self._owner
        ):  # this job was taken for dead, and what it has not asked yet may be another's
            self._owner = claims.owner
            again, self._ready = [*self._ready, *self._waiting], deque[Work]()
            return again
        try:
            return claims.freed(self._waiting, self._ask) if self._waiting else []
        except (StoreError, sqlite3.Error):  # see `_claim`
            self._claims = None
            return list(self._waiting)

    def _claim(self, works: list[Work]) -> list[Work]:
        """Makes rows ready that are this job's to ask; returns those that others ask."""
        claims, held = self._claims, list[Work]()
        if claims is not None and works:
            try:
                works, held = claims.take(works, self._ask, self._look_up)
            except (
                StoreError
            ):  # nobody can be told; the answers themselves will say what is wrong with the store
                self._claims = None
        for work in works:
            ask = self._ask(work)
            if ask[1] or work.found is None:
                self._asked[work] = ask
                self._ready.append(work)
            else:
                self._answered(work)
        return held

    def _ask(self, work: Work) -> tuple[str, tuple[str, ...]]:
        return work.content, self._keys.missing(work, self._samples)

    def _look_up(self, works: Sequence[Work]) -> None:
        note_answers(works, self._keys, self._samples, self._store)

    def _block(self) -> int:
        """Rows of the next block: as many as are asked in a moment."""
        now = time.monotonic()
        lasted, self._drawn_at = now - self._drawn_at, now
        if lasted < _QUICK:
            self._size = min(self._largest, 2 * self._size)
        elif lasted > _SLOW:
            self._size = max(1, self._size // 2)
        return self._size

    def _count(self) -> None:
        self.elsewhere = sum(len(work.places) for work in self._waiting)
        self.waited = self.waited or self.elsewhere > 0
