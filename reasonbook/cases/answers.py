"""Answers: whether two responses say the same, whatever their words."""

from __future__ import annotations

from functools import lru_cache

from .text_facts import label, numbers_in, plain

_SHORT = 6  # words; what is longer is a sentence, of which the numbers are compared


def answers_differ(one: str | None, other: str | None) -> bool:
    """Whether two answers cannot both be right, as far as texts tell; one that is missing differs from none.

    Short ones are compared as they stand. Of sentences the numbers are: they differ where each has one that the other
    has not; without numbers nobody can tell, and they do not.

    Example:
        >>> from reasonbook.cases import answers_differ
        >>> answers_differ("$104", "104"), answers_differ("$104", "$99")
        (False, True)
    """
    if not one or not other or one == other:
        return False
    mine, yours = _read(one), _read(other)
    if isinstance(mine, str) and isinstance(yours, str):
        return mine != yours
    first, second = numbers_in_answer(one), numbers_in_answer(other)
    return bool(first - second) and bool(second - first)


def numbers_of(text: str) -> str:
    """The numbers of a text as one text, in order of size: what must be equal in requests of one case."""
    return " ".join(sorted(numbers_in(text)))


@lru_cache(maxsize=4096)
def numbers_in_answer(answer: str) -> frozenset[str]:
    """The numbers of an answer."""
    return frozenset(numbers_in(answer))


@lru_cache(maxsize=4096)
def _read(answer: str) -> str | None:
    """A short answer as it is compared; None of a sentence."""
    return (label(answer) or plain(answer)) if len(answer.split()) <= _SHORT else None
