"""Parts: what each token of a row is, in one byte."""

from __future__ import annotations

from collections.abc import Sequence

PROMPT, TAGS, ANSWER, STOP, TRAILER, CONTEXT, EMPTY, REASONING = range(8)
FIELDS = 8  # the first field of the dataset; the rest follow in the order in which they were met
MOST_FIELDS = 100
TRAINED = 0x80  # the bit that says that the token carries loss

_NAMES = ("prompt", "tags", "answer", "stop", "trailer", "context", "empty thinking", "reasoning")


class Fields:
    """Field names of a dataset, each with its part code; names past the hundredth count as reasoning."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._codes = {name: FIELDS + i for i, name in enumerate(names[:MOST_FIELDS])}

    def code(self, name: str) -> int:
        known = self._codes.get(name)
        if known is None:
            known = FIELDS + len(self._codes) if len(self._codes) < MOST_FIELDS else REASONING
            if known != REASONING:
                self._codes[name] = known
        return known

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._codes)

    def part(self, code: int) -> str:
        """The part's name in words; ``reasoning:<field>`` for fields."""
        code &= ~TRAINED
        return _NAMES[code] if code < FIELDS else f"reasoning:{self.names[code - FIELDS]}"


def is_reasoning(code: int) -> bool:
    """Whether a part is the reasoning's own text."""
    return (code & ~TRAINED) >= REASONING
