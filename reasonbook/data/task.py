"""Task: one request of the frame and the response that is right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .conversation import Message, digest


@dataclass(frozen=True)
class Task:
    """One request of the frame and the response that is right.

    Attributes:
        key: the row's identity in the journal.
        position: row of the frame.
        turn: assistant turn of that row.
        split: ``train``, ``validation`` or ``test``.
        prompt: messages before the response, as `ChatFormat.prompt_ids` takes them.
        expected: the response.
        reasoning: the reasoning that stands in the frame, as text; "" where there is none.
        case: equal for rows of the same facts, see `reasonbook.cases`; "" where that is not known.

    Example:
        >>> chat.tasks[0].expected
        '$104'
    """

    key: str
    position: int
    turn: int
    split: str
    prompt: tuple[Message, ...]
    expected: str
    reasoning: str = ""
    case: str = ""

    @property
    def request(self) -> str:
        """The last message before the response, for people."""
        return str(self.prompt[-1].get("content") or "") if self.prompt else ""

    @cached_property
    def prompt_key(self) -> str:
        """Equal for equal requests."""
        return digest([[m.get("role"), m.get("content")] for m in self.prompt])
