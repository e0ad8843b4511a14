"""Tool form: how one student's chat template takes calls of tools and their results."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...data.conversation import Message, is_mapping
from ...data.tool_calls import answering_tools, tool_calls

_NINE = re.compile("[a-zA-Z0-9]{9}")


@dataclass(frozen=True)
class ToolForm:
    """How a template wants messages that call tools, and their results.

    Attributes:
        arguments: a call's are a ``dict`` or a JSON ``string``.
        nested: a call's name stands under ``function``, as in OpenAI's protocol, or beside its id.
        without_text: a call without text beside it has the content ``empty``, ``none`` or ``absent``.
        role: of a tool's result.
        nine: ids are nine letters and digits; others are made so.
        unseen: why the template cannot show calls; "" where it can.
        results_unseen: why it cannot show results; "" where it can.
    """

    arguments: str = "dict"
    nested: bool = True
    without_text: str = "empty"
    role: str = "tool"
    nine: bool = False
    unseen: str = ""
    results_unseen: str = ""

    def messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages with calls and results as the template wants them, every result with its id and name."""
        names = answering_tools(messages)
        made: list[dict[str, Any]] = []
        open_ids: list[str] = []  # of calls whose results have not come yet
        for message, name in zip(messages, names, strict=True):
            if message.get("tool_calls"):
                called = self.extra({"tool_calls": message["tool_calls"]}, made)["tool_calls"]
                open_ids = [str(call["id"]) for call in called if is_mapping(call)]
                made.append(self.bare({**message, "tool_calls": called}))
            elif message["role"] == "tool":
                given = message.get("tool_call_id")
                number = self._id(given) if given else open_ids[0] if open_ids else ""
                open_ids = [one for one in open_ids if one != number]
                known = {"tool_call_id": number} if number else {}
                known |= {"name": name or _name_of(made, number)} if name or number else {}
                made.append({**message, "role": self.role, **known})
            else:
                made.append(message)
        return made

    def bare(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message that calls tools, without the text that it does not have."""
        if self.without_text == "empty" or message.get("content"):
            return message
        rest = {key: value for key, value in message.items() if key != "content"}
        return {**rest, "content": None} if self.without_text == "none" else rest

    def extra(self, extra: Mapping[str, Any] | None, before: Sequence[Message] = ()) -> dict[str, Any]:
        """What a message holds beside its text, its calls in the template's form.

        Args:
            extra: as the data has it.
            before: the messages before it, by which calls without an id are numbered.
        """
        made = dict(extra or {})
        if made.get("tool_calls"):
            first = sum(len(tool_calls(message)) for message in before)
            made["tool_calls"] = [self._call(call, first + i) for i, call in enumerate(made["tool_calls"])]
        return made

    def _call(self, call: object, number: int) -> object:
        if not is_mapping(call):
            return call
        outer = {k: v for k, v in call.items() if v is not None}
        inner = outer.pop("function", None)
        if not is_mapping(inner):
            inner = {key: outer.pop(key) for key in ("name", "arguments") if key in outer}
        inner = {k: v for k, v in inner.items() if v is not None}
        inner.setdefault("arguments", {})
        inner["arguments"] = self._arguments(inner["arguments"])
        outer["id"] = self._id(outer.get("id") or f"call{number:05d}")
        outer.setdefault("type", "function")
        return {**outer, "function": inner} if self.nested else {**outer, **inner}

    def _arguments(self, given: object) -> object:
        if self.arguments == "string" and not isinstance(given, str):
            return json.dumps(given, ensure_ascii=False)
        if self.arguments == "dict" and isinstance(given, str):
            try:
                return json.loads(given) if given.strip() else {}
            except ValueError:
                return given  # the model wrote something that is no JSON; the template shows it as it is
        return given

    def _id(self, given: object) -> str:
        text = str(given)
        if not self.nine or _NINE.fullmatch(text):
            return text
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:9]


def offered(tools: Sequence[Any]) -> list[Any]:
    """Tools as OpenAI's protocol, and so a server, hands them to a template: each under ``function``."""
    made: list[Any] = []
    for tool in tools:
        if is_mapping(tool) and "name" in tool and "function" not in tool:
            inner = {("parameters" if key == "input_schema" else key): value for key, value in tool.items()}
            inner.pop("type", None)
            tool = {"type": "function", "function": inner}
        made.append(tool)
    return made


def _name_of(messages: Sequence[Message], number: str) -> str:
    calls = (call for message in reversed(messages) for call in tool_calls(message))
    return next((call.name for call in calls if call.id == number), "")
