"""Chat answer: how Chat Completions writes an answer, with the thinking wherever its provider puts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..json_access import as_object, as_text, count, part, parts, text
from ..pricing.told_cost import told_cost
from ..teacher import Completion, Usage
from .answer_body import Answer, AnswerProtocol, InsideError

_STOPS = {"length": "length", "max_tokens": "length", "content_filter": "filter", "safety": "filter"}


def _usage(answer: Answer) -> Usage:
    usage = part(answer, "usage")
    details, out = part(usage, "prompt_tokens_details"), part(usage, "completion_tokens_details")
    return Usage(
        input=count(usage.get("prompt_tokens")),
        output=count(usage.get("completion_tokens")),
        cached=count(details.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens")),
        reasoning=count(out.get("reasoning_tokens")),
        calls=1,
        written=count(details.get("cache_write_tokens")),
        dollars=told_cost(usage),
    )


def _choice(answer: Answer) -> Answer | None:
    choices = answer.get("choices")
    if isinstance(choices, list):
        return next(filter(None, map(as_object, cast("list[object]", choices))), None)
    return as_object(choices) or None


def _read(answer: Answer, usage: Usage) -> Completion:
    choice = _choice(answer)
    finish = "error" if choice is None else text(choice.get("finish_reason"))
    if choice is None or finish == "error":
        error = (choice or {}).get("error") or answer.get("error")
        if error:
            raise InsideError(error)
        raise ValueError("holds no choice" if choice is None else "was broken off by an error")
    message = as_object(choice.get("message"))
    if message is None:
        raise ValueError("holds a choice without a message")
    said, thought = _content(message.get("content"))
    if "tool_calls" in message or "function_call" in message:
        calls = [
            *(part(call, "function") for call in parts(message, "tool_calls")),
            part(message, "function_call"),
        ]
        said = with_calls(said, [call.get("arguments") for call in calls])
    reasoning = _content(message.get("reasoning_content") or message.get("reasoning"))[0] or thought
    stop = _STOPS.get(finish.lower(), "stop")
    if message.get("refusal"):
        said, stop = as_text(message["refusal"]), "refusal"
    return Completion(said, reasoning, usage, stop)


def with_calls(said: str, arguments: Iterable[object]) -> str:
    """A text, and the arguments of tool calls where it holds no object itself: some gateways answer with those."""
    given = [as_text(one) for one in arguments if one]
    return "\n".join(filter(None, [said.strip(), *given])) if given and "{" not in said else said


def _content(content: object) -> tuple[str, str]:
    """Text and thinking of a message's content: a text, a list of parts, or an object where JSON was wanted."""
    if not isinstance(content, list):
        return as_text(content), ""
    texts: list[str] = []
    thoughts: list[str] = []
    for piece in cast("list[object]", content):
        told = as_object(piece)
        if told is None:
            texts.append(as_text(piece))
        elif told.get("type") in ("thinking", "reasoning"):
            inner: object = told.get("thinking") or told.get("text")
            pieces = cast("list[object]", inner) if isinstance(inner, list) else [inner]
            thoughts += [
                as_text(one if (block := as_object(one)) is None else block.get("text")) for one in pieces
            ]
        else:
            texts.append(as_text(told.get("text")))
    return "".join(texts), "".join(thoughts)


def _gather(events: Iterable[Answer]) -> tuple[Answer, bool]:
    said: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
    calls: dict[int, list[str]] = {}
    usage: Mapping[str, Any] = {}
    finish = ""
    for event in events:
        usage = part(event, "usage") or usage
        choice = _choice(event)
        if event.get("error"):
            return {"error": event["error"], "usage": usage}, True
        if choice is None:
            continue
        if as_object(choice.get("message")) is not None:
            return event, True
        delta = part(choice, "delta")
        for name, pieces in said.items():
            pieces.append(_content(delta.get(name))[0])
        said["reasoning_content"].append(text(delta.get("reasoning")))
        for call in parts(delta, "tool_calls"):
            calls.setdefault(count(call.get("index")), []).append(
                text(part(call, "function").get("arguments"))
            )
        finish = text(choice.get("finish_reason")) or finish
    message: dict[str, Any] = {name: "".join(pieces) for name, pieces in said.items()}
    message["tool_calls"] = [{"function": {"arguments": "".join(pieces)}} for pieces in calls.values()]
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}, bool(finish)


CHAT = AnswerProtocol(_usage, _read, _gather)
