"""Ablation: which fields of a reasoning schema pay, by training without each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..chat import ChatDataset, ChatRow, build, build_from_frame
from ..data.frame import Frame
from ..data.layout import layout_of
from ..data.typed_pandas import DataFrame
from ..errors import TrainingError
from ..html_card import card, table
from ..job import Job, Status
from ..options import checked
from .answering.generate import Reply
from .answering.scoring import ScoreLike
from .evaluation.comparison import Comparison
from .evaluation.evaluation import Evaluation
from .evaluation.statistics import Difference, paired
from .planner import make_plan
from .planning.config import TrainConfig
from .run import Run
from .start import train

ALL, NONE = "all fields", "answers only"
LEVEL = 0.05


class Named(Protocol):
    """A field of a schema, as far as an ablation knows it."""

    @property
    def name(self) -> str:
        """What it is called in the reasoning."""
        ...


@dataclass(frozen=True)
class FieldEffect:
    """What leaving a field out did.

    Attributes:
        field: the field; ``NONE`` stands for all fields at once.
        loss: share lost without it, with its 95 % interval ``low`` to ``high``; positive where it pays.
        p: of the paired test, corrected for the number of fields looked at (Holm).
        verdict: ``pays``, ``harms`` or ``not shown``.
    """

    field: str
    loss: float
    low: float
    high: float
    p: float
    verdict: str


class Ablation(Job):
    """Trainings one after the other: all fields, without each field, answers only; same rows, seeds and steps.

    Made by `ablate`. `comparison` and `findings` are there when it has ended.

    Args:
        variants: name → chat data.
        options: of each training.
        seeds: how often each variant is trained.
        score: how answers are graded.
        split: on which rows.

    Example:
        >>> ablation = rb.ablate(df, rb.examples.tiny_student(), ["Policy"], steps=1)
        >>> list(ablation.stop().wait().variants)
        ['all fields', 'without Policy', 'answers only']
    """

    def __init__(
        self,
        variants: Mapping[str, ChatDataset],
        *,
        options: Mapping[str, Any],
        seeds: int,
        score: ScoreLike,
        split: str,
    ) -> None:
        super().__init__()
        self.variants, self.options, self.seeds = dict(variants), dict(options), seeds
        self.score, self.split = score, split
        self.runs: dict[str, list[Run]] = {name: [] for name in self.variants}
        self.comparison: Comparison | None = None

    @property
    def total(self) -> int:
        """Trainings in all."""
        return len(self.variants) * self.seeds

    @property
    def done(self) -> int:
        """Trainings that have ended."""
        return sum(run.status is Status.COMPLETED for runs in self.runs.values() for run in runs)

    @property
    def findings(self) -> tuple[FieldEffect, ...]:
        """One per field, the dearest loss first; answers only last."""
        if self.comparison is None:
            raise TrainingError("The ablation has not ended.", "ablation.wait()")
        return effects(self.comparison.evaluations)

    def _work(self) -> Status:
        graded: dict[str, list[Evaluation]] = {name: [] for name in self.variants}
        for seed in range(self.seeds):
            for name, chat in self.variants.items():
                label = name if self.seeds == 1 else f"{name}, seed {seed}"
                options: dict[str, Any] = {**self.options, "seed": seed}
                run = train(chat, name=label, **options)
                self.runs[name].append(run)
                self.stream.emit("run", name=name, run=run.id, number=self.done + 1, total=self.total)
                while run.running:
                    if self.stopping:
                        run.stop()
                    run.wait(0.1)
                if run.error is not None:
                    raise run.error
                if self.stopping:
                    return Status.CANCELLED
                graded[name].append(run.evaluate(self.split, score=self.score))
                run.unload()
        self.comparison = Comparison([_mean(name, each) for name, each in graded.items()])
        return Status.COMPLETED

    def __repr__(self) -> str:
        return f"Ablation({self.status}, {self.done} of {self.total} trainings)"

    def _repr_html_(self) -> str:
        facts = {"status": str(self.status), "trainings": f"{self.done} of {self.total}"}
        if self.comparison is None:
            return card("Ablation", facts, next_verb="ablation.wait()")
        found = self.findings
        notes = [sentence(f) for f in found]
        if self.seeds == 1:
            notes.append("One seed each: how much another seed would change is not in these intervals.")
        rows = [
            (
                f.field,
                f"{100 * f.loss:+.1f}",
                f"{100 * f.low:+.1f} … {100 * f.high:+.1f}",
                f"{f.p:.2g}",
                f.verdict,
            )
            for f in found
        ]
        header = ("left out", "points lost", "95 % interval", "p (Holm)", "")
        return card(
            f"Which fields pay, on {self.comparison.scores[0].rows} {self.split} rows",
            facts | {ALL: f"{self.comparison.scores[0].share:.1%}"},
            notes=notes,
            body=table(header, rows),
            next_verb="ablation.comparison",
        )


@checked(TrainingError, 'rb.ablate(df, "STUDENT")', configs=lambda: (TrainConfig,))
def ablate(
    df: DataFrame,
    student: object,
    schema: Iterable[Named | str] | None = None,
    *,
    steps: int | None = None,
    seeds: int = 1,
    score: ScoreLike = None,
    split: str = "test",
    **options: Any,
) -> Ablation:
    """Trains with all fields, without each one, and with answers only; returns at once.

    Args:
        df: a frame whose reasoning is filled.
        student: a model's name or folder.
        schema: the fields to leave out in turn; all fields of the frame without it.
        steps: optimizer steps of every training; the plan of the first decides without it.
        seeds: trainings per variant; grades are averaged over them by row.
        score: as in `compare`.
        split: the rows that judge.
        **options: parts of `TrainConfig`, the same for every training.

    Raises:
        TrainingError: the frame's reasoning has fewer than two fields, or the split is empty.

    Example:
        >>> ablation = rb.ablate(df, rb.examples.tiny_student(), ["Amount"], steps=1)
        >>> [finding.field for finding in ablation.wait().findings]
        ['Amount', ...]
    """
    chat = build_from_frame(Frame(df, layout_of(df)), student)
    if not len(chat.split(split)):
        raise TrainingError(f"The {split} split is empty.", "df.reason.split(test=0.1)")
    names = _fields(chat, schema)
    variants = {ALL: chat}
    for name in names:
        variants[f"without {name}"] = _rebuilt(chat, student, [_without(row, name) for row in chat.rows])
    variants[NONE] = _rebuilt(chat, student, chat.rows, strategy="final_only")
    if steps is None:
        steps = make_plan(chat).steps
    settings = {**options, "max_steps": steps}
    return Ablation(variants, options=settings, seeds=seeds, score=score, split=split).start()


def effects(evaluations: Sequence[Evaluation]) -> tuple[FieldEffect, ...]:
    """Each variant against the one with all fields, which comes first."""
    whole, *others = evaluations
    gaps: list[tuple[str, Difference]] = [
        (e.label.removeprefix("without "), paired(e.grades, whole.grades)) for e in others
    ]
    fields = [(name, gap) for name, gap in gaps if name != NONE]
    corrected = holm([gap.p for _, gap in fields])
    found = [_finding(name, gap, p) for (name, gap), p in zip(fields, corrected, strict=True)]
    found.sort(key=lambda f: -f.loss)
    found += [_finding(name, gap, gap.p) for name, gap in gaps if name == NONE]
    return tuple(found)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's correction: the chance of one false finding among all stays below the level."""
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, highest = [1.0] * len(values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[i]))
        corrected[i] = highest
    return corrected


