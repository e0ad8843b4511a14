"""Rows of an audit: those of a frame that can be asked about, and which of them are."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...data.conversation import Conversation, digest, json_ready
from ...data.frame import Frame
from ...data.task import Task
from ...data.turn_reasoning import last_of
from ...decisions import Decision, Decisions
from ...errors import ReasonbookError
from ..checks import cells_of

if TYPE_CHECKING:
    from ...chat.reasoning_text import Thought

_WORDS = 6  # of the shortest text that is called free


@dataclass(frozen=True)
class AuditedRow:
    """One row as an audit takes it: the last assistant turn with its reasoning.

    Attributes:
        position: in the frame.
        root: its name in the journal, which edits do not change.
        conversation: request and response.
        reasoning: field name → value.
        decision: what people said of it.
    """

    position: int
    root: str
    conversation: Conversation
    reasoning: Mapping[str, Any]
    decision: Decision

    @property
    def response(self) -> str:
        """The response that stands in the frame."""
        return self.conversation.response or ""

    @cached_property
    def thought(self) -> Thought:
        """The reasoning as text, with the place of each field that has a value."""
        return _thought(self.reasoning)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that have a value, in order."""
        return tuple(name for name, _, _ in self.thought.spans)

    def beginning(self, count: int) -> str:
        """The reasoning as far as so many of its fields."""
        return self.thought.text[: self.thought.spans[count - 1][2]] if count else ""

    @cached_property
    def print(self) -> str:
        """Changes with the request, the reasoning and the response: what was found of another text does not hold."""
        return print_of(self.conversation, self.reasoning, self.conversation.response)

    def task(self, expected: str | None = None) -> Task:
        """What is compared with an answer: the response, or another answer."""
        said = self.response if expected is None else expected
        return Task(self.root, self.position, 0, "", tuple(self.conversation.prompt), said)


def print_of(conversation: Conversation, reasoning: Mapping[str, Any], response: str | None) -> str:
    """16 hex digits of what an audit looked at."""
    told = [conversation.prompt_key, list(json_ready(reasoning).items()), response]
    return digest(told)[:16]


def reasoning_of(cell: object, conversation: Conversation) -> Mapping[str, Any]:
    """The reasoning of the last assistant turn by field: the column's, or what the data brought."""
    reasoning = last_of(cell) or conversation.reasoning
    return {"Reasoning": reasoning} if isinstance(reasoning, str) else reasoning or {}


def auditable(frame: Frame, decisions: Decisions) -> tuple[list[AuditedRow], list[str]]:
    """The rows that have reasoning and a response, and sentences about the others.

    Raises:
        ReasonbookError: there are none; what is missing is said.
    """
    roots = decisions.roots_of(frame.fresh_keys)
    rows: list[AuditedRow] = []
    unanswered = 0
    reads = zip(frame.layout.read(frame.df), cells_of(frame), roots, strict=True)
    for position, (conversation, cell, root) in enumerate(reads):
        reasoning = reasoning_of(cell, conversation)
        if not reasoning or conversation.problem or not _thought(reasoning):
            continue
        if not (conversation.response or "").strip():
            unanswered += 1
            continue
        rows.append(AuditedRow(position, root, conversation, reasoning, decisions.of(root)))
    if not rows and unanswered:
        raise ReasonbookError(
            f"No row has a response to hold answers against; {unanswered} have reasoning alone.",
            'df.reason.layout(prompt="…", response="…")',
        )
    if not rows:
        raise ReasonbookError(
            "No row has reasoning to audit yet.", 'df.reason.augment(schema, teacher="openai:MODEL").wait()'
        )
    left = f"{unanswered} rows have reasoning and no response; they were not asked about."
    return rows, [left] if unanswered else []


def chosen(
    rows: Sequence[AuditedRow], count: int, *, seed: int, first: Collection[int] = frozenset()
) -> list[AuditedRow]:
    """A seeded sample, in an order that more rows only add to and edits do not change.

    Args:
        rows: to choose from.
        count: how many at most.
        seed: another one gives another sample.
        first: positions that come before all others.
    """

    def place(row: AuditedRow) -> tuple[bool, bytes]:
        return row.position not in first, hashlib.blake2b(f"{seed} {row.root}".encode()).digest()

    return sorted(rows, key=place)[:count]


def free_texts(responses: Iterable[str]) -> bool:
    """Whether responses are texts that nobody writes twice the same: long, and nearly all different."""
    known = list(responses)
    lengths = sorted(len(text.split()) for text in known)
    return bool(known) and lengths[len(lengths) // 2] >= _WORDS and len(set(known)) > 0.5 * len(known)


def _thought(reasoning: Mapping[str, Any]) -> Thought:
    from ...chat.reasoning_text import (
        thought,  # a review reads what is on record without the room of students
    )

    return thought(reasoning)
