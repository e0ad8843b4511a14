"""Agreement: how far reviewers agree on rows that they judged by themselves, beyond what chance would give."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...html_card import card, table
from ..samples import ReviewedRows

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_DRAWS = 10_000
ALL, ANY = "all rows", "flagged"


@dataclass(frozen=True)
class PairAgreement:
    """How far two reviewers agree.

    Attributes:
        pair: their names.
        flag: of which rows: ``all rows``, ``flagged``, or one flag of the checks.
        rows: that both have judged.
        agreed: those of them with the same verdict.
        kappa: Cohen's; nan where both gave one and the same verdict to every row, or there are no rows.
        low: the lower end of its 95 % interval, by a seeded bootstrap of the rows.
        high: the upper end.
    """

    pair: tuple[str, str]
    flag: str
    rows: int
    agreed: int
    kappa: float
    low: float
    high: float


class Agreement:
    """How far reviewers agree, pair by pair, on all rows and on those with each flag.

    Verdicts count as each reviewer gave them; what was settled afterwards does not make them agree.

    Attributes:
        pairs: one line for each pair and kind of rows that both have judged, all rows first.

    Example:
        >>> len(df.reason.review().agreement().pairs)
        0
    """

    def __init__(
        self, pairs: Sequence[PairAgreement], *, judged: Mapping[str, int], conflicts: int = 0
    ) -> None:
        self.pairs = tuple(pairs)
        self._judged, self._conflicts = dict(judged), conflicts

    def to_frame(self) -> pd.DataFrame:
        """One row for each pair and kind of rows."""
        import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

        columns = ("pair", "flag", "rows", "agreed", "percent", "kappa", "low", "high")
        lines = [
            (" and ".join(p.pair), p.flag, p.rows, p.agreed, 100 * p.agreed / p.rows, p.kappa, p.low, p.high)
            for p in self.pairs
        ]
        return pd.DataFrame(lines, columns=pd.Index(columns))

    def __repr__(self) -> str:
        whole = [pair for pair in self.pairs if pair.flag == ALL]
        told = ", ".join(
            f"{' and '.join(p.pair)}: {p.agreed} of {p.rows} ({p.agreed / p.rows:.0%}), {_kappa(p)}"
            for p in whole
        )
        return f"Agreement({told or 'no row was judged by two'})"

    def _repr_html_(self) -> str:
        lines = [
            (" and ".join(p.pair), p.flag, p.rows, f"{p.agreed} ({p.agreed / p.rows:.0%})", _kappa(p))
            for p in self.pairs
        ]
        notes = [] if lines else ["No row was judged by two reviewers yet."]
        return card(
            "Agreement",
            {
                **{f"judged by {name}": count for name, count in self._judged.items()},
                "in conflict": self._conflicts,
            },
            notes=notes,
            body=table(("reviewers", "rows", "judged by both", "same verdict", "Cohen's κ, 95 %"), lines),
            next_verb='review.where(verdict="conflict")' if self._conflicts else 'review.merge("ana.jsonl")',
        )


def agreement_of(rows: ReviewedRows) -> Agreement:
    """The agreement of all who have judged rows of a review."""
    verdicts = rows.decisions.verdicts()
    here = {name: {p: v for root, v in mine.items() if (p := rows.places.get(root)) is not None}
            for name, mine in sorted(verdicts.items())}  # fmt: skip
    found: list[PairAgreement] = []
    for pair in itertools.combinations(here, 2):
        both = sorted(here[pair[0]].keys() & here[pair[1]].keys())
        if not both:
            continue
        flags = [rows.checks.flags[position].names for position in both]
        kinds = [ALL, *([ANY] if any(flags) else []), *sorted({name for names in flags for name in names})]
        for kind in kinds:
            those = [
                position
                for position, names in zip(both, flags, strict=True)
                if kind == ALL or (kind == ANY and names) or kind in names
            ]
            votes = np.array([[here[name][position] == "accepted" for name in pair] for position in those])
            low, high = _interval(votes)
            agreed = int((votes[:, 0] == votes[:, 1]).sum())
            found.append(PairAgreement(pair, kind, len(those), agreed, _of(_counts(votes)), low, high))
    judged = {name: len(mine) for name, mine in here.items()}
    conflicts = sum(rows.decisions.conflict(root) is not None for root in rows.roots)
    return Agreement(found, judged=judged, conflicts=conflicts)


def _counts(votes: np.ndarray) -> np.ndarray:
    """How often the two said what: both rejected, second accepted, first accepted, both accepted."""
    return np.bincount(2 * votes[:, 0] + votes[:, 1], minlength=4)


def _of(counts: np.ndarray) -> float:
    return float(_kappas(counts[None, :])[0])


def _kappas(counts: np.ndarray) -> np.ndarray:
    """Cohen's κ of tables of counts, (draws, 4) → (draws,); nan where nothing but chance could be."""
    share = counts / counts.sum(1, keepdims=True)
    first, second = share[:, 2] + share[:, 3], share[:, 1] + share[:, 3]
    same, chance = share[:, 0] + share[:, 3], first * second + (1 - first) * (1 - second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1 - 1e-12, (same - chance) / (1 - chance), np.nan)


def _interval(votes: np.ndarray) -> tuple[float, float]:
    """Percentile interval of κ: rows drawn again are counts drawn again."""
    counts = _counts(votes)
    drawn = np.random.default_rng(0).multinomial(len(votes), counts / len(votes), size=_DRAWS)
    kappas = _kappas(drawn)
    kappas = kappas[~np.isnan(kappas)]
    if not len(kappas) or math.isnan(_of(counts)):
        return math.nan, math.nan
    low, high = np.quantile(kappas, (0.025, 0.975))
    return float(low), float(high)


def _kappa(pair: PairAgreement) -> str:
    if math.isnan(pair.kappa):
        return "κ cannot be told: one verdict only"
    return f"κ {pair.kappa:.2f} ({pair.low:.2f} to {pair.high:.2f})"
