"""Row state: how far a row that the live engine asks has come, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...data.conversation import Conversation
from ...data.tool_calls import response_in_words
from ...teachers import Request, Usage
from ..answers import readable
from ..prompts import Prompts, request_text
from ..results import Candidate, RowError
from ..voting import choose, verdict
from ..work import Work
from .contract import EngineJob
from .failures.attempts import Attempts
from .failures.timeouts import CallTimeouts

NOTHING = Request("", "")


@dataclass
class RowState:
    """Where a row stands between two calls.

    Attributes:
        attempts: for the sample that is asked for.
    """

    names: tuple[str, ...]
    row: Conversation
    request: Request = NOTHING
    sample: int = 0
    attempts: Attempts = field(default_factory=Attempts)
    reasks: int = 0
    paid: Usage = Usage()
    last: RowError | None = None
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    known: dict[str, Any] = field(default_factory=dict[str, Any])


class RowSamples:
    """Takes rows from sample to sample, and settles them with the one that is chosen."""

    def __init__(self, job: EngineJob, prompts: Prompts, timeouts: CallTimeouts) -> None:
        self._config, self._keys, self._prompts, self._timeouts = job.config, job.keys, prompts, timeouts
        self._read_turn, self._settled = job.read_turn, job.settled

    def begin(self, work: Work) -> RowState:
        """The state of a row that nothing is known of yet."""
        return RowState(self._keys.names, self._read_turn(work.places[0]))

    def advance(self, work: Work, state: RowState) -> bool:
        """Goes to the next sample that has to be asked; settles the row, and gives False, when there is none."""
        row = state.row
        while state.sample < self._config.samples:
            known = (work.found or {}).get(state.sample, {})
            missing = tuple(name for name in self._keys.names if name not in known)
            if missing:
                state.names, state.known = missing, known
                state.request = self._prompts.request(row, missing, work.shown, self._timeouts.usual)
                state.attempts, state.reasks = Attempts(), 0
                return True
            if self.took(state, known):
                break
        self.finish(work, state)
        return False

    def took(self, state: RowState, values: dict[str, Any]) -> bool:
        """Notes a whole sample; True when no other is needed."""
        state.sample += 1
        values, answer = readable(values, self._prompts.method, self._keys.names)
        check = self._config.check
        if check is None and self._config.samples == 1:  # nobody looks at the row
            state.candidates.append(Candidate("", None, answer, values))
            return False
        candidate = Candidate(request_text(state.row), response_in_words(state.row) or None, answer, values)
        state.candidates.append(candidate)
        if check is None or self._config.samples == 1:
            return False
        try:
            return verdict(check, candidate) is True
        except Exception:  # the choice at the end meets it again and words it
            return False

    def finish(self, work: Work, state: RowState) -> None:
        """Settles a row with the sample that is chosen, or with what went wrong."""
        check = self._config.check
        if not state.candidates:
            self._settled(work, state.last or RowError("there is no answer"))
            return
        single = len(state.candidates) == 1 and check is None
        chosen = state.candidates[0] if single else choose(state.candidates, check)
        if isinstance(chosen, str):
            last = state.candidates[-1]
            self._settled(work, RowError(chosen, last.answer or str(dict(last.values)), state.paid))
        else:
            self._settled(work, dict(chosen.values))
