"""Conversation: the one form in which every row of every layout is handled."""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from json.encoder import encode_basestring as _quoted
from typing import Any, Protocol, TypeGuard, runtime_checkable

Message = Mapping[str, Any]
_DEPTH = 12  # of lists and dicts in a cell; what lies deeper does not tell rows apart
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6


@runtime_checkable
class _Scalar(Protocol):
    """A number of numpy's."""

    def item(self) -> object: ...


@dataclass(frozen=True)
class Conversation:
    """Messages in order; where there is a response, the last one is the assistant's.

    Attributes:
        messages: dicts with ``role`` and ``content``; assistant turns may carry ``reasoning_content``,
            ``tool_calls`` and a ``weight``, see `turn_weight`. None stands nowhere: what is missing is absent.
        problem: why the row cannot be used, in words; empty when it can.
        raw_key: 32 hex digits of the cells of a row that cannot be used; empty when it can.
    """

    messages: tuple[Message, ...]
    problem: str = ""
    raw_key: str = ""

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
        return self.raw_key or _digest(self.prompt)

    @cached_property
    def key(self) -> str:
        """32 hex digits of request and response, without reasoning: the row's identity in the journal.

        A row that cannot be used has no messages by which to know it: it is known by its cells.
        """
        return self.raw_key or _digest(self.messages)

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


def loss_weight(value: object) -> float:
    """How much a loss counts beside others of weight 1; 0 is none of it.

    Raises:
        ValueError: it is no such number; the text says why.
    """
    if not isinstance(value, numbers.Real):
        raise ValueError(f"{value!r}, which is not a number")
    weight = float(value)
    if weight and not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise ValueError(f"{weight:g}; it is 0, or between {LEAST_WEIGHT:f} and {MOST_WEIGHT:.0f}")
    return weight


def turn_weight(message: Message) -> float:
    """How much the loss of an assistant turn counts: its ``weight``, 1 where the data says nothing.

    Raises:
        ValueError: as `loss_weight`.
    """
    value = message.get("weight")
    return 1.0 if missing(value) else loss_weight(value)


def digest(value: object) -> str:
    """32 hex digits of a JSON-ready value."""
    return _hashed(_json(value))


def plain_key(prompt: str, response: str) -> str:
    """`Conversation.key` of one question and one answer, made without the conversation."""
    return _hashed(f'[["user",{_quoted(prompt)}],["assistant",{_quoted(response)}]]')


def raw_key(cells: Mapping[str, object]) -> str:
    """`Conversation.key` of a row that cannot be used, from its cells by role, whatever stands in them."""
    return _hashed(_dumped(["raw", _bare(cells)]))


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


def json_ready(value: Any) -> Any:
    """A value as a journal can give it back: arrays and tuples are lists, numbers of numpy's are plain."""
    if is_mapping(value):
        return {str(name): json_ready(item) for name, item in value.items()}
    if is_sequence(value):
        return [json_ready(item) for item in value]
    if missing(value) and not isinstance(value, (str, float)):
        return None
    return value.item() if isinstance(value, _Scalar) else value


def _digest(messages: Sequence[Message]) -> str:
    """`digest` of the messages as lists; a text under a role is quoted without a detour, as most are."""
    return _hashed(f"[{','.join([_turn(message) for message in messages])}]")


def _turn(message: Message) -> str:
    role, content = message.get("role"), message.get("content")
    if len(message) == 2 and type(role) is str and type(content) is str:
        return f"[{_quoted(role)},{_quoted(content)}]"
    extra = {k: v for k, v in message.items() if k not in ("role", "content", *REASONING_KEYS)}
    if extra.get(
        "weight"
    ):  # how much a turn counts says nothing of which one it is; that it counts nothing does
        del extra["weight"]
    return _json([role, content, extra] if extra else [role, content])


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError):  # names of several types, a list that holds itself
        return _dumped(_bare(value))


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bare(value: object, depth: int = 0) -> object:
    """Any value as lists, texts and numbers, the same after a file: NaN is None, an array a list, 3.0 is 3."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if missing(value):
        return None
    if depth < _DEPTH and is_mapping(value):
        return ["{", *sorted(([str(k), _bare(v, depth + 1)] for k, v in value.items()), key=repr)]
    if depth < _DEPTH and is_sequence(value):
        return [_bare(item, depth + 1) for item in value]
    if isinstance(value, _Scalar):
        return _bare(value.item(), depth + 1) if depth < _DEPTH else str(value)
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    text = str(value)
    return [type(value).__name__, "" if " at 0x" in text else text]


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
