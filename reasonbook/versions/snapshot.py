"""Snapshot: what each row of some data has, under names by which the row is found again."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.conversation import is_mapping, json_ready
from ..data.frame import Frame
from ..data.task import Task
from ..decisions import Decisions

FIELDS = ("response", "reasoning", "verdict", "split")
_SCALARS = (str, int, float, bool, type(None))
_ROWS = 5_000  # of a chunk


@dataclass(frozen=True)
class Snapshot:
    """What each row of some data has; all columns have one entry a row.

    Attributes:
        label: whose data it is, for people.
        roots: the name of each row in the journal, which edits of the review do not change.
        requests: digest of each request, by which a row is found whose response was changed elsewhere.
        positions: where each row stood.
        values: of `FIELDS` those that are known → one value a row.
    """

    label: str
    roots: Sequence[str]
    requests: Sequence[str]
    positions: Sequence[int]
    values: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.roots)

    def chunks(self) -> Iterator[str]:
        """The rows as texts for the store, some thousands in each."""
        for start in range(0, len(self), _ROWS):
            part = slice(start, start + _ROWS)
            told = {
                "roots": list(self.roots[part]),
                "requests": list(self.requests[part]),
                "positions": list(self.positions[part]),
                "values": {name: list(column[part]) for name, column in self.values.items()},
            }
            text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str)
            packed = zlib.compress(text.encode("utf-8", "surrogatepass"), 6)
            yield base64.b64encode(packed).decode()

    @classmethod
    def of_chunks(cls, label: str, chunks: Iterable[str]) -> Snapshot:
        """What `chunks` gave.

        Raises:
            ValueError: one of them is damaged.
        """
        roots: list[str] = []
        requests: list[str] = []
        positions: list[int] = []
        values: dict[str, list[Any]] = {}
        for chunk in chunks:
            try:
                told = json.loads(zlib.decompress(base64.b64decode(chunk)).decode("utf-8", "surrogatepass"))
            except zlib.error as error:
                raise ValueError(str(error)) from error
            roots += told["roots"]
            requests += told["requests"]
            positions += told["positions"]
            for name, column in told["values"].items():
                values.setdefault(name, []).extend(column)
        return cls(label, roots, requests, positions, values)


def snapshot_of_frame(frame: Frame, decisions: Decisions, label: str = "the frame as it stands") -> Snapshot:
    """What the rows of a frame have now."""
    rows = list(frame.layout.read(frame.df))
    values: dict[str, Sequence[Any]] = {name: frame.column(name) for name in FIELDS if name != "response"}
    values["response"] = [row.response for row in rows]
    values["reasoning"] = [_plain(cell) for cell in values["reasoning"]]
    return Snapshot(
        label,
        decisions.roots_of(frame.fresh_keys),
        [row.prompt_key for row in rows],
        range(len(rows)),
        {name: values[name] for name in FIELDS},
    )


def _plain(cell: Any) -> Any:
    """A cell as a file gives it back; most hold nothing else."""
    values = cell.values() if is_mapping(cell) else (cell,)
    return cell if all(type(value) in _SCALARS for value in values) else json_ready(cell)


def snapshot_of_tasks(tasks: Sequence[Task], label: str, *, reasoning: bool = True) -> Snapshot:
    """What a run keeps of its rows: their reasoning as the text that was trained, where it was, and no verdicts."""
    values: dict[str, Sequence[Any]] = {
        "response": [task.expected for task in tasks],
        "split": [task.split for task in tasks],
        **({"reasoning": [task.reasoning for task in tasks]} if reasoning else {}),
    }
    return Snapshot(
        label,
        [f"{task.key}#{task.turn}" if task.turn else task.key for task in tasks],
        [task.prompt_key for task in tasks],
        [task.position for task in tasks],
        values,
    )
