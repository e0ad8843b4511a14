"""Query: which rows to show, and in which order."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..data.conversation import is_sequence, missing
from ..decisions.author import EVERYBODY as EVERYBODY
from ..errors import ReviewError, choices
from ..options import checked
from ..quality.checks import WEIGHTS

VERDICTS = ("accepted", "rejected", "undecided", "conflict")
STATUSES = ("ok", "pending", "error", "stale", "invalid", "none")
SORTS = ("position", "suspicion", "rating", "length", "loss")
BY = ("field", "column")  # what a row has beside these, by name: `sort="column:date"`
_COMPARED = re.compile(r"\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_BETWEEN = re.compile(r"\s*(\S.*?)\s*\.\.\s*(\S.*?)\s*")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Condition = Callable[[object], bool]


@checked(ReviewError, 'Query(status="ok", sort="suspicion")')
@dataclass(frozen=True)
class Query:
    """Which rows to show, and in which order; every part that is None lets all rows through.

    Attributes:
        status: a ``reasoning_status``, or ``none`` for rows without one.
        verdict: ``accepted``, ``rejected``, ``undecided`` or ``conflict`` (of several reviewers).
        assigned: a reviewer, for the rows that `Review.assign` gave them, or ``all``. None is whoever reviews, where
            rows were given to them.
        rating: the least rating.
        flag: a flag of the checks, or ``any``.
        text: found in request, reasoning, response or note, without regard to case.
        split: ``train``, ``validation`` or ``test``.
        field: name → condition, for fields of the reasoning; see `condition`.
        column: name → condition, for columns of the frame.
        tag: a tag that the rows bear.
        note: whether they have a note.
        later: whether they were put aside.
        proposed: whether a teacher's proposal waits for them.
        sort: ``position``, ``suspicion``, ``rating``, ``length``, ``loss``, ``field:NAME`` or ``column:NAME``.
        descending: largest first; None is False for positions, fields and columns, and True for the others. Rows
            without a value come last either way.
    """

    status: str | None = None
    verdict: str | None = None
    rating: int | None = None
    flag: str | None = None
    text: str = ""
    split: str | None = None
    field: Mapping[str, Any] | None = None
    column: Mapping[str, Any] | None = None
    tag: str | None = None
    note: bool | None = None
    later: bool | None = None
    proposed: bool | None = None
    assigned: str | None = None
    sort: str = "position"
    descending: bool | None = None

    def __post_init__(self) -> None:
        for name, options in (("status", STATUSES), ("verdict", VERDICTS)):
            value = getattr(self, name)
            if value is not None and value not in options:
                raise ReviewError(f"{value!r} is no {name}.", choices(value, options))
        if self.flag not in (None, "any", *WEIGHTS):
            raise ReviewError(f"{self.flag!r} is no flag.", choices(str(self.flag), ("any", *WEIGHTS)))
        if self.sort not in SORTS and str(self.sort).partition(":")[0] not in BY:
            raise ReviewError(
                f"{self.sort!r} is no sort.", choices(self.sort, (*SORTS, "field:…", "column:…"))
            )

    @property
    def falling(self) -> bool:
        """Whether the largest come first."""
        plain = self.sort == "position" or ":" in self.sort
        return not plain if self.descending is None else self.descending


def condition(wanted: object) -> Condition:
    """What a cell has to be.

    A number or a bool is the cell itself, None is an empty cell, several values are any of them. A text stands in
    the cell, in any case; ``=high`` is all of it, ``!=high`` is not; ``>= 10``, ``< 2026-05-01`` and ``10..20``
    compare numbers as such and all else as text; ``empty`` and ``not empty`` are what they say. Of a list one item
    is enough.
    """
    if isinstance(wanted, str):
        return _asked(wanted)
    if is_sequence(wanted):
        any_of = [condition(f"={one}" if isinstance(one, str) else one) for one in wanted]
        return lambda cell: any(fits(cell) for fits in any_of)
    if wanted is None:
        return _empty
    return _asked(f"={wanted}")


def sort_key(cell: object) -> tuple[int, float, str]:
    """By which cells of one column can be ordered, whatever they are: numbers, then texts."""
    number = _number(cell)
    return (0, number, "") if number is not None else (1, 0.0, "\n".join(_words(cell)).casefold())


def _asked(text: str) -> Condition:
    folded = text.strip().casefold()
    if folded in ("empty", "not empty"):
        return _empty if folded == "empty" else lambda cell: not _empty(cell)
    if between := _BETWEEN.fullmatch(text):
        least, most = _compared(">=", between[1]), _compared("<=", between[2])
        return lambda cell: least(cell) and most(cell)
    if compared := _COMPARED.fullmatch(text):
        return _compared(compared[1], compared[2])
    return lambda cell: any(folded in word.casefold() for word in _words(cell))


def _compared(sign: str, text: str) -> Condition:
    number, folded = _number(text), text.casefold()
    if sign in ("=", "!="):

        def equal(cell: object) -> bool:
            known = _number(cell) if number is not None else None
            return (
                known == number
                if known is not None
                else any(w.strip().casefold() == folded for w in _words(cell))
            )

        return equal if sign == "=" else lambda cell: not equal(cell)
    compare = _OPERATORS[sign]

    def fits(cell: object) -> bool:
        known = _number(cell)
        if number is not None or known is not None:
            return number is not None and known is not None and compare(known, number)
        return any(compare(word.casefold(), folded) for word in _words(cell))

    return fits


def _empty(cell: object) -> bool:
    return missing(cell) or (is_sequence(cell) and len(cell) == 0)


def _number(cell: object) -> float | None:
    if isinstance(cell, str):
        try:
            return float(cell.replace(",", ""))
        except ValueError:
            return None
    is_number = isinstance(cell, (int, float)) and not isinstance(cell, bool) and not missing(cell)
    return float(cell) if is_number else None  # type: ignore[arg-type]


def _words(cell: object) -> Iterable[str]:
    """The texts of a cell: those of its items, of a bool both ways to write it."""
    if isinstance(cell, str):
        return (cell,)
    if missing(cell):
        return ()
    if isinstance(cell, bool):
        return ("yes", "true") if cell else ("no", "false")
    return [str(item) for item in cell] if is_sequence(cell) else (str(cell),)
