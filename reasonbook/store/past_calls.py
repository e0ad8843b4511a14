"""Past calls: what the newest calls of a teacher have written and used, for whoever must guess the next ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .database import Store
from .records import plain

_CONTEXTS = 500  # the newest; there is one for each job and prompt


@dataclass(frozen=True)
class PastCall:
    """One call of an augmentation that gave an answer.

    Attributes:
        text: what the teacher wrote; empty where it was cleaned away.
        usage: token counts.
        schema: the fields that were asked for, as JSON.
        parameters: what else the teacher got, as far as it was not the default.
    """

    text: str
    usage: Mapping[str, float]
    schema: str
    parameters: Mapping[str, Any]


def newest_calls(store: Store, teacher: str, method: str, *, most: int) -> list[PastCall]:
    """The newest calls of a teacher by one method, newest first."""
    rows = store.query("SELECT id, data FROM contexts ORDER BY id DESC LIMIT ?", (_CONTEXTS,))
    told = {number: plain(data) for number, data in rows}
    told = {n: c for n, c in told.items() if c.get("purpose") == "augmentation" and c.get("method") == method}
    marks = ",".join("?" * len(told))
    found = store.query(
        "SELECT a.context, c.text, c.usage FROM asked a JOIN calls c ON c.id = a.call "
        f"WHERE a.context IN ({marks}) AND c.teacher = ? AND c.problem = '' ORDER BY a.call DESC LIMIT ?",
        (*told, teacher, most),
    )
    prints = {context.get(name, "") for context in told.values() for name in ("schema", "parameters")}
    kept = {print: text for print in prints for text in _text(store, print)}
    return [
        PastCall(
            text,
            {name: n for name, n in plain(usage).items() if isinstance(n, (int, float))},
            kept.get(told[number].get("schema", ""), ""),
            plain(kept.get(told[number].get("parameters", ""), "")),
        )
        for number, text, usage in found
    ]


def _text(store: Store, print: str) -> list[str]:
    return [text for (text,) in store.query("SELECT text FROM texts WHERE print = ?", (print,))]
