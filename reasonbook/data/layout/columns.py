"""Columns: what each column of a frame holds, judged by its cells and not by its name."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...errors import LayoutError
from ...html_card import clip
from ..conversation import is_mapping, is_sequence
from ..typed_pandas import DataFrame, cells_sample, first_cells
from .hub import CONTEXTS
from .messages import holds_turns
from .values import kind_of

_SAMPLE = 60  # cells that are looked at
_LONG = 80  # characters from which on texts are long
_SHORT = 40  # up to which a value may be a mark
# The product's own columns.
OWN = ("reasoning", "reasoning_status", "reasoning_error", "verdict", "rating", "split")
_MARKS = {
    "on", "off", "yes", "no", "true", "false", "none", "null", "auto", "low", "medium", "high", "enabled",
    "disabled", "thinking", "no_thinking", "think", "no_think",
}  # fmt: skip

TEXTS, TURNS, LISTS, DICTS, EMPTY, MIXED = (
    "texts",
    "conversations",
    "lists",
    "dicts",
    "nothing",
    "several kinds",
)


@dataclass(frozen=True)
class Column:
    """One column and what stands in it.

    Attributes:
        name: as the frame has it.
        cells: some of its cells, spread over the frame; none of them empty.
    """

    name: Hashable
    cells: tuple[Any, ...]

    @cached_property
    def holds(self) -> str:
        """``texts``, ``conversations``, ``lists``, ``dicts``, ``numbers``, ``booleans``, ``dates`` or ``nothing``."""
        found = {_holds(cell) for cell in self.cells}
        if TURNS in found and found <= {TURNS, LISTS, TEXTS}:
            return TURNS  # a broken row among conversations is that row's trouble
        return found.pop() if len(found) == 1 else MIXED if found else EMPTY

    @cached_property
    def length(self) -> float:
        """Characters of its texts on average; 0 where it holds none."""
        texts = [len(cell) for cell in self.cells if isinstance(cell, str)]
        return sum(texts) / len(texts) if texts else 0.0

    @property
    def long(self) -> bool:
        """Whether it holds texts that would be a loss to leave out."""
        return self.holds in (TEXTS, MIXED) and self.length >= _LONG

    @property
    def speaks(self) -> bool:
        """Whether it can be a request."""
        return self.holds in (TEXTS, TURNS, MIXED)

    def marks(self, beside: Column) -> bool:
        """Whether it only marks rows, as on and off do: a few short values beside many requests."""
        texts = [cell.strip() for cell in self.cells if isinstance(cell, str)]
        if not texts or max(map(len, texts)) > _SHORT:
            return False
        values = {words.casefold() for words in texts}
        requests = len({str(cell) for cell in beside.cells})
        return values <= _MARKS or len(values) * 4 <= requests


def _holds(cell: object) -> str:
    if isinstance(cell, str):
        return TURNS if cell.lstrip()[:1] in ("[", "{") and holds_turns(cell) else TEXTS
    if is_mapping(cell):
        return TURNS if holds_turns(cell) else DICTS
    if is_sequence(cell):
        return TURNS if holds_turns(cell) else LISTS
    return kind_of(cell) or type(cell).__name__


class Columns:
    """The columns of a frame by folded name, each looked at when it is asked for; the product's own are left out."""

    def __init__(self, df: DataFrame) -> None:
        self._df = df
        self._places: dict[str, int] = {}
        own = OWN if "reasoning_status" in df.columns else ()
        for place, name in enumerate(df.columns):
            folded = fold(name)
            while folded in self._places:  # the first of two names that differ in case only is the known one
                folded += "'"
            if name not in own:
                self._places[folded] = place
        self._seen: dict[str, Column] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __getitem__(self, name: str) -> Column:
        if name not in self._seen:
            place = self._places[name]
            self._seen[name] = Column(self._df.columns[place], cells_sample(self._df, place, _SAMPLE))
        return self._seen[name]

    def name(self, folded: str) -> Any:
        """The column's own name; None where it is not there."""
        return self._df.columns[self._places[folded]] if folded in self._places else None

    def holding(self, *kinds: str) -> list[Column]:
        """The columns that hold one of these, in the frame's order."""
        return [self[name] for name in self if self[name].holds in kinds]


def unclear(df: DataFrame, why: str) -> LayoutError:
    """The error that shows the columns and the line to type, made from what they hold."""
    shown = ", ".join(
        f"{name!r} ({clip(str(cell), 30)})" for name, cell in zip(df.columns, first_cells(df), strict=False)
    )
    columns = Columns(df)
    talks = columns.holding(TURNS)
    texts = [c for c in columns.holding(TEXTS, MIXED) if fold(c.name) not in CONTEXTS] or columns.holding(
        TEXTS
    )
    texts = [c for c in texts if len(set(map(str, c.cells))) * 2 > len(c.cells)] or texts
    answers = [*texts[1:2], *columns.holding("numbers", "booleans", "dates", LISTS, DICTS)]
    lines = [f"df.reason.layout(messages={column.name!r})" for column in talks[:2]]
    if texts:
        response = f", response={answers[0].name!r}" if answers else ""
        lines.append(f"df.reason.layout(prompt={texts[0].name!r}{response})")
    return LayoutError(
        f"{why} Columns: {shown or ', '.join(map(repr, df.columns)) or 'none'}.",
        "   or   ".join(lines) or 'df.reason.layout(prompt="…", response="…")',
    )


def fold(name: object) -> str:
    """A column's name without case, spaces and dashes."""
    return str(name).strip().casefold().replace(" ", "_").replace("-", "_")
