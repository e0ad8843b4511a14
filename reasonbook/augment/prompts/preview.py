"""Preview: exactly what a teacher is sent for a row, for anyone to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from ...data.conversation import Conversation
from ...data.layout import layout_of
from ...errors import ReasonbookError
from ...html_card import card
from ...schema import Schema
from ...teachers import Request, Teacher, TeacherSpec, resolve
from ..config import AugmentConfig
from ..work import NO_RESPONSE, FrameSnapshot
from .requests import Prompts

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_ROW = Conversation(
    (
        {"role": "user", "content": "(the request of a row)"},
        {"role": "assistant", "content": "(its response)"},
    )
)


@dataclass(frozen=True)
class SentPrompt:
    """What a teacher is sent for one row; its text is the whole of it.

    Attributes:
        teacher: the teacher's name; empty where none was named.
        system: the fixed part, the same text for every row.
        user: the row.
        turns: what follows the row, as (role, text); of ``native`` alone.
        json_schema: what the answer is held to, before a provider takes from it what it does not know.
        max_tokens: bound of the answer, without any room to think.
        path: where a hosted teacher's request goes; empty for others.
        body: the JSON of that request; empty for teachers that are not asked over HTTP.

    Example:
        >>> schema.prompt(teacher="openai:gpt-4o-mini").body["max_output_tokens"] < 4_096
        True
    """

    teacher: str
    system: str
    user: str
    turns: tuple[tuple[str, str], ...]
    json_schema: Mapping[str, Any] | None
    max_tokens: int | None
    path: str = ""
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __repr__(self) -> str:
        return "\n\n".join(f"=== {name}\n{text}" for name, text in self._parts())

    def _repr_html_(self) -> str:
        style = "white-space:pre-wrap;margin:0 0 8px;max-height:320px;overflow:auto"
        body = "".join(
            f'<div>{escape(name)}</div><pre style="{style}">{escape(text)}</pre>'
            for name, text in self._parts()
        )
        whom = f" to {self.teacher}" if self.teacher else ""
        return card(f"What is sent{whom}", body=body, next_verb="job = df.reason.augment(schema, teacher=…)")

    def _parts(self) -> list[tuple[str, str]]:
        bound = "none" if self.max_tokens is None else f"{self.max_tokens} tokens, room to think left out"
        parts = [("system", self.system), ("user", self.user), *self.turns]
        if self.json_schema is not None:
            parts.append(("JSON Schema of the answer", _json(self.json_schema)))
        parts.append(("bound of the answer", bound))
        if self.path:
            parts.append((f"POST {self.path}", _json(self.body)))
        return parts


def sent(
    schema: Schema, teacher: TeacherSpec | None, df: pd.DataFrame | None, row: int, options: Mapping[str, Any]
) -> SentPrompt:
    """What `Schema.prompt` shows.

    Raises:
        ReasonbookError: the row cannot be asked, an option is wrong, or there is no such teacher.
    """
    config = AugmentConfig(**options)
    prompts = Prompts(schema.snapshot(), config)
    shown = prompts.method.sees_response
    names = schema.names if prompts.method.fields else (prompts.method.label,)
    request = prompts.request(_ROW if df is None else _row_of(df, row, shown), names, shown)
    named = None if teacher is None else resolve(teacher, ready=False)
    path, body = _wired(named, request)
    return SentPrompt(
        "" if named is None else named.name,
        request.system,
        request.user,
        request.turns,
        request.schema,
        request.max_tokens or request.answer_tokens,
        path,
        body,
    )


def _row_of(df: pd.DataFrame, row: int, shown: bool) -> Conversation:
    if not 0 <= row < len(df):
        raise ReasonbookError(f"There is no row {row}; the frame has {len(df)}.", "row=0")
    found = FrameSnapshot(df, layout_of(df)).row(row)
    problem = found.problem or (NO_RESPONSE if shown and not found.has_response else "")
    if problem:
        raise ReasonbookError(f"Row {row} is not asked: {problem}.", "row=…")
    return found


def _wired(teacher: Teacher | None, request: Request) -> tuple[str, Mapping[str, Any]]:
    """Path and body of the HTTP request, for a teacher that makes one."""
    make: Callable[..., tuple[str, dict[str, Any]]] | None = getattr(teacher, "body", None)
    if make is None:
        return "", {}
    rung = getattr(teacher, "rung", None)
    return make(request, rung(request)) if callable(rung) else make(request)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
