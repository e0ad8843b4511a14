"""Judgements: where a person agrees with a grade, and the score as they correct it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...chat import Task
from ...data.conversation import digest, is_mapping
from ...decisions import reviewer
from ...events import Event
from ...store import Store
from ..answering.generate import Reply
from .statistics import DRAWS, bootstrap_means, groups_of


@dataclass(frozen=True)
class GradedBy:
    """Which grades are meant: those of one test of one run.

    Attributes:
        run: the folder of the run.
        split: whose rows.
        measure: how answers were graded.
        step: optimizer steps that the weights had behind them.
        base: answered by the student before its training.
    """

    run: str
    split: str
    measure: str
    step: int = 0
    base: bool = False


@dataclass(frozen=True)
class Judgement:
    """What a person says of one grade.

    Attributes:
        agree: whether the grade is right.
        grade: the right one, from 0 to 1.
        by: who says so; empty where nobody was named.
    """

    agree: bool
    grade: float
    by: str = ""


class Judgements:
    """What people said of the grades of one test, the newest word on each."""

    def __init__(self, store: Store, test: GradedBy) -> None:
        self._store, self._test = store, test
        self._subject = f"judged:{test.run}"
        self._known: dict[str, Judgement] = {}
        self._read = 0
        self.refresh()

    def refresh(self) -> None:
        """Reads what the store has gained, also from other notebooks."""
        for event in self._store.events(self._subject, after=self._read):
            self._read = event.seq
            told: object = event.data
            if not is_mapping(told) or told.get("test") != asdict(self._test):
                continue
            name, agree, grade = told.get("row"), told.get("agree"), told.get("grade")
            if not isinstance(name, str):
                continue
            if agree is None:
                self._known.pop(name, None)
            elif isinstance(agree, bool) and isinstance(grade, (int, float)) and 0 <= grade <= 1:
                self._known[name] = Judgement(agree, float(grade), str(told.get("by") or ""))

    def of(self, task: Task, reply: Reply) -> Judgement | None:
        """What was said of the grade of an answer; an other answer to the same row has none yet."""
        return self._known.get(_name(task, reply)) if self._known else None

    def keep(self, task: Task, reply: Reply, *, agree: bool | None, grade: float | None) -> None:
        """Writes what a person says of a grade; None takes back what was said."""
        told = {"test": asdict(self._test), "row": _name(task, reply), "agree": agree, "grade": grade}
        who = reviewer()
        self._store.append(self._subject, [Event("judged", told | ({"by": who} if who else {}))])
        self.refresh()


@dataclass(frozen=True)
class Corrected:
    """A mean grade as the rows correct it that a person has judged.

    Attributes:
        value: the corrected mean.
        low: the lower end of its 95 % interval.
        high: the upper end.
        judged: rows judged by hand.
        agreed: those of them whose grade was right.
    """

    value: float
    low: float
    high: float
    judged: int
    agreed: int


def corrected(
    grades: Sequence[float],
    judged: Mapping[int, Judgement],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> Corrected | None:
    """The mean grade of all rows as a person would give it, estimated from those judged; None for less than two.

    For right or wrong: among the rows graded right, and among those graded wrong, the share that the person finds
    right, weighted by how many there are of each (prediction-powered inference, post-stratified by the grade, which is
    Rogan and Gladen's correction by predictive values). The interval draws all three shares from their Jeffreys
    posteriors, so that few judged rows make it wide. Which of the rows of a grade were judged has to be chance. For
    grades in between, and where several turns are of one row: mean grade plus mean correction, with a bootstrap of both
    (Angelopoulos et al. 2023, doi:10.1126/science.adi6000), which draws whole rows.

    Args:
        grades: by row.
        judged: row → what a person said of its grade.
        clusters: which rows belong together; None where each is one of its own.
        seed: of the draws.
    """
    if len(judged) < 2:
        return None
    given = np.asarray(grades, dtype=float)
    rows = np.array(sorted(judged))
    right = np.array([judged[int(row)].grade for row in rows])
    rng = np.random.default_rng(seed)
    groups = groups_of(clusters)
    if groups is None and set(np.unique(given)) <= {0.0, 1.0}:
        value, draws = _by_verdict(given, given[rows], right, rng)
    else:
        wrong = right - given[rows]
        of_judged = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
        value = float(given.mean() + wrong.mean())
        draws = bootstrap_means(given, groups=groups, seed=seed)
        draws = draws + bootstrap_means(wrong, groups=of_judged, seed=seed + 1)
    low, high = np.quantile(draws.clip(0, 1), (0.025, 0.975))
    agreed = sum(judged[int(row)].agree for row in rows)
    return Corrected(min(1.0, max(0.0, value)), float(low), float(high), len(rows), agreed)


def _by_verdict(
    given: np.ndarray, judged: np.ndarray, right: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """The corrected share and draws of it."""
    share = float(given.mean())
    shares = _posterior(float(given.sum()), len(given), rng)
    value, draws = 0.0, np.zeros(DRAWS)
    for grade, weight, weights in ((1.0, share, shares), (0.0, 1 - share, 1 - shares)):
        those = right[judged == grade]
        value += weight * (float(those.mean()) if len(those) else grade)
        draws += weights * _posterior(float(those.sum()), len(those), rng)
    return value, draws


def _posterior(count: float, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.beta(count + 0.5, n - count + 0.5, DRAWS)


def _name(task: Task, reply: Reply) -> str:
    return digest([task.key, task.turn, reply.answer])


def words(label: str, raw: float, found: Corrected) -> str:
    """A score as graded and as corrected, in a sentence."""
    return (
        f"{label}: {raw:.1%} as graded, {found.value:.1%} ({found.low:.1%} – {found.high:.1%}) as corrected by "
        f"{found.judged} rows judged by hand, whose grade was right {found.agreed} times."
    )


def data_of(found: Corrected | None) -> dict[str, Any] | None:
    """JSON-ready."""
    return None if found is None else asdict(found)
