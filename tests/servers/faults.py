"""What a provider does wrong, decided by seed and row, so that every client meets the same faults."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson
from aiohttp import web

from . import dialects
from .dialects import Asked

if TYPE_CHECKING:
    from .provider import Provider

# A script says what happens to one call: row name and attempt (from 1) → one of these, a `Fault`, None for an answer.
FAULTS = ("rate", "server", "overloaded", "malformed", "hang", "refuse", "cut", "auth", "quota", "request", "reset",
          "wrong", "html", "fenced", "in_reasoning")  # fmt: skip
Script = Callable[[str, int], "str | Fault | None"]


@dataclass(frozen=True)
class Chances:
    """Parts of the rows whose first attempt meets a fault."""

    rate: float = 0.0
    server: float = 0.0
    malformed: float = 0.0
    hang: float = 0.0
    seed: int = 0

    def __call__(self, row: str, attempt: int) -> str | None:
        if attempt > 1:
            return None
        digest = hashlib.blake2b(f"{self.seed}:{row}".encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest, "big") / 2**64
        for name in ("rate", "server", "malformed", "hang"):
            drawn -= getattr(self, name)
            if drawn < 0:
                return name
        return None


# -- the matrix: every fault that was ever met, how it is written, and what has to become of its rows ----------------
ALWAYS = 10**9
Outcome = Literal["right", "error", "either"]


@dataclass(frozen=True)
class Exchange:
    """One call that a fault answers."""

    provider: Provider
    dialect: str
    request: web.Request
    asked: Asked

    @property
    def right(self) -> dict[str, Any]:
        """The body of the right answer."""
        return dialects.write(self.dialect, self.provider.said(self.asked), "reasoning_content")

    @property
    def values(self) -> dict[str, Any]:
        """The right values by key."""
        return json.loads(self.provider.said(self.asked).text)

    def saying(self, text: str | None, **message: Any) -> dict[str, Any]:
        """The body of an answer that says something else, in Chat Completions."""
        body = self.right
        body["choices"][0]["message"] |= {"content": text, **message}
        return body

    def filled(self, **values: Any) -> dict[str, Any]:
        """The right answer but for some values."""
        return self.saying(json.dumps(self.values | values))

    def sends(
        self,
        body: object,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> web.Response:
        """An answer; of status 200 it is paid for."""
        self.provider.statuses[status] += 1
        if status == 200:
            self.provider.paid[self.asked.row] += 1
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(status=status, body=content, content_type=kind, headers=headers)

    def refuses(self, status: int, code: str, words: str, **headers: str) -> web.Response:
        """An error in the protocol's form."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.sends(dialects.error(self.dialect, status, code, words), status, named)

    def breaks(self, raw: bytes) -> web.Response:
        """Raw bytes, and the connection is closed."""
        assert self.request.transport is not None
        self.provider.statuses[0] += 1
        self.request.transport.write(raw)
        self.request.transport.close()
        return web.Response(status=500)


@dataclass(frozen=True)
class Fault:
    """One way in which a provider goes wrong.

    Attributes:
        name: of the fault.
        write: writes the answer to a call that meets it.
        ends: what becomes of a row that meets it.
        times: so many first attempts of a row meet it.
        calls: the fewest calls that such a row takes.
        words: what its error says, where it ends in one.
        every: each so manieth row meets it.
        options: of the job.
    """

    name: str
    write: Callable[[Exchange], Awaitable[web.StreamResponse] | web.StreamResponse] = field(repr=False)
    ends: Outcome = "right"
    times: int = 1
    calls: int = 2
    words: str = ""
    every: int = 5
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, row: str, attempt: int) -> Fault | None:
        return self if self.meets(row) and attempt <= self.times else None

    def meets(self, row: str) -> bool:
        return int(row[4:]) % self.every == 1

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        made = self.write(exchange)
        return made if isinstance(made, web.StreamResponse) else await made


async def _drip(x: Exchange) -> web.StreamResponse:
    """A byte now and then, so that the connection is never idle and the answer never whole."""
    response = web.StreamResponse(headers={"content-type": "application/json"})
    await response.prepare(x.request)
    try:
        for byte in orjson.dumps(x.right):
            await response.write(bytes([byte]))
            await asyncio.sleep(0.2)
    except ConnectionError:
        pass
    return response


async def _hang(x: Exchange) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


def _events(x: Exchange) -> web.Response:
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": json.dumps(x.values)}}],
    }
    return x.sends(b"data: " + orjson.dumps(chunk) + b"\n\ndata: [DONE]\n\n", kind="text/event-stream")


def _tool(x: Exchange) -> web.Response:
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "reasoning", "arguments": json.dumps(x.values)},
    }
    return x.sends(x.saying(None, tool_calls=[call]))


def _finished(x: Exchange, reason: str, text: str) -> web.Response:
    body = x.saying(text)
    body["choices"][0]["finish_reason"] = reason
    return x.sends(body)


def _without(x: Exchange, key: str) -> dict[str, Any]:
    return {name: value for name, value in x.right.items() if name != key}


def _deep(x: Exchange) -> dict[str, Any]:
    return x.saying('{"customer_intent": ' + "[" * 900 + "]" * 900 + "}")


_SHORT = {"timeout": 1.0}
_ERROR = {"ends": "error", "times": ALWAYS}
_EITHER = {"ends": "either", "times": ALWAYS}
_GOOD = {"times": ALWAYS, "calls": 1}
_LOAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

