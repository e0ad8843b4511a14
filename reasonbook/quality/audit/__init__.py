"""Audit: rows answered blind, by a teacher or by the student, and what that says of their reasoning."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audit import Audit
    from .config import AuditConfig
    from .records import AUDIT_FLAGS, RowAudit, RowAudits, flags_of

# What is on record can be read without the engine that asks.
_HOMES = {
    "AUDIT_FLAGS": "records",
    "Audit": "audit",
    "AuditConfig": "config",
    "RowAudit": "records",
    "RowAudits": "records",
    "flags_of": "records",
}
__all__ = ["AUDIT_FLAGS", "Audit", "AuditConfig", "RowAudit", "RowAudits", "flags_of"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