def sentence(finding: FieldEffect) -> str:
    """A finding in words, a null result too."""
    name = "All reasoning" if finding.field == NONE else f"“{finding.field}”"
    span = f"{100 * finding.low:+.1f} to {100 * finding.high:+.1f} points"
    if finding.verdict == "pays":
        return f"{name} pays: {100 * finding.loss:.1f} points are lost without it ({span})."
    if finding.verdict == "harms":
        return f"{name} harms: the student is {-100 * finding.loss:.1f} points better without it ({span})."
    return f"{name}: no effect could be shown ({span})."


def _finding(field: str, gap: Difference, p: float) -> FieldEffect:
    clear = p < LEVEL and (gap.low > 0 or gap.high < 0)
    verdict = "not shown" if not clear else "pays" if gap.value > 0 else "harms"
    return FieldEffect(field, gap.value, gap.low, gap.high, p, verdict)


def _fields(chat: ChatDataset, schema: Iterable[Named | str] | None) -> list[str]:
    present: dict[str, None] = {}
    for row in chat.rows:
        if isinstance(row.reasoning, Mapping):
            present.update(dict.fromkeys(map(str, row.reasoning)))
    wanted = [each if isinstance(each, str) else each.name for each in schema or present]
    unknown = [name for name in wanted if name not in present]
    if unknown:
        raise TrainingError(
            f"The frame's reasoning has no field {unknown[0]!r}.", f"fields: {', '.join(map(repr, present))}"
        )
    if len(present) < 2:
        raise TrainingError(
            "An ablation needs reasoning with at least two fields.",
            "df.reason.augment(schema, teacher=…) fills the fields of a schema",
        )
    return wanted


def _without(row: ChatRow, field: str) -> ChatRow:
    if not isinstance(row.reasoning, Mapping):
        return row
    return replace(row, reasoning={k: v for k, v in row.reasoning.items() if k != field})


def _rebuilt(
    chat: ChatDataset, student: object, rows: Sequence[ChatRow], *, strategy: str | None = None
) -> ChatDataset:
    """The same choices over other rows, or for another strategy."""
    return build(rows, student, strategy=strategy or chat.strategy, config=chat.config, origin=chat.origin)


def _mean(name: str, evaluations: Sequence[Evaluation]) -> Evaluation:
    """One evaluation whose grades are the means over the seeds."""
    first = evaluations[0]
    replies: list[Reply] = []
    for i, reply in enumerate(first.replies):
        grades = [float(e.replies[i].score or 0.0) for e in evaluations]
        mean = sum(grades) / len(grades)
        replies.append(replace(reply, score=mean, correct=mean >= 1.0))
    return replace(first, label=name, replies=replies)
