"""Prints: hashes by which a run's data is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .data import RunData


def hashes(data: RunData) -> dict[str, str]:
    """Hashes of the ids, of the labels and of the rows as text, 32 hex digits each."""
    parts = [data.examples[name] for name in sorted(data.examples)]
    return {
        "ids_hash": _arrays(ids for part in parts for ids in part.input_ids),
        "labels_hash": _arrays(labels for part in parts for labels in part.labels),
        "rows_hash": _texts(data.tasks),
    }


def _arrays(arrays: Iterable[np.ndarray]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        values = np.ascontiguousarray(array, dtype=np.int32)
        state.update(len(values).to_bytes(4, "little"))
        state.update(values.tobytes())
    return state.hexdigest()


def _texts(tasks: Iterable[Any]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for task in tasks:
        row = [task.key, task.split, task.turn, list(task.prompt), task.expected, task.reasoning]
        state.update(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
    return state.hexdigest()
