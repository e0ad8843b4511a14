"""HTTP: requests that a provider's SDK has addressed and signed, carried by aiohttp.

A typed SDK call costs about fourteen times the CPU of the bare HTTP exchange. So the SDK is asked once for a
request to a path: it brings the base URL, the authentication, Azure's deployment in the URL, and its
headers. That request never leaves; its address and headers are then used for every row. Every few minutes,
and whenever the provider says 401, the SDK is asked anew, so that tokens which expire go on working.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...errors import TeacherError
from ...safe_text import excerpt
from ..json_access import as_object, dumped, parsed
from ..teacher import CallError, Limits, Usage
from .call_errors import call_error, clean, limits

if TYPE_CHECKING:
    import aiohttp
    import yarl

_RENEW, _SIGNING = 240.0, 60.0
# Left out of the SDK's headers: what belongs to its own connection, and what it tells about itself.
_NOT_OURS = ("host", "content-length", "connection", "accept-encoding", "x-stainless-")


@dataclass(frozen=True)
class _Address:
    """Where a path is, how it is signed, through which proxy it is reached."""

    url: yarl.URL
    headers: Mapping[str, str]
    proxy: Any
    proxy_auth: Any
    at: float


@dataclass(frozen=True)
class _Connections:
    """What belongs to one event loop: its session, and the lock under which an address is asked for."""

    session: aiohttp.ClientSession
    signing: asyncio.Lock


@dataclass(frozen=True)
class HttpAnswer:
    """A provider's answer of status 2xx.

    Attributes:
        raw: its bytes.
        limits: what its headers say of rate limits, where they do.
    """

    raw: bytes
    limits: Limits | None

    @property
    def body(self) -> Mapping[str, Any]:
        """The object in it, where it is no model's answer.

        Raises:
            CallError: it holds none.
        """
        try:
            told = as_object(parsed(self.raw))
        except ValueError:
            told = None
        if told is None:
            raise CallError("server", clean(f"the provider's answer is no object: {excerpt(self.raw)}"))
        return told


class HttpClient:
    """Exchanges JSON with paths of one provider.

    Args:
        connect: gives an ``openai.Async…`` or ``anthropic.Async…`` client, set up in any way the SDK allows.

    Attributes:
        longest: bytes of an answer at most; the longest that models write have a twentieth of it.
    """

    longest = 16 << 20

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._addressed: dict[tuple[str, str, str], _Address] = {}
        self._loops: dict[asyncio.AbstractEventLoop, _Connections] = {}

    @cached_property
    def client(self) -> Any:
        """The SDK's client, made when it is first wanted."""
        return self._connect()

    async def post(self, path: str, body: Mapping[str, Any], *, timeout: float) -> HttpAnswer:
        """Posts a JSON body.

        Raises:
            CallError: for every status that is not 2xx, and for a network that fails.
        """
        return await self._json("POST", path, dumped(body), timeout, model=str(body.get("model", "")))

    async def post_bytes(self, path: str, content: bytes, *, timeout: float) -> HttpAnswer:
        """Posts a JSON body that is already written."""
        return await self._json("POST", path, content, timeout)

    async def get(self, path: str, *, timeout: float = 60.0) -> HttpAnswer:
        """Gets a JSON answer."""
        return await self._json("GET", path, None, timeout)

    async def file(self, path: str, *, timeout: float = 600.0) -> bytes:
        """Gets a file."""
        to = await self._address("GET", path, "")
        status, headers, raw = await self._send(to, "GET", None, timeout, bounded=False)
        return self._checked(status, headers, raw).raw

    async def upload(self, path: str, name: str, content: bytes, fields: Mapping[str, str]) -> HttpAnswer:
        """Posts a file as a multipart form."""
        import aiohttp

        form = aiohttp.FormData()
        for key, value in fields.items():
            form.add_field(key, value)
        form.add_field("file", content, filename=name, content_type="application/jsonl")
        to = await self._address("POST", path, "")
        status, headers, raw = await self._send(to, "POST", form, 600.0)
        return self._checked(status, headers, raw)

    async def close(self) -> None:
        """Ends the connections of this event loop; a later request opens new ones."""
        held = self._loops.pop(asyncio.get_running_loop(), None)
        if held is not None:
            await held.session.close()

    # -- inside ------------------------------------------------------------------------------------------
    async def _json(
        self, method: str, path: str, data: bytes | None, timeout: float, *, model: str = ""
    ) -> HttpAnswer:
        to = self._known(method, path, model) or await self._address(method, path, model)
        status, headers, raw = await self._send(to, method, data, timeout)
        if status == 401:  # a token may have run out: signed once more before it counts as refused
            to = await self._address(method, path, model, since=to.at)
            status, headers, raw = await self._send(to, method, data, timeout)
        return self._checked(status, headers, raw)

    def _checked(self, status: int, headers: Mapping[str, str], raw: bytes) -> HttpAnswer:
        if status >= 300:
            try:
                body = parsed(raw)
            except ValueError:
                body = raw.decode("utf-8", "replace")
            raise call_error(status, headers, body, secret=self._secret)
        return HttpAnswer(raw, limits(headers))

    def heard(self, error: CallError, answer: HttpAnswer) -> CallError:
        """The error of an answer that could not be used, with the limits that came along, and without the key."""
        if self._secret:
            error.message = error.message.replace(self._secret, "[key]")
            error.text = error.text.replace(self._secret, "[key]")
            error.args = (error.message,)
        error.limits = answer.limits
        return error

    async def _send(
        self,
        to: _Address,
        method: str,
        data: bytes | aiohttp.FormData | None,
        timeout: float,
        bounded: bool = True,
    ) -> tuple[int, Mapping[str, str], bytes]:
        import aiohttp

        headers = to.headers
        if not isinstance(data, (bytes, type(None))):  # a form brings its own content type
            headers = {k: v for k, v in headers.items() if k != "content-type"}
        try:
            async with self._connections().session.request(
                method,
                to.url,
                data=data,
                headers=headers,
                proxy=to.proxy,
                proxy_auth=to.proxy_auth,
                timeout=_timeout(timeout),
            ) as answer:
                return answer.status, answer.headers, await _whole(answer, self.longest if bounded else None)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise CallError("server", clean(_network(error), self._secret), connected=False) from None
        except asyncio.TimeoutError:
            raise CallError("timeout", f"no answer within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise CallError("server", clean(_network(error), self._secret)) from None

    async def _address(self, method: str, path: str, model: str, since: float = 0.0) -> _Address:
        """URL and headers for a path, as the SDK writes them; signed after ``since``."""
        async with (
            self._connections().signing
        ):  # all calls of a job want it at the same moment: it is made once
            known = self._known(method, path, model, since)
            if known is not None:
                return known
            import yarl

            try:  # a token may come from a service that hangs
                url, headers = await asyncio.wait_for(_signed(self.client, method, path, model), _SIGNING)
            except asyncio.TimeoutError:
                raise CallError("timeout", f"the client gave no credentials within {_SIGNING:g} s") from None
            to = yarl.URL(url)
            known = _Address(to, headers, *_proxy(to), at=time.monotonic())
            self._addressed[method, path, model] = known
            return known

    def _known(self, method: str, path: str, model: str, since: float = 0.0) -> _Address | None:
        """The address that stands, where it was signed after ``since`` and not long ago."""
        known = self._addressed.get((method, path, model))  # Azure puts the model into the URL
        return known if known is not None and known.at > max(since, time.monotonic() - _RENEW) else None

    def _connections(self) -> _Connections:
        import aiohttp

        loop = asyncio.get_running_loop()
        held = self._loops.get(loop)
        if held is None or held.session.closed:
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=60)
            session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
            held = self._loops[loop] = _Connections(session, asyncio.Lock())
        return held

    @property
    def _secret(self) -> str:
        key = getattr(self.client, "api_key", None)
        return key if isinstance(key, str) and len(key) > 5 else ""


