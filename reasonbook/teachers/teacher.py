"""Teacher: one async method that answers one request; what goes in, what comes out, how it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Protocol, cast, runtime_checkable

from ..errors import ReasonbookError
from ..safe_text import excerpt

Rung = Literal["schema", "json", "text"]
_OURS = __name__.partition(".")[0] + "."
LADDER: tuple[Rung, ...] = ("schema", "json", "text")


@dataclass(frozen=True)
class Usage:
    """Token counts of one call or of many; they add up with ``+``.

    Attributes:
        input: tokens read, those from the provider's cache and those written to it among them.
        output: tokens written, the thinking ones among them.
        cached: input tokens that the provider had cached.
        reasoning: output tokens spent on thinking.
        calls: how many calls these are.
        written: input tokens that were written to the provider's cache.
        written_hour: those of them that stay there for an hour, where a provider asks more for that.
        dollars: what the provider itself says that they cost; None where it says nothing.

    Example:
        >>> from reasonbook.teachers import Usage
        >>> (Usage(input=100, output=20, calls=1) + Usage(input=90, output=25, calls=1)).output
        45
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    calls: int = 0
    written: int = 0
    written_hour: int = 0
    dollars: float | None = None

    def __add__(self, other: Usage) -> Usage:
        if not self:
            return other
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
            self.calls + other.calls,
            self.written + other.written,
            self.written_hour + other.written_hour,
            self.dollars if other.dollars is None else (self.dollars or 0.0) + other.dollars,
        )

    def __bool__(self) -> bool:
        return bool(self.input or self.output or self.calls)

    def to_dict(self) -> dict[str, float]:
        """The counts by name, as the store keeps them; what few providers tell is left out where it is nothing."""
        told: dict[str, float] = {
            "input": self.input,
            "output": self.output,
            "cached": self.cached,
            "reasoning": self.reasoning,
            "calls": self.calls,
        }
        if self.written:
            told["written"] = self.written
        if self.written_hour:
            told["written_hour"] = self.written_hour
        if self.dollars is not None:
            told["dollars"] = self.dollars
        return told


@dataclass(frozen=True)
class Limits:
    """What a provider's headers say of its rate limits; None where they say nothing.

    Attributes:
        requests: allowed per minute.
        requests_left: left in the present window.
        requests_reset: seconds until the window is full again.
        tokens: allowed per minute.
        tokens_left: left in the present window.
        tokens_reset: seconds until the window is full again.

    Example:
        >>> from reasonbook.teachers import Limits
        >>> Limits(requests=500, requests_left=499).tokens is None
        True
    """

    requests: float | None = None
    requests_left: float | None = None
    requests_reset: float | None = None
    tokens: float | None = None
    tokens_left: float | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True)
class Request:
    """What a teacher is asked.

    Attributes:
        system: the fixed instructions, the same text for every row of a job, so that providers cache it.
        user: the row, fenced as data.
        schema: strict JSON Schema of the answer; None when plain text is wanted.
        turns: what followed, as (role, text): a refused answer and why it was refused.
        prompt: the bare request text of the row, for a teacher that is a Python function.
        response: the bare response text, where the method shows it.
        max_tokens: upper bound of the answer, thinking included; None leaves it to ``answer_tokens``.
        answer_tokens: the longest answer that makes sense, thinking left out; a teacher that thinks adds room for it.
        temperature: None leaves the provider's default.
        effort: how hard to think, in the provider's own word; None leaves the default.
        thinking: whether the teacher's own thinking is wanted back.
        timeout: seconds.
        cache_key: names the fixed part, for providers that route by it.

    Example:
        >>> from reasonbook.teachers import Request
        >>> Request(system="Fill the fields.", user="Where is my parcel?", max_tokens=200).timeout
        180.0
    """

    system: str
    user: str
    schema: Mapping[str, Any] | None = None
    turns: tuple[tuple[str, str], ...] = ()
    prompt: str = ""
    response: str | None = None
    max_tokens: int | None = None
    answer_tokens: int | None = None
    temperature: float | None = None
    effort: str | None = None
    thinking: bool = False
    timeout: float = 180.0
    cache_key: str = ""


