"""Review rows: rows as the page gets them: short for the list, whole for the judging."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..data.conversation import Message, is_mapping, is_sequence, json_ready, missing
from ..data.tool_calls import response_in_words
from ..html_card import clip
from ..review.edit_rules import fields_of
from ..review.samples import Sample
from ..schema import Schema
from .messages import calls_of, shown_messages, text_of

_SNIPPET = 160  # characters of request and response in the list
_LONGEST = 4000  # characters of a cell of another column


def summary(sample: Sample) -> dict[str, Any]:
    """A row as the list shows it."""
    asked = [m for m in sample.conversation.prompt if m.get("role") != "system"]
    return {
        "position": sample.position,
        "request": _snippet(text_of(asked[-1].get("content")) if asked else ""),
        "response": _snippet(text_of(sample.response) or response_in_words(sample.conversation)),
        "verdict": sample.decision.verdict,
        "rating": sample.decision.rating,
        "status": sample.status,
        "edited": bool(sample.decision.turns)
        or sample.decision.reasoning is not None
        or sample.decision.response is not None,
        "flags": sample.flags.names,
        "note": sample.decision.note,
        "tags": sample.decision.tags,
        "later": sample.decision.later,
    }


def full(sample: Sample, schema: Schema | None) -> dict[str, Any]:
    """A row as it is judged: all of its text, and the fields by which its reasoning can be edited."""
    return {
        **summary(sample),
        "key": sample.key,
        "messages": shown_messages(sample.conversation.messages)[: len(sample.conversation.prompt)],
        "turns": [
            {
                "number": turn.number,
                "at": turn.at,
                "reasoning": pairs(turn.reasoning),
                "fields": fields_of(turn.reasoning or sample.reasoning, schema),
                "teacher": pairs(turn.teacher_reasoning),
                "flags": turn.flags.names,
            }
            for turn in sample.turns[:-1]
        ],
        "reasoning": pairs(sample.reasoning),
        "fields": fields_of(sample.reasoning, schema),
        "teacher": pairs(sample.teacher_reasoning),
        "full_response": text_of(sample.response),
        "data_response": text_of(sample.data_response),
        "response_calls": calls_of(_last(sample)),
        "error": sample.error,
        "problem": sample.conversation.problem,
    }


def columns(sample: Sample) -> list[tuple[str, str]]:
    """The other columns of a row as texts, long ones cut."""
    return [(name, _cell(value)) for name, value in sample.columns.items()]


def pairs(reasoning: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Fields as pairs: JSON objects in a browser put names that look like numbers first."""
    return [(str(name), value) for name, value in (reasoning or {}).items()]


def _last(sample: Sample) -> Message:
    """The response as a message; empty where the row has none."""
    return sample.conversation.messages[-1] if sample.conversation.has_response else {}


def _cell(value: object) -> str:
    if missing(value):
        return ""
    if is_mapping(value) or is_sequence(value):
        text = json.dumps(json_ready(value), ensure_ascii=False, indent=1, default=str)
    else:
        text = str(value)
    return clip(text, _LONGEST)


def _snippet(text: str) -> str:
    return " ".join(text[: 4 * _SNIPPET].split())[:_SNIPPET]
