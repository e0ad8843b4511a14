"""Review rows: rows as the page gets them: short for the list, whole for the judging."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..data.conversation import Message, is_mapping, is_sequence, json_ready, missing
from ..data.tool_calls import response_in_words
from ..decisions import Proposed, reviewer
from ..html_card import clip
from ..quality.checks import Finding
from ..review.edit_rules import fields_of
from ..review.samples import Sample
from ..schema import Schema
from .messages import calls_of, shown_messages, text_of

_SNIPPET = 160  # characters of request and response in the list
_AUDITED = ("checker", "verdict", "fields", "answers", "right", "nats", "known", "derived", "leaks")
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
        "conflict": sample.conflict is not None,
    }


def full(sample: Sample, schema: Schema | None, proposed: Proposed | None = None) -> dict[str, Any]:
    """A row as it is judged: all of its text, the fields by which it can be edited, and what is proposed for it."""
    return {
        **summary(sample),
        "key": sample.key,
        "messages": shown_messages(sample.conversation.messages)[: len(sample.conversation.prompt)],
        "findings": seen(sample.findings, sample.reasoning),
        "turns": [
            {
                "number": turn.number,
                "at": turn.at,
                "reasoning": pairs(turn.reasoning),
                "fields": fields_of(turn.reasoning or sample.reasoning, schema),
                "teacher": pairs(turn.teacher_reasoning),
                "flags": turn.flags.names,
                "findings": seen(turn.read_findings(), turn.reasoning),
            }
            for turn in sample.turns[:-1]
        ],
        "reasoning": pairs(sample.reasoning),
        "fields": fields_of(sample.reasoning, schema),
        "teacher": pairs(sample.teacher_reasoning),
        "full_response": text_of(sample.response),
        "data_response": text_of(sample.data_response),
        "response_calls": calls_of(_last(sample)),
        "audits": [{name: getattr(audit, name) for name in _AUDITED} for audit in sample.audits],
        "proposal": None if proposed is None else _proposal(sample, proposed),
        "versions": versions(sample),
        "error": sample.error,
        "problem": sample.conversation.problem,
    }


def _proposal(sample: Sample, one: Proposed) -> dict[str, Any]:
    return {
        "reasoning": pairs(one.reasoning),
        "response": text_of(sample.response if one.response is None else one.response),
        "same": False,
        "teacher": str(one.told.get("teacher", "")),
        "feedback": str(one.told.get("feedback", "")),
    }


def versions(sample: Sample) -> list[dict[str, Any]]:
    """What each reviewer says of a row in conflict: of reasoning and response, what they would have stand there."""
    if sample.conflict is None:
        return []
    about = sample.conflict.attributes
    return [
        {
            "who": who,
            "you": who == reviewer(),
            "verdict": said.verdict,
            "rating": said.rating,
            "note": said.note,
            "reasoning": pairs(said.reasoning) if "reasoning" in about else [],
            "turns": [
                {"number": int(turn), "reasoning": pairs(mine)}
                for turn, mine in said.turns.items()
                if "turns" in about
            ],
            "response": text_of(said.response) if "response" in about else "",
        }
        for who, said in sample.conflict.versions.items()
    ]


def columns(sample: Sample) -> list[tuple[str, str]]:
    """The other columns of a row as texts, long ones cut."""
    return [(name, _cell(value)) for name, value in sample.columns.items()]


def seen(findings: Iterable[Finding], reasoning: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the checks saw, each with the text to underline and how often it stands in the field before that place."""
    told: list[dict[str, Any]] = []
    for finding in findings:
        text, before = "", 0
        if finding.field is not None and finding.span is not None:
            value, (start, end) = str(reasoning.get(finding.field)), finding.span
            text, before = value[start:end], value[:start].count(value[start:end])
        words = {"flag": finding.flag, "words": finding.words, "field": finding.field}
        told.append({**words, "text": text, "before": before})
    return told


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
