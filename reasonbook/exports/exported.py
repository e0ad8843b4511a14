"""Exported file: a path that knows which rows of the frame stand in its file, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.row_account import RowAccount
from ..html_card import card, html_of
from .pairs import PairReport

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 only the system's own kind of path can be derived from


class ExportedFile(_Path):
    """The file that `export` wrote, a `pathlib.Path` in every respect, with the account of the rows.

    Paths that are made from it, such as its ``parent``, are about no rows.

    Example:
        >>> file = rb.export(df, "train.jsonl")
        >>> file.rows, file.rows_kept, file.left_out, file.name
        (40, 40, {}, 'train.jsonl')
    """

    _account = RowAccount(0, 0, {})
    preferences: PairReport | None = None  # what its records are, where they are pairs

    @classmethod
    def of(cls, path: Path, account: RowAccount, preferences: PairReport | None = None) -> ExportedFile:
        """The path with its account."""
        made = cls(path)
        made._account = account
        made.preferences = preferences
        return made

    @property
    def rows(self) -> int:
        """Rows of the frame."""
        return self._account.rows

    @property
    def rows_kept(self) -> int:
        """Rows that stand in the file."""
        return self._account.rows_kept

    @property
    def left_out(self) -> Mapping[str, int]:
        """Reason → rows that do not."""
        return self._account.left_out

    def _repr_html_(self) -> str:
        facts = {"rows": self._account.kept_of}
        if self.left_out:
            facts["left out"] = self._account.why_left_out
        body = "" if self.preferences is None else html_of(self.preferences)
        return card(f"Exported to {self}", facts, body=body)
