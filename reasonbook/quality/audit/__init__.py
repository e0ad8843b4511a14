"""Audit: rows answered blind, by a teacher or by the student, and what that says of their reasoning."""

from .audit import Audit
from .config import AuditConfig
from .records import AUDIT_FLAGS, RowAudit, RowAudits, flags_of

__all__ = ["AUDIT_FLAGS", "Audit", "AuditConfig", "RowAudit", "RowAudits", "flags_of"]
