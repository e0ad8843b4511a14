"""Call errors: what a provider's HTTP answer means, the wait it asks for, the limits in its headers."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from datetime import datetime

from ..json_access import as_object
from ..teacher import CallError, CallErrorKind, Limits

# Words in an error's code, type or message that say more than its status.
QUOTA = ("insufficient_quota", "billing", "credit balance", "insufficient credits", "payment required",
         "exceeded your current quota", "spending limit", "out of credits")  # fmt: skip
AUTH = ("invalid_api_key", "authentication_error", "permission_error", "invalid x-api-key", "unauthorized",
        "incorrect api key")  # fmt: skip
# llama.cpp answers 500 when what its model wrote does not fit its own parser: a bad answer, not an outage.
OUTPUT = ("does not match the expected", "failed to parse", "peg-native")
TRANSIENT = (408, 409, 425, 429)

_SECRET = re.compile(r"(?i)\b(sk|pk|rk|key|token|bearer)[-_ ][A-Za-z0-9_\-*.]{6,}")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def call_error(status: int, headers: Mapping[str, str], body: object, *, secret: str = "") -> CallError:
    """The error that an HTTP answer of this status is; ``body`` is parsed JSON or text."""
    message, words = _message(body, status)
    message = clean(message, secret)
    return CallError(
        _kind(status, words),
        message,
        retry_after=retry_after(headers),
        status=status,
        words=words,
        limits=limits(headers),
    )


def clean(message: str, secret: str = "") -> str:
    """A provider's sentence without anything that looks like a key, on one line and not too long."""
    if secret:
        message = message.replace(secret, "[key]")
    message = _SECRET.sub("[key]", " ".join(message.split()))
    return message if len(message) <= 400 else message[:399] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``retry-after-ms``, ``retry-after`` in seconds or as a date."""
    value = headers.get("retry-after-ms")
    if value:
        try:
            return max(0.0, float(value) / 1000)
        except ValueError:
            pass
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def limits(headers: Mapping[str, str]) -> Limits | None:
    """Rate limits as OpenAI's family and Anthropic write them; None when the headers are silent."""
    if "x-ratelimit-limit-requests" in headers or "x-ratelimit-limit-tokens" in headers:
        return Limits(*(_read(headers, f"x-ratelimit-{part}-{unit}") for unit, part in _PARTS))
    if "anthropic-ratelimit-requests-limit" in headers or "anthropic-ratelimit-tokens-limit" in headers:
        return Limits(*(_read(headers, f"anthropic-ratelimit-{unit}-{part}") for unit, part in _PARTS))
    return None


_PARTS = [(unit, part) for unit in ("requests", "tokens") for part in ("limit", "remaining", "reset")]


def _read(headers: Mapping[str, str], name: str) -> float | None:
    value = headers.get(name)
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    parts = _DURATION.findall(value)
    if parts and "".join(n + u for n, u in parts) == value.strip():
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return max(0.0, datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() - time.time())
    except ValueError:
        return None


def _message(body: object, status: int) -> tuple[str, str]:
    """The sentence to show, and every word of the error in lower case."""
    given = as_object(body)
    if given is None:
        words = str(body).strip() or f"HTTP {status}"
        page = words.startswith("<")  # a proxy's HTML page says nothing a person needs
        return f"HTTP {status}" if page else words, words.lower()
    error = as_object(given.get("error", given))
    if error is None:
        return str(given["error"]), str(given["error"]).lower()
    text = str(error.get("message") or error.get("detail") or f"HTTP {status}")
    words = " ".join(str(error.get(k) or "") for k in ("message", "code", "type", "detail", "param"))
    return text, words.lower()


def _kind(status: int, words: str) -> CallErrorKind:
    if status == 402 or any(word in words for word in QUOTA):
        return "quota"
    if status == 401 or (status in (400, 403) and any(word in words for word in AUTH)):
        return "auth"
    if status == 403:
        return "auth"
    if status == 429:
        return "rate"
    if status >= 500:
        return "output" if any(word in words for word in OUTPUT) else "server"
    return "server" if status in TRANSIENT else "request"
