"""Work: which calls a frame still needs, identical turns once, what is in the store already left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..data.conversation import Conversation, digest
from ..data.frame import numbered
from ..data.layout import Layout
from ..data.turn_reasoning import asked_turns, replies
from ..data.typed_pandas import column_cells
from ..decisions import UNDECIDED, Decision
from ..schema import Schema
from ..store import Store
from .config import AugmentConfig
from .methods import METHODS
from .results import RowError
from .row_turns import Cell, RowTurns, TurnResult

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_CHUNK = 2_000
NO_RESPONSE = "the method looks at the response, and this row has none"
UNLEARNT = "none of its assistant turns is to be learnt (weight 0)"

Place = tuple[int, int]  # a row's position, and the number of one of its assistant turns


class Work:
    """One turn's worth of asking; turns with the same content share it.

    Attributes:
        content: digest of what the teacher sees of the turn.
        shown: whether the response is in sight.
        places: the turns it is for.
        found: sample number → field name → value, as far as the store has them.
    """

    __slots__ = ("content", "found", "places", "shown")

    def __init__(self, content: str, shown: bool, place: Place) -> None:
        self.content = content
        self.shown = shown
        self.places: list[Place] = [place]
        self.found: dict[int, dict[str, Any]] | None = None


class FrameSnapshot:
    """The rows as they were when the job began: later edits of the frame do not reach a running job."""

    def __init__(self, df: pd.DataFrame, layout: Layout) -> None:
        self.layout = layout
        self._columns = [(role, column_cells(df, name)) for role, name in layout.columns.items()]

    def __len__(self) -> int:
        return len(self._columns[0][1])

    def rows(self, positions: Sequence[int]) -> Iterator[Conversation]:
        """The conversations at these positions, each read when it is taken."""
        for position in positions:
            yield self.row(position)

    def names(self) -> list[str]:
        """`Frame.keys` of the rows as they were."""
        return numbered(row.key for row in self.rows(range(len(self))))

    def row(self, position: int) -> Conversation:
        """The conversation at a position."""
        return self.layout.conversation({role: column[position] for role, column in self._columns})

    def turn(self, place: Place) -> Conversation:
        """The conversation that ends with one assistant turn of a row."""
        position, number = place
        return self.row(position).turn(number)


class AnswerKeys:
    """The keys of answers: content + field + teacher + method + parameters (+ sample number).

    The fixed words of the prompt are no part of them: a better wording asks nothing anew.
    """

    def __init__(self, schema: Schema, teacher: str, config: AugmentConfig) -> None:
        self.method = METHODS[config.method]
        self.names: tuple[str, ...] = schema.names if self.method.fields else (self.method.label,)
        parameters: list[Any] = [
            config.instructions.strip(),
            None if config.temperature is None else float(config.temperature),
            config.reasoning_effort,
        ]
        # What came later counts where it is used, so that what was paid before stays found.
        if config.language is not None:
            parameters.append(f"language {config.language.strip()}")
        if config.examples:
            parameters.append(f"examples {digest([each.to_dict() for each in config.examples])}")
        prints = (
            {field.name: field.fingerprint for field in schema}
            if self.method.fields
            else {self.method.label: "text"}
        )
        self._tails: dict[tuple[str, bool], str] = {}
        self._all: dict[bool, tuple[str, ...]] = {}
        self._ends: dict[bool, tuple[tuple[str, str], ...]] = {}
        for shown in (False, True):
            method = "rationalize" if shown and self.method.fields else self.method.name
            for name, printed in prints.items():
                text = repr((printed, teacher, method, parameters))
                self._tails[name, shown] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
            self._all[shown] = tuple(self._tails[name, shown] for name in self.names)
            self._ends[shown] = tuple(zip(self.names, self._all[shown], strict=True))

    def key(self, work: Work, name: str, sample: int) -> str:
        """The key of one answer; a turn's answers begin alike, so that they lie side by side in the store."""
        key = work.content + self._tails[name, work.shown]
        return key if sample == 0 else f"{key}#{sample}"

    def wanted(self, works: Iterable[Work], samples: int) -> dict[str, tuple[Work, str, int]]:
        """Every `key` of these works, with the work, the field and the sample that it is of."""
        return {
            work.content + end if sample == 0 else f"{work.content}{end}#{sample}": (work, name, sample)
            for work in works
            for sample in range(samples)
            for name, end in self._ends[work.shown]
        }

    def missing(self, work: Work, samples: int) -> tuple[str, ...]:
        """What a turn has no answer for yet, in one sample or another: the ends of these answers' keys."""
        found = work.found
        if not found:
            return self._all[work.shown]
        if samples == 1 and len(found.get(0, ())) == len(self.names):  # as most are
            return ()
        return tuple(
            self._tails[name, work.shown]
            for name in self.names
            if any(name not in found.get(sample, ()) for sample in range(samples))
        )


