"""Schema trial: a teacher fills a schema for a few rows of a copy of the frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from ..augment import Augmentation, AugmentConfig
from ..data.conversation import Conversation, is_mapping
from ..data.frame import COLUMNS, Frame
from ..data.layout import Layout
from ..data.layout.frame_layout import layout_of
from ..data.turn_reasoning import last_of
from ..errors import TeacherError
from ..schema import Schema, Trial
from ..teachers import Teacher
from .review_rows import pairs

ROWS = 3
_REQUEST = 400  # characters of a request


@dataclass(frozen=True)
class TriedRow:
    """A row and what the teacher made of it; the reasoning as pairs, in the schema's order."""

    position: int
    request: str
    status: str | None
    error: str | None
    reasoning: list[tuple[str, Any]]


def try_schema(
    schema: Schema, trial: Trial, teacher: str | Teacher | Callable[..., Any], start: int
) -> list[TriedRow]:
    """Has a teacher fill the schema for the rows from ``start`` on; the frame itself is left alone.

    Raises:
        TeacherError: the teacher refused, before it answered for any row.
    """
    df = cast("Any", trial.df)  # pandas has no types
    first = max(0, min(start, len(df) - ROWS))
    sample = df.iloc[first : first + ROWS].drop(columns=[name for name in COLUMNS if name in df.columns])
    named = layout_of(trial.df).columns
    layout = Layout(**{role: name for role, name in named.items() if name in sample.columns})
    frame = Frame(sample, layout.check(sample))
    job = Augmentation(frame, schema, teacher, AugmentConfig(turns="last")).start()
    try:
        job.wait()
    except TeacherError:
        if job.progress.failed < len(sample):  # else each row says itself why it has no reasoning
            raise
    filled = zip(
        layout.read(sample),
        frame.column("reasoning_status"),
        frame.column("reasoning_error"),
        frame.column("reasoning"),
        strict=True,
    )
    return [
        TriedRow(first + i, _request(conversation), status, error, _pairs(reasoning))
        for i, (conversation, status, error, reasoning) in enumerate(filled)
    ]


def _pairs(cell: object) -> list[tuple[str, Any]]:
    reasoning = last_of(cell)
    return pairs(reasoning) if is_mapping(reasoning) else []


def _request(conversation: Conversation) -> str:
    texts = [m.get("content") for m in conversation.prompt if m.get("role") != "system"]
    return str(texts[-1])[:_REQUEST] if texts else ""
