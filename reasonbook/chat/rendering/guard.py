"""Guard: reserved markers in a student's messages, refused or escaped, in training and at inference."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...data.conversation import REASONING_KEYS, Message, is_mapping, is_sequence
from ..reasoning_text import Thought
from ..template.reserved_text import ReservedMarkers

_ROLES = frozenset(("user", "assistant", "system", "developer", "tool"))


class ReservedMarkerError(Exception):
    """A text holds a reserved marker; the text says which, and where."""


@dataclass(frozen=True)
class Guard:
    """Looks for reserved markers in all that a student is shown.

    Attributes:
        markers: what is reserved.
        escapes: a marker is escaped; else it is refused.
    """

    markers: ReservedMarkers
    escapes: bool

    def messages(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages, guarded; the very same where nothing is to be done.

        Raises:
            ReservedMarkerError: one of them holds a marker that must not be there, or that cannot be escaped.
        """
        marked = self._marked
        changed: list[Message] | None = None
        for i, message in enumerate(messages):
            for key, value in message.items():
                if type(value) is str:
                    if (key == "role" and value in _ROLES) or not marked(value):
                        continue
                elif value is None or not any(marked(text) for text in _texts(value)):
                    continue
                changed = list(messages) if changed is None else changed
                changed[i] = {**changed[i], key: self._value(value, _place(message, key, value))}
        return messages if changed is None else changed

    def thought(self, thought: Thought) -> Thought:
        """Reasoning, guarded, with its fields where they then stand.

        Raises:
            ReservedMarkerError: as `messages`.
        """
        if not self._marked(thought.text):
            return thought
        names = (name for name, start, end in thought.spans if self._marked(thought.text[start:end]))
        name = next(names, None)
        text = self.text(thought.text, "the reasoning holds" if name is None else f"the field {name!r} holds")
        breaks = self.markers.breaks(thought.text)
        spans = tuple(
            (name, start + bisect_left(breaks, start + 1), end + bisect_left(breaks, end))
            for name, start, end in thought.spans
        )
        return replace(thought, text=text, spans=spans)

    def text(self, text: str, place: str) -> str:
        """A text, guarded.

        Args:
            place: the words that say whose it is, with their verb: ``the system prompt holds``.

        Raises:
            ReservedMarkerError: as `messages`.
        """
        escaped = self.markers.escape(text) if self.escapes else text
        marker = self.markers.find(escaped)
        if marker is None:
            return escaped
        cannot = ", which cannot be escaped" if self.escapes else ""
        raise ReservedMarkerError(f"{place} the reserved marker {marker!r}{cannot}")

    def _marked(self, text: str) -> bool:
        """Whether a text is to be changed or refused."""
        return self.markers.find(text) is not None or (self.escapes and bool(self.markers.breaks(text)))

    def _value(self, value: object, place: str) -> object:
        if isinstance(value, str):
            return self.text(value, place)
        if is_mapping(value):
            return {self._value(k, place): self._value(v, place) for k, v in value.items()}
        if is_sequence(value):
            return [self._value(each, place) for each in value]
        return value


def _texts(value: object) -> Iterator[str]:
    """All texts in a nested value, names included."""
    if isinstance(value, str):
        yield value
    elif is_mapping(value):
        for name, each in value.items():
            yield from _texts(name)
            yield from _texts(each)
    elif is_sequence(value):
        for each in value:
            yield from _texts(each)


def _place(message: Message, key: str, value: object) -> str:
    role = message.get("role")
    if not isinstance(value, str):
        return f"the {role} message's {key} hold"
    if key == "role":
        return "the role of a message holds"
    return f"the {role} {'reasoning' if key in REASONING_KEYS else 'message'} holds"
