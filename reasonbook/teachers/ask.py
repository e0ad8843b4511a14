"""Ask: one request outside a job, answered from the store when it was paid for before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from ..store import Call, Context, Store, row_print
from .teacher import CallError, Completion, Request, Teacher

_Value = TypeVar("_Value")

_TRIES = 4
_LONGEST_WAIT = 20.0


async def ask(
    teacher: Teacher,
    request: Request,
    read: Callable[[Completion], _Value],
    *,
    store: Store,
    key: str,
    purpose: str,
    about: str = "",
    **told: Any,
) -> _Value:
    """What `read` makes of the teacher's answer; every paid answer is in the store before it counts.

    Args:
        read: gives a JSON-ready value, or raises ``ValueError`` when the answer cannot be used; the
            teacher is asked again then.
        key: names the question; the same key is never paid for twice.
        purpose: what for, for the store's records.
        about: name of the row that it is about.
        **told: what else the records shall say of it, JSON-ready.

    Raises:
        CallError: there is no answer that can be used; ``output`` when there were answers.
    """
    known = store.answers([key])
    if key in known:
        return known[key]
    last = CallError("output", "the teacher gave no answer")
    context = Context(
        purpose,
        prompt=request.system,
        schema=json.dumps(request.schema or {}, ensure_ascii=False),
        parameters=json.dumps(told, ensure_ascii=False),
    )
    rows = row_print(about) if about else b""
    cost = 0.0 if teacher.capabilities.free else None
    for number in range(_TRIES):
        try:
            completion = await teacher.complete(request)
        except CallError as error:
            if not error.transient:
                raise
            last = error
            if number + 1 < _TRIES:
                await asyncio.sleep(min(error.retry_after or 2.0**number, _LONGEST_WAIT))
            continue
        value: Any = None
        problem = ""
        try:
            value = read(completion)
        except ValueError as error:
            problem = str(error)
        answers = {} if problem else {key: value}
        usage = completion.usage.to_dict()
        store.put(
            [
                Call(
                    teacher.name,
                    completion.text,
                    answers,
                    completion.reasoning,
                    usage,
                    problem,
                    context,
                    rows,
                    cost,
                )
            ]
        )
        if not problem:
            return value
        last = CallError("output", problem, text=completion.text)
    raise last
