"""Plan: which rows are varied, in what, and what a blind reader must find in the new request."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, get_args

from ...data.conversation import Conversation, is_mapping, json_ready
from ...data.frame import Frame
from ...data.tool_calls import request_text
from ...data.turn_reasoning import last_of
from ...errors import LayoutError, ReasonbookError, SchemaError
from ...schema import Schema
from ...schema.agreement import equal, typed_values

Kind = Literal["reword", "flip", "fill"]
KINDS: tuple[str, ...] = get_args(Kind)
# How a rewording differs; the row and its number choose, so that no two of a row are of one kind.
STYLES = (
    "shorter, as short as all facts allow",
    "longer and more personal",
    "formal and polite",
    "in a hurry, with a typing error or two",
    "in plain everyday words, the facts in another order",
    "as one would say it aloud",
)
_MOST_IN_CELLS = 24  # values of a field by which rows are counted
_TARGETS = 12  # values of a number field that a flip may lead to, for each row


@dataclass(frozen=True)
class VariedRow:
    """A row that is varied.

    Attributes:
        position: in the frame.
        key: its name there, which the new rows bear as ``origin``.
        conversation: the row.
        given: its cells that the layout names, by role.
        reasoning: of its last turn, as it stands.
        split: its split, which the new rows inherit.
    """

    position: int
    key: str
    conversation: Conversation
    given: Mapping[str, Any] = field(repr=False)
    reasoning: Mapping[str, Any] = field(repr=False)
    split: str | None

    @property
    def request(self) -> str:
        """The text of its request."""
        return request_text(self.conversation)


@dataclass(frozen=True)
class Wanted:
    """One variation that is wanted.

    Attributes:
        origin: the row that it is made from.
        change: what shall be other, in words: ``Policy: gold → standard``.
        flipped: the field whose value changes; None for a rewording.
        expected: what a blind reader must find, by typed field.
    """

    origin: VariedRow
    change: str
    flipped: str | None
    expected: Mapping[str, Any]


def origins_in(frame: Frame, schema: Schema, splits: Collection[str], seed: int) -> list[VariedRow]:
    """The rows that can be varied, in an order drawn once: of these splits, with reasoning and one request.

    Raises:
        LayoutError: the frame has no splits, or no such rows.
    """
    parts, statuses, verdicts = (frame.column(name) for name in ("split", "reasoning_status", "verdict"))
    if not any(parts):
        raise LayoutError(
            "Variations inherit the split of their origin, and these rows have none yet.", "df.reason.split()"
        )
    cells = frame.column("reasoning")
    there = [
        i
        for i, part in enumerate(parts)
        if part in splits and statuses[i] == "ok" and verdicts[i] != "rejected" and last_of(cells[i])
    ]
    keys = [frame.keys[i] for i in there]
    rows, given = frame.read(keys, there), frame.given(there)
    found: list[VariedRow] = []
    for i, key, row, cell in zip(there, keys, rows, given, strict=True):
        asked = [message for message in row.prompt if message.get("role") not in ("system", "developer")]
        reasoning = last_of(cells[i])
        known = is_mapping(reasoning) and all(name in reasoning for name in schema.names)
        if not row.problem and len(asked) == 1 and is_mapping(reasoning) and known:
            found.append(VariedRow(i, key, row, cell, reasoning, parts[i]))
    if not found:
        raise LayoutError(
            f"No row of {' and '.join(sorted(splits))} has a single request and ok reasoning of this schema.",
            "df.reason.augment(schema, teacher=…)",
        )
    random.Random(seed).shuffle(found)
    return found


def wanted(
    origins: Sequence[VariedRow],
    schema: Schema,
    kind: str,
    *,
    along: Sequence[str] = (),
    n: int = 1,
    below: int = 10,
    seed: int = 0,
) -> list[Wanted]:
    """The variations of these rows.

    Args:
        along: the fields that are flipped or filled.
        n: how many of each row.
        below: for ``fill``: how many rows each combination of values shall have.

    Raises:
        SchemaError: no typed field can prove them, or ``along`` names none.
    """
    if not typed_values(schema, {}):
        field = next(iter(schema))
        raise SchemaError(
            "A variation is proven by its typed fields (choice, number, boolean, list), and this schema has none.",
            f'schema.update({field.name!r}, type="choice", options=("low", "high"))',
        )
    if kind == "reword":
        return [_reworded(one, schema, number) for one in origins for number in range(n)]
    fields = _along(schema, along, kind)
    values = {name: _values(schema, name, origins) for name in fields}
    many = next((name for name, known in values.items() if len(known) > _MOST_IN_CELLS), None)
    if kind == "fill" and many is not None:
        raise SchemaError(
            f"A fill needs fields of few values, and {many!r} has {len(values[many])}.",
            f'kind="flip", along=[{many!r}]',
        )
    if kind == "flip":
        rng = random.Random(seed)
        return [each for one in origins for each in _flips(one, schema, values, n, rng)]
    return list(_filling(origins, schema, values, below))


def _reworded(origin: VariedRow, schema: Schema, number: int) -> Wanted:
    style = STYLES[(origin.position + number) % len(STYLES)]
    again = f" ({number // len(STYLES) + 1})" if number >= len(STYLES) else ""
    return Wanted(origin, f"in other words: {style}{again}", None, typed_values(schema, origin.reasoning))


def _flip(origin: VariedRow, schema: Schema, name: str, to: object) -> Wanted:
    typed = typed_values(schema, origin.reasoning)
    return Wanted(origin, f"{name}: {_word(typed[name])} → {_word(to)}", name, {**typed, name: to})


def _flips(
    origin: VariedRow, schema: Schema, values: Mapping[str, Sequence[Any]], n: int, rng: random.Random
) -> list[Wanted]:
    """Up to ``n`` flips of a row, of as many of the fields as there are."""
    queues: list[list[tuple[str, Any]]] = []
    for name, known in values.items():
        others = [(name, to) for to in known if not equal(to, origin.reasoning.get(name))]
        queues.append(rng.sample(others, min(len(others), _TARGETS)))
    rng.shuffle(queues)
    turns = [queue[i] for i in range(_TARGETS) for queue in queues if i < len(queue)]
    return [_flip(origin, schema, name, to) for name, to in turns[:n]]


def _filling(
    origins: Sequence[VariedRow], schema: Schema, values: Mapping[str, Sequence[Any]], below: int
) -> Iterator[Wanted]:
    """Flips into every combination of values that fewer rows have, from rows that differ from it in one of them."""
    names = list(values)
    cells: defaultdict[tuple[str, ...], list[VariedRow]] = defaultdict(list)
    for one in origins:
        cells[tuple(_word(one.reasoning.get(name)) for name in names)].append(one)
    counts = Counter({cell: len(rows) for cell, rows in cells.items()})
    used: set[tuple[str, str]] = set()
    for target in product(*values.values()):
        cell = tuple(map(_word, target))
        for place, name in enumerate(names):
            near = [(*cell[:place], _word(other), *cell[place + 1 :]) for other in values[name]]
            for one in (row for other in near if other != cell for row in cells.get(other, ())):
                if counts[cell] >= below:
                    break
                change = _flip(one, schema, name, target[place])
                if (one.key, change.change) not in used:
                    used.add((one.key, change.change))
                    counts[cell] += 1
                    yield change


def _along(schema: Schema, along: Sequence[str], kind: str) -> list[str]:
    """The names of the fields, each of a type that can be flipped."""
    usable = [field.name for field in schema if field.type in ("choice", "number", "boolean")]
    field = next(iter(schema))
    fix = f'schema.update({field.name!r}, type="choice", options=("low", "high"))'
    if usable:
        fix = f"along=[{usable[0]!r}]"
    if not along:
        raise SchemaError(f"A {kind} needs to know along which fields.", fix)
    fields = [schema[name] for name in along]
    for one in fields:
        if one.name not in usable:
            raise SchemaError(
                f"A {kind} needs a choice, number or boolean field, and {one.name!r} is a {one.type}.", fix
            )
    return [one.name for one in fields]


def _values(schema: Schema, name: str, origins: Sequence[VariedRow]) -> list[Any]:
    """The values that a field can be given: its options, or those that rows have."""
    one = schema[name]
    if one.type == "choice":
        return list(one.options)
    if one.type == "boolean":
        return [True, False]
    found = {_word(value): value for row in origins if (value := row.reasoning.get(name)) is not None}
    if len(found) < 2:
        raise ReasonbookError(
            f"All rows have one value of {name!r}, so there is none to change it to.", "along=[…]"
        )
    return sorted(json_ready(list(found.values())))


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
