"""OpenAI teacher: its models, and every endpoint that speaks one of OpenAI's two protocols."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import TeacherError
from .hosted.chat_answer import CHAT
from .hosted.endpoints import ENDPOINTS, endpoint, local, needs_key, shown
from .hosted.hosted import HostedTeacher
from .hosted.http import unconnected
from .hosted.responses_answer import RESPONSES
from .hosted.schema_subset import LENGTHS, has_lengths, without
from .hosted.thinking import room_to_think
from .json_access import part
from .teacher import CallError, Capabilities, Request, Rung

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_OPTIONAL = ("temperature", "reasoning_effort", "reasoning.summary", "reasoning.effort", "reasoning", "effort",
             "prompt_cache_key", "max_completion_tokens", "max_output_tokens", "max_tokens", "maxlength", "store",
             "strict")  # fmt: skip
_BOUND = re.compile(r"max_(?:completion_|output_)?tokens|context length|output tokens")


class OpenAI(HostedTeacher):
    """A model behind OpenAI's Responses or Chat Completions API.

    Args:
        model: the model's name at its provider.
        base_url: another endpoint (vLLM, Ollama, OpenRouter, LM Studio …); OpenAI itself when None.
        api: ``"responses"`` or ``"chat"``; the provider's better one when None.
        api_key: the key; read from the provider's environment variable when None.
        client: an ``openai.AsyncOpenAI`` or ``AsyncAzureOpenAI`` of yours; its authentication and base URL
            are used, the connections are the teacher's own.

    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api: str | None = None,
        api_key: str | None = None,
        client: AsyncOpenAI | None = None,
    ) -> None:
        url = base_url or os.environ.get("OPENAI_BASE_URL") or f"https://{ENDPOINTS[0].host}/v1"
        if client is not None:
            url = str(client.base_url)
        self.profile = profile = ENDPOINTS[0] if _azure(client) else endpoint(url)
        self.api = api or profile.api
        if self.api not in ("responses", "chat"):
            raise TeacherError(f"There is no OpenAI protocol {api!r}.", 'api="responses" or api="chat"')
        super().__init__(
            model,
            name=f"openai:{model}" + ("" if profile is ENDPOINTS[0] else f"@{shown(url)}"),
            # Endpoints that have no batch API answer 404 to the first file.
            capabilities=Capabilities(
                rungs=profile.rungs, batch=True, times_out=True, tells_cost=profile.tells_cost
            ),
            protocol=RESPONSES if self.api == "responses" else CHAT,
            optional=_OPTIONAL,
            connect=lambda: client if client is not None else _client(url, api_key, profile.variable),
        )

    def __repr__(self) -> str:
        return f"OpenAI({self.model!r}, api={self.api!r})"

    def body(self, request: Request, rung: Rung) -> tuple[str, dict[str, Any]]:
        """Path and JSON body of a request, in the protocol that is spoken."""
        make = _responses_body if self.api == "responses" else _chat_body
        path = "/responses" if self.api == "responses" else "/chat/completions"
        return path, make(self, request, rung)

    def parameters(self, body: Mapping[str, Any]) -> set[str]:
        """The parameters in a body, those inside the reasoning under both of their names."""
        reasoning = part(body, "reasoning")
        names = {*body, *reasoning, *(f"reasoning.{name}" for name in reasoning)}
        shape = part(part(body, "response_format"), "json_schema") or part(part(body, "text"), "format")
        names |= {"strict"} if "strict" in shape else set()
        return names | {"maxlength"} if has_lengths(part(shape, "schema")) else names

    def learn(self, error: CallError, rung: Rung, body: Mapping[str, Any]) -> bool:
        """Whether a refused request is worth making again; a bound of our own is given up rather than the row."""
        if super().learn(error, rung, body):
            return True
        dropped = self.downgrade.dropped
        if error.status != 400 or "bound" in dropped or not _BOUND.search(error.words):
            return False
        dropped.add("bound")
        return True

    def bound(self, request: Request) -> int | None:
        """Tokens that it may write: as many as were named, else the longest answer and room to think before it."""
        if request.max_tokens or request.answer_tokens is None or "bound" in self.downgrade.dropped:
            return request.max_tokens
        return request.answer_tokens + room_to_think(self.model, request.effort, request.thinking)

    def held_to(self, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The schema as this endpoint takes it."""
        if schema is None or (self.profile.lengths and "maxlength" not in self.downgrade.dropped):
            return schema
        return without(schema, LENGTHS)


def _chat_body(teacher: OpenAI, request: Request, rung: Rung) -> dict[str, Any]:
    dropped = teacher.downgrade.dropped
    body: dict[str, Any] = {
        "model": teacher.model,
        "messages": _turns(request),
    }
    if request.system.strip():
        body["messages"].insert(0, {"role": "system", "content": request.system})
    if rung == "schema":
        shape: dict[str, Any] = {"name": "reasoning", "schema": teacher.held_to(request.schema)}
        if "strict" not in dropped:
            shape["strict"] = True
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    elif rung == "json":
        body["response_format"] = {"type": "json_object"}
    bound = teacher.bound(request)
    if bound:
        names = (teacher.profile.max_tokens, "max_completion_tokens", "max_tokens")
        name = next((name for name in names if name not in dropped), None)
        if name is not None:
            body[name] = bound
    if request.temperature is not None and "temperature" not in dropped:
        body["temperature"] = request.temperature
    if request.effort and "reasoning_effort" not in dropped:
        body["reasoning_effort"] = request.effort
    if teacher.profile.cache_key and request.cache_key and "prompt_cache_key" not in dropped:
        body["prompt_cache_key"] = request.cache_key
    return body


def _responses_body(teacher: OpenAI, request: Request, rung: Rung) -> dict[str, Any]:
    dropped = teacher.downgrade.dropped
    body: dict[str, Any] = {
        "model": teacher.model,
        "instructions": request.system,
        # Named as messages, which OpenAI does not ask for and llama.cpp does.
        "input": [{"type": "message", **turn} for turn in _turns(request)],
    }
    if not request.system.strip():
        del body["instructions"]
    if "store" not in dropped:
        body["store"] = False
    if rung == "schema":
        shape: dict[str, Any] = {
            "type": "json_schema",
            "name": "reasoning",
            "schema": teacher.held_to(request.schema),
        }
        if "strict" not in dropped:
            shape["strict"] = True
        body["text"] = {"format": shape}
    elif rung == "json":
        body["text"] = {"format": {"type": "json_object"}}
    reasoning: dict[str, str] = {}
    if request.effort and not dropped & {"reasoning.effort", "effort"}:
        reasoning["effort"] = request.effort
    if request.thinking and "reasoning.summary" not in dropped:
        reasoning["summary"] = "auto"
    if reasoning and "reasoning" not in dropped:
        body["reasoning"] = reasoning
    bound = teacher.bound(request)
    if bound and "max_output_tokens" not in dropped:
        body["max_output_tokens"] = bound
    if request.temperature is not None and "temperature" not in dropped:
        body["temperature"] = request.temperature
    if teacher.profile.cache_key and request.cache_key and "prompt_cache_key" not in dropped:
        body["prompt_cache_key"] = request.cache_key
    return body


def _turns(request: Request) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": request.user},
        *({"role": role, "content": text} for role, text in request.turns),
    ]


def _client(url: str, api_key: str | None, variable: str) -> AsyncOpenAI:
    import openai

    key = api_key or os.environ.get(variable)
    if not key and local(url):
        key = "none"
    if not key:
        raise needs_key(variable, at="" if endpoint(url) is ENDPOINTS[0] else shown(url))
    return openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=0, http_client=unconnected(openai))


def _azure(client: object) -> bool:
    return "Azure" in type(client).__name__
