"""Review rows: rows as the page gets them: short for the list, whole for the judging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..review.samples import Sample

_SNIPPET = 160  # characters of request and response in the list


def summary(sample: Sample) -> dict[str, Any]:
    """A row as the list shows it."""
    asked = [m.get("content") for m in sample.conversation.prompt if m.get("role") != "system"]
    return {
        "position": sample.position,
        "request": _snippet(asked[-1] if asked else ""),
        "response": _snippet(sample.response),
        "verdict": sample.decision.verdict,
        "rating": sample.decision.rating,
        "status": sample.status,
        "edited": bool(sample.decision.turns)
        or sample.decision.reasoning is not None
        or sample.decision.response is not None,
        "flags": sample.flags.names,
    }


def full(sample: Sample) -> dict[str, Any]:
    """A row as it is judged: all of its text."""
    return {
        **summary(sample),
        "key": sample.key,
        "messages": [
            {"role": str(message.get("role")), "text": text_of(message.get("content"))}
            for message in sample.conversation.prompt
        ],
        "turns": [
            {
                "number": turn.number,
                "at": turn.at,
                "reasoning": pairs(turn.reasoning),
                "teacher": pairs(turn.teacher_reasoning),
                "flags": turn.flags.names,
            }
            for turn in sample.turns[:-1]
        ],
        "reasoning": pairs(sample.reasoning),
        "teacher": pairs(sample.teacher_reasoning),
        "full_response": text_of(sample.response),
        "data_response": text_of(sample.data_response),
        "error": sample.error,
        "problem": sample.conversation.problem,
    }


def pairs(reasoning: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Fields as pairs: JSON objects in a browser put names that look like numbers first."""
    return [(str(name), value) for name, value in (reasoning or {}).items()]


def text_of(value: object) -> str:
    """A cell as text; nothing where nothing stands."""
    return "" if value is None else value if isinstance(value, str) else str(value)


def _snippet(value: object) -> str:
    return " ".join(text_of(value)[: 4 * _SNIPPET].split())[:_SNIPPET]
