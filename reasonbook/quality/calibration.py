"""Calibration: how far to trust each flag, by what people decided of the rows that it was on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..data.typed_pandas import DataFrame
from ..decisions import Decision
from ..html_card import card, table
from .checks import FLAGS, Row
from .checks.flags import BIT

ANY, NONE = "any", "no flag"


@dataclass(frozen=True)
class FlagTrust:
    """What people decided of the rows with one flag.

    Attributes:
        flag: its name, ``any`` for all flags together, ``no flag`` for the rows without one.
        decided: how many of its rows they accepted, rejected or edited.
        wrong: how many of these they rejected or edited.
        low: lower end of the 95 % interval of the part that was wrong, by Wilson.
        high: its upper end.

    Example:
        >>> df.reason.review().reject([0, 1]).accept(2)
        Review(accepted=1, rejected=2, undecided=37, stale=0, rows=40)
        >>> str(df.reason.quality().calibration["no flag"])
        'of 3 rows without a flag that you have decided, 2 were rejected or edited: 67 % (21–94)'
    """

    flag: str
    decided: int
    wrong: int
    low: float
    high: float

    @property
    def precision(self) -> float:
        """The part that was wrong, from 0 to 1."""
        return self.wrong / self.decided

    @property
    def figures(self) -> str:
        """``33 of 41: 80 % (66–90)``."""
        return f"{self.wrong} of {self.decided}: {self._part}"

    @property
    def _part(self) -> str:
        return f"{100 * self.precision:.0f} % ({100 * self.low:.0f}–{100 * self.high:.0f})"

    def __str__(self) -> str:
        rows = {ANY: "flagged rows", NONE: "rows without a flag"}.get(
            self.flag, f"rows flagged “{self.flag}”"
        )
        were = "was" if self.wrong == 1 else "were"
        decided = f"of {self.decided} {rows} that you have decided"
        return f"{decided}, {self.wrong} {were} rejected or edited: {self._part}"


class Calibration(Mapping[str, FlagTrust]):
    """How far to trust each flag; only flags with a decided row are in it.

    Example:
        >>> df.reason.review().reject(0)
        Review(accepted=0, rejected=1, undecided=39, stale=0, rows=40)
        >>> df.reason.quality().calibration
        Calibration(decided=1, wrong=1)
    """

    def __init__(self, bits: np.ndarray, wrong: np.ndarray) -> None:
        self._bits, self._wrong = bits, wrong
        masks = {ANY: bits != 0, **{flag: bits & BIT[flag] != 0 for flag in FLAGS}, NONE: bits == 0}
        self._known = {flag: _trust(flag, wrong[mask]) for flag, mask in masks.items() if mask.any()}

    def __getitem__(self, flag: str) -> FlagTrust:
        return self._known[flag]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def words(self) -> dict[str, str]:
        """Each flag's figures in a sentence."""
        return {flag: str(trust) for flag, trust in self._known.items()}

    def to_frame(self) -> DataFrame:
        """A row a flag: flag, decided, wrong, precision, low, high (parts from 0 to 1)."""
        columns = ["flag", "decided", "wrong", "precision", "low", "high"]
        return DataFrame(
            [{name: getattr(t, name) for name in columns} for t in self._known.values()], columns=columns
        )

    def __repr__(self) -> str:
        return f"Calibration(decided={len(self._bits)}, wrong={int(self._wrong.sum())})"

    def _repr_html_(self) -> str:
        rows = [(t.flag, t.figures) for t in self._known.values()]
        facts = {"decided": len(self._bits), "rejected or edited": int(self._wrong.sum())}
        notes = () if rows else ("Nobody has decided on a row yet.",)
        body = table(("flag", "rejected or edited, of those decided (95 %)"), rows) if rows else ""
        return card("Calibration", facts, notes=notes, body=body, next_verb="df.reason.review()")


def calibrated(
    bits: np.ndarray,
    decisions: Mapping[int, Decision],
    before: Callable[[int, Decision], int],
) -> Calibration:
    """The calibration of flags by the decisions on rows.

    Args:
        bits: the flags of every row as it stands, by position.
        decisions: those on rows, by position.
        before: the flags that an edited row had as its teacher and the data had it.
    """
    found: list[int] = []
    wrong: list[bool] = []
    for position, decision in decisions.items():
        edited = is_edited(decision)
        if edited or decision.verdict is not None:
            found.append(before(position, decision) if edited else int(bits[position]))
            wrong.append(edited or decision.verdict == "rejected")
    return Calibration(np.array(found, dtype=np.uint32), np.array(wrong, dtype=bool))


def is_edited(decision: Decision) -> bool:
    """Whether a person wrote another reasoning or response."""
    return decision.reasoning is not None or decision.response is not None or bool(decision.turns)


def as_it_was(row: Row, decision: Decision) -> Row:
    """A row before it was edited, with the reasoning of its teacher and the response of the data."""
    reasoning, response, *rest = row
    if decision.reasoning is not None:
        reasoning = decision.teacher_reasoning
    if decision.response is not None:
        response = decision.data_response
    return (reasoning, response, *rest)  # type: ignore[return-value]


def _trust(flag: str, wrong: np.ndarray) -> FlagTrust:
    from ..training.evaluation.statistics import wilson  # no review needs it before somebody has decided

    low, high = wilson(int(wrong.sum()), len(wrong))
    return FlagTrust(flag, len(wrong), int(wrong.sum()), low, high)
