"""Messages answer: how Anthropic's Messages API writes an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..json_access import as_text, count, part, parts, text
from ..teacher import Completion, Usage
from .answer_body import Answer, AnswerProtocol, InsideError
from .chat_answer import with_calls

_STOPS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}
_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def _usage(answer: Answer) -> Usage:
    """Its input tokens include those read from the cache and written to it."""
    usage = part(answer, "usage")
    cached = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input=count(usage.get("input_tokens")) + cached + written,
        output=count(usage.get("output_tokens")),
        cached=cached,
        reasoning=count(part(usage, "output_tokens_details").get("thinking_tokens")),
        calls=1,
        written=written,
        written_hour=count(part(usage, "cache_creation").get("ephemeral_1h_input_tokens")),
    )


def _read(answer: Answer, usage: Usage) -> Completion:
    content = answer.get("content")
    if answer.get("error") and (content is None or answer.get("type") == "error"):
        raise InsideError(answer["error"])
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise ValueError("holds no content")
    blocks = parts({"content": content}, "content")
    texts = [as_text(block.get("text")) for block in blocks if block.get("type") == "text"]
    thoughts = [as_text(block.get("thinking")) for block in blocks if block.get("type") == "thinking"]
    calls = [block.get("input") for block in blocks if block.get("type") == "tool_use"]
    stop = _STOPS.get(text(answer.get("stop_reason")), "stop")
    return Completion(with_calls("".join(texts), calls), "\n\n".join(t for t in thoughts if t), usage, stop)


def _gather(events: Iterable[Answer]) -> tuple[Answer, bool]:
    blocks: dict[int, dict[str, Any]] = {}
    pieces: dict[int, list[str]] = {}
    usage: dict[str, Any] = {}
    stop, whole = "", False
    for event in events:
        kind, number = text(event.get("type")), count(event.get("index"))
        if kind == "error":
            return {**event, "usage": usage}, True
        if kind == "message_start":
            usage |= part(part(event, "message"), "usage")
        elif kind == "content_block_start":
            blocks[number] = dict(part(event, "content_block"))
        elif kind == "content_block_delta":
            delta = part(event, "delta")
            name = _GROWING.get(text(delta.get("type")), "")
            pieces.setdefault(number, []).append(text(delta.get(name)))
        elif kind == "message_delta":
            usage |= part(event, "usage")
            stop = text(part(event, "delta").get("stop_reason")) or stop
        elif kind == "message_stop":
            whole = True
    content = [_grown(block, "".join(pieces.get(number, ()))) for number, block in blocks.items()]
    return {"content": content, "stop_reason": stop, "usage": usage}, whole or bool(stop)


def _grown(block: Mapping[str, Any], said: str) -> Mapping[str, Any]:
    """A block with what came for it piece by piece."""
    name = {"thinking": "thinking", "tool_use": "input"}.get(text(block.get("type")), "text")
    return {**block, name: text(block.get(name)) + said} if said else block


MESSAGES = AnswerProtocol(_usage, _read, _gather)
