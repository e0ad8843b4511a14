"""Responses answer: how OpenAI's Responses API writes an answer; reasoning summaries are its thinking."""

from __future__ import annotations

from collections.abc import Iterable

from ..json_access import as_text, count, part, parts, text
from ..pricing.told_cost import told_cost
from ..teacher import Completion, Usage
from .answer_body import Answer, AnswerProtocol, InsideError
from .chat_answer import with_calls

_ENDS = ("response.completed", "response.incomplete", "response.failed")


def _usage(answer: Answer) -> Usage:
    usage = part(answer, "usage")
    details = part(usage, "input_tokens_details")
    return Usage(
        input=count(usage.get("input_tokens")),
        output=count(usage.get("output_tokens")),
        cached=count(details.get("cached_tokens")),
        reasoning=count(part(usage, "output_tokens_details").get("reasoning_tokens")),
        calls=1,
        written=count(details.get("cache_write_tokens")),
        dollars=told_cost(usage),
    )


def _read(answer: Answer, usage: Usage) -> Completion:
    status = text(answer.get("status"))
    if answer.get("error") and (status == "failed" or not parts(answer, "output")):
        raise InsideError(answer["error"])
    if status in ("failed", "cancelled", "queued", "in_progress"):
        raise ValueError(f"has the status {status!r}")
    if not isinstance(answer.get("output"), list):
        raise ValueError("holds no output")
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[object] = []
    refused = ""
    for item in parts(answer, "output"):
        pieces = parts(item, "content")
        if item.get("type") == "reasoning":
            thoughts += [as_text(piece.get("text")) for piece in (parts(item, "summary") or pieces)]
        elif item.get("type") == "function_call":
            calls.append(item.get("arguments"))
        elif item.get("type") == "message":
            refused = refused or "".join(as_text(piece.get("refusal")) for piece in pieces)
            texts += [as_text(piece.get("text")) for piece in pieces]
    stop = "stop"
    if status == "incomplete":
        stop = "filter" if part(answer, "incomplete_details").get("reason") == "content_filter" else "length"
    if refused:
        return Completion(refused, "", usage, "refusal")
    return Completion(with_calls("".join(texts), calls), "\n\n".join(t for t in thoughts if t), usage, stop)


def _gather(events: Iterable[Answer]) -> tuple[Answer, bool]:
    items: list[Answer] = []
    for event in events:
        kind = text(event.get("type"))
        if kind == "error":
            return {"error": event.get("error") or event}, True
        if kind == "response.output_item.done":
            items.append(part(event, "item"))
        if kind in _ENDS:
            answer = part(event, "response")
            return (answer if parts(answer, "output") else {**answer, "output": items}), True
    return {}, False


RESPONSES = AnswerProtocol(_usage, _read, _gather)
