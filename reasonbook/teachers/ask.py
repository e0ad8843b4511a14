"""Ask: one request outside a job, answered from the store when it was paid for before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..safe_text import storable
from ..store import Call, CapWatch, Context, Store, make_sure_of_room, row_print
from .pricing.price_table import price_of
from .teacher import CallError, Completion, Request, Teacher, completed

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
        StoreError: an answer could not be kept; nothing was asked.
        CallError: there is no answer that can be used; ``output`` when there were answers.
        StoreError: the store's spending cap is used up.
    """
    known = store.answers([key])
    if key in known:
        return known[key]
    make_sure_of_room(store, 1, 1)
    cap, price = CapWatch(store), price_of(teacher)
    if cap.left() <= 0 and not teacher.capabilities.free:
        raise cap.refusal
    last = CallError("output", "the teacher gave no answer")
    context = Context(
        purpose,
        prompt=request.system,
        schema=json.dumps(request.schema or {}, ensure_ascii=False),
        parameters=json.dumps(told, ensure_ascii=False),
    )
    rows = row_print(about) if about else b""

    def keep(completion: Completion, answers: Mapping[str, Any], problem: str) -> None:
        texts = storable(completion.text), answers, storable(completion.reasoning)
        usage = completion.usage
        cost = usage.dollars if price is None else price.cost(usage)
        store.put([Call(teacher.name, *texts, usage.to_dict(), storable(problem), context, rows, cost)])

    unreadable = 0
    for number in range(_TRIES):
        try:
            completion = await completed(teacher, request)
        except CallError as error:
            if error.usage:
                keep(Completion(error.text, "", error.usage), {}, error.message)
            unreadable += error.kind == "output"
            if not error.transient and (error.kind != "output" or unreadable > 1):
                raise
            last = error
            if number + 1 < _TRIES and error.transient:
                await asyncio.sleep(min(error.retry_after or 2.0**number, _LONGEST_WAIT))
            continue
        try:
            value = read(completion)
            json.dumps(value, ensure_ascii=False).encode()  # half a character is no answer either
        except (ValueError, RecursionError) as error:
            keep(completion, {}, str(error))
            last = CallError("output", str(error), text=completion.text)
        else:
            keep(completion, {key: value}, "")
            return value
    raise last
