"""Loop report: what a perfect student made of a format, and at which step it broke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Step = Literal["build", "prompt", "stop", "parse", "stream", "history", "served"]
STEPS: tuple[str, ...] = get_args(Step)


@dataclass(frozen=True)
class LoopBreak:
    """Where a perfect student fails.

    Attributes:
        case: what kind of row: ``thinking``, ``plain``, ``several turns`` and the like, or ``your rows``.
        step: ``build``: no training row was made; ``prompt``: inference sees other ids than training; ``stop``: it is
            cut, or never ends; ``parse``: thinking or answer come back changed; ``stream``: the same, read as it
            arrives; ``history``: the next prompt is not the trained one; ``served``: the exported template, without
            arguments, gives another prompt.
        said: what happened, in words.
        fix: the line to type.
        position: row of the frame, for ``your rows``.
        needed: the data holds such rows, so that nothing is trained.
    """

    case: str
    step: Step
    said: str
    fix: str
    position: int | None = None
    needed: bool = True

    def __str__(self) -> str:
        row = "" if self.position is None else f", row {self.position}"
        return f"{self.case}{row}, {self.step}: {self.said}"


@dataclass(frozen=True)
class ClosedLoop:
    """What the closed loop found for one student and one strategy.

    Attributes:
        cases: kind of row → training rows that were played.
        broken: where it broke; the first break of each kind.
        seconds: that it took.

    Example:
        >>> chat.report.loop
        ClosedLoop(ok, 9 training rows of 4 kinds)
    """

    cases: Mapping[str, int] = field(default_factory=dict[str, int])
    broken: tuple[LoopBreak, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether a perfect student gets everything right that the data holds."""
        return not self.problems

    @property
    def problems(self) -> tuple[LoopBreak, ...]:
        """Breaks in kinds of rows that the data holds."""
        return tuple(found for found in self.broken if found.needed)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the run card."""
        return asdict(self) | {"broken": [asdict(found) for found in self.broken]}

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"breaks at {self.problems[0]}"
        return f"ClosedLoop({state}, {sum(self.cases.values())} training rows of {len(self.cases)} kinds)"
