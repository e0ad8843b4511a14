"""Commit: answers on their way into the store, in groups, on a thread of their own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ..store import Call, Store


class Committer:
    """Writes calls in groups; a call counts as answered when ``commit`` has returned.

    While one group is written the next one gathers, so that a slow disk makes larger groups and never holds
    up the calls under way.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[tuple[Call, asyncio.Future[None]]] = []
        self._writer = ThreadPoolExecutor(1, "reasonbook-commit")
        self._task: asyncio.Task[None] | None = None

    async def commit(self, call: Call) -> None:
        """Returns when the call is in the store.

        Raises:
            StoreError: it cannot be written; nothing of the group is.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((call, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._write())
        await future

    async def close(self) -> None:
        """Returns when everything that was handed over is written."""
        if self._task is not None:
            await self._task
        self._writer.shutdown(wait=False)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await loop.run_in_executor(self._writer, self.store.put, [call for call, _ in group])
            except Exception as problem:
                error = problem
            for _, future in group:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
