"""New rows: the cells of a row with another request and response, in the form that the layout has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...data.conversation import Conversation, is_sequence
from ...data.layout import Layout
from ...data.layout.response_cell import response_role, with_response


def varied_cells(
    layout: Layout, given: Mapping[str, Any], row: Conversation, request: str, response: str | None
) -> dict[str, Any]:
    """The cells by role.

    Args:
        layout: of the frame that the row comes from.
        given: the row's cells, by role.
        row: the same as a conversation with one request.
        request: its new text.
        response: its new response; None leaves it.

    Raises:
        UnusableCellError: the row cannot take a response.
    """
    cells = dict(given)
    if layout.messages is not None:
        said = [dict(message) for message in _asked(row, request)]
        if row.has_response:
            last = dict(row.messages[-1]) if response is None else {"role": "assistant", "content": response}
            said.append(last)
        cells["messages"] = (
            json.dumps(said, ensure_ascii=False) if isinstance(given["messages"], str) else said
        )
        return cells
    listed = is_sequence(given["prompt"])
    cells["prompt"] = [dict(message) for message in _asked(row, request)] if listed else request
    if "context" in cells:  # the new request says all of it
        cells["context"] = None
    if response is not None:
        role = response_role(layout, given)
        cells[role] = with_response(role, given[role], response)
    return cells


def _asked(row: Conversation, request: str) -> list[Mapping[str, Any]]:
    return [
        message if message.get("role") in ("system", "developer") else {**message, "content": request}
        for message in row.prompt
    ]