@dataclass
class WorkPlan:
    """What is to be done.

    Attributes:
        keys: a row key per position.
        open: what has to be asked.
        cached: what the store had.
        unusable: position → why the row cannot be asked.
        kept: how many rows a person has written themselves, or judged where all that would come is a proposal.
        rows: how many rows the job is about.
        turns: how many assistant turns are asked for in them.
        several: what is gathered, by position, of rows that are settled only when several turns are.
        listed: whether reasoning is a list with an entry per turn: in all rows, where one of the frame needs it, so
            that the column has one form.
        counts: position → assistant turns, of rows with more than one that are not in ``several``.
    """

    keys: list[str]
    open: list[Work] = field(default_factory=list[Work])
    cached: list[Work] = field(default_factory=list[Work])
    unusable: dict[int, str] = field(default_factory=dict[int, str])
    kept: int = 0
    rows: int = 0
    turns: int = 0
    several: dict[int, RowTurns] = field(default_factory=dict[int, RowTurns])
    listed: bool = False
    counts: dict[int, int] = field(default_factory=dict[int, int])

    def settle(self, place: Place, result: TurnResult) -> tuple[Cell | None, RowError | None]:
        """Takes in what came for a turn; gives the row's cell and error once all of its turns are settled."""
        position, number = place
        row = self.several.get(position)
        if row is not None:
            row.take(number, result)
            return (None, None) if row.open else (row.cell, row.error)
        if isinstance(result, RowError):
            return None, result
        if self.listed:
            return [*[None] * (self.counts.get(position, 1) - 1), result], None
        return result, None


def plan_work(
    snapshot: FrameSnapshot,
    keys: AnswerKeys,
    config: AugmentConfig,
    store: Store,
    *,
    decision: Callable[[str], Decision] = lambda key: UNDECIDED,
    only: frozenset[int] | None = None,
    listed: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> WorkPlan:
    """Reads every row once and looks its answers up.

    Args:
        only: the positions that matter (a retry); all when None.
        listed: reasoning is a list in every row, whether or not one needs it.
    """
    plan = WorkPlan([], listed=listed)
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
            asked, count = asked_turns(row, config.turns), len(row.turn_ends)
            plan.listed = plan.listed or (count > 1 and asked not in ((), (count - 1,)))
            if (only is not None and position not in only) or (
                config.limit is not None and plan.rows >= config.limit
            ):
                continue
            decided = decision(plan.keys[-1])
            if config.leaves(decided):
                plan.kept += 1
                continue
            written = decided.written(count) if decided.reasoning is not None or decided.turns else ()
            still = tuple(n for n in asked if not written[n]) if written else asked
            if asked and not still:
                plan.kept += 1
                continue
            plan.rows += 1
            if row.problem or not asked:
                plan.unusable[position] = row.problem or UNLEARNT
                continue
            sees = METHODS[config.method].sees_response
            parts = None
            if still != (count - 1,) or any(written):
                plan.listed = True
                parts = plan.several[position] = RowTurns(count, len(still), written)
            elif count > 1:
                plan.counts[position] = count
            for n in still:
                shown = sees or (n == count - 1 and decided.response is not None)
                turn = row.turn(n)
                if shown and not (turn.has_response and replies(turn.messages[-1])):
                    if parts is None:
                        plan.unusable[position] = NO_RESPONSE
                    else:
                        parts.take(n, RowError(NO_RESPONSE))
                    continue
                plan.turns += 1
                content = turn.key if shown else turn.prompt_key
                work = works.get((content, shown))
                if work is None:
                    works[content, shown] = Work(content, shown, (position, n))
                else:
                    work.places.append((position, n))
            if parts is not None and parts.error is not None and not parts.open:
                plan.unusable[position] = parts.error.reason
    look_up(works.values(), keys, config.samples, store, plan)
    return plan


def look_up(works: Iterable[Work], keys: AnswerKeys, samples: int, store: Store, plan: WorkPlan) -> None:
    """Sorts works into those that the store can answer and those that have to be asked."""
    waiting = iter(works)
    while chunk := list(islice(waiting, _CHUNK)):
        note_answers(chunk, keys, samples, store)
        for work in chunk:
            (plan.open if keys.missing(work, samples) else plan.cached).append(work)


def note_answers(works: Sequence[Work], keys: AnswerKeys, samples: int, store: Store) -> None:
    """Notes at works the answers that the store has for them."""
    wanted = keys.wanted(works, samples)
    for key, value in store.answers(wanted).items():
        work, name, sample = wanted[key]
        if work.found is None:
            work.found = {}
        work.found.setdefault(sample, {})[name] = value
