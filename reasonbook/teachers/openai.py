"""OpenAI teacher: its models, and every endpoint that speaks one of OpenAI's two protocols."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import TeacherError
from .hosted.endpoints import ENDPOINTS, endpoint, local, needs_key, shown
from .hosted.hosted import HostedTeacher
from .hosted.http import unconnected
from .json_access import as_object, part, parts
from .teacher import CallError, Capabilities, Completion, Request, Rung, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_OPTIONAL = ("temperature", "reasoning_effort", "reasoning.summary", "reasoning.effort", "reasoning", "effort",
             "prompt_cache_key", "max_completion_tokens", "max_tokens", "store", "strict")  # fmt: skip
_STOPS = {"stop": "stop", "length": "length", "content_filter": "filter", "max_output_tokens": "length"}


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
            capabilities=Capabilities(rungs=profile.rungs, batch=True, times_out=True),
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

    def read(self, answer: object) -> Completion:
        """The completion in a response or in a chat completion."""
        told = as_object(answer)
        if told is None:
            raise CallError("server", "the provider's answer is not an object")
        return read_responses(told) if self.api == "responses" else read_chat(told)

    def parameters(self, body: Mapping[str, Any]) -> set[str]:
        """The parameters in a body, those inside the reasoning under both of their names."""
        reasoning = part(body, "reasoning")
        names = {*body, *reasoning, *(f"reasoning.{name}" for name in reasoning)}
        shape = part(part(body, "response_format"), "json_schema") or part(part(body, "text"), "format")
        return names | {"strict"} if "strict" in shape else names


def _chat_body(teacher: OpenAI, request: Request, rung: Rung) -> dict[str, Any]:
    dropped = teacher.downgrade.dropped
    body: dict[str, Any] = {
        "model": teacher.model,
        "messages": _turns(request),
    }
    if request.system.strip():
        body["messages"].insert(0, {"role": "system", "content": request.system})
    if rung == "schema":
        shape: dict[str, Any] = {"name": "reasoning", "schema": request.schema}
        if "strict" not in dropped:
            shape["strict"] = True
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    elif rung == "json":
        body["response_format"] = {"type": "json_object"}
    if request.max_tokens:
        names = (teacher.profile.max_tokens, "max_completion_tokens", "max_tokens")
        name = next((name for name in names if name not in dropped), None)
        if name is not None:
            body[name] = request.max_tokens
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
        shape: dict[str, Any] = {"type": "json_schema", "name": "reasoning", "schema": request.schema}
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
    if request.max_tokens:
        body["max_output_tokens"] = request.max_tokens
    if request.temperature is not None and "temperature" not in dropped:
        body["temperature"] = request.temperature
    if teacher.profile.cache_key and request.cache_key and "prompt_cache_key" not in dropped:
        body["prompt_cache_key"] = request.cache_key
    return body


def read_chat(answer: Mapping[str, Any]) -> Completion:
    """Reads a Chat Completions answer, with the thinking wherever its provider puts it."""
    usage = part(answer, "usage")
    details, out = part(usage, "prompt_tokens_details"), part(usage, "completion_tokens_details")
    counted = Usage(
        input=usage.get("prompt_tokens") or 0,
        output=usage.get("completion_tokens") or 0,
        cached=details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0,
        reasoning=out.get("reasoning_tokens") or 0,
        calls=1,
    )
    options = parts(answer, "choices")
    if not options:
        error = answer.get("error")  # some gateways answer 200 with an error inside
        raise CallError("server", f"the answer holds no choice ({error or 'nothing'})", usage=counted)
    message = part(options[0], "message")
    text, thought = _content(message.get("content"))
    reasoning = message.get("reasoning_content") or message.get("reasoning") or thought or ""
    stop = _STOPS.get(options[0].get("finish_reason") or "stop", "stop")
    if message.get("refusal"):
        text, stop = str(message["refusal"]), "refusal"
    return Completion(text, reasoning if isinstance(reasoning, str) else str(reasoning), counted, stop)


def read_responses(answer: Mapping[str, Any]) -> Completion:
    """Reads a Responses answer; reasoning summaries are its thinking."""
    usage = part(answer, "usage")
    counted = Usage(
        input=usage.get("input_tokens") or 0,
        output=usage.get("output_tokens") or 0,
        cached=part(usage, "input_tokens_details").get("cached_tokens") or 0,
        reasoning=part(usage, "output_tokens_details").get("reasoning_tokens") or 0,
        calls=1,
    )
    if answer.get("status") == "failed" or ("output" not in answer and answer.get("error")):
        error = part(answer, "error")
        code = str(error.get("code") or "")
        kind = "rate" if "rate_limit" in code else "server"
        raise CallError(kind, str(error.get("message") or "the provider's answer failed"), usage=counted)
    texts: list[str] = []
    thoughts: list[str] = []
    stop = "stop"
    for item in parts(answer, "output"):
        pieces = parts(item, "content")
        if item.get("type") == "reasoning":
            thoughts += [str(piece.get("text") or "") for piece in (parts(item, "summary") or pieces)]
        elif item.get("type") == "message":
            for piece in pieces:
                if piece.get("type") == "refusal":
                    texts, stop = [str(piece.get("refusal") or "")], "refusal"
                    break
                texts.append(str(piece.get("text") or ""))
    if answer.get("status") == "incomplete":
        reason = str(part(answer, "incomplete_details").get("reason") or "length")
        stop = _STOPS.get(reason, "length")
    return Completion("".join(texts), "\n\n".join(t for t in thoughts if t), counted, stop)


def _turns(request: Request) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": request.user},
        *({"role": role, "content": text} for role, text in request.turns),
    ]


def _content(content: str | Iterable[Mapping[str, Any]] | None) -> tuple[str, str]:
    """Text and thinking of a message's content, a text or a list of parts."""
    if content is None or isinstance(content, str):
        return content or "", ""
    texts: list[str] = []
    thoughts: list[str] = []
    for piece in content:
        if piece.get("type") in ("thinking", "reasoning"):
            inner = piece.get("thinking") or piece.get("text") or ""
            thoughts.append(inner if isinstance(inner, str) else _content(inner)[0])
        else:
            texts.append(str(piece.get("text") or ""))
    return "".join(texts), "".join(thoughts)


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
