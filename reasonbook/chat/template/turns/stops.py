"""Stops: the tokens at which generation ends, after an answer and after calls of tools."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ....errors import FormatError
from ..typed_tokenizer import Tokenizer


class Stop(NamedTuple):
    """What follows what a student has written.

    Attributes:
        text: from its end through the stop token.
        trailer: what the template writes after that; never learnt.
        added: the template ends without a stop token, and another token was put there.
    """

    text: str
    trailer: str
    added: bool


class StopFinder:
    """Finds the stop token in what a template writes behind a turn.

    A token that the student also writes before its end, such as one that closes the thinking or stands between two
    calls, ends nothing: generation would be cut there.

    Attributes:
        texts: the special tokens, the longest first.
        own: the tokenizer's own stop token.
        openers: tokens that open a turn; nothing behind one of them belongs to the turn before.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._encode = tokenizer.backend_tokenizer.encode
        self.texts = special_texts(tokenizer)
        self.own = tokenizer.eos_token
        self.openers: set[str] = set()
        self._one = re.compile("|".join(map(re.escape, self.texts))) if self.texts else None
        self._run = special_tokens(tokenizer)

    def tokens(self, text: str) -> list[str]:
        """The special tokens in a text, in order."""
        return self._one.findall(text) if self._one else []

    def last(self, text: str) -> str:
        """The last special token of a text; the tokenizer's own where there is none."""
        return next(reversed(self.tokens(text)), self.own or "")

    def without(self, text: str) -> str:
        """A text without its special tokens."""
        return self._one.sub("", text) if self._one else text

    def find(self, tail: str, *, written: str = "", following: str = "") -> Stop:
        """The stop token behind a turn.

        Args:
            tail: what the template writes behind it where it is the last one.
            written: everything that the student writes in a turn before its end.
            following: what the template writes behind it where the conversation goes on.

        Raises:
            FormatError: nothing can end it.
        """
        inside = set(self.tokens(written))
        for run in self._run.finditer(tail) if self._run else ():
            if end := self._end_of(run, inside):
                return Stop(tail[:end], tail[end:], False)
        return Stop(tail.rstrip() + (self._next(tail, following, inside) or self._eos(inside)), "", True)

    def _end_of(self, run: re.Match[str], inside: set[str]) -> int:
        """Where the stop tokens of a run end: through the tokenizer's own, or before what opens the next turn."""
        end, at = 0, run.start()
        for token in self.tokens(run[0]):
            if end and token in self.openers:
                break
            at += len(token)
            if token not in inside:
                end = at
                if token == self.own:
                    break
        return end

    def _next(self, tail: str, following: str, inside: set[str]) -> str:
        """The token with which the template goes on: models stop there that have no other."""
        bare = tail.rstrip()
        match = self._run.search(following, len(bare)) if self._run and following.startswith(bare) else None
        if not match or following[len(bare) : match.start()].strip():
            return ""
        found = following[match.start() : self._end_of(match, inside)]
        return "" if found == self._tokenizer.bos_token != self.own else found

    def _eos(self, inside: set[str]) -> str:
        if not self.own or self.own in inside:
            what = "neither the template nor the tokenizer has a stop token"
            if self.own:
                what = f"{self.own!r}, where generation stops, also stands before its end"
            raise FormatError(
                f"Nothing ends an answer: {what}.",
                'tokenizer.eos_token = "…"   # the token at which generation stops',
            )
        return str(self.own)

    def ids(self, stops: Iterable[str], written: str = "") -> tuple[int, ...]:
        """The ids that end generation: the last of each of these texts, and the tokenizer's own.

        Args:
            stops: texts that end in a stop token.
            written: what the student writes before its end; a token of it ends nothing.
        """
        inside = self.tokens(written)
        ends = {self.last(text) for text in stops} | {self.own}
        ids = {
            self._encode(end, add_special_tokens=False).ids[-1] for end in ends if end and end not in inside
        }
        return tuple(sorted(ids))


def special_texts(tokenizer: Tokenizer) -> list[str]:
    """The texts of the special tokens, the longest first."""
    texts = {str(t.content) for t in tokenizer.added_tokens_decoder.values() if t.special}
    texts |= {str(t) for t in tokenizer.all_special_tokens}
    return sorted((t for t in texts if t.strip()), key=len, reverse=True)


def special_tokens(tokenizer: Tokenizer) -> re.Pattern[str] | None:
    """A pattern of special tokens that stand side by side; None when there are none."""
    found = special_texts(tokenizer)
    return re.compile(f"(?:{'|'.join(map(re.escape, found))})+") if found else None
