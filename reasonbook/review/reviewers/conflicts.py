"""Conflicts: rows on which reviewers do not agree, and what an act has to say to settle one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...decisions import Decisions
from ...decisions.decision import ORIGINALS
from ...errors import ReviewError


def settled_by(decisions: Decisions, changes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The rows for which an act is the last word: it speaks of what whoever takes it sees in conflict."""
    if not decisions.several:
        return []
    seen = ((root, decisions.conflict(root, seen=True)) for root in changes)
    return [root for root, conflict in seen if conflict and changes[root].keys() & set(conflict.attributes)]


def settling(decisions: Decisions, root: str, row: int, who: str) -> dict[str, Any]:
    """What of a decision changes when one reviewer's version stands for all.

    Raises:
        ReviewError: there is no conflict, or this reviewer has said nothing of the row.
    """
    conflict = decisions.conflict(root)
    if conflict is None:
        raise ReviewError(
            f"Row {row} is in no conflict.", 'review.where(verdict="conflict")   has those that are'
        )
    if who not in conflict.versions:
        raise ReviewError(
            f"{who!r} has said nothing of row {row}.",
            " or ".join(f'review.settle({row}, "{name}")' for name in conflict.versions),
        )
    version = conflict.versions[who]
    names = {*conflict.attributes}
    if len({each.rating for each in conflict.versions.values()}) > 1:
        names.add("rating")
    if names & {"reasoning", "response", "turns"}:
        names |= {"stale", *ORIGINALS}
    values = {name: getattr(version, name) for name in sorted(names)}
    return {name: value for name, value in values.items() if value is not None or name not in ORIGINALS}
