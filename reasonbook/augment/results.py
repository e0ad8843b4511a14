"""Results: how one row's work ended, how far a job is, and what it has used."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..html_card import clip, duration
from ..safe_text import storable
from ..teachers import Usage


@dataclass(frozen=True)
class RowError:
    """Why a row has no reasoning, in texts that every file can hold.

    Attributes:
        reason: in words.
        text: what the teacher wrote, as it came.
        usage: what was paid for it.

    Example:
        >>> df = rb.examples.refunds(3)
        >>> df.loc[1, "prompt"] = "Hello?"
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
        >>> job.errors[["position", "error"]].values.tolist()
        [[1, "The request does not say what was bought: 'Hello?'..."]]
    """

    reason: str
    text: str = ""
    usage: Usage = Usage()

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", storable(self.reason))
        object.__setattr__(self, "text", storable(self.text))


@dataclass(frozen=True)
class Candidate:
    """One sample, as `AugmentConfig.check` gets to see its row.

    Attributes:
        prompt: the request's text.
        response: the turn's response, where it has one; with the calls of tools that it makes.
        answer: the teacher's own answer, for methods in which it gives one.
        values: the reasoning by field name.

    Example:
        >>> from reasonbook.augment import Candidate
        >>> def agrees(values, row: Candidate) -> bool:
        ...     return values["Amount"].endswith(row.response.strip("$"))
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules, samples=2, check=agrees).wait()
        >>> job.progress.done
        40
    """

    prompt: str
    response: str | None
    answer: str
    values: Mapping[str, Any]


@dataclass
class Totals:
    """Running totals of a job."""

    usage: Usage = Usage()
    cost: float = 0.0
    unpriced: int = 0  # calls of which nobody knows what they cost
    answered: int = 0
    refused: int = 0
    retried: int = 0
    reasked: int = 0
    shared: int = 0  # turns that were answered for another job meanwhile


@dataclass(frozen=True)
class Pause:
    """An outage of the provider, while a job waits for its end; ``str`` says it in words.

    Attributes:
        why: what the newest call came to.
        since: seconds since 1970.
        probe_in: seconds until the provider is asked again.
    """

    why: str
    since: float
    probe_in: float

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"the provider is down since {since} ({self._said}), next probe in {duration(self.probe_in)}"

    def lasted(self, teacher: str) -> str:
        """Who was down for how long, once nobody waits any longer."""
        return f"{teacher} has been down for {duration(time.time() - self.since)} ({self._said})"

    @property
    def _said(self) -> str:
        return clip(self.why.rstrip("."), 120)


@dataclass(frozen=True)
class Outcome:
    """What came for one row, for those who show it before it is in the frame; of several turns the newest.

    Attributes:
        request: the request's text.
        reasoning: field name → value; None where there is an error.
        error: why there is none.

    Example:
        >>> job = rb.examples.refunds(5).reason.augment(schema, teacher=rb.examples.refund_rules).wait()
        >>> job.outcome(0).reasoning["Decision"]
        'refund less fees'
    """

    request: str
    reasoning: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        total: rows that the job is about.
        done: rows with reasoning, the cached ones among them.
        failed: rows with an error, the unusable ones among them.
        cached: rows that cost nothing, because the store had them.
        in_flight: calls under way.
        rate: rows a second over the last seconds.
        eta: seconds that are left, where that can be said.
        cost: dollars so far; None when nobody knows the price.
        budget: dollars at most.
        turns: assistant turns that are asked for; more than the rows where conversations have several.
        turns_done: those of them that are settled; a row is when its last one is.
        brake: what keeps the calls from going faster, in words; empty where nothing does.
        elsewhere: rows that wait, because another notebook asks them now; their answers will cost nothing.
        paused: why no rows come in at the moment; empty while the provider is there.

    Example:
        >>> progress = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait().progress
        >>> progress.done, progress.failed
        (40, 0)
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    cached: int = 0
    in_flight: int = 0
    rate: float = 0.0
    eta: float | None = None
    cost: float | None = None
    budget: float | None = None
    turns: int = 0
    turns_done: int = 0
    brake: str = ""
    elsewhere: int = 0
    paused: str = ""

    @property
    def waits(self) -> str:
        """What is waited for, in words; empty where nothing is."""
        rows = "1 row is" if self.elsewhere == 1 else f"{self.elsewhere} rows are"
        return f"{rows} being asked by another notebook" if self.elsewhere else ""
