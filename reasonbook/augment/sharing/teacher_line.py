"""Teacher line: what a job tells the others on its store while it asks a teacher, and hears from them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, runtime_checkable

from ...errors import StoreError
from ...store import Claims, Membership, Neighbour, Store
from ..work import AnswerKeys, Work
from .claimed_works import ClaimedWorks

_LOOK = 0.25  # seconds between looks at what others have answered,
_LOOKS = 4  # so many to a beat, by which they see that this job lives
_TIMES = ("paused_until", "opened", "changed", "since", "probe")  # what learners tell by their clock
_CLOCKS = 5.0  # seconds by which two clocks agree: what is told may be a beat old


@runtime_checkable
class Paced(Protocol):
    """What keeps a provider's limits.

    Attributes:
        share: the part of every limit that this job may use.
    """

    share: float


@runtime_checkable
class Learner(Protocol):
    """What learns how a provider is, and may as well hear it from another job."""

    def state(self) -> Mapping[str, Any]:
        """What it knows, JSON-ready."""
        ...

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Takes over what another one knows."""
        ...


class TeacherLine:
    """One job's end of the line that all jobs on a store have to their teacher.

    Args:
        store: where the answers come to stand.
        member: the job's place on it; None where it works alone.
        keys: of the answers.
        samples: answers per row.
        learners: what is known of the provider, by name: pacer, breaker.
    """

    def __init__(
        self, store: Store, member: Membership | None, keys: AnswerKeys, samples: int, **learners: object
    ) -> None:
        self._member = member
        self._learners = learners
        self._heard: dict[int, int] = {}
        self._beats = 0
        self._company = False
        self._claims: Claims | None = None
        if member is not None:
            with contextlib.suppress(StoreError):
                self._claims = Claims(member.store, member)
        self._claimed = partial(ClaimedWorks, keys=keys, samples=samples, store=store, claims=self._claims)
        self._works: ClaimedWorks | None = None

    def claimed(
        self,
        works: Iterable[Work],
        *,
        most: int,
        answered: Callable[[Work], object],
        arrived: Callable[[], object] = lambda: None,
    ) -> ClaimedWorks:
        """The rows of one run, as far as no other job asks them; see `ClaimedWorks`."""
        self._works = self._claimed(iter(works), most=most, answered=answered, arrived=arrived)
        return self._works

    async def watch(self) -> None:
        """Tells and hears until it is cancelled, and lets rows go on that another job has done with."""
        self.beat()
        while True:
            for _ in range(_LOOKS):
                await asyncio.sleep(_LOOK)
                if self._works is not None:
                    self._works.look()
                if self._company and self._claims is not None:
                    with contextlib.suppress(
                        StoreError
                    ):  # a full disk is said by whoever writes an answer to it
                        self._claims.tell()
            self.beat()

    def beat(self) -> None:
        """Says that this job lives, shares the limits among those who ask now, and adopts what the others know."""
        if self._member is None:
            return
        try:
            others = self._member.beat(self._state())
            self._beats += 1
            if self._claims is not None:
                self._claims.tell()
        except (StoreError, sqlite3.Error):
            return
        self._company = bool(others)
        others = [other for other in others if other.endpoint == self._member.endpoint]
        asking = sum(bool(other.state.get("asking")) for other in others)
        for learner in self._learners.values():
            if isinstance(learner, Paced):
                learner.share = 1.0 / (1 + asking)
        for other in others:
            if self._heard.get(other.id) != other.beat:
                with contextlib.suppress(KeyError, TypeError, ValueError):  # of another version's job
                    self._hear(other, older=(other.beat, other.id) > (self._beats, self._member.id))
        self._heard = {other.id: other.beat for other in others}

    def _hear(self, other: Neighbour, *, older: bool) -> None:
        """Adopts what another job knows; its rate only from one that has been here longer.

        Two that each went by the other's rate would chase it.
        """
        for name, learner in self._learners.items():
            if isinstance(learner, Learner) and name in other.state:
                known = _by_own_clock(other.state[name], other.state["now"])
                if isinstance(learner, Paced) and not older:
                    known = {"paused_until": known.get("paused_until")}
                learner.adopt(known)

    def _state(self) -> dict[str, Any]:
        known = {name: each.state() for name, each in self._learners.items() if isinstance(each, Learner)}
        idle = self._works is not None and self._works.waits and not self._claims
        return {"asking": not idle, "now": time.time(), **known}


def _by_own_clock(state: Mapping[str, Any], now: float) -> Mapping[str, Any]:
    """What another job tells, with its times as this one's clock would have told them."""
    ahead = now - time.time()
    if abs(ahead) <= _CLOCKS:
        return state
    return {key: at - ahead if key in _TIMES and at else at for key, at in state.items()}