MATRIX: tuple[Fault, ...] = (
    # the network
    Fault("hang", _hang, options=_SHORT),
    Fault("drip", _drip, options=_SHORT),
    Fault("reset", lambda x: x.breaks(b"")),
    Fault("body cut", lambda x: x.breaks(f"{_LOAD}transfer-encoding: chunked\r\n\r\n5\r\n{{\"id\"".encode())),
    Fault("content-length too long", lambda x: x.breaks(f"{_LOAD}content-length: 999\r\n\r\n{{}}".encode())),
    Fault("gzip", lambda x: x.sends(gzip.compress(orjson.dumps(x.right)), headers={"content-encoding": "gzip"}),
          **_GOOD),
    Fault("redirect", lambda x: x.sends(b"", 307, {"location": str(x.request.url)})),
    # the provider
    Fault("500", lambda x: x.refuses(500, "server_error", "Internal error.")),
    Fault("503", lambda x: x.refuses(503, "overloaded", "Overloaded.")),
    Fault("HTML with 502", lambda x: x.sends(b"<html>Bad gateway</html>", 502, kind="text/html")),
    Fault("HTML with 200", lambda x: x.sends(b"<html>Log in</html>", kind="text/html")),
    Fault("error with 200", lambda x: x.sends({"error": {"message": "Upstream failed.", "code": 502}})),
    Fault("429 without a time", lambda x: x.refuses(429, "rate_limit_error", "Slow down.")),
    Fault("junk in retry-after", lambda x: x.refuses(429, "rate_limit_error", "Slow down.", retry_after="soon")),
    Fault("429 three times", lambda x: x.refuses(429, "rate_limit_error", "Slow down.", retry_after="1"),
          times=3, calls=4, every=10),  # once only these rows are left, one call a second asks whether the door is open
    Fault("always 500", lambda x: x.refuses(500, "server_error", "Internal error."), **_ERROR, calls=3,
          words="Internal error", options={"max_retries": 2}),
    Fault("always hangs", _hang, **_ERROR, calls=3, every=60, words="no answer within 2 s; given up after 3 calls",
          options={"timeout": 2.0, "row_timeout": 7.9}),
    Fault("retry-after of two hours", lambda x: x.refuses(429, "rate_limit_error", "Slow down.", retry_after="7200"),
          **_ERROR, every=60, words="asks to wait 2:00:00 for this row"),
    # the body
    Fault("usage is missing", lambda x: x.sends(_without(x, "usage")), **_GOOD),
    Fault("usage is no number", lambda x: x.sends(x.right | {"usage": {"prompt_tokens": "many"}}), **_GOOD),
    Fault("ten megabytes", lambda x: x.sends(orjson.dumps(x.right) + b" " * 10_000_000), **_GOOD, every=60),
    Fault("choices are empty", lambda x: x.sends(x.right | {"choices": []}), **_ERROR),
    Fault("choices are a text", lambda x: x.sends(x.right | {"choices": "none"}), **_ERROR),
    Fault("choices hold a text", lambda x: x.sends(x.right | {"choices": ["none"]}), **_ERROR),
    Fault("content is a number", lambda x: x.sends(x.saying(7)), **_ERROR),  # type: ignore[arg-type]
    Fault("in a list", lambda x: x.sends([x.right]), **_GOOD),
    Fault("a number", lambda x: x.sends(7), **_ERROR),
    Fault("bad UTF-8", lambda x: x.sends(orjson.dumps(x.right).replace(b"customer_intent of", b"\xff\xfe")),
          **_EITHER),
    Fault("lone surrogate", lambda x: x.sends(json.dumps(x.filled(customer_intent="a\ud800b")).encode()),
          **_EITHER),
    Fault("SSE with 200", _events, **_EITHER),
    # the answer
    Fault("<think> before it", lambda x: x.sends(x.saying(f"<think>So.</think>\n{json.dumps(x.values)}")),
          **_GOOD),
    Fault("in a tool call", _tool, **_GOOD),
    Fault('"7" for 7', lambda x: x.sends(x.filled(score=str(x.values["score"]))), **_GOOD),
    Fault("cut JSON once", lambda x: x.sends(x.saying('{"customer_intent": "a'))),
    Fault("cut JSON", lambda x: x.sends(x.saying('{"customer_intent": "a')), **_ERROR, words="no complete JSON"),
    Fault("a list for a text", lambda x: x.sends(x.filled(customer_intent={"a": 1})), **_ERROR,
          words="`customer_intent`"),
    Fault("a key too many", lambda x: x.sends(x.filled(extra=1)), **_GOOD),
    Fault("an invisible text", lambda x: x.sends(x.filled(customer_intent="\u200b")), **_ERROR,
          words="`customer_intent`"),
    Fault("a key is missing", lambda x: x.sends(x.saying(json.dumps({"customer_intent": "a"}))), **_ERROR,
          words="is missing"),
    Fault("NaN", lambda x: x.sends(x.filled(score=float("nan"))), **_ERROR, words="`score`"),
    Fault("Infinity", lambda x: x.sends(x.filled(score=float("inf"))), **_ERROR, words="`score`"),
    Fault("deep JSON", lambda x: x.sends(_deep(x)), **_ERROR, words="`customer_intent`"),
    Fault("no content", lambda x: x.sends(x.saying(None)), **_ERROR, words="empty"),
    Fault("refusal", lambda x: x.sends(x.saying(None, refusal="I cannot.")), **_ERROR, words="refused"),
    Fault("filtered", lambda x: _finished(x, "content_filter", ""), **_ERROR, words="filter"),
    Fault("cut at the limit", lambda x: _finished(x, "length", '{"customer_'), **_ERROR, words="token limit"),
    # the request
    Fault("Azure's filter", lambda x: x.refuses(400, "content_filter", "The prompt was filtered."), **_ERROR,
          calls=1, words="was filtered"),
    Fault("too long", lambda x: x.refuses(400, "context_length_exceeded", "This request is too long."), **_ERROR,
          calls=1, words="too long"),
)  # fmt: skip
