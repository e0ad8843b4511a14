"""Settled: what several reviewers say of one row as one decision, and where they cannot both be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .decision import CONTENT, ORIGINALS, UNDECIDED, Decision

NOBODY = ""  # the voice of acts that nobody signed
SETTLED = "\0settled"  # the voice of what was said for all; no name can be like it
Conflicts = frozenset[str]
NONE: Conflicts = frozenset()


@dataclass(frozen=True)
class Conflict:
    """Versions of one row that cannot both be right.

    Attributes:
        attributes: of the decision on which they differ: ``verdict``, ``reasoning``, ``response`` or ``turns``.
        versions: what each reviewer says of the row, by name.

    Example:
        >>> review = rb.reviewer("ana") and df.reason.review().accept(0)
        >>> review = rb.reviewer("ben") and df.reason.review().reject(0)
        >>> review[0].conflict.attributes, review[0].conflict.versions["ana"].verdict
        (('verdict',), 'accepted')
        >>> rb.reviewer("")
        ''
    """

    attributes: tuple[str, ...]
    versions: Mapping[str, Decision]


class Said(NamedTuple):
    """What one voice says of a row.

    Attributes:
        decision: its values.
        names: the attributes that it speaks of; None said outright is not the same as nothing said.
    """

    decision: Decision
    names: frozenset[str]


def together(voices: Sequence[tuple[str, Said]]) -> tuple[Decision, Conflicts]:
    """One decision of what several voices say of a row, and the attributes on which they are in conflict.

    What nobody signed gives way, attribute by attribute, to whoever speaks of it. Edits of different fields come
    together; of one field that was edited in two ways none is taken. The order of the voices does not matter, as long
    as it is always the same.
    """
    if len(voices) == 1:
        return voices[0][1].decision, NONE
    base = next((said.decision for name, said in voices if name == NOBODY), UNDECIDED)
    spoken = [(name, said) for name, said in voices if name != NOBODY]
    found: dict[str, Any] = {}
    conflicts: set[str] = set()
    for attribute in sorted({name for _, said in spoken for name in said.names}):
        those = [(name, said.decision) for name, said in spoken if attribute in said.names]
        found[attribute], clash = _one(attribute, those)
        if clash and attribute in CONTENT:
            conflicts.add(attribute)
    return (replace(base, **found) if found else base), frozenset(conflicts)


def _one(attribute: str, those: Sequence[tuple[str, Decision]]) -> tuple[Any, bool]:
    """One value of an attribute of which all of these speak, and whether they are in conflict."""
    values = [getattr(decision, attribute) for _, decision in those]
    if attribute == "reasoning":
        return _merged((d.reasoning, d.teacher_reasoning) for _, d in those)
    if attribute == "turns":
        return _turns([decision for _, decision in those])
    if attribute in ("stale", "later"):  # a doubt stays until nobody has it
        return any(values), False
    if attribute == "tags":
        return tuple(dict.fromkeys(tag for tags in values for tag in tags)), False
    if attribute == "teacher_turns":
        return {turn: wrote for turns in reversed(values) for turn, wrote in turns.items()}, False
    known = _distinct(value for value in values if value is not None)
    if attribute == "note" and len(known) > 1:
        return "\n".join(f"{name}: {d.note}" for name, d in those if d.note is not None), False
    if attribute in ORIGINALS:
        return (known[0] if known else None), False
    return (known[0] if len(known) == 1 else None), len(known) > 1


def _merged(
    edits: Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]],
) -> tuple[Mapping[str, Any] | None, bool]:
    """Edits of one reasoning, each with what it was before; none where a field was edited in two ways."""
    made = [(mine, wrote or {}) for mine, wrote in edits if mine is not None]
    whole = _distinct(mine for mine, _ in made)
    if len(whole) < 2:
        return (whole[0] if whole else None), False
    before = made[0][1]
    if any(wrote != before for _, wrote in made):
        return None, True  # they are edits of different texts
    merged: dict[str, Any] = {}
    for name in dict.fromkeys([*before, *(name for mine, _ in made for name in mine)]):
        old = before.get(name)
        new = _distinct(mine[name] for mine, _ in made if name in mine and mine[name] != old)
        if len(new) > 1:
            return None, True
        merged[name] = new[0] if new else old
    return merged, False


def _turns(decisions: Sequence[Decision]) -> tuple[Mapping[str, Any], bool]:
    merged: dict[str, Any] = {}
    clash = False
    for turn in dict.fromkeys(turn for decision in decisions for turn in decision.turns):
        mine, clashes = _merged((d.turns.get(turn), d.teacher_turns.get(turn)) for d in decisions)
        clash |= clashes
        if mine is not None:
            merged[turn] = mine
    return merged, clash


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once; they may be anything that JSON has."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
