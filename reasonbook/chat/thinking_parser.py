"""Thinking parser: thinking and answer of what a student wrote, and whether the thinking is healthy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Health = Literal["valid", "empty", "unfinished", "missing"]


class Restoring(Protocol):
    """Takes escapes out of text that arrives in pieces."""

    def feed(self, piece: str) -> str:
        """What a piece makes certain."""
        ...

    def close(self) -> str:
        """What was still held back at the end."""
        ...


class Escapes(Protocol):
    """How reserved markers in texts are escaped."""

    def restoring(self) -> Restoring:
        """What takes the escapes out of one text."""
        ...


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
    """Parser for one way to write thinking and answer.

    Args:
        opening: what begins the thinking.
        closing: all that stands between thinking and answer.
        stops: texts of stop tokens, taken off the end.
        prefilled: whether the prompt has opened the thinking already, so that a text without tags is unfinished.
            Where it has not, thinking stands at the start or nowhere. None where nobody knows the prompt: a
            closing tag that nothing opened then ends thinking that stands before it.
        mark: the part of ``closing`` that ends the thinking by itself; "" for all of it. Something else than an
            answer may follow, such as a tool call.
        plain: what begins an answer without thinking; "" for nothing.
        escapes: how reserved markers were escaped where the student learnt them; None where they were not.

    Example:
        >>> from reasonbook.chat import ThinkingParser
        >>> ThinkingParser("<think>", "</think>").parse("<think>2 + 2").health
        'unfinished'
    """

    opening: str = "<think>"
    closing: str = "</think>"
    stops: Sequence[str] = ()
    prefilled: bool | None = None
    mark: str = ""
    plain: str = ""
    escapes: Escapes | None = None

    def parse(self, text: str, *, reasoning: str | None = None) -> Parsed:
        """Thinking and answer of a text.

        Args:
            reasoning: what the provider returned beside the text; then the text is the answer as it is.
        """
        if reasoning is not None:
            thinking, answer = reasoning.strip(), self.without_stops(text).strip()
            return Parsed(thinking, answer, "valid" if thinking else "empty", (), text)
        return self.stream().whole(text)

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

    However a text is cut, the pieces joined are the same. White space around thinking and answer, stop tokens and what
    may become a mark are held back until more follows; where nobody knows the prompt, so is a text that begins with
    no opening tag.
    """

    def __init__(self, parser: ThinkingParser) -> None:
        self._parser = parser
        self._mark = parser.mark or parser.closing
        self._text: str = ""
        self._rest: str = ""
        self._state: Literal["start", "thinking", "closing", "answer"] = "start"
        self._said: dict[str, str] = {"thinking": "", "answer": ""}
        self._begun = self._thought = self._late = False
        self._restoring = parser.escapes.restoring() if parser.escapes else None

    @property
    def parsed(self) -> Parsed:
        """What has been given so far, taken apart; all of it once the stream is closed."""
        thinking, answer = self._said["thinking"], self._said["answer"]
        if not self._thought:
            tagged = any(tag and tag in answer for tag in (self._parser.opening, self._mark))
            odd = ("thinking tags stand in the answer",) if tagged else ()
            return Parsed("", answer, "missing", odd, self._text)
        if self._state == "thinking":
            return Parsed(thinking, "", "unfinished", ("the thinking never ended",), self._text)
        flags: list[str] = []
        if self._late:
            flags.append("text stands before the thinking")
        if any(tag and tag in answer for tag in (self._parser.opening, self._mark)):
            flags.append("several thinking blocks")
        if not answer:
            flags.append("nothing follows the thinking")
        return Parsed(thinking, answer, "valid" if thinking else "empty", tuple(flags), self._text)

    def feed(self, piece: str) -> list[tuple[str, str]]:
        """What a piece makes certain."""
        self._text += piece
        self._rest += piece
        return list(self._advance(last=False))

    def whole(self, text: str) -> Parsed:
        """A text that is all there, taken apart as if it had come in any pieces."""
        self._text = self._rest = text
        for _ in self._advance(last=False):
            pass
        self.close()
        return self.parsed

    def close(self) -> list[tuple[str, str]]:
        """What was still held back at the end."""
        self._rest = self._parser.without_stops(self._rest)
        return list(self._advance(last=True))

    def _advance(self, last: bool) -> Iterator[tuple[str, str]]:
        if self._state == "start" and not self._start(last):
            return
        if self._state == "thinking":
            thinking, closed, after = self._rest.partition(self._mark)
            yield from self._give(
                "thinking", thinking, (self._mark, *self._parser.stops), bool(closed) or last
            )
            if not closed:
                return
            self._state, self._rest = "closing", closed + after
        if self._state == "closing":
            closing = self._parser.closing
            if closing.startswith(self._rest) and not last and self._rest != closing:
                return
            cut = closing if self._rest.startswith(closing) or closing.startswith(self._rest) else self._mark
            self._state, self._rest = "answer", self._rest[len(cut) :]
            self._begun = False
        yield from self._give("answer", self._rest, self._parser.stops, last)

    def _start(self, last: bool) -> bool:
        """Whether it is known if the text begins with thinking."""
        parser, bare = self._parser, self._rest.lstrip()
        begins = [text for text in (parser.opening, parser.plain) if text]
        if not last and any(text.startswith(bare) and text != bare for text in begins):
            return False
        found = max((text for text in begins if bare.startswith(text)), key=len, default="")
        if found and found != parser.plain:
            self._thought, self._rest = True, bare[len(found) :]
        elif (
            found and parser.opening and found.startswith(parser.opening)
        ):  # an empty block before the answer
            self._thought, self._rest = True, bare[len(parser.opening) :]
        elif found and not parser.prefilled:
            self._rest = bare[len(found) :]
        elif parser.prefilled:
            self._thought = True
        elif parser.prefilled is None:
            before, closed, _ = self._rest.partition(self._mark)
            if not closed and not last:
                return False
            head, opened, _ = before.partition(parser.opening or self._mark)
            self._thought = bool(closed or opened)
            if opened:
                self._late = bool(head.strip())
                self._rest = self._rest[len(head) + len(opened) :]
        self._state = "thinking" if self._thought else "answer"
        return True

    def _give(self, kind: str, text: str, marks: Sequence[str], last: bool) -> Iterator[tuple[str, str]]:
        """Gives all but white space at the end and what may become a mark."""
        if not self._begun:
            text = text.lstrip()
        ready = (text if last else _certain(text, marks)).rstrip()
        self._rest = "" if last else text[len(ready) :]
        self._begun = self._begun or bool(ready)
        if self._restoring is not None:
            ready = self._restoring.feed(ready) + (self._restoring.close() if last else "")
        if ready:
            self._said[kind] += ready
            yield kind, ready


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