@lru_cache(64)  # a job's calls have one of a few
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, 20.0))


async def _whole(answer: aiohttp.ClientResponse, longest: int | None) -> bytes:
    """The bytes of an answer, of which no more than so many are taken into memory."""
    told = answer.content_length
    if longest is None or (told is not None and told <= longest and "content-encoding" not in answer.headers):
        return await answer.read()
    taken = bytearray()
    async for piece in answer.content.iter_any():
        taken += piece
        if len(taken) > longest:
            head = excerpt(bytes(taken[:400]))
            raise CallError(
                "output",
                clean(f"the provider's answer is longer than {longest >> 20} MiB: {head}"),
                usage=Usage(calls=1),
            )
    return bytes(taken)


async def _signed(client: Any, method: str, path: str, model: str) -> tuple[str, dict[str, str]]:
    """Lets the SDK make a request and keeps it from leaving."""
    http = _http_library(_sdk(client))
    seen: list[Any] = []

    async def keep(request: object) -> object:
        seen.append(request)
        return http.Response(200, json={})

    transport = http.MockTransport(keep)
    signer = client.copy(
        http_client=http.AsyncClient(transport=transport, trust_env=False), max_retries=0, timeout=60.0
    )
    body = {"model": model} if model else {}
    call = signer.post(path, cast_to=http.Response, body=body) if method == "POST" else signer.get(
        path, cast_to=http.Response
    )  # fmt: skip
    await call
    headers = {name.lower(): value for name, value in seen[0].headers.items()}
    return str(seen[0].url), {
        name: value for name, value in headers.items() if not name.startswith(_NOT_OURS)
    }


def unconnected(sdk: ModuleType) -> Any:
    """An HTTP client for an SDK's client that only ever signs: none of its connections is set up."""
    http = _http_library(sdk)

    def refuse(request: object) -> object:
        return http.Response(503)

    return http.AsyncClient(transport=http.MockTransport(refuse), trust_env=False)


def _proxy(url: yarl.URL) -> tuple[Any, Any]:
    """The proxy that the environment names for an address; looked up once, not for every row."""
    from aiohttp.helpers import get_env_proxy_for_url

    try:
        return get_env_proxy_for_url(url)
    except LookupError:
        return None, None


def _sdk(client: object) -> ModuleType:
    """The SDK that a client, or the class that a user derived, comes from."""
    for base in type(client).__mro__:
        sdk = sys.modules.get(base.__module__.split(".")[0])
        if sdk is not None and hasattr(sdk, "DefaultAsyncHttpxClient"):
            return sdk
    raise TeacherError(
        f"A {type(client).__name__} is not a client of openai or anthropic.", "client=openai.AsyncOpenAI(…)"
    )


def _http_library(sdk: ModuleType) -> ModuleType:
    """The HTTP library of an SDK's own choice: httpx in the older ones, httpx2 in the newer."""
    for base in sdk.DefaultAsyncHttpxClient.__mro__:
        root = base.__module__.split(".")[0]
        if root.startswith("httpx"):
            return importlib.import_module(root)
    raise RuntimeError("the SDK's HTTP library was not recognised")


def _network(error: BaseException) -> str:
    words = str(error) or type(error).__name__
    return f"the provider cannot be reached ({words})"
