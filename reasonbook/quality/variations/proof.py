"""Proof: what a blind reader found in a new request, held against what was wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...schema import Schema
from ...schema.agreement import equal, typed_values
from .plan import Wanted

REASONS = (
    "no new request",
    "as before",
    "there already",
    "cannot be placed",
    "not read",
    "not changed",
    "changed too",
    "no answer",
    "answers differ",
)


@dataclass(frozen=True)
class Dropped:
    """A variation that is not kept.

    Attributes:
        wanted: what was wanted.
        reason: one of `REASONS`.
        detail: what was seen, in words.
        request: the new request, where there was one.
    """

    wanted: Wanted
    reason: str
    detail: str
    request: str = ""


@dataclass(frozen=True)
class Kept:
    """A variation that is proven.

    Attributes:
        wanted: what was wanted.
        request: the new request.
        response: its response; the origin's where it did not change, None where the origin has none.
        reasoning: what the blind reader found, all fields.
    """

    wanted: Wanted
    request: str
    response: str | None
    reasoning: Mapping[str, Any]


def fault_of(
    wanted: Wanted, schema: Schema, found: Mapping[str, Any], derived: Collection[str]
) -> tuple[str, str] | None:
    """Reason and detail why typed fields do not prove the variation; None where they do.

    Args:
        found: the reasoning of the blind reader.
        derived: fields that follow from the others, and may change with a flip.
    """
    typed, before = typed_values(schema, found), typed_values(schema, wanted.origin.reasoning)
    if wanted.flipped is not None and not equal(typed[wanted.flipped], wanted.expected[wanted.flipped]):
        return "not changed", f"{wanted.flipped} is read as {typed[wanted.flipped]}, for {wanted.change}"
    free = set(derived) if wanted.flipped is not None else set[str]()
    moved = [
        f"{name}: {before[name]} → {typed[name]}"
        for name in typed
        if name != wanted.flipped and name not in free and not equal(typed[name], wanted.expected[name])
    ]
    return ("changed too", "; ".join(moved)) if moved else None
