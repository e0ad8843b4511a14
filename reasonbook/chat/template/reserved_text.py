"""Reserved text: what in user data would become a stop token, a role or a thinking tag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from .probe import Probe
from .template import Template
from .typed_tokenizer import Tokenizer

# What may stand inside an escaped marker, so that it reads the same and is no marker any more: the first that this
# tokenizer gives back as it took it; some normalise one or the other away.
_JOINERS = ("\u200b", "\u2060", "\u200c", "\u200d")


class ReservedMarkers:
    """The texts that mean something to one student, and a quick way to find them in data.

    All special tokens, those added tokens that the template itself writes, and the thinking tags. Escaping is
    reversible: a marker with any number of joiners behind its first character gets one more, and loses one again, so
    that a text with invisible characters of its own comes back as it was.
    """

    def __init__(self, tokenizer: Tokenizer, template: Template, probe: Probe) -> None:
        texts = {str(token) for token in tokenizer.all_special_tokens}
        for token in tokenizer.added_tokens_decoder.values():
            text = token.content
            if token.special or (len(text) > 2 and not text.isspace() and text in template.source):
                texts.add(text)
        texts.update(_tags(probe.tags))
        self._tokenizer = tokenizer
        self.texts = tuple(sorted({t.strip() for t in texts if t.strip()}, key=len, reverse=True))
        self._firsts = "".join(sorted({text[0] for text in self.texts}))
        self._pattern = re.compile("|".join(map(re.escape, self.texts))) if self.texts else None

    def find(self, text: str) -> str | None:
        """The first marker in a text, or None."""
        if self._pattern is None or not self._may_hold(text):
            return None
        match = self._pattern.search(text)
        return match[0] if match else None

    def begins(self, text: str) -> str | None:
        """The marker with which a text begins, or None."""
        match = self._pattern.match(text) if self._pattern else None
        return match[0] if match else None

    def breaks(self, text: str) -> list[int]:
        """Where `escape` puts a joiner: before these characters."""
        pattern = self._escaped
        if pattern is None or not self._may_hold(text):
            return []
        return [match.start() + 1 for match in pattern.finditer(text)]

    def escape(self, text: str) -> str:
        """The text with every marker broken by an invisible character; `restore` takes it out again."""
        at = 0
        parts: list[str] = []
        for place in self.breaks(text):
            parts += [text[at:place], self.joiner]
            at = place
        return "".join([*parts, text[at:]])

    def restore(self, text: str) -> str:
        """What `escape` was given."""
        if not self.joiner or self.joiner not in text or self._escaped is None:
            return text
        return self._escaped.sub(self._restored, text)

    def restoring(self) -> RestoringStream:
        """`restore` for text that arrives in pieces."""
        return RestoringStream(self)

    def certain(self, text: str) -> int:
        """How much of a text no later character can make part of an escaped marker."""
        pattern, at = self._escaped, 0
        while pattern is not None and at < len(text):
            match = pattern.search(text, at)
            for place in range(at, match.start() + 1 if match else len(text)):
                if text[place] in self._firsts:
                    begun = text[place] + text[place + 1 :].lstrip(self.joiner)
                    if begun in self._beginnings:
                        return place
            if match is None:
                break
            at = match.end()
        return len(text)

    @cached_property
    def joiner(self) -> str:
        """The invisible character of this student; "" where its tokenizer keeps none."""
        backend = self._tokenizer.backend_tokenizer
        for joiner in _JOINERS:
            if any(joiner in text for text in self.texts):
                continue
            ids = backend.encode(f"a<{joiner}|b", add_special_tokens=False).ids
            if joiner in backend.decode(ids, skip_special_tokens=False):
                return joiner
        return ""

    @cached_property
    def _escaped(self) -> re.Pattern[str] | None:
        """Markers with any number of joiners behind their first character."""
        texts = [t for t in self.texts if len(t) > 1]  # nothing can stand inside a single character
        if not self.joiner or not texts:
            return None
        return re.compile("|".join(f"{re.escape(t[0])}{self.joiner}*{re.escape(t[1:])}" for t in texts))

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(text[:size] for text in self.texts for size in range(1, len(text)))

    def _may_hold(self, text: str) -> bool:
        return any(first in text for first in self._firsts)

    def _restored(self, match: re.Match[str]) -> str:
        found = match[0]
        return found[0] + found[2:] if found[1] == self.joiner else found


class RestoringStream:
    """Takes escapes out of text that arrives in pieces; what may become an escaped marker is held back."""

    def __init__(self, markers: ReservedMarkers) -> None:
        self._markers = markers
        self._held = ""

    def feed(self, piece: str) -> str:
        """What a piece makes certain."""
        text = self._held + piece
        size = self._markers.certain(text)
        self._held = text[size:]
        return self._markers.restore(text[:size])

    def close(self) -> str:
        """What was still held back at the end."""
        text, self._held = self._held, ""
        return self._markers.restore(text)


def _tags(tags: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for tag in tags:
        pieces = re.findall(r"</?[\w:|]+>|<\|[^<>|]+\|?>|<[^<>|]+\|>|\[/?[A-Z_ ]+\]|◁[^◁▷]+▷", tag)
        found.update(pieces or [tag.strip()])
    return {tag for tag in found if tag}
