"""Samples: what the student writes at each evaluation, for what a curve cannot say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...chat import Task
from ..run_events import AlarmEvent, Emit, SampledAnswer, SamplesEvent
from . import generate
from .scoring import Score

if TYPE_CHECKING:
    from ...chat import ChatFormat
    from ..planning.language_model import LanguageModel
    from ..planning.plan import Plan

SCORED = 64  # rows that a task score is taken over, where early stopping watches it


class Sampler:
    """Answers the same few prompts at each evaluation and watches the health of the thinking.

    Args:
        form: how the student is asked.
        tasks: validation rows to draw from; the training rows where there are none.
        plan: how many, how long.
        score: how answers are graded.
        emit: takes the ``samples`` and ``alarm`` events.
        stopping: ends a generation.
    """

    def __init__(
        self,
        form: ChatFormat,
        tasks: list[Task],
        *,
        plan: Plan,
        score: Score,
        emit: Emit,
        stopping: Callable[[], bool],
    ) -> None:
        self.form, self.plan, self.score = form, plan, score
        self.emit, self.stopping = emit, stopping
        count = max(plan.samples, SCORED if plan.early_stopping == "score" else 0)
        step = max(1, len(tasks) // max(1, count))
        self.tasks = tasks[::step][:count]
        self._healthy = 0.0

    def __call__(self, model: LanguageModel, step: int) -> float | None:
        """Emits the samples; returns the mean score."""
        if not self.tasks or self.stopping():
            return None
        replies = generate.replies(
            model,
            self.form,
            [task.prompt for task in self.tasks],
            max_tokens=self.plan.sample_tokens,
            should_stop=self.stopping,
        )
        if self.stopping():
            return None
        grades = self.score.grade([reply.answer for reply in replies], self.tasks)
        rows = [
            SampledAnswer(
                prompt=task.request,
                expected=task.expected,
                text=reply.text,
                thinking=reply.thinking,
                answer=reply.answer,
                health=reply.health,
                tokens=reply.tokens,
                correct=bool(grade >= 1.0),
                score=float(grade),
                position=task.position,
            )
            for task, reply, grade in zip(self.tasks, replies, grades, strict=True)
        ]
        health = Counter(reply.health for reply in replies)
        score = sum(grades) / len(grades)
        shown = tuple(rows[: max(1, self.plan.samples)])
        self.emit(SamplesEvent(step, shown, dict(health), score, len(rows)))
        self._judge_health(health, step)
        return float(score)

    def _judge_health(self, health: Counter[str], step: int) -> None:
        if self.form.strategy != "final_and_reasoning":
            return
        valid = health["valid"] / sum(health.values())
        late = step >= 0.75 * self.plan.steps
        if (self._healthy >= 0.75 and valid < 0.5) or (late and valid == 0):
            worst = max((k for k in health if k != "valid"), key=health.__getitem__)
            text = (
                f"Thinking collapsed: {sum(health.values()) - health['valid']} of {sum(health.values())} "
                f"samples are not valid (mostly {worst}). Look at run.samples; a lower learning rate or more "
                "rows with reasoning is the usual cure."
            )
            self.emit(AlarmEvent("thinking", text, step))
        self._healthy = max(self._healthy, valid)
