"""Data: what a run keeps of the chat dataset, so that it goes on, and is judged, without the frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..conversation import digest
from ..errors import TrainingError
from .batches import Examples

ARRAYS, TASKS = "data.npz", "tasks.jsonl"


@dataclass(frozen=True)
class Task:
    """One request of the frame and the response that is right.

    Attributes:
        key: the row's identity in the journal.
        position: row of the frame.
        turn: assistant turn of that row.
        split: ``train``, ``validation`` or ``test``.
        prompt: messages before the response.
        expected: the response.
        reasoning: the reasoning that stands in the frame.
    """

    key: str
    position: int
    turn: int
    split: str
    prompt: tuple[dict[str, Any], ...]
    expected: str
    reasoning: str = ""

    @property
    def request(self) -> str:
        """The last message before the response, for people."""
        return str(self.prompt[-1].get("content") or "") if self.prompt else ""

    @cached_property
    def prompt_key(self) -> str:
        """Equal for equal requests."""
        return digest([[m.get("role"), m.get("content")] for m in self.prompt])


class RunData:
    """The arrays that train and validate, and every row as a task.

    Args:
        fingerprint: of all ids and labels of the chat dataset.
        examples: split → arrays.
        tasks: one per row and turn, all splits.
    """

    def __init__(self, fingerprint: str, examples: dict[str, Examples], tasks: list[Task]) -> None:
        self.fingerprint = fingerprint
        self.examples = examples
        self.tasks = tasks

    @property
    def train(self) -> Examples:
        return self.examples["train"]

    @property
    def validation(self) -> Examples | None:
        found = self.examples.get("validation")
        return found if found is not None and len(found) else None

    def of(self, split: str) -> list[Task]:
        """The tasks of one split."""
        return [task for task in self.tasks if task.split == split]

    @classmethod
    def from_chat(cls, chat: Any) -> RunData:
        """What is needed of a `ChatDataset`; its arrays are taken as they are."""
        examples = {name: Examples.of(chat.split(name)) for name in ("train", "validation")}
        tasks: dict[tuple[int, int], Task] = {}
        turns = chat._columns.turn[chat._chosen].tolist()
        positions = chat._columns.position[chat._chosen].tolist()
        conversations = chat.conversations
        for i, (position, turn) in enumerate(zip(positions, turns, strict=True)):
            if (position, turn) in tasks:  # the second half of a two-message row
                continue
            found = conversations[i]
            tasks[position, turn] = Task(
                key=found.key,
                position=position,
                turn=turn,
                split=found.split,
                prompt=tuple(dict(message) for message in found.prompt),
                expected=found.response,
                reasoning=found.reasoning,
            )
        return cls(chat.fingerprint, examples, list(tasks.values()))

    # -- on disk -----------------------------------------------------------------------------------------
    def save(self, folder: Path) -> None:
        """Writes arrays and tasks; nothing in them is ever executed when they are read."""
        arrays: dict[str, np.ndarray] = {}
        for name, examples in self.examples.items():
            arrays[f"{name}_lengths"] = examples.lengths
            arrays[f"{name}_rows"] = np.asarray(examples.rows, dtype=np.int64)
            arrays[f"{name}_ids"] = _flat(examples.input_ids)
            arrays[f"{name}_labels"] = _flat(examples.labels)
        np.savez(folder / ARRAYS, fingerprint=np.array(self.fingerprint), **arrays)  # pyright: ignore[reportArgumentType]
        with (folder / TASKS).open("w", encoding="utf-8") as file:
            for t in self.tasks:
                row = [t.key, t.position, t.turn, t.split, list(t.prompt), t.expected, t.reasoning]
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

    @classmethod
    def load(cls, folder: Path) -> RunData:
        """Reads what `save` wrote.

        Raises:
            TrainingError: the files are missing or damaged.
        """
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                examples = {
                    name: Examples(
                        _cut(arrays[f"{name}_ids"], arrays[f"{name}_lengths"]),
                        _cut(arrays[f"{name}_labels"], arrays[f"{name}_lengths"]),
                        arrays[f"{name}_rows"].tolist(),
                    )
                    for name in ("train", "validation")
                }
                fingerprint = str(arrays["fingerprint"])
            return cls(fingerprint, examples, list(read_tasks(folder / TASKS)))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise TrainingError(
                f"The data of the run in {str(folder)!r} is missing or damaged ({type(error).__name__}).",
                "rb.train(chat) starts a new run from the frame",
            ) from error


def _flat(arrays: Any) -> np.ndarray:
    return np.concatenate(list(arrays)).astype(np.int32) if len(arrays) else np.zeros(0, np.int32)


def _cut(flat: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    return np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []


def read_tasks(path: Path) -> Iterator[Task]:
    """The tasks of a run's file, one a line."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            key, position, turn, split, prompt, expected, reasoning = json.loads(line)
            yield Task(key, position, turn, split, tuple(prompt), expected, reasoning)
