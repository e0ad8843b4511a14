"""Answers: what a teacher wrote as checked values, or the sentence that says what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from ..safe_text import excerpt, half_character, joined, visible
from ..schema import Schema
from ..teachers import Completion
from .methods import Method

_FENCE = re.compile(r"```(?:json)?(.*?)```", re.DOTALL | re.IGNORECASE)
_THINK = re.compile(r"^\s*<(think|thinking|reasoning)>(.*?)</\1>\s*", re.DOTALL)
_OPEN_THINK = re.compile(r"^\s*<(?:think|thinking|reasoning)>")
_MAX_STARTS = 200
_SEARCHED = 1 << 20  # letters, from the end, in which an object is looked for; a model writes a tenth of it


class InvalidAnswerError(ValueError):
    """An answer cannot be used; the text is for the teacher and for the person."""


class FieldReader:
    """Reads answers for some of a schema's fields.

    The quick way takes an object that has exactly the keys asked for; everything else goes through
    `Schema.read`, which words what is wrong.
    """

    def __init__(self, schema: Schema, names: Sequence[str]) -> None:
        self.schema = schema
        self.names = tuple(names)
        keys = schema.keys
        self._fields = [(schema[name], name, keys[name]) for name in self.names]
        self._keys = frozenset(keys[name] for name in self.names)
        self._marks = [f'"{key}"' for key in self._keys]

    def read(self, completion: Completion) -> dict[str, Any]:
        """Values by field name, in the schema's order.

        Raises:
            InvalidAnswerError: the answer was cut or refused, holds no object, or the object does not fit.
        """
        if completion.data is not None:
            return self.checked(completion.data, surplus=completion.surplus)
        text = stopped(completion)
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self._searched(completion)
        if isinstance(answer, dict):
            for mark in self._marks:
                if text.count(mark) > 1:  # perhaps one key twice: then no value is the right one
                    _refuse_doubles(text)
                    break
        return self.checked(answer)

    def checked(self, answer: Any, *, surplus: bool = False) -> dict[str, Any]:
        """The values in an object, which may hold more than was asked with ``surplus``.

        Raises:
            InvalidAnswerError: it does not fit.
        """
        given = cast("dict[str, Any]", answer) if type(answer) is dict else {}
        if given.keys() == self._keys:
            try:
                return {name: field.read(given[key]) for field, name, key in self._fields}
            except ValueError:
                pass
        try:
            return self.schema.read(answer, self.names, surplus=surplus)
        except ValueError as error:
            raise InvalidAnswerError(str(error)) from None

    def _searched(self, completion: Completion) -> dict[str, Any]:
        """The last object in the text that fits; in the thinking, when the answer itself is blank."""
        text = without_thinking(completion.text)
        source = (text if text.strip() else completion.reasoning or completion.text)[-_SEARCHED:]
        problem = None
        for answer in reversed(list(objects(source))):
            try:
                return self.checked(answer)
            except InvalidAnswerError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        if not source.strip():
            raise InvalidAnswerError("the answer is empty")
        raise InvalidAnswerError(f"the answer holds no complete JSON object: {excerpt(source)}")


def stopped(completion: Completion) -> str:
    """The text of an answer that came to its own end.

    Raises:
        InvalidAnswerError: it was cut, refused or filtered.
    """
    if completion.stop_reason == "length":
        raise InvalidAnswerError("the answer was cut at the token limit")
    if completion.stop_reason == "refusal":
        raise InvalidAnswerError(f"the teacher refused: {excerpt(completion.text, 200) or 'no words given'}")
    if completion.stop_reason == "filter":
        raise InvalidAnswerError("the provider's content filter stopped the answer")
    return completion.text


def objects(text: str) -> Iterator[Any]:
    """The JSON objects in a text, in order, inner ones not counted."""
    fenced = [found for part in _FENCE.findall(text) for found in _objects(part)]
    yield from fenced or _objects(text)


def _objects(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(object_pairs_hook=_pairs)
    at = text.find("{")
    for _ in range(_MAX_STARTS):
        if at < 0:
            return
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        yield found
        at = text.find("{", end)


def without_thinking(text: str) -> str:
    """The text after thinking that was written into it."""
    found = _THINK.match(text)
    if found:
        return text[found.end() :]
    if _OPEN_THINK.match(text):
        return ""  # it never came out of its thinking
    closing = text.rfind("</think>")
    return text[closing + len("</think>") :] if closing >= 0 else text


def thinking(completion: Completion) -> str:
    """The teacher's own thinking, from its field or from tags in its text."""
    if completion.reasoning.strip():
        return completion.reasoning.strip()
    found = _THINK.match(completion.text)
    if found:
        return found.group(2).strip()
    before, closed, _ = completion.text.partition("</think>")
    return before.strip() if closed else ""


def _refuse_doubles(text: str) -> None:
    try:
        json.loads(text, object_pairs_hook=_pairs)
    except RecursionError:
        raise InvalidAnswerError("the answer is nested too deep") from None
    except ValueError as error:
        raise InvalidAnswerError(str(error)) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"`{excerpt(double, 40)}` stands twice")
    return found


def in_order(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Values by field name, in the schema's order."""
    return {name: values[name] for name in names}


class AnswerReader:
    """Reads the answers of one job.

    Args:
        schema: the fields.
        method: says whether fields or a text are wanted.
    """

    def __init__(self, schema: Schema, method: Method) -> None:
        self.schema = schema
        self.method = method
        self._readers: dict[tuple[str, ...], FieldReader] = {}

    def values(self, completion: Completion, names: tuple[str, ...]) -> dict[str, Any]:
        """What the store keeps, by field name.

        Raises:
            InvalidAnswerError: the answer cannot be used.
        """
        try:
            if self.method.fields:
                return self.reader(names).read(completion)
            return self._text(completion)
        except InvalidAnswerError:
            raise
        except Exception as error:  # an object of a teacher in Python may raise when it is looked at
            raise InvalidAnswerError(
                f"the answer cannot be read: {type(error).__name__}: {excerpt(error)}"
            ) from error

    def _text(self, completion: Completion) -> dict[str, Any]:
        method = self.method
        text = joined(stopped(completion) if completion.data is None else str(completion.data))
        answer = without_thinking(text).strip()
        kept = joined(thinking(completion)) if method.thinking else answer
        if not visible(kept):
            raise InvalidAnswerError(
                "the teacher showed no thinking of its own" if method.thinking else "the answer is empty"
            )
        half = half_character(kept) or half_character(answer)
        if half:
            raise InvalidAnswerError(f"the answer holds half a character ({half}), which no file can keep")
        return {method.label: {"text": kept, "answer": answer if method.thinking else ""}}

    def reader(self, names: tuple[str, ...]) -> FieldReader:
        """The reader of an answer that gives these fields; one is made for each set of names."""
        reader = self._readers.get(names)
        if reader is None:
            reader = self._readers[names] = FieldReader(self.schema, names)
        return reader


def readable(values: Mapping[str, Any], method: Method, names: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Values as the frame holds them, and the teacher's own answer where the method has one."""
    if method.fields:
        return in_order(values, names), ""
    kept = values[method.label]
    return {method.label: kept["text"]}, kept["answer"]
