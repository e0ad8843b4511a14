"""Reviewers: what several of them do with one review: share rows, exchange acts, settle conflicts."""

from .agreement import Agreement, agreement_of
from .conflicts import settled_by, settling
from .exchange import assigned, merged, sent

__all__ = ["Agreement", "agreement_of", "assigned", "merged", "sent", "settled_by", "settling"]
