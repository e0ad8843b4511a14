"""Fact rules: what of each field of a reasoning belongs to the facts of a row, learnt from the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ..data.conversation import is_sequence, missing
from .text_facts import facts_in, label, last_number

MOST = 0.9  # of the rows, for a rule about a field
LEAST_ROWS = 10  # that have to show what a field does, before anything is said of it
LABEL_WORDS, LABEL_LENGTH = 4, 40
SHORT = 25  # words of a text that states facts; a longer one tells a story
_LOOKED = 1000  # rows by which a rule is found
_REPEATS = 10  # times that a text stands on average, where a field is a choice that nobody declared


@dataclass(frozen=True)
class FactRule:
    """What of one field belongs to the facts of a row.

    Attributes:
        name: of the field.
        kind: ``value`` (number, boolean, list), ``label`` (a choice, or a text of a word or two), ``text`` (numbers,
            dates and names in it), ``names`` (of a text that works a number out: names alone), or "" (nothing).
        why: in words, for people.
    """

    name: str
    kind: str
    why: str

    @property
    def of(self) -> Callable[[Any], Any]:
        """A value of the field → the fact; equal facts are equal, and can be hashed."""
        return _READERS[self.kind]


def learn(
    cells: Sequence[Mapping[str, Any] | None],
    responses: Mapping[int, str],
    names: Sequence[str] | None = None,
) -> list[FactRule]:
    """A rule for each field.

    Args:
        cells: the reasoning of every row.
        responses: position → response, of the rows by which fields that state the answer are known.
        names: the fields that make a case, where a person has said so; nothing of them is left out.
    """
    picked = [(i, cell) for i in looked_at(cells) if (cell := cells[i])]
    known = dict.fromkeys(name for _, cell in picked for name in cell)
    numbers = {
        name: {i: label(str(cell[name])) for i, cell in picked if _is_number(cell.get(name))}
        for name in known
    }
    numbers = {name: found for name, found in numbers.items() if len(found) >= MOST * len(picked)}
    rules: list[FactRule] = []
    for name in known if names is None else names:
        values = {i: cell[name] for i, cell in picked if not missing(cell.get(name))}
        rule = _typed(name, list(values.values()))
        if names is None and _mostly(
            _states(value, responses[i]) for i, value in values.items() if i in responses
        ):
            rule = FactRule(name, "", "states the answer")
        elif rule.kind == "text" and (worked := _works_out(values, numbers)):
            why = f"works out {worked}, which has a field of its own"
            named = _mostly(bool(facts_in(str(value), numbers=False)) for value in values.values())
            rule = FactRule(name, "names", f"{why}: names alone") if named else FactRule(name, "", why)
        elif rule.kind == "" and names is not None:
            rule = FactRule(name, "label", "whole text, as you said")
        rules.append(rule)
    return rules


def looked_at(cells: Sequence[object]) -> list[int]:
    """Positions of the rows by which rules are found: those that have reasoning, or as many spread over them."""
    there = [i for i, cell in enumerate(cells) if cell]
    return [there[at * len(there) // _LOOKED] for at in range(_LOOKED)] if len(there) > _LOOKED else there


def _typed(name: str, values: Sequence[Any]) -> FactRule:
    """A rule by what stands in a field alone."""
    texts = [value for value in values if isinstance(value, str)]
    if not values:
        return FactRule(name, "", "empty")
    if len(texts) < MOST * len(values):
        kinds = {
            "boolean" if isinstance(v, bool) else "list" if is_sequence(v) else "number"
            for v in values
            if not isinstance(v, str)
        }
        return FactRule(name, "value", " or ".join(sorted(kinds)))
    if _share(len(t) <= LABEL_LENGTH and len(t.split()) <= LABEL_WORDS for t in texts) >= MOST:
        return FactRule(name, "label", "a word or two")
    if len(texts) >= 2 * _REPEATS and len(set(texts)) * _REPEATS <= len(texts):
        return FactRule(name, "label", f"one of {len(set(texts))} texts")
    if _share(len(t.split()) <= SHORT for t in texts) < MOST:
        return FactRule(name, "", f"longer than {SHORT} words")
    return FactRule(name, "text", "numbers, dates and names in it")


def _works_out(values: Mapping[int, Any], numbers: Mapping[str, Mapping[int, str]]) -> str:
    """The number field whose value these texts end in."""
    for name, known in numbers.items():
        if _mostly(last_number(str(value)) == known[i] for i, value in values.items() if i in known):
            return name
    return ""


def _states(value: object, response: str) -> bool:
    """Whether a field says the answer: as it stands, or as the number that it ends in."""
    said, given = label(str(value)), label(response)
    last = last_number(said)
    return said == given or (last is not None and last == last_number(given))


def _mostly(found: Iterable[bool]) -> bool:
    told = list(found)
    return len(told) >= LEAST_ROWS and sum(told) >= MOST * len(told)


def _share(found: Iterable[bool]) -> float:
    told = list(found)
    return sum(told) / max(1, len(told))


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and not missing(value)


def _value(value: Any) -> object:
    if is_sequence(value):
        return tuple(sorted(label(str(item)) for item in value))
    return label(str(value)) if _is_number(value) or isinstance(value, str) else value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "value": _value,
    "label": lambda value: label(str(value)),
    "text": lambda value: facts_in(str(value)),
    "names": lambda value: facts_in(str(value), numbers=False),
}
