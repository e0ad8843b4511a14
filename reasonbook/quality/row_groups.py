"""Row groups: rows of a frame that belong together for one reason, by their positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from ..data.frame import Frame
from ..data.typed_pandas import DataFrame, Series, new_frame, series_of
from ..errors import ReviewError
from ..html_card import card, clip, table
from ..options import checked

_SHOWN = 5  # groups on a card; a frame has them all


class RowGroups(Sequence[tuple[int, ...]]):
    """Groups of rows, by their positions in the frame.

    Attributes:
        title: what they have in common.
        notes: what was not seen, in words.

    Example:
        >>> df.reason.quality().copies
        RowGroups(copies: 0 groups)
    """

    def __init__(
        self,
        groups: Sequence[tuple[int, ...]],
        frame: Frame,
        *,
        name: str,
        title: str,
        meaning: str,
        next_verb: str,
        but_first: bool = False,
        notes: Sequence[str] = (),
    ) -> None:
        self._groups, self._frame = tuple(groups), frame
        self.name, self.title, self.meaning, self.notes = name, title, meaning, tuple(notes)
        self._next_verb, self._from = next_verb, int(but_first)

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, number: int) -> tuple[int, ...]: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[tuple[int, ...]]: ...
    def __getitem__(self, number: int | slice) -> tuple[int, ...] | Sequence[tuple[int, ...]]:
        return self._groups[number]

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return iter(self._groups)

    @property
    def rows(self) -> list[int]:
        """Positions of the rows; of copies all but the first of each group, which is the one that stays."""
        return sorted({row for group in self._groups for row in group[self._from :]})

    @property
    def mask(self) -> Series:
        """Which rows these are: bool, by the frame's own index."""
        found = set(self.rows)
        return series_of([i in found for i in range(len(self._frame))], self._frame.df, self.name)

    @checked(ReviewError, "quality.copies.to_frame()")
    def to_frame(self) -> DataFrame:
        """One line a row: its group, its position, split, request and response."""
        return new_frame(self._lines(self._groups))

    def _lines(self, groups: Sequence[tuple[int, ...]]) -> list[dict[str, Any]]:
        places = [(number, row) for number, group in enumerate(groups) for row in group]
        splits = self._frame.column("split")
        read = self._frame.layout.read(self._frame.df, [row for _, row in places])
        return [
            {
                "group": number,
                "row": row,
                "split": splits[row],
                "request": str(found.prompt[-1].get("content") or "") if found.prompt else "",
                "response": found.response,
            }
            for (number, row), found in zip(places, read, strict=True)
        ]

    def __repr__(self) -> str:
        return f"RowGroups({self.name}: {len(self)} groups)"

    def _repr_html_(self) -> str:
        lines = [
            (line["group"], line["row"], clip(line["request"], 200), clip(str(line["response"]), 80))
            for line in self._lines(self._groups[:_SHOWN])
        ]
        body = table(("", "row", "request", "response"), lines) if lines else ""
        facts = {"groups": len(self), "rows": len(self.rows), "of": len(self._frame)}
        more = [f"{len(self) - _SHOWN} more groups: .to_frame()"] if len(self) > _SHOWN else []
        notes = [self.meaning, *self.notes, *more]
        return card(self.title, facts, notes=notes, body=body, next_verb=self._next_verb if len(self) else "")
