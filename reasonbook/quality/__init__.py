"""Quality: what looks wrong with the rows of a frame, found without asking anybody, and by asking others."""

from .audit import Audit, AuditConfig
from .quality import Quality

__all__ = ["Audit", "AuditConfig", "Quality"]
