"""Requests: what a teacher is asked for a row, and once more when its answer was no good."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...data.conversation import Conversation
from ...data.tool_calls import response_in_words
from ...errors import SchemaError
from ...schema import Example, Schema
from ...teachers import Request
from ..config import AugmentConfig
from ..methods import METHODS, THINK, Method
from .fence import as_asked, record, request_text
from .wording import fixed_part, written_in

_TEXT_TOKENS = 4_096  # of an answer that is one text
_SHOWN_AGAIN = 2_000  # characters of a refused answer; one that ran on is not worth its price a second time


class Prompts:
    """Writes the requests of one job; what is the same for all rows is made once and stands first.

    Raises:
        SchemaError: an example does not fit the schema.
    """

    def __init__(self, schema: Schema, config: AugmentConfig) -> None:
        self.schema = schema
        self.config = config
        self.method = METHODS[config.method]
        self._examples = [_fitting(example, schema, at) for at, example in enumerate(config.examples, 1)]
        self._fixed: dict[tuple[tuple[str, ...], bool, int], tuple[str, dict[str, Any] | None, str]] = {}
        self._longest: dict[tuple[str, ...], int] = {}

    def method_for(self, shown: bool) -> Method:
        """The method of a row: a row whose response a person corrected is asked with it in sight."""
        if shown and self.method.fields and not self.method.sees_response:
            return METHODS["rationalize"]
        return self.method

    def request(
        self, row: Conversation, names: Sequence[str], shown: bool, timeout: float | None = None
    ) -> Request:
        """The request for a row's fields of these names; ``shown`` says that the response is in sight."""
        config = self.config
        system, schema, cache_key = self.fixed(tuple(names), shown)
        turns: tuple[tuple[str, str], ...] = ()
        if self.method.name == "native":
            system, user, turns = as_asked(row)
            language = "" if config.language is None else written_in(config.language)
            system = "\n\n".join(filter(None, [system, config.instructions.strip(), language]))
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
            answer_tokens=self.answer_tokens(tuple(names)),
            temperature=config.temperature,
            effort=config.reasoning_effort,
            thinking=self.method.thinking,
            timeout=config.timeout if timeout is None else timeout,
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
            answer_tokens=self.answer_tokens(tuple(names)) * count,
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
            method, config = self.method_for(shown), self.config
            if method.fields:
                schema = self.schema.json_schema(names)
                system = fixed_part(
                    method,
                    self.schema,
                    names,
                    instructions=config.instructions,
                    language=config.language,
                    examples=self._examples,
                    shown=shown,
                    count=count,
                )
            else:
                schema, system = None, method.system
                if system:
                    system = f"{system} {written_in(config.language)}"
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

    def answer_tokens(self, names: tuple[str, ...]) -> int:
        """The longest answer for these fields, or of a method that keeps a text, in tokens."""
        if not self.method.fields:
            return _TEXT_TOKENS
        known = self._longest.get(names)
        if known is None:
            known = self._longest[names] = self.schema.answer_tokens(names)
        return known


def reask(request: Request, answer: str, problem: str) -> Request:
    """The request once more, with the answer that was no good and why."""
    words = f"This answer cannot be used: {problem}. Answer again, complete and in the required form."
    said = answer if len(answer) <= _SHOWN_AGAIN else f"{answer[:_SHOWN_AGAIN]}…"
    # Always an assistant's turn between two of the user's: not every provider takes two of a kind in a row.
    turns = (*request.turns, ("assistant", said if said.strip() else "(no answer)"), ("user", words))
    return replace(request, turns=turns)


def _fitting(example: Example, schema: Schema, number: int) -> Example:
    try:
        return replace(example, reasoning=schema.read(example.reasoning, surplus=True))
    except ValueError as error:
        raise SchemaError(
            f"Example {number} does not fit the schema: {error}.",
            f"give it values for: {', '.join(map(repr, schema.names))}",
        ) from None
