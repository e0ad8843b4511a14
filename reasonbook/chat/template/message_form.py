"""Message form: how one student's chat template takes its messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...data.conversation import REASONING_KEYS, Message, missing
from .tool_form import ToolForm, offered

KEYS = ("reasoning_content", "reasoning", "thinking")
PARTS = "parts"
EMBEDDED = "embedded"
OPENED = "embedded, opened by the prompt"
_OURS = (*REASONING_KEYS, "weight", "tools")  # what no template is handed as part of a message


@dataclass(frozen=True)
class PartForm:
    """How a content in parts holds thinking and answer.

    Attributes:
        type: of the part that holds the thinking.
        key: its key for the text.
        answer_type: of the part that holds the answer, as ``text``.
        inside: the content is a mapping that holds the parts under this key; "" where it is their list.
    """

    type: str = "thinking"
    key: str = "thinking"
    answer_type: str = "text"
    inside: str = ""

    def content(self, thought: str, answer: str) -> object:
        """A content of both; of the answer alone where there is no thought."""
        parts = [{"type": self.type, self.key: thought}] if thought else []
        parts.append({"type": self.answer_type, "text": answer})
        return {self.inside: parts} if self.inside else parts


@dataclass(frozen=True)
class MessageForm:
    """How a template wants its messages.

    Attributes:
        system: it shows a system message; where it does not, its text goes before the first request.
        parts: contents are lists of ``{"type": "text"}`` parts rather than texts.
        tools: how calls of tools and their results are handed over.
        carrier: how reasoning is handed over: a message key, `PARTS`, `EMBEDDED`, `OPENED`, or "" for not at all.
        part: under `PARTS`: what the parts of a content are called.
    """

    system: bool = True
    parts: bool = False
    carrier: str = ""
    tools: ToolForm = ToolForm()
    part: PartForm = PartForm()

    @property
    def key(self) -> str:
        """The message key that carries reasoning; "" where it goes in another way."""
        return "" if self.carrier in (PARTS, EMBEDDED, OPENED) else self.carrier

    def messages(self, messages: Iterable[Message], system: str = "") -> list[dict[str, Any]]:
        """Messages for the template: nothing missing in them, reasoning under the template's own key."""
        given = list(messages)
        made = [self._plain(message) for message in given]
        if system and not (made and made[0]["role"] in ("system", "developer")):
            made.insert(0, {"role": "system", "content": system})
        if any([m["role"] == "tool" or "tool_calls" in m for m in made]):
            made = self.tools.messages(made)
        if not self.system:
            made = _merge_system(made)
        if self.carrier == PARTS and self.part.inside:
            # Such templates take all answers of a conversation in one form or in the other.
            made = [
                {**m, "content": self.part.content("", str(m.get("content") or ""))}
                if m["role"] == "assistant"
                else m
                for m in made
            ]
        elif self.parts:
            made = [{**m, "content": [{"type": "text", "text": m.get("content") or ""}]} for m in made]
        if given and given[0].get("tools"):
            made[0] = {**made[0], "tools": offered(given[0]["tools"])}
        return made

    def answer(
        self, content: str, thought: str, *, tags: tuple[str, str], extra: Message | None = None
    ) -> dict[str, Any]:
        """An assistant message with its thinking, as the carrier wants it."""
        message: dict[str, Any] = {"role": "assistant", "content": content, **(extra or {})}
        if self.carrier == PARTS and (thought or self.part.inside):
            message["content"] = self.part.content(thought, content)
            return message
        if not thought:
            pass
        elif self.carrier in (EMBEDDED, OPENED):
            opening = f"{tags[0]}\n" if self.carrier == EMBEDDED else ""
            message["content"] = f"{opening}{thought}\n{tags[1]}\n\n{content}"
        elif self.carrier:
            message[self.carrier] = thought
        if self.parts:
            message["content"] = [{"type": "text", "text": message["content"]}]
        return self.tools.bare(message) if message.get("tool_calls") else message

    def _plain(self, message: Message) -> dict[str, Any]:
        if message["role"] == "assistant" and isinstance(said := message.get("content"), str):
            if said != (bare := said.strip()):  # as it comes back from the student itself
                message = {**message, "content": bare}
        if len(message) == 2 and message.get("content") is not None:
            return message  # type: ignore[return-value]  # the common case: role and content, passed as it is
        made = {k: v for k, v in message.items() if k not in _OURS and v is not None and not _is_nan(v)}
        made.setdefault("content", "")
        if self.key:
            text = next((message[k] for k in REASONING_KEYS if not missing(message.get(k))), None)
            if text is not None:
                made[self.key] = text
        return made


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def _merge_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    texts = [m["content"] for m in messages if m["role"] in ("system", "developer")]
    rest = [m for m in messages if m["role"] not in ("system", "developer")]
    if texts and not rest:
        return [{"role": "user", "content": "\n\n".join(texts)}]
    if texts and rest:
        first: Mapping[str, Any] = rest[0]
        rest[0] = {**first, "content": "\n\n".join([*texts, first.get("content") or ""])}
    return rest
