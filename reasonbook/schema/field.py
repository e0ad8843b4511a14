"""Field: one piece of reasoning, and how a value of it is read."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from ..data.conversation import digest, is_sequence
from ..errors import SchemaError, choices
from ..options import checked
from ..safe_text import half_character, joined, visible

FieldType = Literal["text", "number", "boolean", "choice", "list"]
TYPES: tuple[str, ...] = get_args(FieldType)
_JSON_TYPES = {
    "text": "string",
    "number": "number",
    "boolean": "boolean",
    "choice": "string",
    "list": "array",
}
_LARGEST = sys.float_info.max
_NUMERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch  # JSON's
EXAMPLE = 'rb.Field("Urgency", "Judge how soon an answer is needed.", type="choice", options=["low", "high"])'


@checked(SchemaError, EXAMPLE)
@dataclass(frozen=True)
class Field:
    """One piece of reasoning: a name and an instruction in plain language.

    Attributes:
        name: any Unicode text; unique in its schema without regard to case.
        instruction: what the teacher shall determine.
        type: ``text``, ``number``, ``boolean``, ``choice`` (one of ``options``) or ``list`` (of texts).
        options: the allowed values of a choice.
        minimum: smallest allowed number.
        maximum: largest allowed number.
        optional: whether the teacher may answer that there is no value (None).

    Example:
        >>> rb.Field("Days", "Count the days since the purchase.", type="number", minimum=0).words
        'number from 0'
    """

    name: str
    instruction: str
    type: FieldType | str = "text"  # a wrong one is a problem to be shown, not refused: an editor holds it
    options: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(str(option) for option in self.options or ()))

    @property
    def problems(self) -> list[str]:
        """Why this field cannot be used; empty when it can."""
        found: list[str] = []
        label = "a field" if _blank(self.name) else repr(self.name)
        if _blank(self.name):
            found.append("a field has no name")
        if _blank(self.instruction):
            found.append(f"{label} has no instruction")
        said = cast("tuple[object, ...]", (self.name, self.instruction, *self.options))
        if any(isinstance(text, str) and half_character(text) for text in said):
            found.append(f"{label} holds half a character, which no provider takes")
        if self.type not in TYPES:
            found.append(f"{label} has the unknown type {self.type!r}; {choices(str(self.type), TYPES)}")
        if self.type == "choice":
            folded = [option.strip().casefold() for option in self.options]
            if len(folded) < 2 or not all(folded) or len(set(folded)) < len(folded):
                found.append(f"{label} is a choice and needs at least two different options")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            found.append(f"{label} has a minimum above its maximum")
        return found

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with anything that could change an answer."""
        return digest(asdict(self))[:16]

    @property
    def words(self) -> str:
        """The type as a person or a teacher reads it."""
        named = {"list": "list of texts", "choice": f"one of: {', '.join(self.options)}"}
        words = named.get(self.type, self.type)
        if self.type == "number":
            words += "" if self.minimum is None else f" from {self.minimum:g}"
            words += "" if self.maximum is None else f" to {self.maximum:g}"
        return f"{words}, or null" if self.optional else words

    def to_dict(self) -> dict[str, Any]:
        """Name, instruction and what differs from the defaults; JSON-ready, ``Field(**field.to_dict())`` is equal."""
        default = Field("", "")
        kept = {
            name: value
            for name, value in asdict(self).items()
            if name in ("name", "instruction") or value != getattr(default, name)
        }
        return kept | ({"options": list(self.options)} if self.options else {})

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of one value."""
        kind = _JSON_TYPES[self.type]
        value: dict[str, Any] = {
            "type": [kind, "null"] if self.optional else kind,
            "description": self.instruction,
        }
        if self.type == "choice":
            value["enum"] = [*self.options, None] if self.optional else list(self.options)
        elif self.type == "list":
            value["items"] = {"type": "string"}
        elif self.type == "number":
            value.update(
                {k: v for k, v in (("minimum", self.minimum), ("maximum", self.maximum)) if v is not None}
            )
        return value

    def read(self, value: object) -> Any:
        """The value in its clean form.

        Raises:
            ValueError: it does not fit; the text is written for the teacher that gave it.
        """
        if value is None or (self.optional and isinstance(value, float) and math.isnan(value)):
            if self.optional:
                return None
            raise ValueError("is missing")
        return _READERS[self.type](self, value)


def _read_text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {shown(value)}")
    text = value.strip()
    if not text.isascii():
        text = joined(text)
        half = half_character(text)
        if half:
            raise ValueError(f"holds half a character ({half}), which no file can keep")
    if not visible(text):
        raise ValueError("holds nothing that can be seen" if text else "is empty")
    return text


def _read_number(field: Field, value: object) -> int | float:
    if isinstance(value, str) and len(value) < 40 and _NUMERAL(value.strip()):  # "7" can only be 7
        value = json.loads(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number, not {shown(value)}")
    if not -_LARGEST <= value <= _LARGEST:
        raise ValueError(f"must be a finite number, not {shown(value)}")
    if field.minimum is not None and value < field.minimum:
        raise ValueError(f"must be at least {field.minimum:g}, not {shown(value)}")
    if field.maximum is not None and value > field.maximum:
        raise ValueError(f"must be at most {field.maximum:g}, not {shown(value)}")
    exact = float(value)
    if exact != value:  # neither a column of a file nor JSON elsewhere would keep it
        raise ValueError(f"has more digits than a number can hold, {shown(value)}")
    return int(value) if exact.is_integer() and abs(value) < 2**53 else exact


def _read_boolean(field: Field, value: object) -> bool:
    if isinstance(value, str) and value.strip().casefold() in ("true", "false"):
        return value.strip().casefold() == "true"
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {shown(value)}")
    return value


def _read_choice(field: Field, value: object) -> str:
    said = str(value) if type(value) is int else value
    for option in field.options:
        if isinstance(said, str) and said.strip().casefold() == option.strip().casefold():
            return option
    raise ValueError(f"must be one of {list(field.options)}, not {shown(value)}")


def _read_list(field: Field, value: object) -> list[str]:
    if not is_sequence(value):
        raise ValueError(f"must be a list of texts, not {shown(value)}")
    return [_read_text(field, item) for item in value]


_READERS: Mapping[str, Callable[[Field, object], Any]] = {
    "text": _read_text,
    "number": _read_number,
    "boolean": _read_boolean,
    "choice": _read_choice,
    "list": _read_list,
}


def _blank(text: object) -> bool:
    """Whether a name or an instruction says nothing, or is no text at all."""
    return not isinstance(text, str) or not text.strip()


def shown(value: object) -> str:
    """A value as an error shows it: its beginning."""
    try:
        text = repr(value)
    except Exception:  # nested too deep, a number of too many digits, a class of the user's
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else text[:59] + "…"
