"""Matrix: students and strategies side by side, each tried in the closed loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from ..chat.closed_loop.cases import CASES
from ..data.typed_pandas import DataFrame, new_frame
from . import tables
from .format_result import FormatResult


class FormatMatrix(Sequence[FormatResult]):
    """Students and strategies, each tried in the closed loop.

    Args:
        results: one for each student and strategy.
        seconds: that it took.
        notes: what a reader should know: where templates come from, which package is missing.
        complete: whether all was tried; an interrupt keeps what was done until then.

    Example:
        >>> rb.formats(rb.examples.tiny_student(), strategy="final_and_reasoning")
        FormatMatrix(1 student, 1 strategy: works 1)
    """

    def __init__(
        self,
        results: Sequence[FormatResult],
        *,
        seconds: float = 0.0,
        notes: Sequence[str] = (),
        complete: bool = True,
    ) -> None:
        self._results = tuple(results)
        self.seconds = seconds
        self.notes = tuple(notes)
        self.complete = complete

    @property
    def ok(self) -> bool:
        """Whether every student works under every strategy that was tried."""
        return all(result.state == "works" for result in self)

    @property
    def by_student(self) -> dict[str, list[FormatResult]]:
        """Student → its results, one for each strategy."""
        found: dict[str, list[FormatResult]] = {}
        for result in self:
            found.setdefault(result.student, []).append(result)
        return found

    def to_frame(self) -> DataFrame:
        """The results as a DataFrame, one a row, with a column for every kind of rows."""
        return new_frame([
            {
                "student": result.student,
                "strategy": result.strategy,
                "state": result.state,
                **{case: result.case(case) for case in CASES},
                "carrier": result.carrier,
                "switch": result.switch,
                "stops": " ".join(result.stops),
                "why": "; ".join(result.reasons),
            }
            for result in self
        ])  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "seconds": round(self.seconds, 2),
            "complete": self.complete,
            "notes": list(self.notes),
            "results": [result.to_dict() for result in self],
        }

    def to_markdown(self) -> str:
        """The table as Markdown, with the reasons below it."""
        return tables.markdown(self.by_student, self.notes)

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, number: int) -> FormatResult: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[FormatResult]: ...
    def __getitem__(self, number: int | slice) -> FormatResult | Sequence[FormatResult]:
        return self._results[number]

    def __iter__(self) -> Iterator[FormatResult]:
        return iter(self._results)

    def __repr__(self) -> str:
        return f"FormatMatrix({tables.headline(self.by_student)})"

    def __str__(self) -> str:
        return tables.text(self.by_student, self.seconds, self.notes)

    def _repr_html_(self) -> str:
        return tables.html(self.by_student, self.seconds, self.notes)
