"""Conversation: the one form in which every row of every layout is handled."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from json.encoder import encode_basestring as _quoted
from typing import Any, TypeGuard

Message = Mapping[str, Any]
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")


@dataclass(frozen=True)
class Conversation:
    """Messages in order; where there is a response, the last one is the assistant's.

    Attributes:
        messages: dicts with ``role`` and ``content``; assistant turns may carry ``reasoning_content`` and
            ``tool_calls``. None stands nowhere: what is missing is absent.
        problem: why the row cannot be used, in words; empty when it can.
    """

    messages: tuple[Message, ...]
    problem: str = ""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the response."""
        return self.messages[:-1] if self.has_response else self.messages

    @property
    def has_response(self) -> bool:
        """Whether the assistant has the last word."""
        return bool(self.messages) and self.messages[-1].get("role") == "assistant"

    @property
    def response(self) -> str | None:
        """The assistant's last message, if the conversation ends with one."""
        return self.messages[-1].get("content") if self.has_response else None

    @property
    def reasoning(self) -> str | None:
        """The response's own reasoning text, where the data brought one."""
        return self.messages[-1].get("reasoning_content") if self.has_response else None

    @property
    def turn_ends(self) -> tuple[int, ...]:
        """Where each assistant turn stands, by index; the last one is past the end where a response is to come."""
        if len(self.messages) == 2 and self.messages[0].get("role") != "assistant":  # as most have it
            return (1,) if self.messages[1].get("role") == "assistant" else (2,)
        ends = [i for i, message in enumerate(self.messages) if message.get("role") == "assistant"]
        return tuple(ends) if self.has_response else (*ends, len(self.messages))

    def turn(self, number: int) -> Conversation:
        """The conversation as it stood with this assistant turn, counted from 0; it ends with that turn."""
        ends = self.turn_ends
        if number == len(ends) - 1:
            return self
        return replace(self, messages=self.messages[: ends[number] + 1])

    @cached_property
    def prompt_key(self) -> str:
        """32 hex digits of what a teacher sees of the request."""
        return _digest(self.prompt)

    @cached_property
    def key(self) -> str:
        """32 hex digits of request and response, without reasoning: the row's identity in the journal."""
        return _digest(self.messages)

    def with_response(self, text: str) -> Conversation:
        """The same request with another response; reasoning that belonged to the old one is left out."""
        return replace(self, messages=(*self.prompt, {"role": "assistant", "content": text}))

    def with_reasoning(self, text: str | None) -> Conversation:
        """The same messages with this reasoning before the response; None takes it out."""
        last = {k: v for k, v in self.messages[-1].items() if k != "reasoning_content"}
        if text:
            last["reasoning_content"] = text
        return replace(self, messages=(*self.prompt, last))


def missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, NA, or blank text."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def digest(value: object) -> str:
    """32 hex digits of a JSON-ready value."""
    return _hashed(_json(value))


def plain_key(prompt: str, response: str) -> str:
    """`Conversation.key` of one question and one answer, made without the conversation."""
    return _hashed(f'[["user",{_quoted(prompt)}],["assistant",{_quoted(response)}]]')


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """A dict or its like; keys of data are texts."""
    return type(value) is dict or (type(value) is not str and isinstance(value, Mapping))


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """A list, tuple or array, but no text: pandas gives arrays for lists that came from Parquet."""
    if type(value) is str or value is None:
        return False
    return (isinstance(value, Sequence) and not isinstance(value, (str, bytes))) or type(
        value
    ).__name__ == "ndarray"


def _digest(messages: Sequence[Message]) -> str:
    """`digest` of the messages as lists; a text under a role is quoted without a detour, as most are."""
    return _hashed(f"[{','.join([_turn(message) for message in messages])}]")


def _turn(message: Message) -> str:
    role, content = message.get("role"), message.get("content")
    if len(message) == 2 and type(role) is str and type(content) is str:
        return f"[{_quoted(role)},{_quoted(content)}]"
    extra = {k: v for k, v in message.items() if k not in ("role", "content", *REASONING_KEYS)}
    return _json([role, content, extra] if extra else [role, content])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
