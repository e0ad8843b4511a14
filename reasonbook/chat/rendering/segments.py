"""Segments: a training row as text, cut where what it is to the student changes.

A *part* is what a stretch of the row is to the student: prompt, tags, a field of the reasoning, answer, stop and the
like; one byte holds its code and whether it carries loss. A *segment* is a stretch of characters of one part: where it
begins, with the part's code; it ends where the next one begins. A *span* is any stretch given by its start and its
end, in characters of a text or, in `ChatExample`, in tokens of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PROMPT, TAGS, ANSWER, STOP, TRAILER, CONTEXT, EMPTY, REASONING = range(8)
FIELDS = 8  # the first field of the dataset; the rest follow in the order in which they were met
MOST_FIELDS = 100
TRAINED = 0x80  # the bit that says that the token carries loss

_NAMES = ("prompt", "tags", "answer", "stop", "trailer", "context", "empty thinking", "reasoning")


class FieldCodes:
    """Field names of a dataset, each with its part code; names past the hundredth count as reasoning."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._codes = {name: FIELDS + i for i, name in enumerate(names[:MOST_FIELDS])}

    def code(self, name: str) -> int:
        """The part code of a field, a new one for a name that was not met before."""
        known = self._codes.get(name)
        if known is None:
            known = FIELDS + len(self._codes) if len(self._codes) < MOST_FIELDS else REASONING
            if known != REASONING:
                self._codes[name] = known
        return known

    @property
    def names(self) -> tuple[str, ...]:
        """Fields with a code of their own, in the order in which they were met."""
        return tuple(self._codes)

    def part(self, code: int) -> str:
        """The part's name in words; ``reasoning:<field>`` for fields."""
        code &= ~TRAINED
        return _NAMES[code] if code < FIELDS else f"reasoning:{self.names[code - FIELDS]}"


def code_of(part: str) -> int:
    """The code of a part that is no field."""
    return _NAMES.index(part)


def is_reasoning(code: int) -> bool:
    """Whether a part is the reasoning's own text."""
    return (code & ~TRAINED) >= REASONING


class RenderedRow(NamedTuple):
    """One training row as text.

    Attributes:
        text: the whole row.
        segments: ``(first character, part code)`` in order; the trained bit is set where loss is carried.
        boundary: where the generation prompt ends.
        answer_at: where the answer begins.
        rebuilt: the template renders the whole differently; the row was put together behind its prompt.
    """

    text: str
    segments: list[tuple[int, int]]
    boundary: int
    answer_at: int
    rebuilt: bool = False

    @property
    def written(self) -> str:
        """What the student writes behind the prompt, through its stop token."""
        end = next((at for at, code in self.segments if code & ~TRAINED == TRAILER), len(self.text))
        return self.text[self.boundary : end]

    @property
    def answer(self) -> str:
        """What is to be written after the thinking, calls of tools as the template writes them."""
        end = next(at for at, code in self.segments if code & ~TRAINED == STOP)
        return self.text[self.answer_at : end]


class RowText(NamedTuple):
    """The text of a row in order; the reasoning is empty in a plain row."""

    prompt: str
    opening: str
    thought: str
    middle: str
    answer: str
    stop: str
    trailer: str

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.prompt}{self.opening}{self.thought}{self.middle}{self.answer}{self.stop}{self.trailer}"
