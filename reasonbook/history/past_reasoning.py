"""Past reasoning: what one augmentation has for the rows of a frame, looked at beside it or brought into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..augment.row_turns import Cell
from ..data.conversation import is_mapping
from ..data.frame import COLUMNS, Frame
from ..data.typed_pandas import DataFrame, columns_of
from ..decisions import Decision
from ..errors import ReviewError
from ..html_card import card, clip, table
from .frame_rows import FrameRows
from .stored_reasoning import NOT_ASKED, StoredReasoning, StoredRow, StoredTurn

_SHOWN = 10
REASONING = COLUMNS[:3]


class PastReasoning:
    """The reasoning of one augmentation for the rows of a frame; the frame itself stays as it is.

    Args:
        frame: whose rows.
        title: which augmentation.
        rows: what it has, by position.

    Example:
        >>> past = df.reason.history().view(0)
        >>> past[3]["Amount"] == df["reasoning"][3]["Amount"], past.counts
        (True, {'ok': 40})
    """

    def __init__(self, frame: Frame, title: str, rows: Sequence[StoredRow]) -> None:
        self._frame, self._title, self._rows = frame, title, tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> Cell | None:
        """The reasoning of a row, as the frame would hold it; None where there is none."""
        return self._rows[position].reasoning

    @property
    def counts(self) -> dict[str, int]:
        """Rows by status."""
        return dict(Counter(row.status for row in self._rows))

    def to_frame(self) -> DataFrame:
        """A frame of its own, under the same index: request, response and this reasoning."""
        given = [name for name in self._frame.layout.columns.values() if name not in COLUMNS]
        made = columns_of(self._frame.df, given)
        for name, cells in zip(REASONING, _columns(self._rows), strict=True):
            made[name] = cells
        return made

    def __repr__(self) -> str:
        return f"PastReasoning({self._title}; {_counted(self.counts)})"

    def _repr_html_(self) -> str:
        return card(
            f"Reasoning by {self._title}",
            self.counts,
            body=first_rows(self._frame, self._rows, _SHOWN),
            next_verb="df.reason.use(0) brings one into the frame",
        )


def first_rows(frame: Frame, rows: Sequence[StoredRow], count: int) -> str:
    """A table of the first rows that have reasoning, every cell escaped."""
    shown = [i for i, row in enumerate(rows) if row.reasoning][:count]
    texts = [
        str(conversation.messages[-2 if conversation.has_response else -1].get("content") or "")
        for conversation in frame.layout.read(frame.df, shown)
    ]
    lines = [
        (
            i,
            clip(text, 120),
            _words(rows[i].reasoning),
        )
        for i, text in zip(shown, texts, strict=True)
    ]
    return table(("row", "request", "reasoning"), lines) if lines else ""


def bring_in(
    number: int,
    known: Sequence[StoredReasoning],
    rows: FrameRows,
    holder: Sequence[int | None],
    *,
    replace: bool,
) -> tuple[list[StoredRow], list[str]]:
    """Writes an augmentation's reasoning into the frame, and into the journal which edits stand with it.

    Args:
        number: of the augmentation in the list.
        known: what each in the list has.
        rows: of the frame.
        holder: per row whose reasoning stands in it now; None where it is on no record.
        replace: also where what stands in the frame could not be brought back.

    Returns:
        What each row got, and what a person should know of it.

    Raises:
        ReviewError: rows hold reasoning that is on no record.
    """
    frame, stored = rows.frame, known[number]
    found = stored.whole()
    lost = _lost(found, known, rows, holder)
    if lost and not replace:
        named = ", ".join(map(str, lost[:5])) + (", …" if len(lost) > 5 else "")
        raise ReviewError(
            f"{len(lost)} rows hold reasoning that no augmentation on record wrote (rows {named}); it would be gone.",
            f'df = df.assign(my_reasoning=df["reasoning"])   keeps it; then   df.reason.use({number}, replace=True)',
        )
    changes: dict[str, dict[str, Any]] = {}
    for i, row in enumerate(found):
        if change := _adopted(rows.decision(i), row):
            changes[rows.roots[i]] = change
    if changes:
        rows.decisions.adopt(changes, recipe=stored.recipe.id)
    for name, cells in zip(REASONING, _columns(found), strict=True):
        frame.write(name, dict(enumerate(cells)))
    notes = _told(rows, found)
    rows.reasonings = [row.reasoning for row in found]
    return found, notes


def _lost(
    found: Sequence[StoredRow],
    known: Sequence[StoredReasoning],
    rows: FrameRows,
    holder: Sequence[int | None],
) -> list[int]:
    """The rows that hold what could not be brought back; one field that fits is not enough to say that it could."""
    doubtful = [i for i, row in enumerate(found) if rows.lost(i, row.reasoning)]
    held: set[int] = set()
    for n in {n for i in doubtful if (n := holder[i]) is not None}:
        claimed = [i for i in doubtful if holder[i] == n]
        held.update(i for i, sure in zip(claimed, known[n].holds(claimed, whole=True), strict=True) if sure)
    return [i for i in doubtful if i not in held]


def _adopted(decision: Decision, row: StoredRow) -> dict[str, Any]:
    """What of a decision changes for the edits to be those that belong to this reasoning."""
    *earlier, last = row.turns or (StoredTurn(),)
    change: dict[str, Any] = {}
    if decision.reasoning != last.edit:
        change = {"reasoning": last.edit, "teacher_reasoning": last.written or {}}
    edits = {str(n): turn.edit for n, turn in enumerate(earlier) if turn.edit is not None}
    if dict(decision.turns) != edits:
        named = {*decision.teacher_turns, *edits}
        wrote = {str(n): turn.written or {} for n, turn in enumerate(earlier) if str(n) in named}
        change |= {"turns": edits, "teacher_turns": wrote}
    return change


def _told(rows: FrameRows, found: Sequence[StoredRow]) -> list[str]:
    edits = sum(row.edited for row in found)
    without = Counter(row.status for row in found if row.reasoning is None)
    parts = sum(row.reasoning is not None and row.status in ("error", NOT_ASKED) for row in found)
    judged = sum(
        rows.decision(i).verdict is not None
        for i, row in enumerate(found)
        if row.reasoning is not None and rows.changed(i, row.reasoning)
    )
    notes: list[str] = []
    if edits:
        notes.append(f"{edits} rows stand as they were edited.")
    if without:
        notes.append(f"{sum(without.values())} rows have no reasoning by it ({_counted(without)}).")
    if parts:
        notes.append(f"{parts} rows have reasoning by it for some of their turns only.")
    if judged:
        notes.append(f"{judged} rows keep a verdict that was given while other reasoning stood in them.")
    return notes


def _columns(rows: Sequence[StoredRow]) -> tuple[list[Any], list[str], list[str | None]]:
    reasonings = [_copied(row.reasoning) for row in rows]
    return reasonings, [row.status for row in rows], [row.error for row in rows]


def _copied(cell: Cell | None) -> Cell | None:
    if isinstance(cell, list):
        return [dict(entry) if is_mapping(entry) else entry for entry in cell]
    return None if cell is None else dict(cell)


def _words(cell: Cell | None) -> str:
    if isinstance(cell, list):
        return "\n".join(f"turn {n + 1}: {_words(part)}" for n, part in enumerate(cell) if is_mapping(part))
    return "\n".join(f"{name}: {value}" for name, value in (cell or {}).items())


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items())
