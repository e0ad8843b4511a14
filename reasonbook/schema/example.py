"""Example: a request with the reasoning that is right for it, shown to a teacher before it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..data.conversation import digest, is_mapping, missing
from ..errors import SchemaError, choices

_LINE = 'examples=[{"request": "…", "reasoning": {"Intent": "…"}}]   or   examples=df.reason.review()'
_KEYS = {"request": "request", "prompt": "request", "reasoning": "reasoning", "response": "response"}


@dataclass(frozen=True)
class Example:
    """A request with the reasoning that is right for it.

    Attributes:
        request: the text of the request.
        reasoning: field name → value.
        response: the response, for a teacher that sees responses; empty where there is none.

    Example:
        >>> from reasonbook.schema import Example
        >>> Example("My parcel came late.", {"Intent": "complain about a delay"}).response
        ''
    """

    request: str
    reasoning: Mapping[str, Any]
    response: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Its parts, JSON-ready."""
        return {"request": self.request, "reasoning": dict(self.reasoning), "response": self.response}


def examples_of(source: object) -> tuple[Example, ...]:
    """The examples in what a person gives: examples, dicts of their parts, or a review, which knows its best rows.

    Raises:
        SchemaError: one of them has no request or no reasoning.
    """
    chosen = getattr(source, "examples", None)
    if callable(chosen):
        source = chosen()
    if isinstance(source, (str, bytes)) or is_mapping(source) or not isinstance(source, Iterable):
        raise SchemaError(f"Examples are a list or a review, not {type(source).__name__}.", _LINE)
    items = list(cast("Iterable[object]", source))
    if callable(chosen) and not items:
        raise SchemaError(
            "The review has no row yet that people found right.",
            "review.accept([0, 1])   or   review.rate(0, 5)",
        )
    return tuple(
        item if isinstance(item, Example) else _example(item, number) for number, item in enumerate(items, 1)
    )


def examples_print(examples: Iterable[Example]) -> str:
    """Names a set of examples, in their order: 16 hex digits."""
    return digest([each.to_dict() for each in examples])[:16]


def chosen_by_review(source: object) -> bool:
    """Whether examples are a review's choice: the review itself, or what its ``examples`` gave."""
    return callable(getattr(source, "examples", None)) or bool(getattr(source, "chosen_by_review", False))


def _example(item: object, number: int) -> Example:
    if not is_mapping(item):
        raise SchemaError(f"Example {number} is a {type(item).__name__}, not a dict.", _LINE)
    parts: dict[str, Any] = {}
    for key, value in item.items():
        if key not in _KEYS:
            raise SchemaError(f"Example {number} has an unknown part {key!r}.", choices(str(key), _KEYS))
        parts[_KEYS[key]] = value
    request, reasoning, response = (parts.get(name) for name in ("request", "reasoning", "response"))
    if not isinstance(request, str) or missing(request):
        raise SchemaError(f"Example {number} has no request.", _LINE)
    if not is_mapping(reasoning) or not reasoning:
        raise SchemaError(f"Example {number} has no reasoning.", _LINE)
    return Example(request, dict(reasoning), "" if missing(response) else str(response))
