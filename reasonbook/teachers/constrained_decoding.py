"""Constrained decoding: a local model fills a JSON Schema value by value and cannot leave its form.

The schemas of this library are flat: an object whose keys stand in a fixed order. So keys, quotes, commas and
brackets are written for the model, and it only chooses inside values, under a mask that depends on the value's
type. Values never pass through JSON text, so nothing has to be escaped or repaired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores: TypeAlias = NDArray[np.floating[Any]]
    Mask: TypeAlias = NDArray[np.bool_]
    Allowed: TypeAlias = Mask | Sequence[int]

_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d{0,14})(?:\.\d{0,12})?)?")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?")
_MOST_ITEMS = 20


class TokenLimitError(Exception):
    """A value did not end within its share of tokens."""


class Decoder(Protocol):
    """A model with the state of one answer."""

    def feed(self, ids: Sequence[int]) -> Scores:
        """Reads tokens and returns the scores of the next one, one number per token."""
        ...

    def pick(self, scores: Scores, allowed: Allowed) -> int:
        """The token it chooses among those that are allowed: ids, or a mask over the vocabulary."""
        ...


@dataclass(frozen=True)
class Vocabulary:
    """What each token does inside a quoted text.

    Attributes:
        texts: token id → its text.
        special: ids that are no text.
        encode: text → ids.
        decode: ids → text.
    """

    texts: Sequence[str]
    special: frozenset[int]
    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]

    @cached_property
    def inside(self) -> Mask:
        """Mask of the tokens that may stand inside a text: no quote, no backslash, no control letter."""
        return self._mask(lambda text: text != "" and not any(c in '"\\' or c < " " for c in text))

    @cached_property
    def text(self) -> Mask:
        """Mask of what may come in a text: its inside, and tokens that hold its closing quote."""
        return self.inside | self._mask(self._closes)

    @cached_property
    def numeric(self) -> dict[int, str]:
        """Tokens made of a number's letters."""
        return {
            i: text.strip()
            for i, text in enumerate(self.texts)
            if i not in self.special and text.strip() and not text.strip().strip("0123456789.-")
        }

    @cached_property
    def after_number(self) -> list[int]:
        """Tokens with which a number is over."""
        return [
            i
            for i, text in enumerate(self.texts)
            if i not in self.special and text[:1] in tuple(",}\n]") and text
        ]

    def closing(self, token: int) -> str | None:
        """The text before the closing quote of a token, None where it holds none."""
        text = self.texts[token]
        return text.partition('"')[0] if '"' in text else None

    @staticmethod
    def _closes(text: str) -> bool:
        before, quote, _ = text.partition('"')
        return bool(quote) and not any(c == "\\" or c < " " for c in before)

    def _mask(self, fits: Callable[[str], bool]) -> Mask:
        import numpy as np

        mask = np.fromiter((fits(text) for text in self.texts), dtype=bool, count=len(self.texts))
        mask[[i for i in self.special if i < len(mask)]] = False
        return mask


