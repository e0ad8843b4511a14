"""Delivery: decisions on their way into the frame, on the thread that owns it."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import LayoutError
from ..job import Mailbox
from .samples import ReviewedRows


class Delivery:
    """Brings what is decided of rows into the cells of their frame.

    Attributes:
        refused: name of a row → why its frame cannot take the response that was decided on.
    """

    def __init__(self, rows: ReviewedRows, mailbox: Mailbox) -> None:
        self.refused: dict[str, str] = {}
        self._rows = rows
        self._mailbox = mailbox

    def restore(self) -> None:
        """Puts earlier decisions into the rows and the frame; one that does not fit it is left alone."""
        rows, known = self._rows, self._rows.decisions.roots
        positions = [i for i, root in enumerate(rows.roots) if root in known]
        for position in positions:
            decision = rows.decision(position)
            changed = {"verdict", "rating", "note"}
            changed |= {"reasoning"} if decision.reasoning is not None else set()
            changed |= {"turns"} if decision.turns else set()
            changed |= {"response"} if decision.stands is not None else set()
            changed |= {"stale"} if decision.stale else set()
            rows.fold([position], changed)
        bearing = [
            i
            for i in positions
            if rows.decisions.of(rows.roots[i]).reaches_frame or rows.decisions.conflict(rows.roots[i])
        ]
        self.write(bearing, {"verdict", "rating", "reasoning", "response"})

    def write(self, positions: Sequence[int], changed: set[str]) -> None:
        """Posts the cells of these rows, as far as these attributes of their decisions have changed."""
        if not positions:
            return
        rows, frame, hints = self._rows, self._rows.frame, list(positions)
        names = [rows.names[position] for position in positions]
        told = changed & {"verdict", "rating"}
        cells = [rows.cells(position) for position in positions] if told else []
        columns = {name: [cell[name] for cell in cells] for name in ("verdict", "rating") if name in told}
        reasoned = "reasoning_status" in frame.df.columns or any(rows.reasonings[p] for p in positions)
        if changed & {"reasoning", "stale", "turns"} and reasoned:
            columns["reasoning"] = [rows.reasonings[p] for p in positions]
            columns["reasoning_status"] = [rows.statuses[p] for p in positions]
            columns["reasoning_error"] = [rows.errors[p] for p in positions]
        responses = [rows.decision(p).stands if "response" in changed else None for p in positions]

        def deliver() -> None:
            frame.write_rows(columns, names, hints)
            for name, hint, response in zip(names, hints, responses, strict=True):
                try:
                    if response is not None:
                        frame.write_response(name, hint, response)
                except LayoutError as error:
                    self.refused[name] = error.problem

        self._mailbox.post(deliver)
        self._mailbox.drain()
