"""Reserved text: what in user data would become a stop token, a role or a thinking tag."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .probe import Probe
from .template import Template
from .typed_tokenizer import Tokenizer

_JOINER = "\u200b"  # stands inside an escaped marker: it reads the same and is no marker any more


class ReservedMarkers:
    """The texts that mean something to one student, and a quick way to find them in data.

    All special tokens, those added tokens that the template itself writes, and the thinking tags.
    """

    def __init__(self, tokenizer: Tokenizer, template: Template, probe: Probe) -> None:
        texts = {str(token) for token in tokenizer.all_special_tokens}
        for token in tokenizer.added_tokens_decoder.values():
            text = token.content
            if token.special or (len(text) > 2 and not text.isspace() and text in template.source):
                texts.add(text)
        texts.update(_tags(probe.tags))
        self.texts = tuple(sorted((t for t in texts if t.strip()), key=len, reverse=True))
        self._firsts = "".join(sorted({text[0] for text in self.texts}))
        self._pattern = re.compile("|".join(map(re.escape, self.texts))) if self.texts else None

    def find(self, text: str) -> str | None:
        """The first marker in a text, or None."""
        if self._pattern is None or not any(first in text for first in self._firsts):
            return None
        match = self._pattern.search(text)
        return match[0] if match else None

    def escape(self, text: str) -> str:
        """The text with every marker broken by a zero-width space."""
        if self.find(text) is None or self._pattern is None:
            return text
        return self._pattern.sub(lambda match: match[0][0] + _JOINER + match[0][1:], text)


def _tags(tags: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for tag in tags:
        pieces = re.findall(r"</?[\w:|]+>|<\|[^<>|]+\|?>|<[^<>|]+\|>|\[/?[A-Z_ ]+\]|◁[^◁▷]+▷", tag)
        found.update(pieces or [tag.strip()])
    return {tag for tag in found if tag}
