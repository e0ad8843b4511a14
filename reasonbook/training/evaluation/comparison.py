"""Comparison: runs judged on the same held-out rows, with intervals and a paired test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from ...chat import Task
from ...errors import MissingPackage, TrainingError, choices
from ...events import Stream
from ...html_card import card, clip, details, table
from ...job import Job
from ...options import checked
from ...store import default_store
from ...versions import DataDiff
from ...waiting import wait_for
from ..answering.generate import Reply
from ..answering.scoring import ScoreLike
from ..run_events import HEALTH
from .compared_data import ComparedData, Flip, without_rows
from .evaluation import Evaluation, evaluate, refuse_leaks
from .judgements import Corrected, GradedBy, Judgement, Judgements, corrected, words
from .statistics import Difference, holm, paired

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
    from plotly.graph_objects import Figure  # pyright: ignore[reportMissingTypeStubs]

    from ..runs.trained import TrainedStudent

SURE = 0.05  # a chance below which a difference is said to be one


@dataclass(frozen=True)
class RunScore:
    """One line of the table.

    Attributes:
        label: the run.
        rows: how many were judged.
        share: mean grade, with its 95 % interval ``low`` to ``high``.
        difference: paired difference to the first run, with its interval; None for the first itself.
        p: chance of so large a difference between runs that are equally good; of several runs corrected (Holm).
        test: by which ``p`` was found.
        health: thinking → replies.
        tokens: per answer.
        corrected: the mean grade as the rows correct it that were judged by hand; None where fewer than two were.
    """

    label: str
    rows: int
    share: float
    low: float
    high: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    health: Mapping[str, int]
    tokens: float
    test: str = ""
    corrected: Corrected | None = None


@dataclass(frozen=True)
class ComparedRow:
    """One held-out row and what each run answered."""

    position: int
    prompt: str
    expected: str
    replies: Sequence[Reply | None]


class Comparison:
    """Runs on the same rows; the first one is what the others are measured against.

    Args:
        evaluations: one per run, over the same rows in the same order.
        notes: what is worth knowing about the rows.
        data: what the runs were trained on; None where that is not known.
        sources: the source of each row, where a run was trained on several.

    Example:
        >>> rb.compare([thinking, plain]).scores[1].difference
        0.0
    """

    def __init__(
        self,
        evaluations: Sequence[Evaluation],
        *,
        notes: Sequence[str] = (),
        data: ComparedData | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        self.evaluations = tuple(evaluations)
        self.data = data
        self.notes = (*notes, *(data.notes if data is not None else ()))
        self._sources = tuple(sources)
        self.split = evaluations[0].split
        self.measure = evaluations[0].measure
        self.stream = Stream(keep=100)

    @cached_property
    def scores(self) -> tuple[RunScore, ...]:
        """The table, one line per run."""
        first, *others = self.evaluations
        gaps = [paired(first.grades, each.grades, first.clusters) for each in others]
        chances: list[float | None] = [None, *holm([gap.p for gap in gaps])]
        found: list[Difference | None] = [None, *gaps]
        lines: list[RunScore] = []
        for number, (each, gap, p) in enumerate(zip(self.evaluations, found, chances, strict=True)):
            value = each.share
            lines.append(
                RunScore(
                    label=each.label,
                    rows=len(each.tasks),
                    share=value.value,
                    low=value.low,
                    high=value.high,
                    difference=gap.value if gap else None,
                    difference_low=gap.low if gap else None,
                    difference_high=gap.high if gap else None,
                    p=p,
                    health=each.health,
                    tokens=each.tokens,
                    test=gap.test if gap else "",
                    corrected=corrected(each.grades, self.judged(number), each.clusters),
                )
            )
        return tuple(lines)

    @cached_property
    def rows(self) -> tuple[ComparedRow, ...]:
        """The held-out rows, side by side."""
        first = self.evaluations[0]
        return tuple(
            ComparedRow(task.position, task.request, task.expected, [e.replies[i] for e in self.evaluations])
            for i, task in enumerate(first.tasks)
        )

    @cached_property
    def sources(self) -> Mapping[str, Comparison]:
        """The same by source of the mixture that a run was trained on: name → its rows; empty without one."""
        places: dict[str, list[int]] = {}
        for i, name in enumerate(self._sources):
            places.setdefault(name, []).append(i)
        return {name: Comparison([_some(e, at) for e in self.evaluations]) for name, at in places.items()}

    @property
    def contaminated(self) -> list[int]:
        """Positions of the judged rows that have a twin case in the training of a run: the same facts.

        Example:
            >>> rb.compare([thinking, plain]).contaminated
            []
        """
        tasks = self.evaluations[0].tasks
        return [tasks[i].position for i in self.data.contaminated] if self.data is not None else []

    @property
    def without_twins(self) -> Comparison:
        """The same runs on the rows that have no twin case in train.

        Raises:
            TrainingError: no row is left.

        Example:
            >>> rb.compare([thinking, plain]).without_twins.scores[0].rows
            4
        """
        gone = self.data.contaminated if self.data is not None else []
        if len(gone) == len(self.evaluations[0].tasks):
            raise TrainingError(
                f"Every {self.split} row has a twin case in train.",
                'df = df.drop(columns="split"); df.reason.split(by="case")   # then train again',
            )
        left = [without_rows(each, gone) for each in self.evaluations]
        return Comparison(left, notes=[f"{len(gone)} rows with a twin case in train are left out."])

    @property
    def data_diffs(self) -> Mapping[str, DataDiff]:
        """Run → in which rows its data differs from that of the first run.

        Example:
            >>> rb.compare([thinking, plain]).data_diffs["tiny-0 answers only"].same
            True
        """
        return self.data.diffs if self.data is not None else {}

    @property
    def flips(self) -> Sequence[Flip]:
        """Rows that the first run has right and another wrong; first those of a case whose training rows differ."""
        return self.data.flips if self.data is not None else ()

    @property
    def runs(self) -> tuple[str, ...]:
        """What the runs are called, in the order of the table."""
        return tuple(e.label for e in self.evaluations)

    @cached_property
    def _judgements(self) -> tuple[Judgements, ...]:
        known = [e.test or GradedBy(e.label, e.split, e.measure) for e in self.evaluations]
        return tuple(Judgements(default_store(), test) for test in known)

    def judged(self, run: int) -> dict[int, Judgement]:
        """What people said of the grades of a run, by row, both as numbers in the table and in `rows`."""
        each, known = self.evaluations[run], self._judgements[run]
        pairs = enumerate(zip(each.tasks, each.replies, strict=True))
        return {row: said for row, (task, reply) in pairs if (said := known.of(task, reply)) is not None}

    @checked(TrainingError, "comparison.judge(0, agree=False)")
    def judge(
        self, row: int, agree: bool | None = True, *, run: int | str | None = None, grade: float | None = None
    ) -> Comparison:
        """Says whether the grade of an answer is right, so that the score is corrected by what a person finds.

        It is kept in the store by run, test, row and answer, with who said it. Judge rows that chance has picked
        (`to_judge`): those that one goes looking for say nothing of the others.

        Args:
            row: its number in `rows`.
            agree: whether the grade is right; None takes back what was said.
            run: its number or label; all runs when None.
            grade: the right grade, from 0 to 1, where it is not the opposite of right or wrong.

        Raises:
            TrainingError: there is no such row or run, or a grade between right and wrong needs the right one.

        Example:
            >>> comparison = rb.compare([thinking, plain])
            >>> for row in comparison.to_judge(2):
            ...     comparison = comparison.judge(row)
            >>> comparison.scores[0].corrected.judged, comparison.scores[0].corrected.agreed
            (2, 2)
        """
        count = len(self.evaluations[0].tasks)
        if not 0 <= row < count:
            raise TrainingError(
                f"There is no row {row}; {count} were compared.", "comparison.judge(0, agree=False)"
            )
        if grade is not None and not 0 <= grade <= 1:
            raise TrainingError(f"{grade!r} is no grade from 0 to 1.", f"comparison.judge({row}, grade=0.5)")
        for number in self._numbers(run):
            each = self.evaluations[number]
            task, reply, given = each.tasks[row], each.replies[row], each.grades[row]
            right = given if agree and grade is None else grade
            if right is None and agree is not None:
                if given not in (0.0, 1.0):
                    raise TrainingError(
                        f"The grade of row {row} is {given:g}, so that the right one has to be said.",
                        f"comparison.judge({row}, run={number}, grade=0.5)",
                    )
                right = 1 - given
            said = None if agree is None else bool(right == given)
            self._judgements[number].keep(task, reply, agree=said, grade=right)
        self.__dict__.pop("scores", None)
        self.stream.emit("judged", row=row)
        return self

    @checked(TrainingError, "comparison.to_judge(20)")
    def to_judge(self, most: int = 20, *, seed: int = 0) -> list[int]:
        """Rows whose grades nobody has judged yet, picked by chance, as numbers in `rows`.

        Example:
            >>> len(rb.compare([thinking, plain]).to_judge(3))
            3
        """
        order = np.random.default_rng(seed).permutation(len(self.evaluations[0].tasks)).tolist()
        done = [self.judged(number).keys() for number in range(len(self.evaluations))]
        return [row for row in order if not all(row in rows for rows in done)][:most]

    def _numbers(self, run: int | str | None) -> list[int]:
        labels = list(self.runs)
        if run is None:
            return list(range(len(labels)))
        if isinstance(run, str) and run in labels:
            return [labels.index(run)]
        if isinstance(run, int) and 0 <= run < len(labels):
            return [run]
        raise TrainingError(f"No run of this comparison is {run!r:.60}.", choices(str(run), labels))

    def to_frame(self) -> pd.DataFrame:
        """The table as a DataFrame; scores as corrected stand in it where rows were judged by hand."""
        import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

        return pd.DataFrame(
            [
                {
                    "run": s.label, "rows": s.rows, self.measure: s.share, "low": s.low, "high": s.high,
                    "difference": s.difference, "difference low": s.difference_low,
                    "difference high": s.difference_high, "p": s.p,
                    **{f"thinking {name}": s.health[name] for name in HEALTH}, "tokens per answer": s.tokens,
                    **_corrected_columns(s),
                }
                for s in self.scores
            ]
        )  # fmt: skip

    def figure(self) -> Figure:
        """Shares with their intervals as a Plotly figure."""
        try:
            import plotly.graph_objects as go  # pyright: ignore[reportMissingTypeStubs]
        except ImportError as error:
            raise MissingPackage("plotly", feature="The figure of a comparison", extra="train") from error
        scores = self.scores
        figure = go.Figure(
            go.Bar(
                x=[s.label for s in scores],
                y=[100 * s.share for s in scores],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (s.high - s.share) for s in scores],
                    "arrayminus": [100 * (s.share - s.low) for s in scores],
                },
                text=[f"{s.share:.1%}" for s in scores],
                textposition="inside",
                customdata=[[s.rows, s.tokens, s.health["valid"]] for s in scores],
                hovertemplate="%{x}<br>%{y:.1f} % of %{customdata[0]} rows<br>%{customdata[1]:.1f} tokens per answer"
                "<br>%{customdata[2]} with valid thinking<extra></extra>",
                marker={"color": ["#8a8f98", *["#4c78a8"] * (len(scores) - 1)]},
            )
        )
        cast(Any, figure).update_layout(
            title=f"{self.measure} on {scores[0].rows} {self.split} rows, 95 % intervals",
            yaxis={"title": f"{self.measure}, %", "range": [0, 105]},
            template="plotly_white",
            showlegend=False,
        )
        return figure

    def __str__(self) -> str:
        """The table as text, for a terminal."""
        lines = [self._cells(s) for s in self.scores]
        header = self._header()
        widths = [max(len(str(r[i])) for r in [header, *lines]) for i in range(len(header))]
        shown = [
            "  ".join(str(cell).ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in [header, *lines]
        ]
        return "\n".join([*shown, *self._corrections(), *self.notes])

    def _corrections(self) -> list[str]:
        return [words(s.label, s.share, s.corrected) for s in self.scores if s.corrected is not None]

    def __repr__(self) -> str:
        parts = ", ".join(f"{s.label} {s.share:.1%}" for s in self.scores)
        return f"Comparison({self.measure} on {self.scores[0].rows} {self.split} rows: {parts})"

    def _repr_html_(self) -> str:
        differing = [r for r in self.rows if len({bool(p and p.correct) for p in r.replies}) > 1]
        shown = [
            (r.position, clip(r.prompt, 240), r.expected, *(_shown(reply) for reply in r.replies))
            for r in differing[:10]
        ]
        head, *others = self.scores
        facts = {"rows": head.rows, "measure": self.measure}
        notes = [*(_verdict(head, other) for other in others), *self._corrections(), *self.notes]
        return card(
            f"Comparison on the {self.split} split",
            facts,
            notes=notes,
            body=table(self._header(), [self._cells(s) for s in self.scores])
            + self._by_source()
            + details(
                f"{len(differing)} rows on which the runs differ (the first {len(shown)})",
                table(("row", "request", "expected", *self.runs), shown),
            ),
            next_verb="comparison.figure()   comparison.rows[0]",
        )

    def _by_source(self) -> str:
        """A line per source and run as HTML; empty where there are no sources."""
        header = ("source", *self._header())
        lines = [(name, *self._cells(s)) for name, each in self.sources.items() for s in each.scores]
        return table(header, lines) if lines else ""

    def _header(self) -> tuple[str, ...]:
        return (
            "run", "rows", self.measure, "95 % interval", "difference", "95 % interval", "p",
            *HEALTH, "tokens/answer",
        )  # fmt: skip

    @staticmethod
    def _cells(s: RunScore) -> tuple[str, ...]:
        gap = ("–", "–", "–")
        if s.difference is not None and s.difference_low is not None and s.difference_high is not None:
            p = s.p if s.p is not None else 1.0
            gap = (
                f"{100 * s.difference:+.1f}",
                f"{100 * s.difference_low:+.1f} … {100 * s.difference_high:+.1f}",
                "<0.0001" if p < 1e-4 else f"{p:.2g}",
            )
        return (
            s.label, str(s.rows), f"{s.share:.1%}", f"{s.low:.1%} … {s.high:.1%}", *gap,
            *(str(s.health[name]) for name in HEALTH), f"{s.tokens:.1f}",
        )  # fmt: skip


class Judged(Protocol):
    """Whoever has a trained student: a run, or the student itself."""

    @property
    def trained(self) -> TrainedStudent:
        """The student that is judged."""
        ...


@checked(TrainingError, "rb.compare([plain, thinking])")
def compare(
    runs: Sequence[Judged] | Judged,
    *,
    split: str = "test",
    score: ScoreLike = None,
    base: bool = False,
    limit: int | None = None,
    wait: bool = True,
) -> Comparison:
    """Judges runs on the same held-out rows; the first is the one the others are measured against.

    Runs that train or wait in line are waited for, with a line that says step and time left; an interrupt leaves them
    training.

    Args:
        runs: runs, or students loaded from a folder, in the order of the table.
        split: whose rows.
        score: None for exact match, ``"numeric"``, ``"choice"``, `judge`, or a function
            ``(answer, expected) -> grade from 0 to 1``.
        base: judge the first run's student before its training too, as the first line.
        limit: only so many rows.
        wait: for runs that have not ended; it is an error otherwise.

    Raises:
        ReasonbookError: a run has not ended, and it is not to be waited for or is paused.
        TrainingError: the runs share no rows of the split, or a run was trained on some of them.

    Example:
        >>> comparison = rb.compare([thinking, plain], score="numeric")
        >>> [score.rows for score in comparison.scores]
        [4, 4]
    """
    given = list(runs) if isinstance(runs, (list, tuple)) else [cast("Judged", runs)]
    for run in given:
        if not hasattr(run, "trained"):
            raise TrainingError(
                f"{clip(repr(run), 60)} is no run.", 'rb.compare([plain, rb.Run.load("RUN_ID")])'
            )
    students = [run.trained for run in given]
    if not students:
        raise TrainingError("There is no run to compare.", "rb.compare([plain, thinking])")
    if wait:
        wait_for([run for run in given if isinstance(run, Job) and run.running], purpose="compare")
    for student in students:
        if student.training:
            raise TrainingError(f"{student.name} is still training.", "run.wait()   or   run.stop()")
    held = [{_identity(t): t for t in student.data.of(split)} for student in students]
    common = set(held[0]).intersection(*held[1:])
    if not common:
        raise TrainingError(
            f"The runs share no rows of the {split} split.",
            "df.reason.split(test=0.1), then train all runs from the same frame",
        )
    if split != "train":
        refuse_leaks([held[0][i] for i in common], students)
    evaluations: list[Evaluation] = []
    if base:
        evaluations.append(evaluate(students[0], split=split, score=score, limit=limit, base=True))
    evaluations += [evaluate(each, split=split, score=score, limit=limit) for each in students]
    notes: list[str] = []
    most = max(map(len, held))
    if len(common) < most:
        notes.append(f"{len(common)} of {most} {split} rows were held out by every run; only these count.")
    notes += [
        f"{each.name} ended at step {each.step} of {each.plan.steps}."
        for each in students
        if each.step < each.plan.steps
    ]
    told = [_refused(each) for each in students]
    notes += dict.fromkeys(note for note in told if note)
    if split == "train":
        notes.append("These rows were trained on: the figures say what was memorised.")
    aligned = _aligned(_distinct(evaluations), common)
    data = ComparedData(students, aligned[int(base) :], split)
    return Comparison(aligned, notes=notes, data=data, sources=_sources(aligned[0].tasks, students, held))


def _refused(student: TrainedStudent) -> str:
    """How many rows are not judged because the student could not be asked them as in training."""
    account = student.data.account
    if account is None:
        return ""
    count = sum(rows for why, rows in account.left_out.items() if "reserved marker" in why)
    if not count:
        return ""
    return (
        f"{count} rows of {student.name} hold reserved markers of its student: they were not trained, and are not "
        'judged (markers="escape" takes them in).'
    )


def _identity(task: Task) -> tuple[str, int]:
    return task.key, task.turn


def _sources(
    tasks: Sequence[Task], students: Sequence[TrainedStudent], held: Sequence[Mapping[tuple[str, int], Task]]
) -> list[str]:
    """The source of each row in the first mixture that was trained on; none where there is no mixture."""
    for student, known in zip(students, held, strict=True):
        mixture = student.data.mixture
        if mixture is not None:
            return [mixture.row(known[_identity(task)].position)[0] for task in tasks]
    return []


def _some(evaluation: Evaluation, at: Sequence[int]) -> Evaluation:
    """An evaluation over some of its rows."""
    from dataclasses import replace

    tasks, replies = evaluation.tasks, evaluation.replies
    return replace(evaluation, tasks=[tasks[i] for i in at], replies=[replies[i] for i in at])


def _aligned(evaluations: list[Evaluation], common: set[tuple[str, int]]) -> list[Evaluation]:
    """The same rows in the same order for every run."""
    order = [_identity(t) for t in evaluations[0].tasks if _identity(t) in common]
    aligned: list[Evaluation] = []
    for each in evaluations:
        at = {_identity(t): i for i, t in enumerate(each.tasks)}
        aligned.append(_some(each, [at[i] for i in order if i in at]))
    return aligned


def _distinct(evaluations: list[Evaluation]) -> list[Evaluation]:
    """Labels that tell the lines apart."""
    from dataclasses import replace

    seen: dict[str, int] = {}
    named: list[Evaluation] = []
    for each in evaluations:
        seen[each.label] = seen.get(each.label, 0) + 1
        count = seen[each.label]
        named.append(each if count == 1 else replace(each, label=f"{each.label} ({count})"))
    return named


def _corrected_columns(score: RunScore) -> dict[str, float]:
    found = score.corrected
    if found is None:
        return {}
    return {
        "corrected": found.value, "corrected low": found.low, "corrected high": found.high, "judged": found.judged,
        "agreed": found.agreed,
    }  # fmt: skip


def _verdict(first: RunScore, other: RunScore) -> str:
    """In words, by the test; the interval beside it says how large the difference may be."""
    if other.difference is None or other.difference_low is None or other.p is None:
        return ""
    points = 100 * other.difference
    chance = f"{other.test}, p {'< 0.0001' if other.p < 1e-4 else f'= {other.p:.2g}'}"
    if other.p < SURE:
        better = "better" if points > 0 else "worse"
        return f"{other.label} is {abs(points):.1f} points {better} than {first.label} ({chance})."
    return f"No difference between {other.label} and {first.label} could be shown on {other.rows} rows ({chance})."


def _shown(reply: Reply | None) -> str:
    return "–" if reply is None else ("✓ " if reply.correct else "✗ ") + clip(reply.answer, 80)
