"""Config: everything about variations that is not worth a parameter of the verb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ReasonbookError, choices
from ...options import checked
from ...schema import Schema
from ...teachers import TeacherSpec
from .plan import KINDS, Kind

_LINE = 'df.reason.vary(teacher="openai:MODEL", kind="flip", along=["Policy"], n=2)'
_SPLITS = ("train", "validation", "test")


@checked(ReasonbookError, 'VaryConfig(kind="flip", along=["Policy"])')
@dataclass(frozen=True)
class VaryConfig:
    """How rows are varied.

    Attributes:
        kind: ``reword`` (the same case in other words), ``flip`` (one field of ``along`` changed, the answer worked out
            anew) or ``fill`` (flips into combinations of ``along`` that few rows have).
        along: the choice, number or boolean fields that are changed.
        n: variations of each row.
        below: for ``fill``: how many rows each combination shall have.
        derived: typed fields that follow from the others, such as a decision: a flip may change them too.
        guidance: in your words, what to watch; the teacher gets it as material beside the request.
        splits: which rows are varied; of ``test`` rows for a contrast set.
        checker: who reads the new request blind; the teacher when None.
        answer: ``answer(request, reasoning) -> str`` works the answer of a flip out; without it the teacher is asked
            twice, with the reasoning and without, and both have to agree.
        pilot: make so many first, and say what share is kept and what one costs.
        limit: variations at most.
        budget: dollars at most, for this run.
        price: dollars per million tokens as (input, output), where the price table does not know the model.
        seed: which rows come first, and what numbers change to.
    """

    kind: Kind = "reword"
    along: Sequence[str] = ()
    n: int = 1
    below: int = 10
    derived: Sequence[str] = ()
    guidance: str = ""
    splits: Sequence[str] = ("train",)
    checker: TeacherSpec | None = None
    answer: Callable[..., Any] | None = None
    pilot: int = 0
    limit: int | None = None
    budget: float | None = None
    price: tuple[float, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ReasonbookError(f"There is no kind {self.kind!r}.", choices(self.kind, KINDS))
        for part in self.splits:
            if part not in _SPLITS:
                raise ReasonbookError(f"There is no split {part!r}.", choices(part, _SPLITS))
        for name in ("n", "below", "limit", "budget"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ReasonbookError(f"{name} must be more than 0, not {value!r}.", _LINE)
        if self.pilot < 0:
            raise ReasonbookError(f"A pilot is a number of variations, not {self.pilot!r}.", "pilot=5")

    def check_fields(self, schema: Schema) -> None:
        """Raises `SchemaError` for a field that the schema does not have, with the nearest name."""
        for name in (*self.along, *self.derived):
            _ = schema[name]
