"""Start: from a chat dataset to a live run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..chat import ChatDataset
from ..errors import TrainingError
from ..options import checked
from ..store import Store, default_store
from .answering.scoring import ScoreLike
from .planner import make_plan
from .planning.config import TrainConfig
from .planning.student import label_of
from .run import Run
from .run_events import NoteEvent
from .runs.data import RunData
from .runs.trained import TrainedStudent


@checked(TrainingError, 'rb.train(df.reason.to_chat("STUDENT"))', configs=lambda: (TrainConfig,))
def train(
    chat: ChatDataset,
    *,
    epochs: float | None = None,
    max_steps: int | None = None,
    learning_rate: float | None = None,
    config: TrainConfig | None = None,
    name: str | None = None,
    score: ScoreLike = None,
    store: Store | None = None,
    **options: Any,
) -> Run:
    """Fine-tunes the student of a chat dataset in the background; returns the live run at once.

    Args:
        chat: what `df.reason.to_chat(student)` made.
        epochs: passes over the training rows.
        max_steps: optimizer steps; wins over ``epochs``.
        learning_rate: the schedule's peak.
        config: everything else.
        name: label of the run; the student and what it learns without it.
        score: how samples are graded, as in `compare`.
        store: where the run is kept; the default store without it.
        **options: single parts of `TrainConfig`; they win over ``config``.

    Raises:
        FormatError: the chat dataset must not be trained; its report says why.
        TrainingError: nothing to learn from, no such student, or another run is training.

    Example:
        >>> run = rb.train(df.reason.to_chat(rb.examples.tiny_student()), max_steps=2)
        >>> print(run.wait().status)
        COMPLETED
    """
    store = store or default_store()
    given = {"epochs": epochs, "max_steps": max_steps, "learning_rate": learning_rate, **options}
    settings = _settings(config, {k: v for k, v in given.items() if v is not None})
    run_id = new_id()
    student = TrainedStudent(
        id=run_id,
        name=name or short_name(chat.student, chat.strategy),
        plan=make_plan(chat, settings),
        config=settings,
        strategy=chat.strategy,
        folder=store.folder / "runs" / run_id,
        form=chat.format,
        data=RunData.from_chat(chat),
        score=score,
        origin=chat.origin,
    )
    run = Run(student, store=store)
    for text in student.plan.notes:
        run.emit(NoteEvent(text))
    return run.start()


def _settings(config: TrainConfig | None, given: Mapping[str, Any]) -> TrainConfig:
    return replace(config or TrainConfig(), **given)


def new_id() -> str:
    """Sorts by time; two in the same second differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"


def short_name(name: str, strategy: str) -> str:
    """A label for tables: the student and what it learns."""
    words = {
        "final_only": "answers only",
        "final_and_reasoning": "thinking",
        "two_message_cot": "two messages",
    }
    return f"{label_of(name)} {words.get(strategy, strategy)}"
