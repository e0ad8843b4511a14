"""Conversations of several assistant turns, with tools; every user's message carries the name of its turn."""

from __future__ import annotations

from typing import Any

import pandas as pd

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "The order of a customer.",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        },
    }
]


def user(turn: str) -> dict[str, Any]:
    return {"role": "user", "content": f"{turn}: where is my parcel?"}


def said(turn: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": f"It is at stop {int(turn[4:])}.", **more}


def call(turn: str) -> list[dict[str, Any]]:
    """The assistant asks a tool, and the tool answers; the turn's name stands in the tool's answer too."""
    asked = {"name": "find_order", "arguments": {"id": turn[4:]}}
    return [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": f"c{turn[4:]}", "type": "function", "function": asked}],
        },
        {"role": "tool", "tool_call_id": f"c{turn[4:]}", "content": f"{turn}: order found"},
    ]


def single(n: int) -> list[dict[str, Any]]:
    return [user(f"ROW-{n:06d}"), said(f"ROW-{n:06d}")]


def talk(n: int) -> list[dict[str, Any]]:
    """Three assistant turns: an answer, a call of a tool, an answer that has seen what the tool said."""
    names = [f"ROW-{n + i:06d}" for i in range(3)]
    return [user(names[0]), said(names[0]), user(names[1]), *call(names[2]), said(names[2])]


def talks(*rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({"messages": list(rows), "tools": [TOOLS] * len(rows)})
