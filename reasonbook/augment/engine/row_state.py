"""Row state: how far a row that the live engine asks has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...data.conversation import Conversation
from ...teachers import Request, Usage
from ..results import Candidate, RowError

NOTHING = Request("", "")


@dataclass
class RowState:
    """Where a row stands between two calls."""

    names: tuple[str, ...]
    row: Conversation
    request: Request = NOTHING
    sample: int = 0
    tries: int = 0
    reasks: int = 0
    paid: Usage = Usage()
    last: RowError | None = None
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    known: dict[str, Any] = field(default_factory=dict[str, Any])
