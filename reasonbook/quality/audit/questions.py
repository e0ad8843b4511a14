"""Questions: what a checker is asked blind about a row, as a frame of its own that an augmentation fills."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

from ...data.conversation import Message
from ...data.frame import Frame
from ...data.layout import Layout
from ...data.tool_calls import request_text
from ...html_card import clip
from ...schema import Field, Schema
from .rows import AuditedRow

ANSWER = "Answer"
CONDITIONS = ("without", "with", "only")
_SYSTEM = ("system", "developer")
_SHOWN = 3  # responses that show their form
_OPTIONS = 20  # responses of a classification
_LONGEST = 200  # characters of a response that shows its form

ANSWERED = Schema([Field(ANSWER, "The answer itself, and nothing else: no explanation.", required=True)])


def conditions(row: AuditedRow, ask: Sequence[str], fields: bool) -> list[str]:
    """What is asked about a row: `CONDITIONS`, and with ``fields`` each number of fields between none and all."""
    asked = [condition for condition in CONDITIONS if condition in ask]
    return [*asked, *map(str, range(1, len(row.fields)))] if fields else asked


def question(row: AuditedRow, condition: str) -> list[Message]:
    """The messages of one question: of the request, the reasoning, or both, but never the response.

    A Python function as a checker reads the text: ``Request:`` and what was asked, a blank line, ``Reasoning:`` and
    the fields, one a line.
    """
    reasoning = "" if condition == "without" else row.thought.text
    if condition.isdigit():
        reasoning = row.beginning(int(condition))
    parts = [] if condition == "only" else [f"Request:\n{request_text(row.conversation)}"]
    parts += [f"Reasoning:\n{reasoning}"] if reasoning else []
    system = [] if condition == "only" else [m for m in row.conversation.prompt if m.get("role") in _SYSTEM]
    return [*system, {"role": "user", "content": "\n\n".join(parts)}]


def frame_of(questions: Sequence[list[Message]]) -> Frame:
    """A frame of questions, to be filled with answers."""
    cells = pd.Series(list(questions), dtype=object)
    return Frame(pd.DataFrame({"messages": cells}), Layout(messages="messages"))


def form_of(rows: Sequence[AuditedRow], *, options: bool) -> str:
    """How answers look in these data: all ``options``, or a few responses of other rows."""
    known = list(dict.fromkeys(" ".join(row.response.split()) for row in rows))
    if options and len(known) <= _OPTIONS:
        return f"The answer is one of: {', '.join(sorted(known))}."
    shown = "; ".join(f'"{clip(text, _LONGEST)}"' for text in known[:_SHOWN])
    return f"Answers to other requests look like these, in form and length: {shown}."
