"""A provider on loopback: both OpenAI protocols, Anthropic's, and both batch APIs, with faults on request.

In a test, on a thread of its own, so that what it saw can be looked at:

    with Provider(script=lambda row, attempt: "rate" if attempt == 1 else None) as provider: ...

For a benchmark, in a process of its own: ``python -m tests.servers.provider '{"latency": 0.2}'`` prints the
port; ``GET /_seen`` returns the counts and ``POST /_seen`` sets options and clears the counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
from aiohttp import web

from . import dialects
from .batches import Batches
from .dialects import Asked, Said
from .faults import Chances, Exchange, Fault, Script
from .weather import WEATHERS, Refusal, Sky, Weather

KEY = "sk-canary-0123456789abcdef"


class Provider:
    """The server and what it saw.

    Args:
        latency: seconds before an answer.
        script: what goes wrong, by row and attempt.
        weather: how it limits and sheds, itself or its name; answers then take what it says, beside ``latency``.
        headers: whether rate limits are told in headers.
        thinking: whether answers come with thinking.
        thinking_in: the key that carries it in Chat Completions.
        refuses: parameters that it answers 400 to, such as ``json_schema``.
        schema: what its model fills when no schema came with the request.
        answer: what its model writes, instead.
        counts: parts of `Said` that say what an answer uses, by what was asked and what is written.
        key: the API key that it takes; any when empty.

    Attributes:
        requests: how many calls came in.
        statuses: how often each status went out.
        paid: row → how many of its calls were answered with 200 and so are paid for.
        bodies: the newest request bodies, newest last.
        told: every answer that is paid for, with what it used.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        script: Script | None = None,
        weather: Weather | str | None = None,
        headers: bool = False,
        thinking: bool = False,
        thinking_in: str = "reasoning_content",
        refuses: tuple[str, ...] = (),
        schema: Mapping[str, Any] | None = None,
        answer: Callable[[Asked], str] | None = None,
        counts: Callable[[Asked, str], Mapping[str, Any]] | None = None,
        key: str = "",
        retry_after: float = 1.0,
        port: int = 0,
    ) -> None:
        self.latency, self.script, self.headers, self.key = latency, script, headers, key
        self.thinking, self.thinking_in, self.refuses = thinking, thinking_in, refuses
        self.schema, self.answer, self.retry_after, self.port = schema, answer, retry_after, port
        self.counts = counts
        self.weather = weather
        self.batches = Batches(self)
        # Protocol, row, attempt and the bytes of a good answer → others in their place, or None.
        self.spoil: Callable[[str, str, int, bytes], bytes | None] | None = None
        self._ready = threading.Event()
        self._runner: Any = None
        self.clear()

    def clear(self) -> None:
        self.requests = self.in_flight = self.most_in_flight = 0
        self.statuses: Counter[int] = Counter()
        self.paid: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.told: list[Said] = []
        self.sent_headers: list[Mapping[str, str]] = []
        self.first_at = self.last_at = 0.0

    @property
    def weather(self) -> Sky | None:
        """The weather as it is now; whatever is set begins with the next call."""
        return self._sky

    @weather.setter
    def weather(self, weather: Weather | str | None) -> None:
        weather = WEATHERS[weather] if isinstance(weather, str) else weather
        self._sky = None if weather is None else Sky(weather, time.monotonic)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seen(self) -> dict[str, Any]:
        return {
            "requests": self.requests, "paid": sum(self.paid.values()), "rows": len(self.paid),
            "repeats": sum(count - 1 for count in self.paid.values()), "most_in_flight": self.most_in_flight,
            "in_flight": self.in_flight, "statuses": {str(k): v for k, v in self.statuses.items()},
            "seconds": self.last_at - self.first_at,
        }  # fmt: skip

    # -- the calls ---------------------------------------------------------------------------------------
    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 28)
        for path, dialect in (("/v1/chat/completions", "chat"), ("/v1/responses", "responses"),
                              ("/v1/messages", "messages")):  # fmt: skip
            app.router.add_post(path, self._handler(dialect))
        self.batches.add_routes(app)
        app.router.add_get("/_seen", self._get)
        app.router.add_post("/_seen", self._set)
        return app

    def _handler(self, dialect: str) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = orjson.loads(await request.read())
            self.requests += 1
            self.last_at = time.time()
            self.first_at = self.first_at or self.last_at
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            try:
                return await self._handle(dialect, request, body)
            finally:
                self.in_flight -= 1
                self.last_at = time.time()

        return handle

    async def _handle(self, dialect: str, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if len(self.bodies) < 500:
            self.bodies.append(body)
            self.sent_headers.append(dict(request.headers))
        if self.key and self.key not in (
            request.headers.get("authorization", "") + request.headers.get("x-api-key", "")
        ):
            return self._error(
                dialect, 401, "invalid_api_key", f"Incorrect API key provided: {self.key[:12]}***"
            )
        told = json.dumps(
            {k: v for k, v in body.items() if k not in ("messages", "input", "system", "instructions")}
        )
        for name in self.refuses:
            if f'"{name}"' in told:
                return self._error(
                    dialect,
                    400,
                    "invalid_request_error",
                    f"Unsupported parameter: '{name}' is not supported with this model.",
                )
        if self._sky is None:
            return await self._asked(dialect, request, body)
        refusal = self._sky.arrive(self._sky.size(self.requests))
        if refusal is not None:
            return self._refused(dialect, refusal)
        try:
            await asyncio.sleep(self._sky.latency())
            return await self._asked(dialect, request, body)
        finally:
            self._sky.leave()

    async def _asked(self, dialect: str, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        asked = dialects.read(dialect, body)
        self.attempts[asked.row] += 1
        fault = self.script(asked.row, self.attempts[asked.row]) if self.script else None
        if fault == "hang":
            await asyncio.sleep(3600)
        if self.latency:
            await asyncio.sleep(self.latency)
        if isinstance(fault, Fault):
            return await fault.answer(Exchange(self, dialect, request, asked))
        refused = self._faulted(dialect, fault, request)
        if refused is not None:
            return refused
        for row in asked.rows:
            self.paid[row] += 1
        answer = self._answered(dialect, self.said(asked, fault), fault)
        spoilt = self.spoil and self.spoil(dialect, asked.row, self.attempts[asked.row], answer.body)
        if spoilt is not None:
            answer.body = spoilt
        return answer

    def _faulted(self, dialect: str, fault: str | None, request: web.Request) -> web.StreamResponse | None:
        if fault == "rate":
            return self._error(
                dialect, 429, "rate_limit_error", "Slow down.", {"retry-after": f"{self.retry_after:g}"}
            )
        if fault == "server":
            return self._error(dialect, 500, "server_error", "Internal error.")
        if fault == "overloaded":
            return self._error(
                dialect, 529 if dialect == "messages" else 503, "overloaded_error", "Overloaded."
            )
        if fault == "auth":
            return self._error(dialect, 401, "invalid_api_key", f"Incorrect API key provided: {KEY}.")
        if fault == "quota":
            return self._error(dialect, 429, "insufficient_quota", "You exceeded your current quota.")
        if fault == "request":
            return self._error(dialect, 400, "invalid_request_error", "This request is too long.")
        if fault == "html":
            self.statuses[502] += 1
            return web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")
        if fault == "reset" and request.transport is not None:
            self.statuses[0] += 1
            request.transport.abort()
            return web.Response(status=500)
        return None

    def said(self, asked: Asked, fault: str | None = None) -> Said:
        """What the model says to a request, and what it is paid for."""
        said = self._said(asked, fault)
        if self.counts is not None:
            said = replace(said, **self.counts(asked, said.text))
        self.told.append(said)
        return said

    def _said(self, asked: Asked, fault: str | None) -> Said:
        text = self.answer(asked) if self.answer else dialects.answer(asked, self.schema)
        thinking = f"Thinking about {asked.row}." if self.thinking else ""
        if fault == "malformed":
            return Said(text[: len(text) // 2], thinking)
        if fault == "cut":
            return Said(text[:-5], thinking, "length")
        if fault == "refuse":
            return Said("I cannot help with that.", "", "refusal")
        if fault == "wrong":
            return Said('{"unasked": 1}', thinking)
        if fault == "fenced":
            return Said(f"Here it is:\n```json\n{text}\n```\nDone.", thinking)
        if fault == "in_reasoning":
            return Said("", f"So the answer is {text}")
        return Said(text, thinking, cached=64 if self.requests > 1 else 0)

    def _answered(self, dialect: str, said: Said, fault: str | None) -> web.Response:
        self.statuses[200] += 1
        headers = {"retry-after": "0"} if fault == "odd" else {}
        if self.headers:
            headers |= _limit_headers(dialect)
        headers |= self._told(dialect)
        body = dialects.write(dialect, said, self.thinking_in)
        return web.Response(body=orjson.dumps(body), content_type="application/json", headers=headers)

    def _error(
        self, dialect: str, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        self.statuses[status] += 1
        body = orjson.dumps(dialects.error(dialect, status, code, message))
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    def _refused(self, dialect: str, refusal: Refusal) -> web.Response:
        wait = refusal.retry_after
        headers = (
            {}
            if wait is None
            else {"retry-after-ms": str(int(wait * 1000) + 1), "retry-after": f"{wait:.0f}"}
        )
        code = "rate_limit_error" if refusal.status == 429 else "overloaded_error"
        return self._error(dialect, refusal.status, code, "Too many requests.", headers | self._told(dialect))

    def _told(self, dialect: str) -> dict[str, str]:
        """The headers of the weather."""
        limits = self._sky.limits() if self._sky is not None else {}
        parts = {"": "limit", "_left": "remaining", "_reset": "reset"}
        found = {}
        for name, value in limits.items():
            unit, _, part = name.partition("_")
            part = parts[f"_{part}" if part else ""]
            if dialect == "messages":
                moment = datetime.now(timezone.utc) + timedelta(seconds=value)
                text = moment.isoformat() if part == "reset" else f"{value:.0f}"
                found[f"anthropic-ratelimit-{unit}-{part}"] = text
            else:
                found[f"x-ratelimit-{part}-{unit}"] = f"{value:.3f}s" if part == "reset" else f"{value:.0f}"
        return found

    # -- control -----------------------------------------------------------------------------------------
    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.seen() | {"paid_rows": dict(self.paid)})

    async def _set(self, request: web.Request) -> web.Response:
        self.set(**await request.json())
        return web.json_response({})

    def set(
        self,
        *,
        chances: Mapping[str, Any] | None = None,
        weather: str | None = None,
        **options: Any,
    ) -> None:
        """Sets options and clears the counts."""
        self.clear()
        self.script = Chances(**chances) if chances else None
        self.weather = weather
        for name, value in options.items():
            setattr(self, name, value)

    async def _serve(self) -> None:
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=2048)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    def __enter__(self) -> Provider:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def _limit_headers(dialect: str) -> dict[str, str]:
    if dialect == "messages":
        return {
            "anthropic-ratelimit-requests-limit": "6000",
            "anthropic-ratelimit-requests-remaining": "5900",
        }
    return {"x-ratelimit-limit-requests": "6000", "x-ratelimit-remaining-requests": "5900",
            "x-ratelimit-reset-requests": "1s"}  # fmt: skip


async def _forever(provider: Provider) -> None:
    await provider._serve()
    print(provider.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    given = Provider()
    given.set(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))
    asyncio.run(_forever(given))
