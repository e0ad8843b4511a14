"""Versions: what each row of a frame had when somebody gave it a name, and what has changed since."""

from .comparable import diff, snapshot_of_run
from .data_diff import ChangedField, DataDiff
from .snapshot import Snapshot
from .version import Version, Versions, keep_version, versions_of

__all__ = [
    "ChangedField",
    "DataDiff",
    "Snapshot",
    "Version",
    "Versions",
    "diff",
    "keep_version",
    "snapshot_of_run",
    "versions_of",
]
