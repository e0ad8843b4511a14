"""Quality: the rows of a frame, cross-examined; it tags and sorts, and never takes a row away."""

from __future__ import annotations

from functools import cached_property

from ..data.frame import Frame
from ..data.typed_pandas import Series, series_of
from ..html_card import card, table
from ..schema import Schema
from ..store import Store, default_store
from .checks import FLAGS, Checks, Flags, cells_of, checked_row


class Quality:
    """What looks wrong with the rows of a frame as they stand now.

    Args:
        frame: the frame.
        store: what is on record about its rows; the default one when None.
        schema: the schema that filled it, where it is known.

    Example:
        >>> df.reason.quality()
        Quality(rows=40, flagged=0)
    """

    def __init__(self, frame: Frame, store: Store | None = None, *, schema: Schema | None = None) -> None:
        self.frame = frame
        self.store = store or default_store()
        self.schema = schema

    @cached_property
    def checks(self) -> Checks:
        """The free checks of all rows."""
        cells = cells_of(self.frame)
        read = self.frame.layout.read(self.frame.df)
        return Checks(checked_row(row, cells[i], row.response) for i, row in enumerate(read))

    @property
    def flags(self) -> list[Flags]:
        """What the checks say of every row, by position."""
        return self.checks.flags

    @property
    def flagged(self) -> Series:
        """Which rows any check flags: bool, by the frame's own index.

        Example:
            >>> int(df.reason.quality().flagged.sum())
            0
        """
        return series_of(self.checks.flagged("any"), self.frame.df, "flagged")

    @property
    def findings(self) -> dict[str, int]:
        """How many rows have each flag, the most frequent first."""
        counted = {flag: int(self.checks.flagged(flag).sum()) for flag in FLAGS}
        return dict(sorted(((f, n) for f, n in counted.items() if n), key=lambda found: -found[1]))

    def __repr__(self) -> str:
        return f"Quality(rows={len(self.checks)}, flagged={int(self.checks.flagged('any').sum())})"

    def _repr_html_(self) -> str:
        found = table(("flag", "rows"), list(self.findings.items()))
        facts = {"rows": len(self.checks), "flagged": int(self.checks.flagged("any").sum())}
        return card("Quality", facts, body=found, next_verb="df.reason.review()")
