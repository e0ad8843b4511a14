"""Cases of a frame: which rows are one case, by the facts that their reasoning states."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..data.conversation import is_mapping, is_sequence, missing
from ..data.frame import Frame
from ..data.turn_reasoning import last_of
from ..data.typed_pandas import Series, codes_of, series_of
from ..errors import ReasonbookError, choices
from ..html_card import card, table
from .answers import numbers_of
from .fact_rules import FactRule, learn, looked_at
from .nearness import curate_there, near_texts
from .text_facts import plain

BY_FACTS, BY_BOTH, BY_TEXT = "facts", "facts and wording", "wording"
_CHANCE = (
    0.1  # equal facts by chance that a row may have among the others, before facts are too few to be a case
)


@dataclass(frozen=True)
class FactColumn:
    """The facts of one field.

    Attributes:
        name: of the field.
        codes: int64 by position: 0 where there is none, else the place in ``facts``, counted from 1.
        facts: the different ones.
    """

    name: str
    codes: np.ndarray
    facts: Sequence[Any]


@dataclass(frozen=True)
class Cases:
    """Which rows of a frame are one case.

    Attributes:
        by: ``facts``, ``facts and wording`` where the facts are too few to tell rows apart, or ``wording`` where no
            field states any.
        codes: int64 by position; rows of one case have the same.
        facts: int64 by position: rows with equal facts have the same; -1 for rows without reasoning.
        rules: what of each field counts.
        notes: what cannot be seen, in words.

    Example:
        >>> df.reason.quality().cases
        Cases(rows=40, cases=40, by='facts')
    """

    by: str
    codes: np.ndarray
    facts: np.ndarray
    rules: Sequence[FactRule]
    notes: tuple[str, ...]
    frame: Frame
    columns: Sequence[FactColumn] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(np.unique(self.codes))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields whose facts make a case."""
        return tuple(rule.name for rule in self.rules if rule.kind)

    @property
    def sizes(self) -> np.ndarray:
        """How many rows each row's case has, itself among them; int64 by position."""
        _, at, counts = np.unique(self.codes, return_inverse=True, return_counts=True)
        return counts[at]

    @property
    def series(self) -> Series:
        """The case of each row as a number, by the frame's own index."""
        return series_of(self.codes.tolist(), self.frame.df, "case")

    def names(self, positions: Sequence[int] | None = None) -> list[str]:
        """16 hex digits of each row's case that are the same in another frame; "" where the wording alone tells."""
        wanted = range(len(self.codes)) if positions is None else positions
        if self.by != BY_FACTS:
            return [""] * len(wanted)
        return [self._named.get(int(self.codes[i]), "") for i in wanted]

    @cached_property
    def _named(self) -> dict[int, str]:
        with_facts = np.flatnonzero(self.facts >= 0)
        cases, firsts = np.unique(self.codes[with_facts], return_index=True)
        columns = [
            (column.name, column.codes[with_facts[firsts]].tolist(), [None, *column.facts])
            for column in sorted(self.columns, key=lambda column: column.name)
        ]
        found: dict[int, str] = {}
        for at, case in enumerate(cases.tolist()):
            text = repr([(name, facts[codes[at]]) for name, codes, facts in columns])
            found[case] = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return found

    def twins(self, splits: Sequence[str | None] | None = None) -> dict[str, np.ndarray]:
        """Positions of the validation and test rows whose case a training row has too, by split.

        Args:
            splits: by position; the column ``split`` when None.
        """
        known = np.asarray(self.frame.column("split") if splits is None else splits, dtype=object)
        train = np.unique(self.codes[known == "train"])
        return {
            name: np.flatnonzero((known == name) & np.isin(self.codes, train))
            for name in ("validation", "test")
        }

    def __repr__(self) -> str:
        return f"Cases(rows={len(self.codes)}, cases={len(self)}, by={self.by!r})"

    def _repr_html_(self) -> str:
        rules = [(rule.name, rule.why if rule.kind else f"left out: {rule.why}") for rule in self.rules]
        together = int((self.sizes > 1).sum())
        facts = {"rows": len(self.codes), "cases": len(self), "rows that share one": together, "by": self.by}
        body = table(("field", "what of it makes a case"), rules) if rules else ""
        return card("Cases", facts, notes=self.notes, body=body, next_verb='df.reason.split(by="case")')


