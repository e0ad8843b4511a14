"""Call errors: what a provider's HTTP answer means, the wait it asks for, the limits in its headers."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from ...safe_text import excerpt
from ..json_access import as_object, as_text
from ..teacher import CallError, CallErrorKind, Limits, Usage

# Words in an error's code, type or message that say more than its status.
QUOTA = ("insufficient_quota", "billing", "credit balance", "insufficient credits", "payment required",
         "exceeded your current quota", "spending limit", "out of credits")  # fmt: skip
AUTH = ("invalid_api_key", "authentication_error", "permission_error", "invalid x-api-key", "unauthorized",
        "incorrect api key")  # fmt: skip
# llama.cpp answers 500 when what its model wrote does not fit its own parser: a bad answer, not an outage.
OUTPUT = ("does not match the expected", "failed to parse", "peg-native")
TRANSIENT = (408, 409, 425, 429)
# Words of an error that came with status 200 → the status that it should have come with.
MEANT = {"rate_limit": 429, "too_many_requests": 429, "resource_exhausted": 429, "overloaded": 529,
         "unavailable": 503, "server_error": 500, "internal_error": 500, "api_error": 500, "timeout": 504,
         "timed_out": 504, "invalid_request": 400, "invalid_argument": 400, "not_found": 404}  # fmt: skip
_MOST_WORDS = 4_000  # characters of an error that are looked at

_SECRET = re.compile(r"(?i)\b(sk|pk|rk|key|token|bearer)[-_ ][A-Za-z0-9_\-*.]{6,}")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STATUS = re.compile(r"[345]\d\d").fullmatch
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


def error_inside(failure: object, usage: Usage, text: str) -> CallError:
    """The error that stands in an answer of status 200, of the kind that its code or its words name.

    Args:
        failure: what the answer holds of it.
        usage: what the answer cost all the same.
        text: of the answer, for the record.
    """
    message, words = _message({"error": failure}, 200)
    error = as_object(failure) or {}
    codes = [as_text(error.get(name)) for name in ("code", "status", "type")]
    # A message may quote the row, so what ends a whole job is not taken from it where there is a code.
    code = " ".join(codes).strip().lower() or words
    said = next((int(one) for one in codes if _STATUS(one)), 0)
    status = said or _meant(code) or _meant(words) or 400
    kind = _kind(status, code)
    if kind == "request" and not said and "invalid" not in code:
        kind, status = "output", 200  # nothing says that the request is at fault: one more try
    return CallError(kind, clean(message), status=status, usage=usage, text=text, words=words)


def _meant(words: str) -> int:
    """The status that an error speaks of; 0 where it names none."""
    spelled = words.replace("-", "_").replace(" ", "_")
    return next((status for word, status in MEANT.items() if word in spelled), 0)


def clean(message: str, secret: str = "", most: int = 400) -> str:
    """A provider's sentence without anything that looks like a key, on one line and not too long."""
    if secret:
        message = message.replace(secret, "[key]")
    return excerpt(_SECRET.sub("[key]", " ".join(message[: 4 * most].split())), most)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``retry-after-ms``, ``retry-after`` in seconds or as a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        wait = _finite(headers.get(name))
        if wait is not None:
            return max(0.0, wait * unit)
    value = headers.get("retry-after")
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time()) if value else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _finite(value: str | None) -> float | None:
    try:
        number = float(value) if value else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


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
    number = _finite(value)
    if number is not None or not value:
        return number
    parts = _DURATION.findall(value)
    if parts and "".join(n + u for n, u in parts) == value.strip():
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return max(0.0, datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None


def _message(body: object, status: int) -> tuple[str, str]:
    """The sentence to show, and every word of the error in lower case."""
    if isinstance(body, list):  # Gemini puts its errors into lists
        items = cast("list[object]", body)
        body = items[0] if len(items) == 1 else items
    given = as_object(body)
    if given is None:
        words = (body if isinstance(body, str) else excerpt(body, _MOST_WORDS)).strip() or f"HTTP {status}"
        page = words.startswith("<")  # a proxy's HTML page says nothing a person needs
        return f"HTTP {status}" if page else words, words[:_MOST_WORDS].lower()
    error = as_object(given.get("error", given))
    if error is None:
        text = as_text(given["error"])
        return text, text[:_MOST_WORDS].lower()
    text = as_text(error.get("message") or error.get("detail")) or f"HTTP {status}"
    words = " ".join(as_text(error.get(k)) for k in ("message", "code", "type", "status", "detail", "param"))
    return text, words[:_MOST_WORDS].lower()


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
