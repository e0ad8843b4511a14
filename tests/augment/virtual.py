"""Virtual time: augmentations whose waits take no time, by a teacher that does as its script says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from reasonbook.teachers import CallError, Capabilities, Completion, Request, Usage
from tests.servers.answers import filled, row_name
from tests.servers.virtual_loop import VirtualLoop


def run(main: Any) -> Any:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


# What happens to a call: time, row, attempt → seconds until an answer, or until this error; None hangs.
Script = Callable[[float, str, int], "float | tuple[float, CallError] | None"]


class ScriptedTeacher:
    """Answers as the local provider does, when and if its script says so.

    Attributes:
        sent: (time, row) of every call.
        failed: (time, row) of every call that gave no answer.
        answered: when each row got its answer.
    """

    def __init__(self, script: Script, *, free: bool = False, times_out: bool = True) -> None:
        self.name, self.script = "scripted:model", script
        self.capabilities = Capabilities(free=free, times_out=times_out)
        self.attempts: Counter[str] = Counter()
        self.sent: list[tuple[float, str]] = []
        self.failed: list[tuple[float, str]] = []
        self.answered: dict[str, float] = {}

    async def complete(self, request: Request) -> Completion:
        loop = asyncio.get_running_loop()
        row = row_name(request.user)
        self.attempts[row] += 1
        self.sent.append((loop.time(), row))
        does = self.script(loop.time(), row, self.attempts[row])
        wait, error = does if isinstance(does, tuple) else (does, None)
        try:
            if self.capabilities.times_out and (wait is None or wait > request.timeout):
                await asyncio.sleep(request.timeout)
                raise CallError("timeout", f"no answer within {request.timeout:g} s")
            await asyncio.sleep(10**6 if wait is None else wait)
            if error is not None:
                raise error
        except (CallError, asyncio.CancelledError):
            self.failed.append((loop.time(), row))
            raise
        self.answered[row] = loop.time()
        assert request.schema is not None
        return Completion("", data=filled(request.schema, row), usage=Usage(1, 1, calls=1))

    async def close(self) -> None: ...