def cases_of(frame: Frame, *, fields: Sequence[str] | None = None, wording: bool = True) -> Cases:
    """The cases of a frame's rows, by the reasoning that stands in it now.

    What counts is learnt from the rows: numbers, booleans, lists, choices and texts of a word or two count as they
    are; of short texts the numbers, dates and names; nothing of long texts, of a field that states the answer, and
    the names alone of a text that works out a number for which there is a field.

    Args:
        frame: the frame with its layout.
        fields: the fields that make a case; found by that rule when None.
        wording: whether texts are compared where facts are missing or too few; every row is its own case otherwise.

    Raises:
        ReasonbookError: there is no such field.

    Example:
        >>> from reasonbook.cases import cases_of
        >>> from reasonbook.data.frame import Frame
        >>> from reasonbook.data.layout.frame_layout import layout_of
        >>> cases_of(Frame(df, layout_of(df)), fields=["Policy", "Decision"])
        Cases(rows=40, cases=9, by='facts')
    """
    cells = _cells(frame)
    rules = learn(cells, _responses(frame, cells), _known(cells, fields))
    used = [rule for rule in rules if rule.kind]
    there = np.array([cell is not None for cell in cells], dtype=bool)
    columns = [_column(cells, rule) for rule in used]
    codes = [column.codes for column in columns]
    facts = _combined(codes, len(cells))
    facts[~there] = -1
    if used and there.any() and (fields is not None or _told_apart(codes, there)):
        return Cases(
            BY_FACTS, _with_rest(facts, frame, wording), facts, rules, _without(there), frame, columns
        )
    by, notes = BY_TEXT, ("No field states a fact: a case is near-same words with equal numbers.",)
    if used and there.any():
        by = BY_BOTH
        names = ", ".join(rule.name for rule in used)
        notes = (
            f"The facts ({names}) are too few to tell rows apart: a case is equal facts in near-same words.",
        )
    if not wording:
        return Cases(by, np.arange(len(cells)), facts, rules, notes, frame)
    near, said = _by_wording(frame, facts)
    return Cases(by, near, facts, rules, (*notes, *said), frame)


def _requests(frame: Frame) -> list[str]:
    """The request of each row as text: what is asked, without a system prompt."""
    return [
        "\n".join(str(m.get("content") or "") for m in row.prompt if m.get("role") != "system")
        for row in frame.layout.read(frame.df)
    ]


def _cells(frame: Frame) -> list[Mapping[str, Any] | None]:
    """The reasoning of each row's last turn by field name; None where there is none."""
    found = (last_of(cell) for cell in frame.column("reasoning"))
    return [cell if is_mapping(cell) and cell else None for cell in found]


def _responses(frame: Frame, cells: Sequence[object]) -> dict[int, str]:
    """Position → response of rows by which the fields that state the answer are known."""
    there = looked_at(cells)
    read = zip(there, frame.layout.read(frame.df, there), strict=True)
    return {i: row.response for i, row in read if row.response}


def _known(cells: Sequence[Mapping[str, Any] | None], fields: Sequence[str] | None) -> Sequence[str] | None:
    if fields is None:
        return None
    names = dict.fromkeys(name for cell in cells if cell for name in cell)
    for name in fields:
        if name not in names:
            raise ReasonbookError(
                f"No reasoning has a field {name!r}.",
                choices(name, names) if names else "df.reason.augment(schema, teacher=teacher) fills it",
            )
    return fields


def _column(cells: Sequence[Mapping[str, Any] | None], rule: FactRule) -> FactColumn:
    """One field's facts; each different value is read once."""
    values = [None if cell is None else cell.get(rule.name) for cell in cells]
    if rule.kind == "value":
        values = [tuple(v) if is_sequence(v) else v for v in values]
    try:
        codes, found = codes_of(values)
    except TypeError:  # a dict, which cannot be hashed
        codes, found = codes_of([None if missing(value) else str(value) for value in values])
    same, facts = codes_of([None if missing(value) else rule.of(value) for value in found])
    return FactColumn(rule.name, np.append(same, -1)[codes] + 1, facts)


def _combined(columns: Sequence[np.ndarray], count: int) -> np.ndarray:
    """One number a row for what stands in all columns."""
    codes = np.zeros(count, dtype=np.int64)
    for column in columns:
        codes = np.unique(codes * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    return codes


def _told_apart(columns: Sequence[np.ndarray], there: np.ndarray) -> bool:
    """Whether two rows with equal facts are hardly so by chance, were the fields independent of each other."""
    chance = 1.0
    for column in columns:
        shares = np.bincount(column[there]) / there.sum()
        chance *= float((shares**2).sum())
    return chance * there.sum() < _CHANCE or there.sum() < 2


def _with_rest(facts: np.ndarray, frame: Frame, wording: bool) -> np.ndarray:
    """The facts as cases; rows without reasoning are a case of their own, or of their equal requests."""
    rest = np.flatnonzero(facts < 0)
    if not len(rest):
        return facts
    codes = np.array(facts)
    requests = _requests(frame) if wording else []
    same = codes_of([plain(requests[i]) for i in rest])[0] if wording else np.arange(len(rest))
    codes[rest] = facts.max(initial=-1) + 1 + same
    return codes


def _without(there: np.ndarray) -> tuple[str, ...]:
    count = int((~there).sum())
    return (
        f"{count} rows have no reasoning: they are one case only where their requests are equal.",
    ) * bool(count)


def _by_wording(frame: Frame, facts: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Near-same requests with equal numbers and equal facts, as stars around the first of each."""
    requests = _requests(frame)
    guard = codes_of([numbers_of(text) for text in requests])[0]
    guard = _combined([guard, facts + 1], len(facts))
    near = near_texts(requests)
    codes = np.arange(len(requests))
    joined = np.zeros(len(requests), dtype=bool)
    for first, second in near.pairs.tolist():  # by first: a row that has joined a star begins none
        if not joined[first] and not joined[second] and guard[first] == guard[second]:
            codes[second], joined[second] = first, True
    blind = "A changed word that is no number (gold for plus) is not seen as another case."
    return codes, (blind, *near.notes) if curate_there() else near.notes
