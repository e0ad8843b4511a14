"""Reading: from a completion to the values of a row, by the method's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..schema import Schema
from ..teachers import Completion
from .methods import Method
from .parse import Invalid, Reader, stopped, thinking, without_thinking
from .plan import in_order


class Reading:
    """Reads the answers of one job.

    Args:
        schema: the fields.
        method: says whether fields or a text are wanted.
    """

    def __init__(self, schema: Schema, method: Method) -> None:
        self.schema = schema
        self.method = method
        self._readers: dict[tuple[str, ...], Reader] = {}

    def values(self, completion: Completion, names: tuple[str, ...]) -> dict[str, Any]:
        """What the store keeps, by field name.

        Raises:
            Invalid: the answer cannot be used.
        """
        method = self.method
        if method.fields:
            return self.reader(names).read(completion)
        text = stopped(completion) if completion.data is None else str(completion.data)
        answer = without_thinking(text).strip()
        kept = thinking(completion) if method.thinking else answer
        if not kept:
            raise Invalid(
                "the teacher showed no thinking of its own" if method.thinking else "the answer is empty"
            )
        return {method.label: {"text": kept, "answer": answer if method.thinking else ""}}

    def reader(self, names: tuple[str, ...]) -> Reader:
        reader = self._readers.get(names)
        if reader is None:
            reader = self._readers[names] = Reader(self.schema, names)
        return reader


def readable(values: Mapping[str, Any], method: Method, names: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Values as the frame holds them, and the teacher's own answer where the method has one."""
    if method.fields:
        return in_order(values, names), ""
    kept = values[method.label]
    return {method.label: kept["text"]}, kept["answer"]
