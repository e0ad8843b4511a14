"""Data diff: which rows came, went or changed between two states of the data, field by field."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..data.conversation import is_mapping, missing
from ..data.typed_pandas import DataFrame, object_frame
from ..errors import ReasonbookError
from ..html_card import card, clip, details, table
from ..options import checked
from .snapshot import FIELDS, Snapshot

_SHOWN = 10  # changes on a card; a frame has them all
_COLUMNS = ("row", "was_row", "field", "before", "after")


@dataclass(frozen=True)
class ChangedField:
    """One field of one row that is another one now.

    Attributes:
        row: its position in the later data.
        was_row: its position in the earlier data.
        field: ``response``, ``verdict``, ``split``, ``reasoning``, or ``reasoning: NAME`` of one field.
        before: what stood there.
        after: what stands there.
    """

    row: int
    was_row: int
    field: str
    before: Any
    after: Any


class DataDiff:
    """What has changed from one state of the data to another.

    Attributes:
        before: the earlier state.
        after: the later one.
        added: positions of rows that the earlier one does not have.
        gone: positions, in the earlier one, of rows that the later one does not have.
        common: how many rows both have.
        changes: one for each field of each row that differs.
        compared: the fields that both have on record.

    Example:
        >>> before = df.reason.version("before repairs")
        >>> review = df.reason.review().edit(0, {"Amount": "105"})
        >>> rb.diff("before repairs", df).counts
        {'reasoning: Amount': 1}
    """

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before, self.after = before, after
        pairs = _pairs(before, after)
        self.common = len(pairs)
        first, second = {i for i, _ in pairs}, {j for _, j in pairs}
        self.gone = [before.positions[i] for i in range(len(before)) if i not in first]
        self.added = [after.positions[j] for j in range(len(after)) if j not in second]
        self.compared = tuple(name for name in FIELDS if name in before.values and name in after.values)
        self._mixed = "reasoning" in self.compared and _forms_differ(before, after)
        if self._mixed:
            self.compared = tuple(name for name in self.compared if name != "reasoning")
        self.changes = [
            ChangedField(after.positions[j], before.positions[i], field, old, new)
            for i, j in pairs
            for name in self.compared
            for field, old, new in _changed(name, before.values[name][i], after.values[name][j])
        ]

    @property
    def same(self) -> bool:
        """Whether both have the same rows with the same values."""
        return not (self.changes or self.added or self.gone)

    @property
    def rows(self) -> list[int]:
        """Positions, in the later data, of the rows that came or changed."""
        return sorted({*self.added, *(change.row for change in self.changes)})

    @property
    def was_rows(self) -> list[int]:
        """Positions, in the earlier data, of the rows that went or changed."""
        return sorted({*self.gone, *(change.was_row for change in self.changes)})

    @property
    def touched(self) -> int:
        """How many rows came, went or changed."""
        return len(self.added) + len(self.gone) + len({change.row for change in self.changes})

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows that came, went, and changed in each field."""
        moved = {"added": len(self.added), "gone": len(self.gone)}
        fields = Counter(change.field for change in self.changes)
        return {name: n for name, n in moved.items() if n} | dict(fields.most_common())

    @checked(ReasonbookError, "rb.diff(a, b).to_frame()")
    def to_frame(self) -> DataFrame:
        """One line a change; rows that came or went have ``added`` or ``gone`` as their field."""
        lines = [{"row": row, "field": "added"} for row in self.added]
        lines += [{"was_row": row, "field": "gone"} for row in self.gone]
        return object_frame([*lines, *(vars(change) for change in self.changes)], _COLUMNS)

    @property
    def notes(self) -> list[str]:
        """What is worth knowing of the comparison, in sentences."""
        if not self.common and len(self.before) and len(self.after):
            return [f"0 rows in common: {self.before.label} and {self.after.label} are different data."]
        notes = ["Nothing has changed."] if self.same else []
        if self._mixed:
            notes.append("Reasoning was not compared: a run keeps it as the text that was trained.")
        absent = [
            name for name in FIELDS if name not in self.compared and not (self._mixed and name == "reasoning")
        ]
        if absent:
            notes.append(f"Not on record in both: {', '.join(absent)}.")
        return notes

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {count}" for name, count in self.counts.items()) or "nothing"
        return f"DataDiff({self.common} rows in common; {told})"

    def _repr_html_(self) -> str:
        facts = {"rows in common": self.common, "added": len(self.added), "gone": len(self.gone)}
        facts["changed"] = self.touched - len(self.added) - len(self.gone)
        fields = [(name, n) for name, n in self.counts.items() if name not in ("added", "gone")]
        lines = [
            (c.row, c.field, clip(_said(c.before), 120), clip(_said(c.after), 120))
            for c in self.changes[:_SHOWN]
        ]
        body = table(("field", "rows"), fields) if fields else ""
        shown = table(("row", "field", "before", "after"), lines)
        body += details(f"the first {len(lines)} changes", shown) if lines else ""
        title = f"{self.before.label} → {self.after.label}"
        verb = "" if self.same else "rb.diff(a, b).to_frame()"
        return card(title, facts, notes=self.notes, body=body, next_verb=verb)


def _pairs(before: Snapshot, after: Snapshot) -> list[tuple[int, int]]:
    """The same rows: by their names in the journal; the rest by equal requests, in their order."""
    places = {root: j for j, root in enumerate(after.roots)}
    pairs = [(i, places[root]) for i, root in enumerate(before.roots) if root in places]
    first, second = {i for i, _ in pairs}, {j for _, j in pairs}
    waiting: defaultdict[str, deque[int]] = defaultdict(deque)
    for j, request in enumerate(after.requests):
        if j not in second:
            waiting[request].append(j)
    for i, request in enumerate(before.requests):
        if i not in first and waiting.get(request):
            pairs.append((i, waiting[request].popleft()))
    return sorted(pairs)


def _forms_differ(before: Snapshot, after: Snapshot) -> bool:
    """Whether one has reasoning by field and the other as text."""
    forms = [
        {type(cell) is str for cell in snapshot.values["reasoning"] if not missing(cell)}
        for snapshot in (before, after)
    ]
    return all(forms) and forms[0].isdisjoint(forms[1])


def _changed(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """The fields that differ, with what stood and what stands there."""
    if old == new or (missing(old) and missing(new)):
        return []
    if name == "reasoning" and is_mapping(old) and is_mapping(new):
        names: Mapping[str, None] = dict.fromkeys((*old, *new))
        both = ((f"reasoning: {each}", old.get(each), new.get(each)) for each in names)
        return [(field, a, b) for field, a, b in both if a != b and not (missing(a) and missing(b))]
    return [(name, old, new)]


def _said(value: object) -> str:
    return "–" if missing(value) else str(value)
