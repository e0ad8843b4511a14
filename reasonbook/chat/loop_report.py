"""Loop report: what a perfect student made of a format or of one training row, and at which step it broke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args

from ..html_card import clip, details, table

Step = Literal["build", "prompt", "stop", "parse", "stream", "history", "served"]
STEPS: tuple[Step, ...] = get_args(Step)
StepState = Literal["passed", "broken", "not reached", "not asked"]
STEP_MARKS: dict[StepState, str] = {"passed": "✓", "broken": "✗", "not reached": "·", "not asked": "–"}


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

    Example:
        >>> from reasonbook.chat import LoopBreak
        >>> print(LoopBreak("plain", "stop", "no stop token ends it", 'tokenizer.eos_token = "…"'))
        plain, stop: no stop token ends it
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
        ClosedLoop(ok, 20 training rows of 6 kinds)
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
        """JSON-ready, for the run card; without the time, so that equal runs have equal cards."""
        return {"cases": dict(self.cases), "broken": [asdict(found) for found in self.broken]}

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"breaks at {self.problems[0]}"
        return f"ClosedLoop({state}, {self._played})"

    def _repr_html_(self) -> str:
        """One line, which opens to a line for each kind of rows."""
        breaks = {found.case: found for found in self.broken}
        rows = [
            (case, count, *(("✓", "") if case not in breaks else _row_of(breaks[case])))
            for case, count in self.cases.items()
        ]
        line = (
            f"✓ a perfect student gets {self._played} right"
            if self.ok
            else f"✗ {clip(str(self.problems[0]))}"
        )
        return details(f"closed loop: {line}", table(("kind of rows", "played", "", "what happens"), rows))

    @property
    def _played(self) -> str:
        passed = self.cases.keys() - {found.case for found in self.broken}
        return f"{sum(self.cases[case] for case in passed)} training rows of {len(passed)} kinds"


def _row_of(found: LoopBreak) -> tuple[str, str]:
    """Mark and words; what the data does not hold stops nothing."""
    return ("✗", str(found)) if found.needed else ("–", f"{found.said} (no such rows here)")


@dataclass(frozen=True)
class PlayedStep:
    """One step of the closed loop.

    Attributes:
        step: which one; see `LoopBreak`.
        state: ``not reached`` behind a broken one; ``not asked`` of such a row: it has no next turn, or the saved
            template is for rows that think.
        said: what happened, where it is broken.
        fix: the line to type then.
    """

    step: Step
    state: StepState
    said: str = ""
    fix: str = ""


@dataclass(frozen=True)
class PlayedRow:
    """What a perfect student makes of one training row.

    Attributes:
        story: how much it writes and where it stops, in a sentence.
        start: the first token of the row that the student writes.
        stop: the token at which it stops, -1 where none stops it.
        end: one behind the last token that it is trained to write.
        thinking: as it is read back.
        answer: as it is read back.
        row_thinking: as the row has it.
        row_answer: as the row has it.
        steps: of the loop, in order.

    Example:
        >>> chat.preview(0).loop
        PlayedRow(ok: It writes 67 tokens and stops at <|im_end|>, id 2.)
    """

    story: str
    start: int
    stop: int
    end: int
    thinking: str
    answer: str
    row_thinking: str
    row_answer: str
    steps: tuple[PlayedStep, ...]

    @property
    def broken(self) -> PlayedStep | None:
        """The step that fails."""
        return next((step for step in self.steps if step.state == "broken"), None)

    @property
    def read_back(self) -> tuple[tuple[str, str, str], ...]:
        """Thinking and answer: (what, as it is read back, as the row has it), as far as there is any."""
        pairs = (
            ("thinking", self.thinking, self.row_thinking),
            ("answer", self.answer, self.row_answer),
        )
        return tuple(pair for pair in pairs if pair[1] or pair[2])

    @property
    def ok(self) -> bool:
        """Whether a perfect student gets the row right."""
        return self.broken is None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the live view."""
        return asdict(self)

    def __repr__(self) -> str:
        state = f"breaks at {self.broken.step}" if self.broken else "ok"
        return f"PlayedRow({state}: {self.story})"


class RowPlayer(Protocol):
    """Who plays the training rows of a dataset."""

    def played(self, index: int) -> PlayedRow:
        """What a perfect student makes of a training row."""
        ...
