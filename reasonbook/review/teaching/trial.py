"""Trial: whether examples help a teacher, on edited rows that are held out, before all others are asked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

from ...augment import Augmentation, AugmentConfig, CostEstimate, estimate
from ...data.frame import Frame
from ...data.typed_pandas import columns_of
from ...errors import ReviewError
from ...html_card import card, clip, marked_diff, table
from ...job import Status
from ...schema import Schema
from ...schema.agreement import says_the_same
from ...teachers import TeacherSpec
from ...waiting import WatchedJob
from ..samples import ReviewedRows, Sample
from .lessons import NEVER, changed_fields, edited_rows, lessons_in

RULE = (
    "An answer agrees with an edit where every field that the person changed does: a number, choice, boolean or list "
    "that is equal, a text with the same words, or with the same numbers where it has any."
)
_ARMS = ("without", "with")
_SHOWN = 6  # rows of the card


class ExamplesTrial(WatchedJob):
    """A trial of a review's examples: edited rows held out, asked with the others as examples and without any.

    It is bound to a review's rows as they stand when it is made. Rows that validate or test take no part.

    Attributes:
        rows: positions of the rows that are held out.
        examples: what the teacher is shown of the others.

    Raises:
        ReviewError: fewer than two rows were edited, or their schema is not known.
    """

    def __init__(
        self,
        rows: ReviewedRows,
        most: int,
        *,
        schema_of: Callable[[Sample], Schema | None],
        teacher: TeacherSpec,
        holdout: float,
        seed: int,
        config: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._reviewed, self._teacher = rows, teacher
        samples = _distinct(rows)
        if len(samples) < 2:
            first_field = next(iter(rows.field_names()), "Amount")
            raise ReviewError(
                f"A trial needs at least two rows whose reasoning a person edited, and there "
                f"{'is 1' if samples else 'is none'}.",
                f"review.edit(0, {{{first_field!r}: '…'}})",
            )
        schema = schema_of(samples[0])
        if schema is None:
            raise ReviewError(
                "The schema of these rows is not known.", "df.reason.augment(schema, teacher=…)"
            )
        self.schema: Schema = schema
        random.Random(seed).shuffle(samples)
        count = min(len(samples) - 1, max(1, round(holdout * len(samples))))
        self._held = sorted(samples[:count], key=lambda sample: sample.position)
        self.rows = [sample.position for sample in self._held]
        self.examples = [lesson.example for lesson in lessons_in(rows, most, without=self.rows)]
        self._frame = rows.frame.part([rows.names[row] for row in self.rows], self.rows)
        told: dict[str, Any] = {"turns": "last", **config, "propose": False}
        options = AugmentConfig(**told)
        self._configs = {
            "without": replace(options, examples=()),
            "with": replace(options, examples=self.examples),
        }
        self._jobs: dict[str, Augmentation] = {}
        self._agreed: dict[str, list[bool]] = {}
        self._answers: dict[str, list[Mapping[str, Any] | None]] = {}
        self._rest: CostEstimate | None = None

    # -- look --------------------------------------------------------------------------------------------
    @property
    def held_out(self) -> int:
        """How many edited rows are held out."""
        return len(self.rows)

    @property
    def agree_with(self) -> int:
        """On how many of them the teacher gives what the person wrote, with examples."""
        return sum(self._agreed.get("with", ()))

    @property
    def agree_without(self) -> int:
        """The same without examples."""
        return sum(self._agreed.get("without", ()))

    @property
    def p(self) -> float:
        """Of McNemar's exact test: how likely so uneven a result is where examples make no difference."""
        from ...training.evaluation.statistics import mcnemar

        pairs = list(zip(*(self._agreed.get(arm, []) for arm in _ARMS), strict=True))
        return mcnemar(pairs.count((False, True)), pairs.count((True, False)))

    @cached_property
    def quote(self) -> list[CostEstimate]:
        """What the trial would cost, without examples and with; what was paid before costs nothing."""
        store = self._reviewed.decisions.store
        return [
            estimate(self._frame, self.schema, self._teacher, config, store=store, decided_too=True)
            for config in self._configs.values()
        ]

    @property
    def cost(self) -> float | None:
        """Dollars so far; None when nobody knows the price."""
        costs = [job.cost for job in self._jobs.values()]
        return None if None in costs else sum(cast("list[float]", costs))

    @property
    def rest(self) -> CostEstimate | None:
        """What asking all undecided rows with the examples of this trial would cost, once it is over."""
        return self._rest

    @property
    def how_far(self) -> str:
        """Which arm it asks, and how far that is."""
        if not self.running:
            return f"the trial: {str(self.status).lower()}"
        arm = next((arm for arm in _ARMS if arm not in self._agreed), "with")
        done = self._jobs[arm].progress.done if arm in self._jobs else 0
        return f"the trial {arm} examples: {done} of {self.held_out} rows"

    # -- work --------------------------------------------------------------------------------------------
    def _work(self) -> Status:
        store, budget = self._reviewed.decisions.store, self._configs["with"].budget
        for arm in _ARMS:
            config = self._configs[arm]
            if budget is not None:  # one for both arms
                left = budget - (self.cost or 0.0)
                if left <= 0:
                    return self._ended(f"The budget of ${budget:g} is used up")
                config = replace(config, budget=left)
            copied = Frame(
                columns_of(self._frame.df, self._frame.layout.columns.values()), self._frame.layout
            )
            job = self._jobs[arm] = (
                Augmentation(  # made here: its rows are delivered to the thread that made it
                    copied, self.schema, self._teacher, config, store=store, decided_too=True
                )
            )
            job.start()
            while not job.deliver(0.1):
                if self.stopping:
                    job.stop()
            if job.error is not None:
                raise job.error
            if self.stopping:
                return Status.CANCELLED
            if job.status is Status.PARTIAL and job.progress.done + job.progress.failed < self.held_out:
                return self._ended("Not all held-out rows could be asked")
            cells = job.frame.column("reasoning")
            self._answers[arm] = cells
            self._agreed[arm] = [
                cell is not None and agrees(sample, cell)
                for sample, cell in zip(self._held, cells, strict=True)
            ]
            self.stream.emit("progress", arm=arm, agreed=sum(self._agreed[arm]), rows=self.held_out)
        options = replace(self._configs["with"], budget=None, propose=True)
        self._rest = estimate(self._reviewed.frame, self.schema, self._teacher, options, store=store)
        return Status.COMPLETED

    def _ended(self, words: str) -> Status:
        self.stream.emit("note", text=words)
        self.error = ReviewError(
            f"{words}; the trial says nothing yet.", "review.examples(6).trial(budget=…)"
        )
        return Status.FAILED

    # -- shown -------------------------------------------------------------------------------------------
    @property
    def words(self) -> str:
        """The result in a sentence."""
        if len(self._agreed) < 2:
            return f"{self.held_out} edited rows held out, {len(self.examples)} examples; {self._quoted()}"
        n = self.held_out
        said = (
            f"agrees with your edits on {self.agree_with} of {n} with, {self.agree_without} of {n} without "
            f"(McNemar p = {self.p:.2g})"
        )
        return f"{said}; {self._offer()}" if self._rest is not None else said

    def _quoted(self) -> str:
        calls = sum(quote.calls for quote in self.quote)
        money = [quote.dollars for quote in self.quote]
        if None in money:
            return f"{calls} calls, whose price is not known"
        low, high = (sum(part) for part in zip(*cast("list[tuple[float, float]]", money), strict=True))
        return f"{calls} calls, " + (f"${low:.3f} – ${high:.3f}" if high else "at no cost")

    def _offer(self) -> str:
        rest = self._rest
        assert rest is not None
        left = rest.rows - rest.cached
        money = "at no cost" if rest.dollars == (0.0, 0.0) else "for a price that is not known"
        if rest.likely:
            money = f"for ${rest.likely:.2f}" if rest.likely >= 0.01 else f"for ${rest.likely:.4f}"
        return f"{left:,} undecided rows would be asked again {money}".replace(",", " ", 1)

    @property
    def by_field(self) -> dict[str, tuple[int, int, int]]:
        """Edited field → held-out edits of it, how many of them agree with examples, how many without."""
        found: dict[str, Counter[str]] = {}
        for at, sample in enumerate(self._held):
            for name, (_, now) in changed_fields(sample).items():
                counts = found.setdefault(name, Counter())
                counts["edits"] += 1
                for arm, answers in self._answers.items():
                    cell = answers[at]
                    counts[arm] += cell is not None and says_the_same(cell.get(name), now)
        return {name: (c["edits"], c["with"], c["without"]) for name, c in found.items()}

    def __repr__(self) -> str:
        if len(self._agreed) < 2:
            return f"ExamplesTrial({self.status}, held_out={self.held_out}, examples={len(self.examples)})"
        return f"ExamplesTrial({self.status}, with={self.agree_with}, without={self.agree_without}, of={self.held_out})"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {
            "status": self.status,
            "held out": self.held_out,
            "examples": len(self.examples),
        }
        if self.cost:
            facts["cost"] = f"${self.cost:.4f}"
        notes = [self.words, RULE]
        if len(self._agreed) < 2:
            return card(
                "Trial", facts, notes=notes, next_verb="trial.start()" if not self.running else "trial.wait()"
            )
        gain = self.agree_with - self.agree_without
        if gain <= 0:
            notes.insert(
                1, "The examples make no difference that shows here: there is no reason to pay for them."
            )
        elif self.p > 0.05:
            notes.insert(1, "So few held-out edits can differ so by chance; more edits would tell.")
        body = table(("edited field", "held out", "agree with", "agree without"), [
            (name, *counts) for name, counts in self.by_field.items()
        ])  # fmt: skip
        body += table(("row", "field", "yours → with examples"), self._lines())
        verb = "df.reason.augment(schema, teacher=…, examples=review.examples(6))"
        return card("Trial", facts, notes=notes, body=body, next_verb=verb)

    def _lines(self) -> list[tuple[object, ...]]:
        """The first edits that the teacher does not give even with examples."""
        lines: list[tuple[object, ...]] = []
        for sample, agreed, cell in zip(self._held, self._agreed["with"], self._answers["with"], strict=True):
            if agreed or cell is None:
                continue
            for name, (_, now) in changed_fields(sample).items():
                if not says_the_same(cell.get(name), now):
                    lines.append(
                        (sample.position, name, marked_diff(clip(str(now)), clip(str(cell.get(name)))))
                    )
        return lines[:_SHOWN]


def agrees(sample: Sample, answer: Mapping[str, Any]) -> bool:
    """Whether an answer gives what a person wrote into each field that they changed; see `RULE`."""
    return all(says_the_same(answer.get(name), now) for name, (_, now) in changed_fields(sample).items())


def _distinct(rows: ReviewedRows) -> list[Sample]:
    """The edited rows that may take part, one of those with the same request, in a fixed order."""
    splits = rows.frame.column("split")
    found: dict[str, Sample] = {}
    for sample in rows.samples([row for row in edited_rows(rows) if splits[row] not in NEVER]):
        if changed_fields(sample) and sample.decision.verdict != "rejected":
            found.setdefault(sample.conversation.prompt_key, sample)
    return sorted(found.values(), key=lambda sample: sample.key)
