"""Prompts: from a row to the request that a teacher gets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ..data.conversation import Conversation
from ..data.tool_calls import in_words, response_in_words
from ..schema import Schema
from ..teachers import Request
from .config import AugmentConfig
from .methods import METHODS, THINK, Method

_PACKED = (
    "The user message holds {count} records, each under its name, row_1 to row_{count}. Answer with one JSON object "
    "that has exactly these {count} names as its keys, and with nothing else. The value of each is an object with "
    "exactly the keys below, filled from that record alone:"
)
_ANSWER = "Answer with one JSON object that has exactly these keys, and with nothing else:"


class Prompts:
    """Writes the requests of one job; what is the same for all rows is made once and stands first."""

    def __init__(self, schema: Schema, config: AugmentConfig) -> None:
        self.schema = schema
        self.config = config
        self.method = METHODS[config.method]
        self._fixed: dict[tuple[tuple[str, ...], bool, int], tuple[str, dict[str, Any] | None, str]] = {}

    def method_for(self, shown: bool) -> Method:
        """The method of a row: a row whose response a person corrected is asked with it in sight."""
        if shown and self.method.fields and not self.method.sees_response:
            return METHODS["rationalize"]
        return self.method

    def request(self, row: Conversation, names: Sequence[str], shown: bool) -> Request:
        """The request for a row's fields of these names; ``shown`` says that the response is in sight."""
        config = self.config
        system, schema, cache_key = self.fixed(tuple(names), shown)
        turns: tuple[tuple[str, str], ...] = ()
        if self.method.name == "native":
            system, user, turns = _as_asked(row)
            if config.instructions.strip():
                system = f"{system}\n\n{config.instructions.strip()}".strip()
        else:
            user = record(row, shown)
            if not self.method.fields:
                user = f"{user}\n\n{config.instructions.strip() or THINK}"
        return Request(
            system=system,
            user=user,
            schema=schema,
            turns=turns,
            prompt=request_text(row),
            response=response_in_words(row) if shown else None,
            max_tokens=config.max_tokens,
            temperature=config.temperature,
            effort=config.reasoning_effort,
            thinking=self.method.thinking,
            timeout=config.timeout,
            cache_key=cache_key,
        )

    def packed(self, rows: Sequence[Conversation], names: Sequence[str], shown: bool) -> Request:
        """One request for the fields of several rows."""
        config, count = self.config, len(rows)
        system, schema, cache_key = self.fixed(tuple(names), shown, count)
        return Request(
            system=system,
            user="\n\n".join(f"row_{i}\n{record(row, shown)}" for i, row in enumerate(rows, 1)),
            schema=schema,
            max_tokens=config.max_tokens and config.max_tokens * count,
            temperature=config.temperature,
            effort=config.reasoning_effort,
            timeout=config.timeout,
            cache_key=cache_key,
        )

    def fixed(
        self, names: tuple[str, ...], shown: bool, count: int = 1
    ) -> tuple[str, dict[str, Any] | None, str]:
        """Instructions, JSON Schema and cache key that all requests for these fields share."""
        known = self._fixed.get((names, shown, count))
        if known is None:
            method = self.method_for(shown)
            system, schema = method.system, None
            if method.fields:
                schema = self.schema.json_schema(names)
                if self.config.instructions.strip():
                    system = f"{system}\n\n{self.config.instructions.strip()}"
                form = _ANSWER if count == 1 else _PACKED.format(count=count)
                system = f"{system}\n\n{form}\n{self.schema.prompt(names)}"
            if schema is not None and count > 1:
                rows = {f"row_{i}": schema for i in range(1, count + 1)}
                schema = {
                    "type": "object",
                    "properties": rows,
                    "required": list(rows),
                    "additionalProperties": False,
                }
            key = hashlib.sha256(system.encode()).hexdigest()[:16]
            known = self._fixed[names, shown, count] = (system, schema, f"reasonbook-{key}")
        return known


def reask(request: Request, answer: str, problem: str) -> Request:
    """The request once more, with the answer that was no good and why."""
    from dataclasses import replace

    words = f"This answer cannot be used: {problem}. Answer again, complete and in the required form."
    said = (("assistant", answer),) if answer.strip() else ()
    if not said:  # two user messages in a row: joined, as not every provider takes them
        return replace(request, turns=(*request.turns, ("assistant", "(no answer)"), ("user", words)))
    return replace(request, turns=(*request.turns, *said, ("user", words)))


def request_text(row: Conversation) -> str:
    """The request as one text: a single user message as it stands, several with their roles named."""
    asked = [message for message in row.prompt if message.get("role") not in ("system", "developer")]
    if len(asked) == 1 and asked[0].get("role") == "user" and not asked[0].get("tool_calls"):
        return str(asked[0].get("content") or "")
    return "\n\n".join(in_words(asked))


def record(row: Conversation, shown: bool) -> str:
    """The row fenced as data: markers carry a code made from the text itself, so no text can hold its own."""
    system = "\n\n".join(
        str(message.get("content") or "")
        for message in row.prompt
        if message.get("role") in ("system", "developer")
    )
    parts = [("context", system)] if system.strip() else []
    parts.append(("request", request_text(row)))
    if shown:
        parts.append(("response", response_in_words(row)))
    whole = "\x00".join(text for _, text in parts)
    code = hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return "\n".join(f"[{name} {code}]\n{text}\n[end of {name} {code}]" for name, text in parts)


def _as_asked(row: Conversation) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """System, first user message and the turns after it, as the row itself has them."""
    system = "\n\n".join(
        str(m.get("content") or "") for m in row.prompt if m.get("role") in ("system", "developer")
    )
    turns = [m for m in row.prompt if m.get("role") not in ("system", "developer")]
    if any(m.get("role") not in ("user", "assistant") or m.get("tool_calls") for m in turns) or (
        turns and turns[0].get("role") != "user"
    ):
        return system, request_text(row), ()
    texts = [(str(m["role"]), str(m.get("content") or "")) for m in turns]
    return system, texts[0][1], tuple(texts[1:])
