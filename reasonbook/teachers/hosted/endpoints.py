"""Endpoints: who speaks OpenAI's protocol, where their key stands, what they are spared."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import NeedsKey
from ..teacher import LADDER, Rung

_KEYLESS = "Without any key: teacher=rb.examples.refund_rules (or any Python function of yours)"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    Attributes:
        host: the end of its host name; empty for the entry that fits all others.
        variable: environment variable of its key.
        api: which of OpenAI's two protocols it is asked in.
        rungs: ways it can be held to a schema, best first; what it refuses is learnt besides.
        max_tokens: its name for the bound of an answer.
        cache_key: whether it takes ``prompt_cache_key``.
        lengths: whether it is sent how long values may be; hosted ones refuse that or grow slow by it.
        tells_cost: whether its answers say what they have cost.
    """

    host: str
    variable: str
    api: str = "chat"
    rungs: tuple[Rung, ...] = LADDER
    max_tokens: str = "max_tokens"
    cache_key: bool = False
    lengths: bool = False
    tells_cost: bool = False


ENDPOINTS = (
    Endpoint("api.openai.com", "OPENAI_API_KEY", "responses", LADDER, "max_completion_tokens", True),
    Endpoint("openrouter.ai", "OPENROUTER_API_KEY", tells_cost=True),
    Endpoint("api.deepseek.com", "DEEPSEEK_API_KEY", rungs=("json", "text")),
    Endpoint("api.together.xyz", "TOGETHER_API_KEY"),
    Endpoint("api.fireworks.ai", "FIREWORKS_API_KEY"),
    Endpoint("api.groq.com", "GROQ_API_KEY"),
    Endpoint("api.mistral.ai", "MISTRAL_API_KEY"),
    Endpoint("api.x.ai", "XAI_API_KEY"),
    Endpoint("api.cerebras.ai", "CEREBRAS_API_KEY"),
    Endpoint("router.huggingface.co", "HF_TOKEN"),
    Endpoint("generativelanguage.googleapis.com", "GEMINI_API_KEY"),
)  # fmt: skip
OTHER = Endpoint("", "OPENAI_API_KEY", lengths=True)


def endpoint(url: str) -> Endpoint:
    """The entry of an endpoint's URL."""
    host = urlsplit(url).hostname or ""
    for entry in ENDPOINTS:
        if host == entry.host or host.endswith("." + entry.host):
            return entry
    return OTHER


def local(url: str) -> bool:
    """Whether an endpoint stands on this machine or in its own network, where keys are not the custom."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".local", ".internal", ".localhost")) or "." not in host:
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def shown(url: str) -> str:
    """The URL without what could be secret in it, for a teacher's name."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or ''}{port}{parts.path.rstrip('/')}"


def needs_key(variable: str, at: str = "") -> NeedsKey:
    """The error of an endpoint whose key was neither given nor stands in its environment variable.

    Args:
        at: the endpoint's URL as it is shown, where it is not the provider's own.
    """
    return NeedsKey(
        f"The teacher{f' at {at}' if at else ''} needs an API key, and the environment variable {variable} is not set.",
        f'import os, getpass; os.environ["{variable}"] = getpass.getpass()\n  → {_KEYLESS}',
    )
