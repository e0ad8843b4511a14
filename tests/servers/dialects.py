"""The three protocols: what stands in a request, and how an answer is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .answers import ROW, filled, row_name


@dataclass(frozen=True)
class Asked:
    """A request as the provider reads it."""

    row: str
    rows: tuple[str, ...]
    system: str
    user: str
    schema: Mapping[str, Any] | None
    json_mode: bool
    turns: int


@dataclass(frozen=True)
class Said:
    """An answer before it is written in a protocol."""

    text: str
    thinking: str = ""
    stop: str = "stop"
    input: int = 120
    output: int = 40
    cached: int = 0
    written: int = 0  # to the cache
    written_hour: int = 0  # of those, for an hour
    reasoning: int = 0
    cost: float | None = None  # as OpenRouter says it

    def details(self, name: str) -> dict[str, int]:
        """What an OpenAI protocol says of the tokens on one side."""
        if name == "output":
            return {"reasoning_tokens": self.reasoning or (5 if self.thinking else 0)}
        return {"cached_tokens": self.cached} | ({"cache_write_tokens": self.written} if self.written else {})


def read(dialect: str, body: Mapping[str, Any]) -> Asked:
    if dialect == "chat":
        messages = body["messages"]
        system = next((m["content"] for m in messages if m["role"] == "system"), "")
        turns = [m for m in messages if m["role"] != "system"]
        shape = body.get("response_format") or {}
        schema = (shape.get("json_schema") or {}).get("schema")
        json_mode = shape.get("type") == "json_object"
    elif dialect == "responses":
        system, turns = body.get("instructions") or "", body["input"]
        shape = (body.get("text") or {}).get("format") or {}
        schema, json_mode = shape.get("schema"), shape.get("type") == "json_object"
    else:
        system = "".join(part["text"] for part in body.get("system") or [])
        turns = body["messages"]
        schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
        json_mode = False
    user = turns[0]["content"] if turns else ""
    rows = tuple(dict.fromkeys(ROW.findall(user))) or (row_name(user),)
    return Asked(rows[0], rows, system, user, schema, json_mode, len(turns))


def answer(asked: Asked, schema: Mapping[str, Any] | None) -> str:
    """The text a faithful model would write."""
    schema = asked.schema or schema
    if schema is None:
        return f"A thought about {asked.row}."
    parts = schema.get("properties", {})
    if parts and all(key.startswith("row_") for key in parts):  # several rows in one call
        whole = {key: filled(part, row) for (key, part), row in zip(parts.items(), asked.rows, strict=False)}
    else:
        whole = filled(schema, asked.row)
    return orjson.dumps(whole).decode()


def write(dialect: str, said: Said, thinking_in: str) -> dict[str, Any]:
    """An answer in its protocol; ``thinking_in`` names where Chat Completions carries the thinking."""
    if dialect == "chat":
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.stop == "refusal":
            message.update(content=None, refusal=said.text)
        if said.thinking:
            message[thinking_in] = said.thinking
        finish = {"length": "length", "filter": "content_filter"}.get(said.stop, "stop")
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": said.input, "completion_tokens": said.output,
                "total_tokens": said.input + said.output,
                "prompt_tokens_details": said.details("input"),
                "completion_tokens_details": said.details("output"),
                **({"cost": said.cost, "is_byok": False} if said.cost is not None else {}),
            },
        }  # fmt: skip
    if dialect == "responses":
        part = {"type": "output_text", "text": said.text, "annotations": []}
        if said.stop == "refusal":
            part = {"type": "refusal", "refusal": said.text}
        output: list[dict[str, Any]] = []
        if said.thinking:
            summary = [{"type": "summary_text", "text": said.thinking}]
            output.append({"type": "reasoning", "id": "rs_1", "summary": summary})
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                       "content": [part]})  # fmt: skip
        cut = said.stop == "length"
        return {
            "id": "resp_1", "object": "response", "created_at": 1, "model": "mock", "output": output,
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "usage": {
                "input_tokens": said.input, "output_tokens": said.output,
                "total_tokens": said.input + said.output,
                "input_tokens_details": said.details("input"),
                "output_tokens_details": said.details("output"),
            },
        }  # fmt: skip
    blocks: list[dict[str, Any]] = []
    if said.thinking:
        blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "s"})
    blocks.append({"type": "text", "text": said.text})
    stop = {"length": "max_tokens", "refusal": "refusal"}.get(said.stop, "end_turn")
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "mock", "content": blocks,
        "stop_reason": stop,
        "usage": {
            "input_tokens": said.input - said.cached - said.written, "output_tokens": said.output,
            "cache_read_input_tokens": said.cached, "cache_creation_input_tokens": said.written,
            "cache_creation": {
                "ephemeral_5m_input_tokens": said.written - said.written_hour,
                "ephemeral_1h_input_tokens": said.written_hour,
            },
            "output_tokens_details": {"thinking_tokens": said.reasoning},
        },
    }  # fmt: skip


def error(dialect: str, status: int, code: str, message: str) -> dict[str, Any]:
    if dialect == "messages":
        return {"type": "error", "error": {"type": code, "message": message}}
    return {"error": {"message": message, "type": code, "code": code, "param": None}}
