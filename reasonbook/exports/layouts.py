"""Export layouts: a row as the record that trainers and data sets on the Hub use."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .rows import ExportRow, UnsupportedRowError, inlined, pair, with_text_calls, without_reasoning

_FROM = {"user": "human", "assistant": "gpt", "system": "system", "developer": "developer", "tool": "tool"}


def messages(row: ExportRow) -> dict[str, Any]:
    """Messages with ``reasoning_content``."""
    return {"messages": row.messages}


def instructlab(row: ExportRow) -> dict[str, Any]:
    """InstructLab's messages, with its flag."""
    return {"messages": row.messages, "unmask": row.source.unmask}


def harmony(row: ExportRow) -> dict[str, Any]:
    """Messages with ``thinking``."""
    return {"messages": [_renamed(message, "thinking") for message in row.messages]}


def openrouter(row: ExportRow) -> dict[str, Any]:
    """Messages with ``reasoning``."""
    return {"messages": [_renamed(message, "reasoning") for message in row.messages]}


def _renamed(message: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {(key if k == "reasoning_content" else k): v for k, v in message.items()}


def openai(row: ExportRow) -> dict[str, Any]:
    """Messages with the thinking inside the content."""
    return {"messages": [with_text_calls(inlined(message)) for message in row.messages]}


def sharegpt(row: ExportRow) -> dict[str, Any]:
    """Turns of ``from`` and ``value``, the thinking inside the value."""
    return {"conversations": [_turn(inlined(message)) for message in row.messages]}


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("tool_calls"):
        raise UnsupportedRowError("it holds tool calls, which ShareGPT has no place for")
    return {"from": _FROM[message["role"]], "value": message["content"]}


def openthoughts(row: ExportRow) -> dict[str, Any]:
    """Turns with OpenThoughts' markers around thinking and solution."""
    system = row.messages[0]["content"] if row.messages[0]["role"] == "system" else ""
    turns: list[dict[str, Any]] = []
    for message in row.messages[1:] if system else row.messages:
        text = message.get("reasoning_content")
        made = without_reasoning(message)
        if text:
            marked = f"<|begin_of_thought|>\n\n{text}\n\n<|end_of_thought|>\n\n"
            answer = f"<|begin_of_solution|>\n\n{made['content']}\n\n<|end_of_solution|>"
            if "of_thought|>" in text + made["content"] or "of_solution|>" in text + made["content"]:
                raise UnsupportedRowError("its reasoning or answer holds a marker of OpenThoughts")
            made["content"] = marked + answer
        turns.append({**_turn(made), "from": message["role"]})
    return {"system": system, "conversations": turns}


def prompt_completion(row: ExportRow) -> dict[str, Any]:
    """The messages before the response, and the response."""
    return {"prompt": row.messages[:-1], "completion": row.messages[-1:]}


def text_pair(prompt: str, response: str) -> Callable[[ExportRow], dict[str, Any]]:
    """Two columns of text, the thinking inside the second."""

    def write(row: ExportRow) -> dict[str, Any]:
        system, request, _, _ = pair(row)
        made = {"system": system} if system else {}
        return {**made, prompt: request, response: inlined(row.messages[-1])["content"]}

    return write


def split_pair(
    prompt: str, response: str, reasoning: str, listed: bool = False
) -> Callable[[ExportRow], dict[str, Any]]:
    """Request, reasoning and response in columns of their own; ``listed`` reasoning is a list."""

    def write(row: ExportRow) -> dict[str, Any]:
        system, request, answer, text = pair(row)
        made = {"system": system} if system else {}
        return {**made, prompt: request, reasoning: [text] if listed else text or None, response: answer}

    return write


def openr1(row: ExportRow) -> dict[str, Any]:
    """A list of one generation, with its flag."""
    system, request, _, _ = pair(row)
    if system:
        raise UnsupportedRowError("it has a system prompt, which OpenR1-Math has no place for")
    text = inlined(row.messages[-1])["content"]
    return {"problem": request, "generations": [text], "correctness_math_verify": [True]}


def everything(row: ExportRow) -> dict[str, Any]:
    """Messages, split, row key and the fields as JSON."""
    fields = json.dumps(row.fields, ensure_ascii=False, default=str) if row.fields else None
    return {
        "messages": row.messages,
        "split": row.source.split,
        "key": row.source.key,
        "reasoning_fields": fields,
    }
