"""Layout account: what a layout takes from a frame, what it converts, and what it leaves over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PLACES = 3  # rows that are named


@dataclass(frozen=True)
class LayoutAccount:
    """What became of every row and every column of a frame.

    Attributes:
        rows: rows of the frame.
        responses: rows with a request and a response.
        requests: rows with a request alone.
        reasoned: rows whose data brings reasoning.
        problems: row → why it cannot be used: ``messages[2].content is a number, not text``.
        converted: what was made into text: which column, how many cells, in which form.
        unused: columns, and keys of messages, that are not used, each with what it holds.
        asks: sentences about texts that are not used, each with the line that takes them in.

    Example:
        >>> df.reason.layout().account.responses
        40
    """

    rows: int
    responses: int
    requests: int
    reasoned: int
    problems: Mapping[int, str]
    converted: tuple[str, ...]
    unused: Mapping[str, str]
    asks: tuple[str, ...]

    @property
    def facts(self) -> dict[str, int]:
        """The rows by what they hold; they add up to all of them."""
        counts = {"rows": self.rows, "with a response": self.responses, "requests alone": self.requests}
        counts |= {"cannot be used": len(self.problems), "bring reasoning": self.reasoned}
        return {name: count for name, count in counts.items() if count or name == "rows"}

    @property
    def lines(self) -> list[str]:
        """What a person should know before these rows are used, a sentence each."""
        made = list(self.converted)
        for row in list(self.problems)[:_PLACES]:
            made.append(f"row {row}: {self.problems[row]}")
        if len(self.problems) > _PLACES:
            made.append(f"and {len(self.problems) - _PLACES} more rows that cannot be used")
        made += self.asks
        if self.unused:
            made.append("not used: " + ", ".join(f"{name} ({held})" for name, held in self.unused.items()))
        return made
