"""Quality: what looks wrong with the rows of a frame, found without asking anybody, and by asking others."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audit import Audit, AuditConfig
    from .quality import Quality

# A review that opens asks for the checks alone; who asks others comes with the engine that does.
_HOMES = {"Audit": "audit", "AuditConfig": "audit", "Quality": "quality"}
__all__ = ["Audit", "AuditConfig", "Quality"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
