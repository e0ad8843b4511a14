"""Thinking parser: thinking and answer of what a student wrote, and whether the thinking is healthy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Health = Literal["valid", "empty", "unfinished", "missing"]


@dataclass(frozen=True)
class Parsed:
    """A text taken apart.

    Attributes:
        thinking: stripped; "" where there is none.
        answer: stripped; "" where generation ended before it.
        health: ``valid``; ``empty``: a thinking block with nothing in it; ``unfinished``: it never ended;
            ``missing``: no thinking at all.
        flags: what is odd, in words: several blocks, no answer after the thinking.
        text: the whole text as it came.

    Example:
        >>> parsed = chat.parse("<think>\\n3 x 4 = 12\\n</think>\\n\\n$12<|im_end|>")
        >>> parsed.thinking, parsed.answer, parsed.health
        ('3 x 4 = 12', '$12', 'valid')
    """

    thinking: str
    answer: str
    health: Health
    flags: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class ThinkingParser:
    """Parser for one pair of tags.

    Args:
        opening: what begins the thinking.
        closing: what ends it.
        stops: texts of stop tokens, taken off the end.
        prefilled: the prompt has opened the thinking already, so that a text without tags is unfinished.

    Example:
        >>> from reasonbook.chat import ThinkingParser
        >>> ThinkingParser("<think>", "</think>").parse("<think>2 + 2").health
        'unfinished'
    """

    opening: str = "<think>"
    closing: str = "</think>"
    stops: Sequence[str] = ()
    prefilled: bool = False

    def parse(self, text: str, *, reasoning: str | None = None) -> Parsed:
        """Thinking and answer of a text.

        Args:
            reasoning: what the provider returned beside the text; then the text is the answer as it is.
        """
        raw, text = text, self.without_stops(text)
        if reasoning is not None:
            thinking = reasoning.strip()
            return Parsed(thinking, text.strip(), "valid" if thinking else "empty", (), raw)
        end = text.find(self.closing)
        start = text.find(self.opening)
        if end < 0:
            if start < 0 and not self.prefilled:
                return Parsed("", text.strip(), "missing", (), raw)
            begin = start + len(self.opening) if start >= 0 else 0
            return Parsed(text[begin:].strip(), "", "unfinished", ("the thinking never ended",), raw)
        begin = start + len(self.opening) if 0 <= start < end else 0
        thinking = text[begin:end].strip()
        answer = text[end + len(self.closing) :].strip()
        flags: list[str] = []
        if start > 0 and start < end and text[:start].strip():
            flags.append("text stands before the thinking")
        if self.opening in answer or self.closing in answer:
            flags.append("several thinking blocks")
        if not answer:
            flags.append("nothing follows the thinking")
        return Parsed(thinking, answer, "valid" if thinking else "empty", tuple(flags), raw)

    def stream(self) -> ThinkingStream:
        """A reader for text that arrives in pieces."""
        return ThinkingStream(self)

    def without_stops(self, text: str) -> str:
        """The text without stop tokens and white space at its end."""
        again = True
        while again:
            again = False
            text = text.rstrip()
            for stop in self.stops:
                if stop and text.endswith(stop):
                    text, again = text[: -len(stop)], True
        return text


class ThinkingStream:
    """Takes pieces of text and gives ``("thinking" | "answer", text)`` as soon as it is certain which it is.

    White space around thinking and answer is held back until more follows, so that the pieces joined are what
    `ThinkingParser.parse` finds in the whole.
    """

    def __init__(self, parser: ThinkingParser) -> None:
        self._parser = parser
        self._text = ""
        self._rest = ""
        self._kind = "thinking" if parser.prefilled else "answer"
        self._opened = self._closed = self._given = False

    @property
    def parsed(self) -> Parsed:
        """All that has come so far, taken apart."""
        return self._parser.parse(self._text)

    def feed(self, piece: str) -> list[tuple[str, str]]:
        """What a piece makes certain."""
        self._text += piece
        self._rest += piece
        return list(self._advance(last=False))

    def close(self) -> list[tuple[str, str]]:
        """What was still held back at the end."""
        self._rest = self._parser.without_stops(self._rest)
        return list(self._advance(last=True))

    def _advance(self, last: bool) -> Iterator[tuple[str, str]]:
        parser = self._parser
        if not self._opened and not self._given:
            bare = self._rest.lstrip()
            if bare.startswith(parser.opening):
                self._opened, self._kind, self._rest = True, "thinking", bare[len(parser.opening) :]
            elif not last and parser.opening.startswith(bare):
                return
        if self._kind == "thinking":
            thinking, closed, after = self._rest.partition(parser.closing)
            if not closed:
                yield from self._give(thinking, (parser.closing, *parser.stops), last)
                return
            yield from self._give(thinking, (), True)
            self._kind, self._rest, self._given, self._opened = "answer", after, False, True
        yield from self._give(self._rest, parser.stops, last)

    def _give(self, text: str, marks: Sequence[str], last: bool) -> Iterator[tuple[str, str]]:
        """Gives all but white space at the end and what may become a mark."""
        if not self._given:
            text = text.lstrip()
        ready = (text if last else _certain(text, marks)).rstrip()
        self._rest = "" if last else text[len(ready) :]
        if ready:
            self._given = True
            yield self._kind, ready


def _certain(text: str, marks: Sequence[str]) -> str:
    """The text without what stands at its end and may be marks, or the beginning of one."""
    again = True
    while again:
        size = max((_begun(text, mark) for mark in marks), default=0)
        text, again = text[: len(text) - size], size > 0
    return text


def _begun(text: str, mark: str) -> int:
    """How many characters at the end of the text may be the beginning of the mark, or hold all of it."""
    whole = text.rfind(mark) if mark else -1
    if whole >= 0 and not text[whole + len(mark) :].strip():
        return len(text) - whole
    bare = text.rstrip()
    for size in range(min(len(bare), len(mark)), 0, -1):
        if bare.endswith(mark[:size]):
            return len(text) - len(bare) + size
    return 0