@dataclass(frozen=True)
class Completion:
    """What a teacher answered.

    Attributes:
        text: the answer.
        reasoning: the teacher's own thinking, where it showed any.
        usage: tokens.
        stop_reason: ``stop``, ``length`` (cut), ``refusal`` or ``filter``.
        data: the answer as an object, where it never was text (a Python function).
        surplus: whether ``data`` may hold more fields than were asked for.
        limits: what the provider's headers said of its rate limits, where they did.

    Example:
        >>> from reasonbook.teachers import Completion, Usage
        >>> Completion('{"Intent": "a refund"}', usage=Usage(input=90, output=8, calls=1)).stop_reason
        'stop'
    """

    text: str
    reasoning: str = ""
    usage: Usage = Usage()
    stop_reason: str = "stop"
    data: Mapping[str, Any] | None = None
    surplus: bool = False
    limits: Limits | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any], usage: Usage, *, surplus: bool = False) -> Completion:
        """The answer of a teacher that gives an object; its text is the object as JSON on one line."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=repr)
        return cls(text, "", usage, data=data, surplus=surplus)


@dataclass(frozen=True)
class Capabilities:
    """What a teacher can do, as data.

    Attributes:
        rungs: ways to be held to a schema, best first; the teacher steps down when its provider refuses one.
        batch: whether its provider has a batch API.
        free: whether calls cost nothing.
        parallel: how many calls make sense at once; None leaves it to the job.
        samples_differ: whether asking twice can give two answers.
        times_out: whether ``complete`` itself gives up after the request's ``timeout``.
        tells_cost: whether its answers say what they have cost.

    Example:
        >>> from reasonbook.teachers import resolve
        >>> resolve(rb.examples.refund_rules).capabilities.free
        True
    """

    rungs: tuple[Rung, ...] = LADDER
    batch: bool = False
    free: bool = False
    parallel: int | None = None
    samples_differ: bool = True
    times_out: bool = False
    tells_cost: bool = False


@runtime_checkable
class Teacher(Protocol):
    """Anything that answers requests.

    Attributes:
        name: stable, part of the key of every paid answer; never holds an API key.
        capabilities: see `Capabilities`.

    ``complete`` raises `CallError` and nothing else for what a provider or a network does.

    Example:
        >>> from reasonbook.teachers import Capabilities, Completion
        >>> class FirstWord:
        ...     name, capabilities = "first-word", Capabilities(free=True)
        ...     async def complete(self, request):
        ...         return Completion("", data={"Intent": request.prompt.split()[0]})
        ...     async def close(self): ...
        >>> posts = rb.examples.moderation()
        >>> job = posts.reason.augment({"Intent": "Give the first word."}, teacher=FirstWord()).wait()
        >>> posts["reasoning"][0]
        {'Intent': 'Great'}
    """

    name: str
    capabilities: Capabilities

    async def complete(self, request: Request) -> Completion:
        """Answers one request, or raises `CallError`."""
        ...

    async def close(self) -> None:
        """Frees what the calls held, at the end of a job; a later call may take it again."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A teacher whose tokenizer is at hand, so that an estimate need not guess.

    Example:
        >>> from reasonbook.teachers import CountsTokens, resolve
        >>> isinstance(resolve("openai:gpt-4o-mini", ready=False), CountsTokens)
        False
    """

    def count_tokens(self, request: Request) -> int | None:
        """Tokens that the request reads; None where that cannot be said without loading the model."""
        ...


CallErrorKind = Literal["rate", "server", "timeout", "auth", "quota", "request", "output"]


class CallError(Exception):
    """A call that gave no answer.

    Args:
        kind: ``rate`` (asked to slow down), ``server`` (5xx, reset), ``timeout``, ``auth`` and ``quota`` (the
            whole job must stop), ``request`` (this request is refused as it stands), ``output`` (the
            provider's own decoder gave up: a bad answer, not an outage).
        message: in words, without any key.
        retry_after: seconds that the provider asked for.
        status: HTTP status, 0 where there was none.
        usage: what it cost all the same.
        text: raw text of the answer, where there was one.
        words: everything the provider said of it, in lower case.
        limits: what the provider's headers said of its rate limits, where they did.
        connected: False where no connection could be made, so that it is nothing that was asked.

    Example:
        >>> from reasonbook.teachers import CallError
        >>> CallError("rate", "the provider asks to slow down", retry_after=2.0).transient
        True
    """

    def __init__(
        self,
        kind: CallErrorKind,
        message: str,
        *,
        retry_after: float | None = None,
        status: int = 0,
        usage: Usage | None = None,
        text: str = "",
        words: str = "",
        limits: Limits | None = None,
        connected: bool = True,
    ) -> None:
        super().__init__(message)
        self.kind: CallErrorKind = kind
        self.message = message
        self.retry_after = retry_after
        self.status = status
        self.usage = usage or Usage()
        self.text = text
        self.words = words or message.lower()
        self.limits = limits
        self.connected = connected

    @property
    def fatal(self) -> bool:
        """Whether the job as a whole must stop."""
        return self.kind in ("auth", "quota")

    @property
    def transient(self) -> bool:
        """Whether the same request may well succeed a little later."""
        return self.kind in ("rate", "server", "timeout")


async def completed(teacher: Teacher, request: Request) -> Completion:
    """The teacher's answer; whatever a teacher raises or returns belongs to the row.

    Raises:
        CallError: there is no answer.
        ReasonbookError: the teacher cannot be used at all.
    """
    try:
        answer = await teacher.complete(request)
        return answer if type(teacher).__module__.startswith(_OURS) else _sound(answer)
    except (CallError, ReasonbookError):
        raise
    except (asyncio.TimeoutError, TimeoutError) as error:
        raise CallError("timeout", f"the teacher's own time-out: {excerpt(error)}") from error
    except (Exception, SystemExit) as error:
        raise CallError("request", f"{type(error).__name__}: {excerpt(error, 400)}") from error


def _counts(usage: Usage) -> list[object]:
    """Its figures; dollars only where they are told."""
    return [value for name, value in vars(usage).items() if name != "dollars" or value is not None]


def _sound(answer: object) -> Completion:
    """What a teacher returned, where it is a completion in all its parts."""
    if not isinstance(answer, Completion):
        raise CallError("request", f"the teacher returned {excerpt(answer)}, not a Completion")
    usage = cast("object", answer.usage)
    wanted: tuple[tuple[str, object, type], ...] = (
        ("text", answer.text, str),
        ("reasoning", answer.reasoning, str),
        ("usage", usage, Usage),
        ("data", {} if answer.data is None else answer.data, Mapping),
        ("limits", answer.limits or Limits(), Limits),
        *(("usage", count, Real) for count in (_counts(usage) if isinstance(usage, Usage) else ())),
    )
    for name, value, kind in wanted:
        if not isinstance(value, kind):
            raise CallError("request", f"the teacher's Completion has {excerpt(value)} as its {name}")
    return answer
