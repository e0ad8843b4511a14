"""Nearness: which texts are nearly the same, as pairs that were each held against the other."""

# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# rensa brings no types.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ..data.typed_pandas import codes_of
from .text_facts import plain

NEAR = 90.0  # of 100: characters that two texts have in common, in order
_HASHES, _BANDS = 64, 16  # texts that share half of their three-word runs meet in some band, nearly surely
_WORDS = 3
_WITHOUT = (
    "Only requests that are equal but for case and punctuation are seen as near, since the packages that find others "
    'are missing: pip install "reasonbook[curate]".'
)


@dataclass(frozen=True)
class NearTexts:
    """Pairs of texts that are nearly the same.

    Attributes:
        pairs: int64, two columns: positions, the lower first, in order; no pair twice.
        notes: what could not be seen, in words.
    """

    pairs: np.ndarray
    notes: tuple[str, ...] = ()


def curate_there() -> bool:
    """Whether the packages of the extra ``curate`` are installed."""
    return find_spec("rensa") is not None and find_spec("rapidfuzz") is not None


def near_texts(texts: Sequence[str]) -> NearTexts:
    """The pairs of near-same texts; each was verified, and none follows from two others.

    Equal texts are paired with the first of them. For the others MinHash of word runs proposes pairs, and the share
    of common characters decides. The work grows with the number of texts, not of pairs: in a bucket each text is held
    against the first and against the one before it.

    Example:
        >>> from reasonbook.cases import near_texts
        >>> near_texts(["Sent on May 3, it is red.", "no", "sent on May 3; it is red"]).pairs.tolist()
        [[0, 2]]
    """
    words = [plain(text) for text in texts]
    codes, different = codes_of(words)
    firsts = np.unique(codes, return_index=True)[1]
    again = np.setdiff1d(np.arange(len(words)), firsts)
    equal = np.column_stack([firsts[codes[again]], again])
    if not curate_there():
        return NearTexts(_ordered(equal), (_WITHOUT,) if len(different) > 1 else ())
    found = list(_verified(different))
    near = np.array(found, dtype=np.int64) if found else np.zeros((0, 2), dtype=np.int64)
    return NearTexts(_ordered(np.vstack([equal, np.sort(firsts[near], axis=1)])))


def _ordered(pairs: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(pairs, axis=0), dtype=np.int64)


def _verified(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    from rapidfuzz import fuzz

    for first, second in _proposed(texts):
        if fuzz.ratio(texts[first], texts[second], score_cutoff=NEAR):
            yield first, second


def _proposed(texts: Sequence[str]) -> Sequence[tuple[int, int]]:
    """Pairs of texts that share a bucket."""
    from rensa import RMinHash

    marks = np.empty((len(texts), _HASHES), dtype=np.uint32)
    for i, text in enumerate(texts):
        hashed = RMinHash(num_perm=_HASHES, seed=0)
        hashed.update(_runs(text))
        marks[i] = hashed.digest()
    found: list[np.ndarray] = []
    for band in np.split(marks, _BANDS, axis=1):
        keys = np.ascontiguousarray(band).view(np.dtype((np.void, band.shape[1] * 4))).ravel()
        order = np.argsort(keys, kind="stable")
        fresh = np.append(True, keys[order][1:] != keys[order][:-1])
        starts = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
        inside = np.flatnonzero(~fresh)
        found += [
            np.column_stack([order[starts[inside]], order[inside]]),
            np.column_stack([order[inside - 1], order[inside]]),
        ]
    pairs = np.unique(np.vstack(found), axis=0) if found else np.zeros((0, 2), dtype=np.int64)
    return [(int(a), int(b)) for a, b in pairs]


def _runs(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + _WORDS]) for i in range(max(1, len(words) - _WORDS + 1))]
