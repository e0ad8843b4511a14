"""Losses: the mean training loss of each row, kept beside the run so that the review can sort by it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store import Store

FILE = "row_losses.json"
_LOOKED_AT = 50  # runs, the newest first


def write(folder: Path, losses: Mapping[str, float], *, epoch: int) -> None:
    """Keeps the losses of an epoch by row key; the file is whole at any moment."""
    scratch = folder / f".{FILE}"
    scratch.write_text(json.dumps({"epoch": epoch, "losses": losses}))
    os.replace(scratch, folder / FILE)


def read(folder: Path) -> dict[str, float]:
    """Row key → loss in the run's last epoch; empty when there is none."""
    try:
        return dict(json.loads((folder / FILE).read_text())["losses"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def row_losses(store: Store, keys: Sequence[str]) -> dict[int, float]:
    """Position → loss, from the newest run that was trained on any of these rows.

    Args:
        store: its folder holds the runs.
        keys: the row keys of a frame, in order.
    """
    try:
        files = sorted(
            store.folder.glob(f"runs/*/{FILE}"), key=lambda path: path.stat().st_mtime, reverse=True
        )
    except OSError:
        return {}
    for path in files[:_LOOKED_AT]:
        losses = read(path.parent)
        found = {i: losses[key] for i, key in enumerate(keys) if key in losses}
        if found:
            return found
    return {}
