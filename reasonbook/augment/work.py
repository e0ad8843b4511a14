"""Work: which calls a frame still needs, identical rows once, what is in the store already left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..data.conversation import Conversation
from ..data.frame import numbered
from ..data.layout import Layout
from ..data.typed_pandas import column_cells
from ..review.decisions import UNDECIDED, Decision
from ..schema import Schema
from ..store import Store
from .config import AugmentConfig
from .methods import METHODS

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_CHUNK = 2_000
NO_RESPONSE = "the method looks at the response, and this row has none"


class Work:
    """One row's worth of asking; rows with the same content share it.

    Attributes:
        content: digest of what the teacher sees of the row.
        shown: whether the response is in sight.
        positions: the rows it is for.
        found: sample number → field name → value, as far as the store has them.
    """

    __slots__ = ("content", "found", "positions", "shown")

    def __init__(self, content: str, shown: bool, position: int) -> None:
        self.content = content
        self.shown = shown
        self.positions: list[int] = [position]
        self.found: dict[int, dict[str, Any]] | None = None


class FrameSnapshot:
    """The rows as they were when the job began: later edits of the frame do not reach a running job."""

    def __init__(self, df: pd.DataFrame, layout: Layout) -> None:
        self.layout = layout
        self._roles = tuple(layout.columns)
        self._cells = [column_cells(df, name) for name in layout.columns.values()]

    def __len__(self) -> int:
        return len(self._cells[0])

    def rows(self, positions: Sequence[int]) -> Iterator[Conversation]:
        """The conversations at these positions, each read when it is taken."""
        for position in positions:
            yield self.row(position)

    def names(self) -> list[str]:
        """`Frame.keys` of the rows as they were."""
        return numbered(row.key for row in self.rows(range(len(self))))

    def row(self, position: int) -> Conversation:
        """The conversation at a position."""
        cells = [column[position] for column in self._cells]
        return self.layout.conversation(dict(zip(self._roles, cells, strict=True)))


class AnswerKeys:
    """The keys of answers: content + field + teacher + method + parameters (+ sample number)."""

    def __init__(self, schema: Schema, teacher: str, config: AugmentConfig) -> None:
        self.method = METHODS[config.method]
        self.names: tuple[str, ...] = schema.names if self.method.fields else (self.method.label,)
        parameters = [
            config.instructions.strip(),
            None if config.temperature is None else float(config.temperature),
            config.reasoning_effort,
        ]
        prints = (
            {field.name: field.fingerprint for field in schema}
            if self.method.fields
            else {self.method.label: "text"}
        )
        self._tails: dict[tuple[str, bool], str] = {}
        for shown in (False, True):
            method = "rationalize" if shown and self.method.fields else self.method.name
            for name, printed in prints.items():
                text = repr((printed, teacher, method, parameters))
                self._tails[name, shown] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def key(self, work: Work, name: str, sample: int) -> str:
        """The key of one answer; a row's answers begin alike, so that they lie side by side in the store."""
        key = work.content + self._tails[name, work.shown]
        return key if sample == 0 else f"{key}#{sample}"


@dataclass
class WorkPlan:
    """What is to be done.

    Attributes:
        keys: a row key per position.
        open: what has to be asked.
        cached: what the store had.
        unusable: position → why the row cannot be asked.
        kept: how many rows a person has written themselves.
        rows: how many rows the job is about.
    """

    keys: list[str]
    open: list[Work] = field(default_factory=list[Work])
    cached: list[Work] = field(default_factory=list[Work])
    unusable: dict[int, str] = field(default_factory=dict[int, str])
    kept: int = 0
    rows: int = 0


def plan_work(
    snapshot: FrameSnapshot,
    keys: AnswerKeys,
    config: AugmentConfig,
    store: Store,
    *,
    decision: Callable[[str], Decision] = lambda key: UNDECIDED,
    only: frozenset[int] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> WorkPlan:
    """Reads every row once and looks its answers up.

    Args:
        only: the positions that matter (a retry); all when None.
    """
    plan = WorkPlan([])
    works: dict[tuple[str, bool], Work] = {}
    seen: dict[str, int] = {}
    for start in range(0, len(snapshot), _CHUNK):
        if stopping():
            break
        positions = range(start, min(start + _CHUNK, len(snapshot)))
        for position, row in zip(positions, snapshot.rows(positions), strict=True):
            number = seen.get(row.key, 0)
            seen[row.key] = number + 1
            plan.keys.append(f"{row.key}.{number}")
            if (only is not None and position not in only) or (
                config.limit is not None and plan.rows >= config.limit
            ):
                continue
            decided = decision(plan.keys[-1])
            if decided.reasoning is not None:
                plan.kept += 1
                continue
            plan.rows += 1
            shown = METHODS[config.method].sees_response or decided.response is not None
            if row.problem or (shown and not (row.response or "").strip()):
                plan.unusable[position] = row.problem or NO_RESPONSE
                continue
            content = row.key if shown else row.prompt_key
            work = works.get((content, shown))
            if work is None:
                works[content, shown] = Work(content, shown, position)
            else:
                work.positions.append(position)
    look_up(works.values(), keys, config.samples, store, plan)
    return plan


def look_up(works: Iterable[Work], keys: AnswerKeys, samples: int, store: Store, plan: WorkPlan) -> None:
    """Sorts works into those that the store can answer and those that have to be asked."""
    waiting = iter(works)
    while chunk := list(islice(waiting, _CHUNK)):
        wanted = {
            keys.key(work, name, sample): (work, name, sample)
            for work in chunk
            for sample in range(samples)
            for name in keys.names
        }
        for key, value in store.answers(wanted).items():
            work, name, sample = wanted[key]
            if work.found is None:
                work.found = {}
            work.found.setdefault(sample, {})[name] = value
        for work in chunk:
            whole = work.found is not None and all(
                len(work.found.get(sample, ())) == len(keys.names) for sample in range(samples)
            )
            (plan.cached if whole else plan.open).append(work)
