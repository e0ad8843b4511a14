"""Kiln layouts: its task runs, its CSV import and its download formats."""

from __future__ import annotations

import json
from typing import Any

from ..data.conversation import is_mapping
from .rows import INLINE, ExportRow, UnsupportedRowError, inlined, pair, with_text_calls

_CALL = "task_response"


def run(row: ExportRow) -> dict[str, Any]:
    """One of Kiln's task runs."""
    system, request, answer, text = pair(row)
    if system:
        raise UnsupportedRowError("it has a system prompt, which a task run has no place for")
    outputs = {"reasoning": text} if text else None
    made = {"input": request, "output": {"output": answer}, "intermediate_outputs": outputs}
    return {**made, "tags": [f"split_{row.source.split}"] if row.source.split else []}


def csv(row: ExportRow) -> dict[str, Any]:
    """A line of Kiln's CSV import."""
    system, request, answer, text = pair(row)
    if system:
        raise UnsupportedRowError("it has a system prompt, which a task run has no place for")
    return {
        "input": request,
        "output": answer,
        "reasoning": text or None,
        "tags": f"split_{row.source.split}" if row.source.split else None,
    }


def _chat(row: ExportRow) -> list[dict[str, Any]]:
    """Kiln's messages, thinking in the R1 form, which needs some thinking."""
    if row.strategy == "final_and_reasoning" and not row.messages[-1].get("reasoning_content"):
        raise UnsupportedRowError("there is no thinking, which Kiln's R1 form needs")
    return [inlined(message) for message in row.messages]


def chat(row: ExportRow) -> dict[str, Any]:
    """OpenAI chat."""
    return {"messages": [with_text_calls(message) for message in _chat(row)]}


def huggingface(row: ExportRow) -> dict[str, Any]:
    """Hugging Face chat template."""
    return {"conversations": _chat(row)}


def _answer_object(row: ExportRow) -> dict[str, Any]:
    try:
        made = json.loads(row.messages[-1]["content"])
    except ValueError:
        made = None
    if not is_mapping(made):
        raise UnsupportedRowError("its response is not a JSON object")
    return dict(made)


def schema(row: ExportRow) -> dict[str, Any]:
    """OpenAI chat whose answer is a JSON object on one line."""
    made = _chat(row)
    answer = json.dumps(_answer_object(row), ensure_ascii=False)
    text = row.messages[-1].get("reasoning_content")
    content = INLINE.format(thinking=text.strip(), answer=answer) if text else answer
    return {"messages": [*made[:-1], {"role": "assistant", "content": content}]}


def toolcall(row: ExportRow) -> dict[str, Any]:
    """OpenAI chat whose answer is a tool call."""
    arguments = json.dumps(_answer_object(row), ensure_ascii=False)
    call = {"id": "call_1", "type": "function", "function": {"name": _CALL, "arguments": arguments}}
    last = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"messages": [*_chat(row)[:-1], last]}


def huggingface_toolcall(row: ExportRow) -> dict[str, Any]:
    """Hugging Face chat template whose answer is a tool call."""
    call = {"type": "function", "function": {"name": _CALL, "id": "call_1", "arguments": _answer_object(row)}}
    last = {"role": "assistant", "tool_calls": [call]}
    return {"conversations": [*_chat(row)[:-1], last]}


def gemini(row: ExportRow) -> dict[str, Any]:
    """Vertex Gemini."""
    made: dict[str, Any] = {"contents": []}
    for message in _chat(row):
        if message["role"] == "tool" or message.get("tool_calls"):
            raise UnsupportedRowError("it holds tool calls, which this form has no place for")
        parts = [{"text": message["content"]}]
        if message["role"] in ("system", "developer"):
            if "systemInstruction" in made or made["contents"]:
                raise UnsupportedRowError("it has more than one system message")
            made = {"systemInstruction": {"role": "system", "parts": parts}, **made}
        else:
            made["contents"].append(
                {"role": "model" if message["role"] == "assistant" else "user", "parts": parts}
            )
    return made
