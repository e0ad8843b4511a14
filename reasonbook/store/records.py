"""Records: the calls of a store, looked back at: those about a row, and what all of them cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from . import context
from .damage.checksums import CALL
from .database import Store

NOT_RECORDED = "not recorded"  # what is said of calls that an older version made
_LAST = "\U0010ffff"  # above every character of a key


@dataclass(frozen=True)
class AskedCall:
    """One call as it stands on record; what an older version did not note is "not recorded".

    Attributes:
        id: its number in the store.
        at: seconds since the epoch.
        teacher: the teacher's name.
        text: what it wrote, raw.
        usage: token counts.
        problem: why that could not be used; empty when it could.
        purpose: ``augmentation``, ``repair`` or ``judge``.
        method: of an augmentation.
        prompt: the fixed instructions.
        schema: the fields that were asked for, as JSON.
        parameters: what else the teacher got, as JSON.
        notebook: where it was asked from.
        job: id of the job; empty where there was none.
        price: dollars per million tokens read, written, and read from the provider's cache; None when not known.
        cost: dollars; None when nobody knows it.
    """

    id: int
    at: float
    teacher: str
    text: str
    usage: Mapping[str, int]
    problem: str
    purpose: str
    method: str
    prompt: str
    schema: str
    parameters: str
    notebook: str
    job: str
    price: Sequence[float] | None
    cost: float | None


@dataclass(frozen=True)
class Expense:
    """What the calls of one day, teacher and context have used, added up.

    Attributes:
        day: as ``2026-11-27``, by this machine's clock.
        teacher: the teacher's name.
        notebook: where they were made from, or "not recorded".
        purpose: what for, or "not recorded".
        job: id of the job that made them; empty where there was none.
        calls: how many.
        usage: their tokens.
        cost: dollars as they were noted with the calls; None for calls that noted none.
    """

    day: str
    teacher: str
    notebook: str
    purpose: str
    job: str
    calls: int
    usage: Mapping[str, int]
    cost: float | None


def calls_about(store: Store, names: Iterable[str]) -> list[AskedCall]:
    """The calls about rows or contents of these names, oldest first."""
    numbers: set[int] = set()
    for name in names:
        numbers.update(
            n
            for (n,) in store.query("SELECT call FROM asked WHERE instr(rows, ?)", (context.row_print(name),))
        )
        span = (name, name + _LAST)  # an answer's key begins with the content that it is about
        numbers.update(
            n for (n,) in store.query(f"SELECT {CALL} FROM answers WHERE key BETWEEN ? AND ?", span)
        )
    rows = [
        row
        for n in sorted(numbers)
        for row in store.query(
            "SELECT c.id, c.at, c.teacher, c.text, c.usage, c.problem, a.cost, x.data FROM calls c "
            "LEFT JOIN asked a ON a.call = c.id LEFT JOIN contexts x ON x.id = a.context WHERE c.id = ?",
            (n,),
        )
    ]
    return sorted((_call(store, *row) for row in rows), key=lambda call: (call.at, call.id))


def _call(
    store: Store,
    id: int,
    at: float,
    teacher: str,
    text: str,
    usage: str,
    problem: str,
    cost: float | None,
    data: str | None,
) -> AskedCall:
    told = plain(data)

    def part(name: str) -> str:
        if data is None:
            return NOT_RECORDED
        return str(told.get(name, ""))

    def kept(name: str) -> str:
        if data is None:
            return NOT_RECORDED
        found = store.query("SELECT text FROM texts WHERE print = ?", (told.get(name, ""),))
        return str(found[0][0]) if found else ""

    return AskedCall(
        id, at, teacher, text, plain(usage), problem, part("purpose"), part("method"), kept("prompt"),
        kept("schema"), kept("parameters"), part("notebook"), str(told.get("job", "")), told.get("price"), cost,
    )  # fmt: skip


def plain(text: str | None) -> dict[str, Any]:
    """What an object in the store says; nothing where it is damaged."""
    try:
        said: object = json.loads(text or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


_TOKENS = ("input", "output", "cached", "reasoning", "written", "written_hour")
_SPENT = f"""
SELECT coalesce(date(c.at, 'unixepoch', 'localtime'), ''), c.teacher, a.context, a.cost IS NULL, count(*),
    total(a.cost),
    {", ".join(f"total(iif(json_valid(c.usage), json_extract(c.usage, '$.{name}'), 0))" for name in _TOKENS)}
FROM calls c LEFT JOIN asked a ON a.call = c.id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
"""


def expenses(store: Store) -> list[Expense]:
    """What every call in the store has used, added up by day, teacher and context; cached rows made no call."""
    known = {number: plain(data) for number, data in store.query("SELECT id, data FROM contexts")}
    nobody = {"notebook": NOT_RECORDED, "purpose": NOT_RECORDED}
    found: list[Expense] = []
    for day, teacher, number, unknown, calls, cost, *tokens in store.query(_SPENT):
        told = nobody | known.get(number, {})
        usage: dict[str, int] = dict(zip(_TOKENS, map(int, tokens), strict=True))
        found.append(
            Expense(
                day,
                teacher,
                told["notebook"],
                told["purpose"],
                told.get("job", ""),
                calls,
                usage,
                None if unknown else float(cost),
            )
        )
    return found
