"""Cuts: where a text may be cut so that its pieces, encoded apart, have the ids of the whole.

A tokenizer takes its added tokens out of a text before anything else and encodes what lies between them section by
section. So a text may be cut before an added token, provided that no other one can reach across that place.
"""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonprefix
from typing import NamedTuple

from ..template.typed_tokenizer import BackendTokenizer

_WORTH = 48  # characters from which on a shared head is worth a cut
_MOST = 16  # heads that are remembered


class Head(NamedTuple):
    """The beginning that texts have in common, up to a place where they may be cut."""

    text: str = ""
    ids: tuple[int, ...] = ()


NO_HEAD = Head()


class Cuts:
    """Finds places to cut, for one tokenizer."""

    def __init__(self, backend: BackendTokenizer) -> None:
        self._backend = backend
        added = backend.get_added_tokens_decoder()
        # A token that must be a word by itself looks at its neighbours, on either side of a cut.
        self._added = {} if any(token.single_word for token in added.values()) else added
        self._texts = [token.content for token in added.values()]
        self._safe: dict[int, bool] = {}
        self._heads: dict[str, Head] = {}
        self._shares = True

    def last(self, ids: Sequence[int]) -> int | None:
        """Which token of a text is the last one before which it may be cut."""
        added = self._added
        return next(
            (at for at in range(len(ids) - 1, -1, -1) if ids[at] in added and self._may(ids[at])), None
        )

    def head(self, texts: Sequence[str], limit: int) -> Head:
        """What all these texts begin with, up to the last cut within so many characters."""
        shared = commonprefix([min(texts), max(texts)])[:limit]  # noqa: RUF071 - of texts, not of paths
        if len(shared) < _WORTH or not self._shares:
            return NO_HEAD
        encoding = self._backend.encode(shared, add_special_tokens=False)
        at = self.last(encoding.ids)
        text = shared[: encoding.offsets[at][0]] if at else ""
        if len(text) < _WORTH:
            return NO_HEAD
        known = self._heads.get(text)
        if known is None:
            known = Head(text, tuple(encoding.ids[:at]))
            whole, rest = (
                self._backend.encode(t, add_special_tokens=False).ids
                for t in (texts[0], texts[0][len(text) :])
            )
            if whole != [*known.ids, *rest]:  # some pipeline of its own that looks past its added tokens
                self._shares = False
                return NO_HEAD
            if len(self._heads) < _MOST:
                self._heads[text] = known
        return known

    def _may(self, token: int) -> bool:
        known = self._safe.get(token)
        if known is None:
            text = self._added[token].content
            changed = self._added[token].normalized and self._backend.normalizer is not None
            starts = tuple(text[:end] for end in range(1, len(text)))
            crossed = any(
                other.endswith(starts) or (text in other and other != text) for other in self._texts
            )
            known = self._safe[token] = not changed and not crossed
        return known
