"""Store writer: answers on their way into the store, in groups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ...store import Call, Store

_SLOW = 0.01  # seconds of a write that hold the calls under way up more than a thread would

_Group = Sequence[tuple[Call, "asyncio.Future[None]"]]


class StoreWriter:
    """Writes calls in groups; a call counts as answered when ``write`` has returned.

    What came in one turn of the loop is one group. A quick disk is written to in the loop itself: handing over to a
    thread and back would take longer. While a slow one is written to, on a thread, the next group gathers, so
    that it makes larger groups and never holds up the calls under way.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[tuple[Call, asyncio.Future[None]]] = []
        self._writer = ThreadPoolExecutor(1, "reasonbook-store-writer")
        self._task: asyncio.Task[None] | None = None
        self._slow = False

    async def write(self, call: Call) -> None:
        """Returns when the call is in the store.

        Raises:
            StoreError: it cannot be written; nothing of the group is.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if not self._waiting and self._task is None:
            loop.call_soon(self._begin)
        self._waiting.append((call, future))
        await future

    async def close(self) -> None:
        """Returns when everything that was handed over is written."""
        self._begin()
        if self._task is not None:
            await self._task
        self._writer.shutdown(wait=False)

    def _begin(self) -> None:
        """Writes what waits, here or on the thread."""
        if not self._waiting or self._task is not None:
            return
        if self._slow:
            self._task = asyncio.get_running_loop().create_task(self._elsewhere())
        else:
            group, self._waiting = self._waiting, []
            _settle(group, self._put(group))

    async def _elsewhere(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            _settle(group, await loop.run_in_executor(self._writer, self._put, group))
        self._task = None

    def _put(self, group: _Group) -> Exception | None:
        began = time.perf_counter()
        try:
            self.store.put([call for call, _ in group])
        except Exception as problem:
            return problem
        finally:
            self._slow = time.perf_counter() - began > _SLOW
        return None


def _settle(group: _Group, error: Exception | None) -> None:
    for _, future in group:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
