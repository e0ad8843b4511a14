"""Anthropic teacher: its models through the Messages API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .hosted.endpoints import local, needs_key, shown
from .hosted.hosted import HostedTeacher
from .hosted.http import unconnected
from .hosted.messages_answer import MESSAGES
from .hosted.schema_subset import LENGTHS, RANGES, with_few_unions, without
from .teacher import Capabilities, Request, Rung

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_OPTIONAL = ("temperature", "effort", "display", "adaptive", "thinking", "cache_control")
_MAX_TOKENS = 4096
_THINKING_TOKENS = 12_288
_MOST_UNIONS = (
    16  # values of several types that its structured outputs take (platform.claude.com, structured outputs)
)


class Anthropic(HostedTeacher):
    """A model behind Anthropic's Messages API.

    Args:
        model: the model's name.
        base_url: another endpoint that speaks the protocol.
        api_key: the key; ``ANTHROPIC_API_KEY`` when None.
        client: an ``anthropic.AsyncAnthropic`` of yours (Bedrock and Vertex clients sign each request and
            cannot be used).
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: AsyncAnthropic | None = None,
    ) -> None:
        super().__init__(
            model,
            name=f"anthropic:{model}" + (f"@{shown(base_url)}" if base_url else ""),
            capabilities=Capabilities(rungs=("schema", "text"), batch=True, times_out=True),
            protocol=MESSAGES,
            optional=_OPTIONAL,
            connect=lambda: client if client is not None else _client(base_url, api_key),
        )

    def body(self, request: Request, rung: Rung) -> tuple[str, dict[str, Any]]:
        """Path and JSON body of a request; what stays the same for all rows stands first and is cached."""
        dropped = self.downgrade.dropped
        system: dict[str, Any] = {"type": "text", "text": request.system}
        if "cache_control" not in dropped:
            system["cache_control"] = {"type": "ephemeral"}
        longest = max(_MAX_TOKENS, request.answer_tokens or 0) + (_THINKING_TOKENS if request.thinking else 0)
        bound = request.max_tokens or longest
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": bound,
            **({"system": [system]} if request.system.strip() else {}),
            "messages": [
                {"role": "user", "content": request.user},
                *({"role": role, "content": text} for role, text in request.turns),
            ],
        }
        output: dict[str, Any] = {}
        if rung == "schema" and request.schema is not None:
            taken = with_few_unions(without(request.schema, RANGES + LENGTHS), _MOST_UNIONS)
            output["format"] = {"type": "json_schema", "schema": taken}
        if request.effort and "effort" not in dropped:
            output["effort"] = request.effort
        if output:
            body["output_config"] = output
        if request.thinking and "thinking" not in dropped:
            body["thinking"] = self._thinking(bound)
        if request.temperature is not None and "temperature" not in dropped:
            body["temperature"] = request.temperature
        return "/v1/messages", body

    def _thinking(self, bound: int) -> dict[str, Any]:
        if "adaptive" in self.downgrade.dropped:  # models from before it take a number of tokens
            return {"type": "enabled", "budget_tokens": max(1024, bound // 2)}
        shown = {} if "display" in self.downgrade.dropped else {"display": "summarized"}
        return {"type": "adaptive", **shown}

    def parameters(self, body: Mapping[str, Any]) -> set[str]:
        """The parameters in a body, those inside the output and the thinking too."""
        names = set(body) | set(body.get("output_config", ()))
        if any("cache_control" in part for part in body.get("system", ())):
            names.add("cache_control")
        thinking = body.get("thinking", {})
        return names | set(thinking) | {str(thinking.get("type", ""))}


def _client(base_url: str | None, api_key: str | None) -> AsyncAnthropic:
    import anthropic

    url = base_url or os.environ.get("ANTHROPIC_BASE_URL") or ""
    key = api_key or os.environ.get("ANTHROPIC_API_KEY")
    token = os.environ.get("ANTHROPIC_AUTH_TOKEN")
    if not key and not token and url and local(url):
        key = "none"
    if not key and not token:
        raise needs_key("ANTHROPIC_API_KEY")
    return anthropic.AsyncAnthropic(
        api_key=key, base_url=base_url, max_retries=0, http_client=unconnected(anthropic)
    )
