"""Commit: answers on their way into the store, all that arrived in one turn of the loop in one transaction."""

from __future__ import annotations

import asyncio

from ..store import Call, Store


class Committer:
    """Writes calls in groups; a call counts as answered when ``commit`` has returned."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[tuple[Call, asyncio.Future[None]]] = []

    async def commit(self, call: Call) -> None:
        """Returns when the call is in the store.

        Raises:
            StoreError: it cannot be written; nothing of the group is.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._write)
        self._waiting.append((call, future))
        await future

    def _write(self) -> None:
        group, self._waiting = self._waiting, []
        try:
            self.store.put([call for call, _ in group])
        except Exception as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for _, future in group:
            if not future.done():
                future.set_result(None)
