"""Repair all: one sentence about many rows, and a teacher's proposal for each that it changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ...augment.questions import Questions
from ...data.conversation import json_ready, missing
from ...decisions import Proposed
from ...errors import ReviewError
from ...html_card import card, clip, table
from ...job import Status
from ...schema import Schema
from ...teachers import CallError, TeacherSpec
from ...waiting import WatchedJob
from ..repair import RepairQuestion
from ..samples import ReviewedRows, Sample
from .waiting_proposals import WaitingProposals

Reviewed = TypeVar("Reviewed")


class RepairAll(WatchedJob, Generic[Reviewed]):
    """A repair of many rows; nothing in the frame changes before a proposal is accepted.

    Running the same line again, also in another kernel, pays for nothing twice.

    Args:
        reviewed: the rows of the review.
        rows: positions.
        feedback: what is wrong with all of them.
        teacher: as in ``augment``.
        budget: dollars at most.
        price: dollars per million tokens.
        schema_of: the schema of a row, where it is known.
        waiting: all proposals of the review.
        told: hears of each new proposal.

    Attributes:
        rows: positions of the rows that are asked: those with reasoning.
        errors: position → why there is no proposal.

    Raises:
        ReviewError: there is no feedback, no teacher, or no row with reasoning.
    """

    def __init__(
        self,
        reviewed: ReviewedRows,
        rows: Sequence[int],
        feedback: str,
        *,
        teacher: TeacherSpec | None,
        budget: float | None,
        price: tuple[float, float] | None,
        schema_of: Callable[[Sample], Schema | None],
        waiting: Callable[[], WaitingProposals[Reviewed]],
        told: Callable[[], object],
    ) -> None:
        super().__init__()
        if missing(feedback):
            raise ReviewError(
                "A repair needs feedback: what is wrong?", 'review.repair_all([0, 1], "…", teacher=…)'
            )
        if teacher is None:
            raise ReviewError(
                "A repair needs a teacher.", 'review.repair_all([0, 1], "…", teacher="openai:MODEL")'
            )
        self.feedback = feedback.strip()
        self.errors: dict[int, str] = {}
        self._proposals, self._waiting, self._told = reviewed.proposals, waiting, told
        asked = dict.fromkeys(rows)
        self._questions = [
            RepairQuestion(sample, self.feedback, schema_of(sample))
            for sample in _samples(reviewed, list(asked))
            if sample.reasoning
        ]
        self.rows = [question.sample.position for question in self._questions]
        self.without = len(asked) - len(self.rows)  # rows that have no reasoning to repair
        if not self.rows:
            raise ReviewError(
                "None of these rows has reasoning to repair.",
                'review.where(status="ok")   names those that have',
            )
        self._asked = Questions(
            teacher, reviewed.decisions.store, purpose="repair", budget=budget, price=price
        )
        self._budget = budget
        self._settled = self._changed = 0

    # -- look --------------------------------------------------------------------------------------------
    @property
    def proposals(self) -> WaitingProposals[Reviewed]:
        """All proposals that wait in the review."""
        return self._waiting()

    @property
    def cost(self) -> float | None:
        """Dollars so far; None when nobody knows the price."""
        return self._asked.cost

    @property
    def how_far(self) -> str:
        """How many rows have been asked, and how many would change."""
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"the repair: {self._settled} of {len(self.rows)} rows, {self._changed} would change{failed}"

    # -- work --------------------------------------------------------------------------------------------
    def _work(self) -> Status:
        self._settled = self._changed = 0
        self.errors.clear()
        asyncio.run(self._main())
        if self.stopping:
            return Status.CANCELLED
        if self.errors and not self._settled - len(self.errors):
            raise ReviewError(
                f"No row was repaired; {_causes(self.errors)[0][1]}.", "job.errors   says why of each row"
            )
        return Status.PARTIAL if self.errors or self._asked.over_budget else Status.COMPLETED

    async def _main(self) -> None:
        self._asked.over_budget = False
        try:
            await self._asked.over(self._questions, self._one, lambda: self.stopping)
        finally:
            await self._asked.close()

    async def _one(self, question: RepairQuestion) -> None:
        sample, teacher = question.sample, self._asked.teacher.name
        try:
            answer = await self._asked.ask(
                question.request,
                question.read,
                key=question.key(teacher),
                about=sample.key,
                feedback=self.feedback,
            )
        except CallError as failure:
            self.errors[sample.position] = failure.message
        else:
            self._propose(sample, answer, {"teacher": teacher, "feedback": self.feedback})
        self._settled += 1
        self.stream.emit(
            "progress",
            done=self._settled,
            rows=len(self.rows),
            changed=self._changed,
            failed=len(self.errors),
        )

    def _propose(self, sample: Sample, answer: dict[str, Any], told: dict[str, Any]) -> None:
        response = None if answer["response"] == sample.response else answer["response"]
        if response is None and json_ready(answer["reasoning"]) == json_ready(sample.reasoning):
            return
        self._changed += 1
        if self._proposals.add([Proposed(sample.key, answer["reasoning"], response, told)]):
            self._told()

    # -- shown -------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"RepairAll({self.status}, {self._settled} of {len(self.rows)} rows, {self._changed} would change)"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {
            "status": self.status,
            "rows": f"{self._settled} of {len(self.rows)}",
            "would change": self._changed,
            "failed": len(self.errors),
        }
        if self.cost:
            facts["cost"] = f"${self.cost:.4f}"
        notes = [f"“{self.feedback}”"]
        if self.without:
            notes.append(f"{self.without} rows without reasoning were passed over.")
        if self._asked.over_budget:
            left = len(self.rows) - self._settled
            notes.append(
                f"The budget of ${self._budget:g} is used up; {left} rows were not asked. The same line goes on from "
                "here, and may spend as much again."
            )
        return card(
            "Repair of many rows",
            facts,
            notes=notes,
            body=table(("rows", "why not"), _causes(self.errors)) if self.errors else "",
            next_verb="job.wait()   ·   job.stop()" if self.running else "review.proposals",
        )


def _samples(reviewed: ReviewedRows, rows: Sequence[int]) -> list[Sample]:
    return [one for start in range(0, len(rows), 500) for one in reviewed.samples(rows[start : start + 500])]


def _causes(errors: dict[int, str]) -> list[tuple[int, str]]:
    """How many rows failed for each reason."""
    return [(count, clip(why, 200)) for why, count in Counter(errors.values()).most_common(8)]
