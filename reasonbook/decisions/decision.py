"""Decision: the state of one row's review, and which of its parts are whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..data.layout.original import Original


@dataclass(frozen=True)
class Decision:
    """The state of one row's review.

    Attributes:
        verdict: ``accepted``, ``rejected`` or None.
        rating: 1 to 5, or None.
        reasoning: the person's reasoning of the last turn by field, where it differs from the teacher's.
        response: the person's response, where it differs from the data's.
        stale: the response was changed and the reasoning was not looked at since.
        note: what a person wrote about the row, or None.
        tags: words that a person put on the row, in their order.
        later: put aside to come back to.
        teacher_reasoning: what the teacher had written, kept from the first edit on.
        data_response: what the data had as the response, kept from the first edit on.
        data_cell: the cell of that response where it was no plain text, as `Original.to_dict` gives it.
        turns: the person's reasoning of earlier assistant turns, by their number as a text.
        teacher_turns: what the teacher had written of these turns, kept from the first edit of each on.
    """

    verdict: str | None = None
    rating: int | None = None
    reasoning: Mapping[str, Any] | None = None
    response: str | None = None
    stale: bool = False
    note: str | None = None
    tags: tuple[str, ...] = ()
    later: bool = False
    teacher_reasoning: Mapping[str, Any] | None = None
    data_response: str | None = None
    data_cell: Mapping[str, Any] | None = None
    turns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    teacher_turns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", tuple(self.tags))  # JSON has lists

    def written(self, count: int) -> list[Mapping[str, Any] | None]:
        """What the person has written, by assistant turn, of a conversation that has so many."""
        return [*(self.turns.get(str(number)) for number in range(count - 1)), self.reasoning]

    @property
    def reaches_frame(self) -> bool:
        """Whether more was said of the row than what the journal alone keeps."""
        return replace(self, note=None, tags=(), later=False) != UNDECIDED

    @property
    def stands(self) -> str | Original | None:
        """What the frame has to hold as the response; None where nobody has ever changed it."""
        if self.response is not None:
            return self.response
        return self.data_response if self.data_cell is None else Original.from_dict(self.data_cell)


UNDECIDED = Decision()
ATTRIBUTES = tuple(f.name for f in fields(Decision))
PLAIN = frozenset(("verdict", "rating", "stale", "note", "later"))  # those with values that can be hashed
# Once recorded they stay: an undo needs them.
ORIGINALS = ("teacher_reasoning", "data_response", "data_cell", "teacher_turns")
CONTENT = ("verdict", "reasoning", "response", "turns")  # of which two versions cannot both train
PERSONAL = ("verdict", "rating", "note", "tags", "later")  # of others not shown before one's own
