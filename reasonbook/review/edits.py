"""Edits: what of a decision changes with fields of the reasoning, with a new response, or with both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.conversation import json_ready, missing
from ..data.layout.original import Original
from ..data.training_rows import ChatRow
from ..decisions import Proposed
from ..errors import ReviewError
from ..quality.known_schemas import KnownSchemas
from ..schema import Schema
from .edit_rules import clean_values, same
from .samples import ReviewedRows, Sample
from .turns import edit_of


class Edits:
    """Edits of the rows of one review; originals are recorded with the first one, for an undo."""

    def __init__(self, rows: ReviewedRows, schemas: KnownSchemas) -> None:
        self._rows = rows
        self._schemas = schemas

    def schema_of(self, sample: Sample) -> Schema | None:
        """The schema that filled a row, where it is known."""

        def row() -> ChatRow:
            return ChatRow(
                sample.position, sample.key, "train", sample.conversation, sample.teacher_reasoning
            )

        if not sample.reasoning:
            return self._schemas.of(self._rows.field_names())
        return self._schemas.of(list(sample.reasoning), row)

    def of(self, sample: Sample, reasoning: Mapping[str, Any] | None, response: str | None) -> dict[str, Any]:
        """Attributes of the row's decision; empty where nothing would change.

        Raises:
            ReviewError: a value does not fit, or nothing would be left.
            LayoutError: the row cannot take a response.
        """
        return {**self._written(sample, reasoning), **self._answered(sample, response)}

    def proposed(self, sample: Sample, one: Proposed) -> dict[str, Any]:
        """Attributes of the decision of a row whose proposal is accepted; empty where it stands already.

        Raises:
            ReviewError: the row cannot take its response.
            LayoutError: the same.
        """
        changes = self._answered(sample, one.response)
        if json_ready(sample.reasoning) != json_ready(one.reasoning):
            changes |= edit_of(
                sample.decision, None, json_ready(one.reasoning), json_ready(sample.teacher_reasoning)
            )
        return {**changes, "stale": False} if changes else {}

    def aliases(self, row: int, response: str) -> dict[str, str]:
        """The names that a new response will give to the row, its old and its new equals → the rows of the journal."""
        rows = self._rows
        name = rows.names[row]
        named = rows.frame.announce(name, row, rows.frame.revised(name, row, response))
        places = {rows.names[p]: p for p in range(len(rows))} if len(named) > 1 else {name: row}
        return {new: rows.roots[places[old]] for new, old in named.items()}

    def _written(self, sample: Sample, reasoning: Mapping[str, Any] | None) -> dict[str, Any]:
        """What of a decision changes with fields of the reasoning."""
        if reasoning is None:
            return {}
        values = clean_values(sample, reasoning, self.schema_of(sample))
        if all(
            name in sample.reasoning and same(sample.reasoning[name], new) for name, new in values.items()
        ):
            return {}
        own = self._rows.decisions.own(sample.key)  # of several reviewers each edits their own version
        mine = own.reasoning if sample.turn is None else own.turns.get(str(sample.turn))
        base = sample.teacher_reasoning if self._rows.decisions.several else sample.reasoning
        merged = {**(base if mine is None else mine), **values}
        if all(missing(value) for value in merged.values()):
            raise ReviewError(
                "The new reasoning is empty.", f"review.reject({sample.position})   takes the row out"
            )
        wrote = json_ready(sample.teacher_reasoning)
        return edit_of(own, sample.turn, json_ready(merged), wrote)

    def _answered(self, sample: Sample, response: str | None) -> dict[str, Any]:
        """What of a decision changes with the response."""
        if response is None or response == sample.response:
            return {}
        row = sample.position
        if sample.turn is not None:
            raise ReviewError(
                f"Only the last response of row {row} can be changed: later turns answer to the others.",
                f"review.edit({row}, {{…}}, turn={sample.turn})",
            )
        if not response.strip():
            raise ReviewError("The new response is empty.", f"review.reject({row})   takes the row out")
        self._rows.frame.revised(self._rows.names[row], row, response)  # refuses a row that cannot take one
        changes: dict[str, Any] = {"response": response, "data_response": sample.data_response}
        if sample.decision.stands is None:
            cell = self._rows.frame.response_cell(self._rows.names[row], row)
            if not isinstance(cell, str) or cell != sample.response:
                changes["data_cell"] = Original(cell).to_dict()
        return changes
