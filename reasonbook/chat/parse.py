"""Reading what a student or a teacher wrote: thinking, answer, and whether the thinking is healthy."""

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
        raw, text = text, self._without_stops(text)
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
        flags = []
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

    def _without_stops(self, text: str) -> str:
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

    White space around the tags is left out, as in `ThinkingParser.parse`; `parsed` has the whole.
    """

    def __init__(self, parser: ThinkingParser) -> None:
        self._parser = parser
        self._text = ""
        self._held = ""
        self._state = "thinking" if parser.prefilled else "start"
        self._begun = False

    @property
    def parsed(self) -> Parsed:
        """All that has come so far, taken apart."""
        return self._parser.parse(self._text)

    def feed(self, piece: str) -> list[tuple[str, str]]:
        """What a piece makes certain."""
        self._text += piece
        self._held += piece
        return list(self._advance(last=False))

    def close(self) -> list[tuple[str, str]]:
        """What was still held back at the end."""
        return list(self._advance(last=True))

    def _advance(self, last: bool) -> Iterator[tuple[str, str]]:
        parser = self._parser
        if self._state == "start":
            held = self._held.lstrip()
            if held.startswith(parser.opening):
                self._state, self._held = "thinking", held[len(parser.opening) :]
            elif parser.opening.startswith(held) and not last:
                return
            else:
                self._state = "answer"
        if self._state == "thinking":
            self._held = self._drop_opening(self._held, last)
            before, found, after = self._held.partition(parser.closing)
            yield from self._give(
                "thinking", before if found else self._held, (parser.closing,), bool(found) or last
            )
            if not found:
                return
            self._state, self._held, self._begun = "answer", after, False
        marks = tuple(stop for stop in parser.stops if stop)
        text = parser._without_stops(self._held) if last else self._held
        for mark in marks:
            text = text.partition(mark)[0] if mark in text else text
        yield from self._give("answer", text, marks, last or text != self._held)

    def _drop_opening(self, held: str, last: bool) -> str:
        """A student that writes the tag although the prompt has it already."""
        bare = held.lstrip()
        return (
            bare[len(self._parser.opening) :]
            if not self._begun and bare.startswith(self._parser.opening)
            else held
        )

    def _give(self, kind: str, text: str, marks: Sequence[str], whole: bool) -> Iterator[tuple[str, str]]:
        if not self._begun:
            text = text.lstrip()
        keep = 0 if whole else max((_overlap(text, mark) for mark in marks), default=0)
        if kind == "thinking" and not self._begun and not whole and self._parser.opening.startswith(text):
            keep = len(text)
        ready = text[: len(text) - keep]
        kept_space = len(ready) - len(ready.rstrip())
        if not whole or kind == "thinking" or True:
            ready, keep = ready[: len(ready) - kept_space], keep + kept_space
        self._held = "" if whole else text[len(text) - keep :]
        if ready:
            self._begun = True
            yield kind, ready


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of the text could be the beginning of the mark."""
    for size in range(min(len(text), len(mark)), 0, -1):
        if text.endswith(mark[:size]):
            return size
    return 0
