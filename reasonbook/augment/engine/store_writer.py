"""Store writer: answers on their way into the store, in groups."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ...safe_text import excerpt
from ...store import Call, Store

_SLOW = 0.01  # seconds of a write that hold the calls under way up more than a thread would

_Group = Sequence[tuple[Call, "asyncio.Future[str]"]]


class StoreWriter:
    """Writes calls in groups; a call counts as answered when ``write`` has returned.

    What comes in one turn of the loop is one group, and as long as each turn brings more, so is what comes in several:
    a group costs as much as ten answers in it. A quick disk is written to in the loop itself: handing over to a
    thread and back would take longer. While a slow one is written to, on a thread, the next group gathers, so
    that it makes larger groups and never holds up the calls under way.

    Args:
        store: where.
        under_way: how many calls are; a group waits for no more than half of them.
    """

    def __init__(self, store: Store, under_way: Callable[[], int] = lambda: 1) -> None:
        self.store = store
        self._under_way = under_way
        self._seen = 0
        self._waiting: list[tuple[Call, asyncio.Future[str]]] = []
        self._writer = ThreadPoolExecutor(1, "reasonbook-store-writer")
        self._task: asyncio.Task[None] | None = None
        self._slow = False

    async def write(self, call: Call) -> str:
        """Returns when the call is in the store; says why where what it holds cannot be stored.

        Raises:
            StoreError: the store cannot be written; nothing of the group is.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        if not self._waiting and self._task is None:
            self._seen = 0
            loop.call_soon(self._gather)
        self._waiting.append((call, future))
        return await future

    async def close(self) -> None:
        """Returns when everything that was handed over is written."""
        self._begin()
        if self._task is not None:
            await self._task
        self._writer.shutdown(wait=False)

    def _gather(self) -> None:
        """Begins once a turn of the loop brings nothing more."""
        if self._seen < len(self._waiting) < self._under_way() // 2:
            self._seen = len(self._waiting)
            asyncio.get_running_loop().call_soon(self._gather)
        else:
            self._begin()

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

    def _put(self, group: _Group) -> Sequence[str] | Exception:
        began = time.perf_counter()
        try:
            return put_calls(self.store, [call for call, _ in group])
        except Exception as problem:
            return problem
        finally:
            self._slow = time.perf_counter() - began > _SLOW


def put_calls(store: Store, calls: Sequence[Call]) -> Sequence[str]:
    """Writes calls in one transaction, or one by one where one of them cannot be stored.

    Returns:
        For each call, why it cannot be stored; empty where it is. Of one that cannot, the record stays: what it
        cost, and why there is no answer.

    Raises:
        StoreError: the store itself cannot be written.
    """
    try:
        store.put(calls)
        return [""] * len(calls)
    except Exception as error:
        if not calls or isinstance(
            error.__cause__, sqlite3.OperationalError
        ):  # full, locked, not to be written
            raise
        if len(calls) > 1:
            return [why for call in calls for why in put_calls(store, [call])]
        [call] = calls
        why = f"the answer cannot be stored: {type(error).__name__}: {excerpt(error, 200)}"
        store.put([replace(call, text="", answers={}, reasoning="", problem=why)])
        return [why]


def _settle(group: _Group, result: Sequence[str] | Exception) -> None:
    for number, (_, future) in enumerate(group):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result[number])
