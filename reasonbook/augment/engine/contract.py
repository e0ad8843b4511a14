"""Contract: what every engine does for an augmentation, and the job that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ...data.conversation import Conversation
from ...errors import ReasonbookError
from ...schema import Schema
from ...store import Context, Membership, Store
from ...teachers import Teacher
from ..config import AugmentConfig
from ..cost import Budget
from ..results import Pause, RowError, Totals
from ..work import AnswerKeys, Place, Work


@dataclass(frozen=True)
class EngineJob:
    """What an engine is given to work with.

    Attributes:
        schema: the fields.
        teacher: who is asked.
        config: how.
        store: where an answer stands before it counts.
        keys: under which keys it stands there.
        budget: what its calls are paid from.
        context: what its calls have in common, but for the prompt.
        totals: what the engine adds its calls to.
        read_turn: place → the conversation that ends with that turn, from the job's snapshot.
        settled: called for each turn's work with its values or its error, after the answer is in the store.
        note: takes a sentence for the person.
        member: the job's place among those that work on the store; None where it works alone.
    """

    schema: Schema
    teacher: Teacher
    config: AugmentConfig
    store: Store
    keys: AnswerKeys
    budget: Budget
    context: Context
    totals: Totals
    read_turn: Callable[[Place], Conversation]
    settled: Callable[[Work, dict[str, Any] | RowError], None]
    note: Callable[[str], object]
    member: Membership | None = None


class Engine(Protocol):
    """One run over the open rows of a plan.

    Attributes:
        stopped_by: what ended the job before its rows did.
        over_budget: whether rows were left out because the budget is used up.
        gave_up: why the run ended although its rows may well be answered later; empty when it did not.
    """

    stopped_by: ReasonbookError | None
    over_budget: bool
    gave_up: str

    @property
    def in_flight(self) -> int:
        """Rows or calls that are with the teacher now."""
        ...

    @property
    def brake(self) -> str:
        """What keeps the calls from going faster, in words; empty where nothing does."""
        ...

    @property
    def elsewhere(self) -> int:
        """Rows that wait, because another job on the store asks them now."""
        ...

    @property
    def paused(self) -> Pause | None:
        """The outage of the provider that is waited out, where there is one."""
        ...

    async def run(self, works: Iterator[Work]) -> None:
        """Asks until nothing is open, the budget is used up, or the run is halted."""
        ...

    def halt(self) -> None:
        """Stops soon, on the engine's own loop; what the provider has stays with it."""
        ...

    def cancel(self) -> None:
        """Has the provider end what is under way; what it finished is still taken in."""
        ...
