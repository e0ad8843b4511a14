"""Sentinel calls: calls of tools that go through a chat template, so that what it puts around them is learnt."""

from __future__ import annotations

from typing import Any

NAME, CITY, CITY2 = "callquartz", "cityquartz", "citybasalt"
RESULT, THOUGHT = "resultquartz", "thoughtquartz"
ID, ID2 = "call-quartz-00001", "call-basalt-00002"
TOOL = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": "toolquartz",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "place"}},
            "required": ["city"],
        },
    },
}
ASKED: dict[str, Any] = {"role": "user", "content": "userquartz"}
OFFERED = {**ASKED, "tools": [TOOL]}


def call(*, two: bool = False) -> dict[str, Any]:
    """A turn that calls a tool, or calls it twice."""
    calls = [
        {"id": number, "type": "function", "function": {"name": NAME, "arguments": {"city": city}}}
        for number, city in ((ID, CITY), (ID2, CITY2))[: 1 + two]
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def common(a: str, b: str) -> int:
    """How many characters two texts begin with in common."""
    if b.startswith(a):
        return len(a)
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
