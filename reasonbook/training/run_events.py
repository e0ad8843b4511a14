"""Run events: what a training says, as types; the curves' columns follow from their fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, get_args

from ..events import Event

SOURCE = "source"  # the curves of `EvalEvent.sources`
HEALTH = ("valid", "empty", "unfinished", "missing")  # of the thinking in an answer


def _curve() -> float:
    """A figure that is drawn over the steps; NaN where it was not measured."""
    return field(default=math.nan, metadata={"curve": True})


@dataclass(frozen=True)
class StepEvent:
    """One optimizer step.

    Attributes:
        step: its number, from 1.
        total: steps of the whole plan.
        loss: mean over the target tokens of the batch, each counted by its weight, in nats: what the step lowers.
        learning_rate: of this step.
        grad_norm: L2 norm of the gradient before it is clipped.
        tokens: in the batch, padding left out.
        targets: tokens of them that carry loss.
        tokens_per_second: of this step.
        memory: peak bytes on the GPU; the process's resident bytes on a CPU.
        epoch: passes over the data so far.
    """

    kind: ClassVar[str] = "step"
    step: int
    total: int = 0
    loss: float = _curve()
    learning_rate: float = _curve()
    grad_norm: float = _curve()
    tokens: float = _curve()
    targets: float = _curve()
    tokens_per_second: float = _curve()
    memory: float = _curve()
    epoch: float = _curve()


@dataclass(frozen=True)
class EvalEvent:
    """An evaluation on the validation rows.

    Attributes:
        step: after which step.
        eval_loss: mean over the target tokens, in nats; none counts more than another, so that runs of different
            weights can be compared.
        score: mean grade of the sampled answers, 0 to 1.
        sources: source → its own ``eval_loss``, where the rows are of several.
    """

    kind: ClassVar[str] = "eval"
    step: int
    eval_loss: float = _curve()
    score: float = _curve()
    sources: Mapping[str, float] | None = None


@dataclass(frozen=True)
class SampledAnswer:
    """What the student wrote for one validation row in mid-training.

    Attributes:
        prompt: the request, for people.
        expected: the right answer.
        text: everything that was written, special tokens included.
        thinking: the part before the answer.
        answer: the part after it.
        health: of the thinking, one of `HEALTH`.
        tokens: written.
        correct: whether the grade is full; None where nothing was compared.
        score: the grade, 0 to 1.
        position: row of the frame.
    """

    prompt: str = ""
    expected: str = ""
    text: str = ""
    thinking: str = ""
    answer: str = ""
    health: str = ""
    tokens: int = 0
    correct: bool | None = None
    score: float | None = None
    position: int | None = None


@dataclass(frozen=True)
class SamplesEvent:
    """What the student writes at an evaluation.

    Attributes:
        step: after which step.
        rows: some of the answers, to be read.
        health: thinking → how many of all answers.
        score: mean grade of all answers; None where nothing was compared.
        tasks: answers in all.
    """

    kind: ClassVar[str] = "samples"
    step: int
    rows: tuple[SampledAnswer, ...] = ()
    health: Mapping[str, int] = field(default_factory=dict[str, int])
    score: float | None = None
    tasks: int = 0


@dataclass(frozen=True)
class RowLossEvent:
    """The rows' losses of an epoch were written beside the run.

    Attributes:
        epoch: that has ended, from 1.
        count: rows.
        mean: of their losses per target token, in nats; weights are left out here too.
    """

    kind: ClassVar[str] = "row_loss"
    epoch: int
    count: int
    mean: float


@dataclass(frozen=True)
class EtaEvent:
    """How long the training will still take, in seconds; not kept in the store."""

    kind: ClassVar[str] = "eta"
    seconds: float
    step: int = 0
    total: int = 0


@dataclass(frozen=True)
class CheckpointEvent:
    """A whole checkpoint of this step is on the disk."""

    kind: ClassVar[str] = "checkpoint"
    step: int


@dataclass(frozen=True)
class AlarmEvent:
    """Something is wrong that a curve alone would not say.

    Attributes:
        alarm: which: ``divergence``, ``thinking``, ``checkpoint``, ``card``.
        text: in words, with the cure.
        step: at which step.
    """

    kind: ClassVar[str] = "alarm"
    alarm: str
    text: str
    step: int | None = None


@dataclass(frozen=True)
class NoteEvent:
    """Something worth knowing.

    Attributes:
        text: in words.
        step: at which step, where it belongs to one.
        micro_batch_size: rows at once from here on, where memory ran out.
    """

    kind: ClassVar[str] = "note"
    text: str
    step: int | None = None
    micro_batch_size: int | None = None


@dataclass(frozen=True)
class StatusEvent:
    """The run's status is another now; ``status`` is the name of a `reasonbook.job.Status`."""

    kind: ClassVar[str] = "status"
    status: str


RunEvent = (
    StepEvent
    | EvalEvent
    | SamplesEvent
    | RowLossEvent
    | EtaEvent
    | CheckpointEvent
    | AlarmEvent
    | NoteEvent
    | StatusEvent
)
Emit = Callable[[RunEvent], object]
TYPES: dict[str, type[RunEvent]] = {each.kind: each for each in get_args(RunEvent)}


def _drawn(kind: type[StepEvent] | type[EvalEvent]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.metadata.get("curve"))


# Curve family → its columns, "step" left out. Python and the page (frontend/src/lib/events.gen.ts) share them.
SERIES: dict[str, tuple[str, ...]] = {
    StepEvent.kind: _drawn(StepEvent),
    EvalEvent.kind: _drawn(EvalEvent),
    "health": (*HEALTH, "correct"),
    SOURCE: (),  # the sources of the run's own mixture, as its first evaluation names them
}


def to_data(event: RunEvent) -> dict[str, Any]:
    """JSON-ready values of an event, for a stream and the store; what was not measured is left out.

    Example:
        >>> from reasonbook.training.run_events import NoteEvent, to_data
        >>> to_data(NoteEvent("Memory ran out.", step=3))
        {'text': 'Memory ran out.', 'step': 3}
    """
    values = vars(event)
    if isinstance(event, SamplesEvent):
        values = {**values, "rows": [asdict(row) for row in event.rows]}
    return {name: value for name, value in values.items() if value is not None and value == value}


def from_event(event: Event) -> RunEvent | None:
    """The typed event that a stream or the store holds; None where it is none of a run's, or damaged.

    Names that are not known (of a newer version) are passed over; figures that are missing are NaN.
    """
    kind = TYPES.get(event.kind)
    if kind is None:
        return None
    known = _KNOWN[event.kind]
    values = {name: value for name, value in event.data.items() if name in known and value is not None}
    try:
        if "step" in values:
            values["step"] = int(values["step"])
        if kind is SamplesEvent:
            values["rows"] = tuple(_answer(row) for row in values.get("rows", ()))
        return kind(**values)
    except (TypeError, ValueError, AttributeError):
        return None


_KNOWN = {name: frozenset(each.name for each in fields(kind)) for name, kind in TYPES.items()}
_ANSWER = frozenset(each.name for each in fields(SampledAnswer))


def _answer(row: Mapping[str, Any]) -> SampledAnswer:
    return SampledAnswer(**{name: value for name, value in row.items() if name in _ANSWER})
