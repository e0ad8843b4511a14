"""Timed teacher: asks it once, and cuts the call when its time is over."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from importlib import import_module

from ....teachers import CallError, Completion, Request, Teacher
from ....teachers.teacher import completed
from .attempts import CallUnderWay
from .breaker import Breaker
from .timeouts import CallTimeouts

if sys.version_info >= (3, 11):
    from asyncio import timeout as _timeout
else:
    _timeout: Callable[[float], AbstractAsyncContextManager[object]] = import_module("async_timeout").timeout


class TimedTeacher:
    """A teacher whose calls end in time.

    Attributes:
        ending: whether the job ends, so that a cancelled call is none of the teacher's doing.
    """

    def __init__(self, teacher: Teacher, timeouts: CallTimeouts, breaker: Breaker) -> None:
        self._teacher, self._timeouts, self._breaker = teacher, timeouts, breaker
        self.ending = False

    async def complete(self, call: CallUnderWay, request: Request) -> Completion:
        """The teacher's answer.

        Raises:
            CallError: what the teacher raises, and ``timeout``.
        """
        limit = self._timeouts.limit(call.attempts)
        try:
            if self._breaker.down:
                return await self._probe(call, request)
            if self._teacher.capabilities.times_out:
                if limit != request.timeout:
                    request = replace(request, timeout=limit)
                return await completed(self._teacher, request)
            async with _timeout(limit):
                return await completed(self._teacher, request)
        except (asyncio.TimeoutError, TimeoutError):
            raise _cut(limit) from None
        except asyncio.CancelledError:
            if self.ending:
                raise
            raise CallError("request", "the teacher cancelled its own call") from None

    async def _probe(self, call: CallUnderWay, request: Request) -> Completion:
        """As `complete`, with all the time there is, so that a slow provider is not taken for a dead one.

        Once another probe has been answered, one that hangs from the outage is given as long as any call.
        """
        limit = self._timeouts.longest(call.attempts)
        asked = asyncio.ensure_future(completed(self._teacher, replace(request, timeout=limit)))
        back = asyncio.ensure_future(self._breaker.recovered())
        try:
            await asyncio.wait({asked, back}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if back.done() and not asked.done():
                limit = self._timeouts.limit(call.attempts)
                await asyncio.wait({asked}, timeout=limit)
            if not asked.done():
                raise _cut(limit)
            return asked.result()
        finally:
            asked.cancel()
            back.cancel()


def _cut(limit: float) -> CallError:
    return CallError("timeout", f"no answer within {limit:g} s")
