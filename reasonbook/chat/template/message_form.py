"""Message form: how one student's chat template takes its messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...data.conversation import REASONING_KEYS, Message, is_mapping, missing

KEYS = ("reasoning_content", "reasoning", "thinking")
PARTS = "parts"
EMBEDDED = "embedded"
_OURS = (*REASONING_KEYS, "weight", "tools")  # what no template is handed as part of a message


@dataclass(frozen=True)
class MessageForm:
    """How a template wants its messages.

    Attributes:
        system: it shows a system message; where it does not, its text goes before the first request.
        parts: contents are lists of ``{"type": "text"}`` parts rather than texts.
        arguments: tool calls carry theirs as a ``dict`` or as a JSON ``string``.
        carrier: how reasoning is handed over: a message key, `PARTS`, `EMBEDDED`, or "" for not at all.
    """

    system: bool = True
    parts: bool = False
    carrier: str = ""
    arguments: str = "dict"

    def messages(self, messages: Iterable[Message], system: str = "") -> list[dict[str, Any]]:
        """Messages for the template: nothing missing in them, reasoning under the template's own key."""
        given = list(messages)
        made = [self._plain(message) for message in given]
        if system and not (made and made[0]["role"] in ("system", "developer")):
            made.insert(0, {"role": "system", "content": system})
        if not self.system:
            made = _merge_system(made)
        if self.parts:
            made = [{**m, "content": [{"type": "text", "text": m.get("content", "")}]} for m in made]
        if given and given[0].get("tools"):
            made[0] = {**made[0], "tools": given[0]["tools"]}
        return made

    def extra(self, extra: Mapping[str, Any] | None) -> dict[str, Any]:
        """What a message holds beside its text, tool calls in the template's form."""
        made = dict(extra or {})
        if made.get("tool_calls"):
            made["tool_calls"] = [self._call(call) for call in made["tool_calls"]]
        return made

    def _call(self, call: object) -> object:
        if not is_mapping(call):
            return call
        plain = {k: v for k, v in call.items() if v is not None}
        if is_mapping(plain.get("function")):
            return {**plain, "function": self._call(plain["function"])}
        given = plain.get("arguments")
        if self.arguments == "string" and given is not None and not isinstance(given, str):
            plain["arguments"] = json.dumps(given, ensure_ascii=False)
        elif self.arguments == "dict" and isinstance(given, str):
            try:
                plain["arguments"] = json.loads(given)
            except ValueError:
                pass  # the model wrote something that is no JSON; the template shows it as it is
        return plain

    def answer(
        self, content: str, thought: str, *, tags: tuple[str, str], extra: Message | None = None
    ) -> dict[str, Any]:
        """An assistant message with its thinking, as the carrier wants it."""
        message: dict[str, Any] = {"role": "assistant", "content": content, **(extra or {})}
        if not thought:
            pass
        elif self.carrier == EMBEDDED:
            message["content"] = f"{tags[0]}\n{thought}\n{tags[1]}\n\n{content}"
        elif self.carrier == PARTS:
            message["content"] = [
                {"type": "thinking", "thinking": thought},
                {"type": "text", "text": content},
            ]
        elif self.carrier:
            message[self.carrier] = thought
        if self.parts and self.carrier != PARTS:
            message["content"] = [{"type": "text", "text": message["content"]}]
        return message

    def _plain(self, message: Message) -> dict[str, Any]:
        if message["role"] == "assistant" and isinstance(said := message.get("content"), str):
            if said != (bare := said.strip()):  # as it comes back from the student itself
                message = {**message, "content": bare}
        if len(message) == 2 and message.get("content") is not None:
            return message  # type: ignore[return-value]  # the common case: role and content, passed as it is
        made = {k: v for k, v in message.items() if k not in _OURS and v is not None and not _is_nan(v)}
        made.setdefault("content", "")
        if made.get("tool_calls"):
            made = self.extra(made)
        if self.carrier in KEYS:
            text = next((message[k] for k in REASONING_KEYS if not missing(message.get(k))), None)
            if text is not None:
                made[self.carrier] = text
        return made


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def _merge_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    texts = [m["content"] for m in messages if m["role"] in ("system", "developer")]
    rest = [m for m in messages if m["role"] not in ("system", "developer")]
    if texts and rest:
        first: Mapping[str, Any] = rest[0]
        rest[0] = {**first, "content": "\n\n".join([*texts, first["content"]])}
    return rest
