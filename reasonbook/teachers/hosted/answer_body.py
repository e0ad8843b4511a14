"""Answer body: what a provider sent with status 200 as a completion, or as the error that says what came.

It is total: whatever the bytes are, there is a `Completion` or a `CallError`, and never another exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ...safe_text import excerpt
from ..json_access import as_object, parsed
from ..teacher import CallError, Completion, Usage
from .call_errors import clean, error_inside

_KEPT = 4_000  # characters of an unusable body that stay on record
_STREAM = (b"data:", b"event:", b"id:", b"retry:", b":")  # how the lines of an event stream begin

Answer = Mapping[str, Any]


class InsideError(Exception):
    """An error stands in the place of an answer: any JSON."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


@dataclass(frozen=True)
class AnswerProtocol:
    """How one protocol writes its answers.

    Attributes:
        usage: answer → the tokens that it counts.
        read: answer and usage → completion; raises `InsideError`, or a ``ValueError`` to be read after "the
            provider's answer".
        gather: the events of a stream → the answer that they add up to, and whether it came to its end.
    """

    usage: Callable[[Answer], Usage]
    read: Callable[[Answer, Usage], Completion]
    gather: Callable[[Iterable[Answer]], tuple[Answer, bool]]


def decode(answer: object, protocol: AnswerProtocol) -> Completion:
    """The completion in an answer of status 200, which counts as one call whatever is in it.

    Args:
        answer: its bytes, or what they say where they stood inside other JSON, as in a line of a batch.
        protocol: in which it is written.

    Raises:
        CallError: ``output`` where no answer can be read; where there is an error inside, of the kind it names.
    """
    came, usage = answer, Usage(calls=1)
    try:
        whole = True
        if isinstance(answer, bytes):
            answer, whole = _said(answer, protocol)
        if isinstance(answer, list):  # Gemini puts its errors into lists
            items = cast("list[object]", answer)
            answer = items[0] if len(items) == 1 else items
        told = as_object(answer)
        if told is None:
            raise ValueError("is not an object")
        usage = protocol.usage(told)
        if not whole:
            raise ValueError("is a stream that ends before its answer does")
        return protocol.read(told, usage)
    except InsideError as inside:
        raise error_inside(inside.error, usage, _record(came)) from None
    except ValueError as error:
        said = clean(f"the provider's answer {error}: {excerpt(came) or 'nothing'}")
        raise CallError("output", said, usage=usage, text=_record(came)) from None


def _said(raw: bytes, protocol: AnswerProtocol) -> tuple[object, bool]:
    """What the bytes say, and whether they say all of it."""
    try:
        return parsed(raw), True
    except ValueError:
        head = raw.lstrip()
        if head.startswith(_STREAM):
            return protocol.gather(list(_events(head)))
        if head.startswith(b"<"):
            raise ValueError("is a web page") from None
        raise


def _events(raw: bytes) -> Sequence[Answer]:
    """The objects of an event stream.

    Raises:
        ValueError: one cannot be read, and what it held is missing in the answer.
    """
    events: list[Answer] = []
    for block in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        data = [line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")]
        if not data or data == [b"[DONE]"]:
            continue
        try:
            event = as_object(parsed(b"\n".join(data)))
        except ValueError as error:
            raise ValueError(f"is a stream of which a part {error}") from None
        if event is None:
            raise ValueError("is a stream of which a part is not an object")
        events.append(event)
    return events


def _record(came: object) -> str:
    """The beginning of an answer nobody could use, for the store and the row."""
    return clean(excerpt(came, _KEPT), most=_KEPT)
