"""Kiln runs: its task runs as rows, with their ratings where a review looks for them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pandas brings no types.

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import ReasonbookError
from ..conversation import is_mapping, missing
from ..typed_pandas import DataFrame, column_cells, new_frame

RUN = "task_run.kiln"
_PASSED = {True: 5, False: 1}


def kiln_runs(folder: Path) -> DataFrame:
    """The task runs of a Kiln project or task, one a row; no row where there is none."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.rglob(RUN)):
        try:
            rows.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ReasonbookError(
                f"{path} is not JSON: {error}.", "leave this run out, or mend it"
            ) from error
    return new_frame(rows)


def with_ratings(df: DataFrame) -> DataFrame:
    """The frame with Kiln's ratings in the column ``rating``; the frame itself where it brings none.

    Stars are taken as they are, a pass as 5 and a fail as 1. Of a run that was repaired the repaired answer's own
    rating counts: the old answer's says nothing of it. All other columns, the tags too, stay as they are.
    """
    if "rating" in df.columns:
        return df
    ratings = [_rating(row) for row in _outputs(df)]
    if not any(ratings):
        return df
    return df.assign(rating=pd.array(ratings, dtype="Int64"))


def _outputs(df: DataFrame) -> list[Mapping[str, Any]]:
    """What each row says of its answer: a rating with its type."""
    if "output" in df.columns:
        repaired = (
            column_cells(df, "repaired_output") if "repaired_output" in df.columns else [None] * len(df)
        )
        pairs = zip(column_cells(df, "output"), repaired, strict=True)
        chosen = [old if missing(new) else new for old, new in pairs]
        return [_mapping(_mapping(output).get("rating")) for output in chosen]
    names = {
        f"{output}.rating.{part}" for output in ("output", "repaired_output") for part in ("type", "value")
    }
    columns = {name: column_cells(df, name) for name in df.columns if name in names}
    fixed = (
        column_cells(df, "repaired_output.output")
        if "repaired_output.output" in df.columns
        else [None] * len(df)
    )
    return [
        {
            part: columns.get(f"{'output' if missing(fix) else 'repaired_output'}.rating.{part}", empty)[i]
            for part in ("type", "value")
        }
        for empty in [[None] * len(df)]
        for i, fix in enumerate(fixed)
    ]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if is_mapping(value) else {}


def _rating(rating: Mapping[str, Any]) -> int | None:
    """1 to 5; None where nothing was rated, or in a way that says neither stars nor pass."""
    value, kind = rating.get("value"), rating.get("type")
    if missing(value) or not isinstance(value, (int, float)):
        return None
    if kind in ("pass_fail", "pass_fail_critical"):
        return _PASSED[value >= 1]
    return round(value) if kind in (None, "five_star") and 1 <= value <= 5 else None
