"""Data: arrays and rows that a run keeps, so that it goes on and is judged without the frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...chat import ChatDataset, Task
from ...chat.rendering.token_weights import TokenWeights
from ...data.row_account import RowAccount
from ...data.sources.mixture import Mixture
from ...errors import TrainingError
from ..loop.batches import Examples

ARRAYS, TASKS = "data.npz", "tasks.jsonl"
HASHED = {"ids_hash": "token ids", "labels_hash": "labels", "weights_hash": "weights", "rows_hash": "rows"}


class RunData:
    """The arrays that train and validate, and every row as a task.

    Args:
        fingerprint: of the chat dataset.
        examples: split → arrays.
        tasks: one per row and turn, all splits.
        account: of the rows of the frame; None for data that was kept by an older version.
        loop: what the closed loop found before anything was trained, JSON-ready; None as ``account``.
    """

    def __init__(
        self,
        fingerprint: str,
        examples: dict[str, Examples],
        tasks: list[Task],
        account: RowAccount | None = None,
        loop: Mapping[str, Any] | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self.examples = examples
        self.tasks = tasks
        self.account = account
        self.loop = loop

    @property
    def mixture(self) -> Mixture | None:
        """The sources that its rows are of; None for those of one frame."""
        return self.train.mixture

    @property
    def train(self) -> Examples:
        """The arrays to train on."""
        return self.examples["train"]

    @property
    def validation(self) -> Examples | None:
        """The arrays to validate on; None where there are none."""
        found = self.examples.get("validation")
        return found if found is not None and len(found) else None

    def of(self, split: str) -> list[Task]:
        """The tasks of one split."""
        return [task for task in self.tasks if task.split == split]

    @classmethod
    def from_chat(cls, chat: ChatDataset) -> RunData:
        """What is needed of a `ChatDataset`; its arrays are taken as they are."""
        examples = {name: Examples.of(chat.split(name)) for name in ("train", "validation")}
        # The two halves of a two-message row are one task.
        tasks = {(task.position, task.turn): task for task in chat.tasks}
        found = chat.report.loop
        loop = None if found is None else found.to_dict()
        return cls(chat.fingerprint, examples, list(tasks.values()), chat.report, loop)

    # -- on disk -----------------------------------------------------------------------------------------
    def save(self, folder: Path) -> None:
        """Writes arrays and tasks; nothing in them is ever executed when they are read."""
        arrays: dict[str, np.ndarray] = {}
        weights = self.train.weights
        if weights is not None:
            arrays["part_weights"] = weights.parts
        for name, examples in self.examples.items():
            arrays[f"{name}_lengths"] = examples.lengths
            arrays[f"{name}_rows"] = np.asarray(examples.rows, dtype=np.int64)
            arrays[f"{name}_ids"] = _flat(examples.input_ids)
            arrays[f"{name}_labels"] = _flat(examples.labels)
            if examples.weights is not None:
                arrays[f"{name}_codes"] = _flat(examples.weights.codes, np.uint8)
                arrays[f"{name}_turn_weights"] = examples.weights.turns
        if self.account is not None:
            arrays["account"] = np.array(json.dumps(self.account.account, ensure_ascii=False))
        if self.mixture is not None:
            arrays["mixture"] = np.array(json.dumps(self.mixture.to_dict(), ensure_ascii=False))
        if self.loop is not None:
            arrays["loop"] = np.array(json.dumps(self.loop, ensure_ascii=False))
        np.savez(folder / ARRAYS, fingerprint=np.array(self.fingerprint), **arrays)  # pyright: ignore[reportArgumentType]
        with (folder / TASKS).open("w", encoding="utf-8") as file:
            for t in self.tasks:
                row = [t.key, t.position, t.turn, t.split, list(t.prompt), t.expected, t.reasoning, t.case]
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

    @classmethod
    def load(cls, folder: Path) -> RunData:
        """Reads what `save` wrote.

        Raises:
            TrainingError: the files are missing or damaged.
        """
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                told = json.loads(str(arrays["mixture"])) if "mixture" in arrays else None
                mixture = None if told is None else Mixture.from_dict(told)
                examples = {
                    name: Examples(
                        _cut(arrays[f"{name}_ids"], arrays[f"{name}_lengths"]),
                        _cut(arrays[f"{name}_labels"], arrays[f"{name}_lengths"]),
                        arrays[f"{name}_rows"].tolist(),
                        _weights(arrays, name),
                        mixture,
                    )
                    for name in ("train", "validation")
                }
                fingerprint = str(arrays["fingerprint"])
                account = RowAccount(**json.loads(str(arrays["account"]))) if "account" in arrays else None
                loop = json.loads(str(arrays["loop"])) if "loop" in arrays else None
            return cls(fingerprint, examples, list(read_tasks(folder / TASKS)), account, loop)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise TrainingError(
                f"The data of the run in {str(folder)!r} is missing or damaged ({type(error).__name__}).",
                "rb.train(chat) starts a new run from the frame",
            ) from error


def _flat(arrays: Sequence[np.ndarray], dtype: npt.DTypeLike = np.int32) -> np.ndarray:
    return np.concatenate(list(arrays)).astype(dtype) if len(arrays) else np.zeros(0, dtype)


def _cut(flat: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    return np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _weights(arrays: Mapping[str, np.ndarray], name: str) -> TokenWeights | None:
    """The weights of one split; None in the data of a run without them."""
    if "part_weights" not in arrays:
        return None
    codes = _cut(arrays[f"{name}_codes"], arrays[f"{name}_lengths"])
    return TokenWeights(codes, arrays["part_weights"], arrays[f"{name}_turn_weights"])


def read_tasks(path: Path) -> Iterator[Task]:
    """The tasks of a run's file, one a line."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            key, position, turn, split, prompt, *rest = json.loads(
                line
            )  # runs of older versions have no case
            yield Task(key, position, turn, split, tuple(prompt), *rest)


def hashes(data: RunData) -> dict[str, str]:
    """Hashes of what `HASHED` names, 32 hex digits each."""
    parts = [data.examples[name] for name in sorted(data.examples)]
    return {
        "ids_hash": _arrays(ids for part in parts for ids in part.input_ids),
        "labels_hash": _arrays(labels for part in parts for labels in part.labels),
        "weights_hash": _arrays((each for part in parts for each in part.weights or ()), np.float32),
        "rows_hash": _texts(data.tasks),
    }


def _arrays(arrays: Iterable[np.ndarray], dtype: npt.DTypeLike = np.int32) -> str:
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        values = np.ascontiguousarray(array, dtype=dtype)
        state.update(len(values).to_bytes(4, "little"))
        state.update(values.tobytes())
    return state.hexdigest()


def _texts(tasks: Iterable[Task]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for task in tasks:
        row = [task.key, task.split, task.turn, list(task.prompt), task.expected, task.reasoning]
        state.update(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
    return state.hexdigest()
