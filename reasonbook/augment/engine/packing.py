"""Packing: several short rows in one call, each with a name of its own, apart again when something fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...teachers import Completion, Request
from ..answers import FieldReader, InvalidAnswerError, objects, stopped, without_thinking
from ..work import Work
from .failures.attempts import Attempts

SHORT = 2_000  # characters; a longer row is asked alone


@dataclass
class Pack:
    """Rows that are asked together.

    Attributes:
        works: in the order in which they stand in the request.
        request: what the teacher gets.
        attempts: what its calls have come to.
    """

    works: list[Work]
    request: Request
    attempts: Attempts = field(default_factory=Attempts)


def name(number: int) -> str:
    """The key under which a row's fields stand, counted from 0."""
    return f"row_{number + 1}"


def read(
    completion: Completion, reader: FieldReader, count: int
) -> list[dict[str, Any] | InvalidAnswerError]:
    """Each row's values, or what is wrong with them.

    Raises:
        InvalidAnswerError: the answer as a whole cannot be used.
    """
    text = without_thinking(stopped(completion))
    wanted = {name(i) for i in range(count)}
    whole = next((found for found in objects(text) if found.keys() & wanted), None)
    if not whole:
        raise InvalidAnswerError("the answer does not hold the rows by their names")
    results: list[dict[str, Any] | InvalidAnswerError] = []
    for i in range(count):
        try:
            results.append(reader.checked(whole.get(name(i))))
        except InvalidAnswerError as error:
            results.append(error)
    return results