class SchemaFiller:
    """Fills one object.

    Args:
        decoder: the model; its prompt has been fed up to the place where the answer begins.
        vocabulary: see `Vocabulary`.
        budget: tokens for the whole answer.
    """

    def __init__(self, decoder: Decoder, vocabulary: Vocabulary, budget: int) -> None:
        self.decoder = decoder
        self.vocabulary = vocabulary
        self.left = budget
        self.written = 0
        self._scores: Scores | None = None

    def fill(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Values by key.

        Raises:
            TokenLimitError: the tokens did not suffice.
        """
        answer: dict[str, Any] = {}
        for key, value in schema["properties"].items():
            self._write(("{" if not answer else ", ") + json.dumps(key) + ": ")
            answer[key] = self._value(value)
        return answer

    # -- values ------------------------------------------------------------------------------------------
    def _value(self, schema: Mapping[str, Any]) -> object:
        given: str | list[str] = schema["type"]
        kinds = [given] if isinstance(given, str) else given
        kind = next(k for k in kinds if k != "null")
        if "enum" in schema:
            words = [json.dumps(option, ensure_ascii=False) for option in schema["enum"]]
            return json.loads(self._choose(words))
        if kind == "boolean":
            return json.loads(self._choose(["true", "false", *(["null"] if "null" in kinds else [])]))
        if kind in ("number", "integer"):
            return self._number(optional="null" in kinds)
        if "null" in kinds and self._choose(["null", '"' if kind == "string" else "["]) == "null":
            return None
        if kind == "array":
            return self._list(schema, opened="null" in kinds)
        return self._text(schema.get("maxLength"), opened="null" in kinds)

    def _text(self, most: int | None, *, opened: bool = False) -> str:
        if not opened:
            self._write('"')
        ids: list[int] = []
        letters = 0  # by token, so that the whole is decoded only when it may be too long
        while True:
            # The first token must say something: an empty text is no answer.
            token = self._pick(self.vocabulary.text if ids else self.vocabulary.inside)
            rest = self.vocabulary.closing(token)
            if rest is None:
                ids.append(token)
                letters += len(self.vocabulary.texts[token])
                whole = self.vocabulary.decode(ids) if most is not None and letters >= most else ""
                if most is not None and len(whole) >= most:
                    self._read([token])
                    self._write('"')
                    return whole[:most]
                self._read([token])
                continue
            text = self.vocabulary.decode(ids) + rest
            self._write(rest + '"')
            return text

    def _number(self, *, optional: bool) -> int | float | None:
        text, null = "", self.vocabulary.encode("null") if optional else []
        while True:
            fitting = [i for i, piece in self.vocabulary.numeric.items() if _NUMBER.fullmatch(text + piece)]
            whole = _WHOLE.fullmatch(text) is not None
            token = self._pick(
                fitting + (self.vocabulary.after_number if whole else [] if text else null[:1])
            )
            if not text and token in null[:1]:
                self._read(null)
                return None
            if token not in self.vocabulary.numeric:
                return json.loads(text)
            text += self.vocabulary.numeric[token]
            self._read([token])

    def _list(self, schema: Mapping[str, Any], *, opened: bool = False) -> list[str]:
        if not opened:
            self._write("[")
        items: list[str] = []
        longest = schema["items"].get("maxLength")
        while len(items) < schema.get("maxItems", _MOST_ITEMS):
            if self._choose(["]", ('"' if not items else ', "')]) == "]":
                return items
            items.append(self._text(longest, opened=True))
        self._write("]")
        return items

    def _choose(self, words: Sequence[str]) -> str:
        """One of the words, token by token; what only one word can still be is written at once."""
        encoded: dict[str, list[int]] = {word: self.vocabulary.encode(word) for word in words}
        at = 0
        while len(encoded) > 1:
            allowed = sorted({ids[at] for ids in encoded.values() if len(ids) > at})
            ended = [word for word, ids in encoded.items() if len(ids) == at]
            if ended:  # one word is the beginning of another: the quote or comma after it decides
                allowed += self.vocabulary.after_number
            token = self._pick(allowed)
            if ended and token in self.vocabulary.after_number:
                return ended[0]
            encoded = {word: ids for word, ids in encoded.items() if len(ids) > at and ids[at] == token}
            self._read([token])
            at += 1
        [(word, ids)] = encoded.items()
        self._read(ids[at:])
        return word

    # -- tokens ------------------------------------------------------------------------------------------
    def _write(self, text: str) -> None:
        self._read(self.vocabulary.encode(text))

    def _read(self, ids: Sequence[int]) -> None:
        if ids:
            self._scores = self.decoder.feed(ids)
            self.written += len(ids)

    def _pick(self, allowed: Allowed) -> int:
        if self.written >= self.left:
            raise TokenLimitError
        assert self._scores is not None  # a key is written before the first choice
        return self.decoder.pick(self._scores, allowed)
