"""Format result: how one student takes one strategy, as a perfect student finds it with rows of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..chat.closed_loop.cases import CASES
from ..chat.loop_report import ClosedLoop, LoopBreak

State = Literal["works", "broken", "refused"]
STATES: tuple[State, ...] = ("works", "broken", "refused")


@dataclass(frozen=True)
class FormatResult:
    """How one student takes one strategy.

    Attributes:
        student: name, folder or known template.
        strategy: what the student would learn to write.
        loop: what a perfect student made of a conversation of every kind; None where nothing could be tried.
        why: what stands in the way of the student as a whole; "" where nothing does.
        fix: what to type then.
        carrier: how its chat template takes thinking.
        switch: what the template is given so that it asks for thinking; "" without a switch.
        stops: the tokens at which it stops.
        aliases: other names of the very same template.

    Example:
        >>> rb.formats(rb.examples.tiny_student())[0].state
        'works'
    """

    student: str
    strategy: str
    loop: ClosedLoop | None = None
    why: str = ""
    fix: str = ""
    carrier: str = ""
    switch: str = ""
    stops: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """``works``; ``broken``: a perfect student would fail; ``refused``: the strategy's rows cannot be trained."""
        states = [self.case(case) for case in self.cases]
        if not states or states[0] == "refused":
            return "refused"
        return "broken" if "broken" in states else "works"

    @property
    def cases(self) -> tuple[str, ...]:
        """The kinds of rows that the strategy has, the plainest first."""
        return tuple(case for case in CASES if self.loop is not None and case in self.loop.cases)

    @cached_property
    def breaks(self) -> dict[str, LoopBreak]:
        """Kind of rows → where a perfect student fails."""
        return {found.case: found for found in (self.loop.broken if self.loop else ())}

    def case(self, case: str) -> State | None:
        """How a kind of rows fares; None where the strategy has no such rows."""
        if case not in self.cases:
            return None
        found = self.breaks.get(case)
        return "works" if found is None else "refused" if found.step == "build" else "broken"

    @property
    def reasons(self) -> tuple[str, ...]:
        """What does not work, in words; kinds of rows that break at the same step are said together."""
        return (self.why,) if self.why else tuple(dict.fromkeys(self.reason_of.values()))

    @cached_property
    def reason_of(self) -> dict[str, str]:
        """Kind of rows → what does not work with it, in words."""
        together: dict[str, list[LoopBreak]] = {}
        for found in self.breaks.values():
            together.setdefault(found.said if found.step == "build" else found.step, []).append(found)
        return {found.case: _in_words(each) for each in together.values() for found in each}

    @property
    def remedy(self) -> str:
        """What to type where something does not work."""
        return self.fix or next((found.fix for found in self.breaks.values()), "")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "student": self.student,
            "aliases": list(self.aliases),
            "strategy": self.strategy,
            "state": self.state,
            "cases": {case: self.case(case) for case in self.cases},
            "reasons": list(self.reasons),
            "fix": self.remedy,
            "carrier": self.carrier,
            "switch": self.switch,
            "stops": list(self.stops),
            "seconds": round(self.loop.seconds, 3) if self.loop else 0.0,
        }


def _in_words(breaks: Sequence[LoopBreak]) -> str:
    cases, first = ", ".join(found.case for found in breaks), breaks[0]
    return f"{cases}: {first.said}" if first.step == "build" else f"{cases}; {first.step}: {first.said}"
