"""Waiting proposals: what teachers propose for the rows of a review, with a diff each, to be accepted or declined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import numpy as np

from ...decisions import Proposed
from ...errors import ReasonbookError, ReviewError
from ...html_card import card, marked_diff, table
from ...options import checked
from ..arguments import Rows, positions_of
from ..edit_rules import same
from ..edits import Edits
from ..query import Query
from ..samples import ReviewedRows, Sample

Reviewed = TypeVar("Reviewed")
Changes = Mapping[int, Mapping[str, Any]]
_SHOWN = 6  # rows of the card
_NAMED = 3  # refused rows that are named one by one


@dataclass(frozen=True)
class RowProposal:
    """What is proposed for one row, beside what stands there.

    Attributes:
        row: its position.
        changes: field, or ``response`` → value now, value proposed.
        told: who proposes it, and what for.
    """

    row: int
    changes: Mapping[str, tuple[Any, Any]]
    told: Mapping[str, Any]

    def _repr_html_(self) -> str:
        lines = [(name, marked_diff(now, new)) for name, (now, new) in self.changes.items()]
        verb = f"review.proposals.accept({self.row})   ·   review.proposals.decline({self.row})"
        facts = {name: self.told[name] for name in ("teacher", "feedback") if name in self.told}
        return card(
            f"Proposal for row {self.row}", facts, body=table(("", "now → proposed"), lines), next_verb=verb
        )


class WaitingProposals(Sequence[RowProposal], Generic[Reviewed]):
    """The proposals that wait in a review, in the order of its rows.

    Args:
        rows: of the review.
        edits: puts a proposal into the words of a decision.
        put: takes one act on rows, told why; gives the name of the act.
        told: hears that proposals were declined.
        review: what the verbs return.

    Example:
        >>> review = df.reason.review()
        >>> job = review.repair_all([0, 1], "Say ten.", teacher=lambda request: {**df["reasoning"][0], "Amount": "10"})
        >>> proposals = job.wait().proposals
        >>> proposals[0].changes["Amount"]
        ('108 - 4 = 104', '10')
        >>> proposals.accept(0)[0].reasoning["Amount"], len(review.proposals)
        ('10', 1)
        >>> len(review.undo().proposals), len(review.proposals.decline().proposals)
        (2, 0)
    """

    def __init__(
        self,
        rows: ReviewedRows,
        edits: Edits,
        put: Callable[[Changes, Mapping[str, Any]], str],
        told: Callable[[], object],
        review: Reviewed,
    ) -> None:
        self._rows, self._edits, self._put, self._told, self._review = rows, edits, put, told, review
        waiting = rows.proposals.waiting
        places = {rows.places[root]: one for root, one in waiting.items() if root in rows.places}
        self._found = {place: places[place] for place in sorted(places)}

    @property
    def rows(self) -> np.ndarray:
        """Positions (int64) of the rows that something is proposed for."""
        return np.array(list(self._found), dtype=np.int64)

    def of(self, row: int) -> RowProposal | None:
        """What is proposed for the row at a position; None where nothing is."""
        one = self._found.get(row)
        return None if one is None else self._shown(self._rows.sample(row), one)

    def proposed(self, row: int) -> Proposed | None:
        """The same as it stands in the journal."""
        return self._found.get(row)

    @checked(ReviewError, "review.proposals.accept()")
    def accept(self, rows: Rows | Query | None = None) -> Reviewed:
        """Puts proposals into their rows, as one act that one undo takes back; verdicts and ratings stay.

        Args:
            rows: positions, or a `Query`; all when None. Rows without a proposal are passed over.

        Raises:
            ReviewError: a row cannot take what is proposed; then none is changed.
        """
        chosen = self._chosen(rows)
        changes: dict[int, Mapping[str, Any]] = {}
        refused: list[tuple[int, str]] = []
        for sample in self._samples(chosen):
            try:
                changes[sample.position] = self._edits.proposed(sample, self._found[sample.position])
            except ReasonbookError as error:
                refused.append((sample.position, error.problem))
        if refused:
            words = " ".join(problem for _, problem in refused[:_NAMED])
            raise ReviewError(
                f"{len(refused)} proposals cannot be taken, so none was: {words}",
                f"review.proposals.decline({[row for row, _ in refused]})",
            )
        changes = {row: new for row, new in changes.items() if new}
        if changes:
            act = self._put(changes, _why(self._found[row] for row in changes))
            self._rows.proposals.take([self._rows.roots[row] for row in changes], act)
        return self._review

    @checked(ReviewError, "review.proposals.decline()")
    def decline(self, rows: Rows | Query | None = None) -> Reviewed:
        """Lays proposals aside; what stands in the rows stays, and the same is not proposed again."""
        chosen = self._chosen(rows)
        if chosen:
            self._rows.proposals.decline([self._rows.roots[row] for row in chosen])
            self._told()
        return self._review

    def _chosen(self, rows: Rows | Query | None) -> list[int]:
        if rows is None:
            return list(self._found)
        wanted = (
            self._rows.where(rows).tolist()
            if isinstance(rows, Query)
            else positions_of(len(self._rows), rows)
        )
        return [row for row in dict.fromkeys(wanted) if row in self._found]

    def _samples(self, rows: Sequence[int]) -> Iterator[Sample]:
        for start in range(0, len(rows), 500):
            yield from self._rows.samples(rows[start : start + 500])

    def _shown(self, sample: Sample, one: Proposed) -> RowProposal:
        now = sample.reasoning
        names = dict.fromkeys([*one.reasoning, *now])
        changes = {
            name: (now.get(name), one.reasoning.get(name))
            for name in names
            if not same(now.get(name), one.reasoning.get(name))
        }
        if one.response is not None and one.response != sample.response:
            changes["response"] = (sample.response, one.response)
        return RowProposal(sample.position, changes, one.told)

    @overload
    def __getitem__(self, index: int) -> RowProposal: ...
    @overload
    def __getitem__(self, index: slice) -> list[RowProposal]: ...
    def __getitem__(self, index: int | slice) -> RowProposal | list[RowProposal]:
        places = list(self._found)
        chosen = places[index] if isinstance(index, slice) else [places[index]]
        shown = [self._shown(sample, self._found[sample.position]) for sample in self._samples(chosen)]
        return shown if isinstance(index, slice) else shown[0]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"WaitingProposals({len(self)})"

    def _repr_html_(self) -> str:
        lines = [
            (one.row, name, marked_diff(now, new))
            for one in self[:_SHOWN]
            for name, (now, new) in one.changes.items()
        ]
        told = {str(one.told.get("teacher")): None for one in self._found.values()}
        facts: dict[str, Any] = {"rows": len(self)}
        if told:
            facts["proposed by"] = ", ".join(told)
        if not self._found:
            return card("Proposals", facts, next_verb='review.repair_all([0, 1], "…", teacher=…)')
        more = len(self) - min(len(self), _SHOWN)
        return card(
            "Proposals",
            facts,
            notes=[f"And {more} more; the review shows each, with its filter “proposed”."] if more else [],
            body=table(("row", "field", "now → proposed"), lines),
            next_verb="review.proposals.accept()   ·   review.proposals.decline()",
        )


def _why(proposals: Iterable[Proposed]) -> dict[str, Any]:
    """What the journal says of their acceptance: the repair that they come from, where it is one and the same."""
    told = list({repr(sorted(one.told.items())): one.told for one in proposals}.values())
    if len(told) == 1 and "feedback" in told[0]:
        return {"repair": told[0]}
    return {"proposals": told}
