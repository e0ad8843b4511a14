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
_LATER = ("required", "max_length")  # parts that the fields of the first stores did not have
_JSON_TYPES = {
    "text": "string",
    "number": "number",
    "boolean": "boolean",
    "choice": "string",
    "list": "array",
}
_LARGEST = sys.float_info.max
_NUMERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch  # JSON's
TEXT_LENGTH = 1_200  # characters of a text for which nobody said anything else: about 200 words
ITEM_LENGTH = 300  # characters of one text of a list
LIST_LENGTH = 40  # texts of a list for which nobody said anything else
_UNSTATED = ("not stated", "null")  # how a teacher spells it in a text that there is no value
_SAID_SHORTLY = 16  # characters of such a text
EXAMPLE = 'rb.Field("Urgency", "Judge how soon an answer is needed.", type="choice", options=["low", "high"])'


@checked(SchemaError, EXAMPLE)
@dataclass(frozen=True)
class Field:
    """One piece of reasoning: a name and an instruction in plain language.

    Where the request does not state what a field asks for, its value is None ("not stated") rather than invented.

    Attributes:
        name: any Unicode text; unique in its schema without regard to case.
        instruction: what the teacher shall determine.
        type: ``text``, ``number``, ``boolean``, ``choice`` (one of ``options``) or ``list`` (of texts).
        options: the allowed values of a choice.
        minimum: smallest allowed number.
        maximum: largest allowed number.
        optional: whether the teacher may leave the field out; its value is None then.
        required: whether there must be a value whatever the request says, so that None is refused.
        max_length: most characters of a text, or most texts of a list; a longer one is refused. None bounds only what
            never ends: 1 200 characters, or 40 texts of 300 each, for a model that is held to them while it writes.

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
    required: bool = False
    max_length: int | None = None

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
        if self.optional and self.required:
            found.append(f"{label} is both optional and required")
        if self.max_length is not None and (self.max_length < 1 or self.type not in ("text", "list")):
            found.append(f"{label} has a max_length, which is for a text or a list and at least 1")
        return found

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with anything that could change an answer.

        What came after the first stores counts only where it is said, so that answers paid before stay found.
        """
        told = asdict(self)
        return digest({name: told[name] for name in told if name not in _LATER or told[name]})[:16]

    @property
    def length(self) -> int | None:
        """Most characters of a text, or most texts of a list, for a model that is held to it; None for other types."""
        if self.type == "text":
            return self.max_length or TEXT_LENGTH
        return (self.max_length or LIST_LENGTH) if self.type == "list" else None

    @property
    def most_characters(self) -> int:
        """What the longest value takes as JSON, roughly."""
        if self.type == "list":
            whole = (self.length or 0) * (ITEM_LENGTH + 4)
            return whole if self.max_length is not None else min(whole, 2 * TEXT_LENGTH)
        if self.type == "choice":
            return max(map(len, self.options), default=0)
        return self.length or 30

    @property
    def words(self) -> str:
        """The type as a person or a teacher reads it."""
        named = {"list": "list of texts", "choice": f"one of: {', '.join(self.options)}"}
        words = named.get(self.type, self.type)
        if self.type == "number":
            words += "" if self.minimum is None else f" from {self.minimum:g}"
            words += "" if self.maximum is None else f" to {self.maximum:g}"
        if self.max_length is not None:
            unit = "characters" if self.type == "text" else "of them"
            words += f", at most {self.max_length} {unit}"
        return f"{words}, or null" if self.optional else f"required {words}" if self.required else words

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
        """The JSON Schema of one value; what it asks for stands in the prompt alone.

        Its lengths are one above what is allowed, so that a value that was cut is known from one that fits.
        """
        kind = _JSON_TYPES[self.type]
        value: dict[str, Any] = {"type": kind if self.required else [kind, "null"]}
        if self.type == "text":
            value["maxLength"] = (self.length or 0) + 1
        elif self.type == "choice":
            value["enum"] = list(self.options) if self.required else [*self.options, None]
        elif self.type == "list":
            value.update(
                items={"type": "string", "maxLength": ITEM_LENGTH + 1}, maxItems=(self.length or 0) + 1
            )
        elif self.type == "number":
            value.update(
                {k: v for k, v in (("minimum", self.minimum), ("maximum", self.maximum)) if v is not None}
            )
        return value

    def read(self, value: object) -> Any:
        """The value in its clean form; None where it is not stated.

        Raises:
            ValueError: it does not fit; the text is written for the teacher that gave it.
        """
        if self.type == "text" and type(value) is str and _SAID_SHORTLY < len(value) <= (self.length or 0):
            text = value.strip()
            if text.isascii() and text[:1].isalnum():  # as most are; the rest is read with more care
                return text
        if value is None or (self.optional and isinstance(value, float) and math.isnan(value)):
            if self.optional or (value is None and not self.required):
                return None
            raise ValueError("is missing")
        if not self.required and isinstance(value, str) and self._unstated(value):
            return None
        return _READERS[self.type](self, value)

    def _unstated(self, text: str) -> bool:
        """Whether a text says that there is no value, and is not itself one of the options."""
        if len(text) > _SAID_SHORTLY or text.strip(" .").casefold() not in _UNSTATED:
            return False
        return all(option.strip().casefold() != text.strip().casefold() for option in self.options)


def _read_text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {shown(value)}")
    text = _cleaned(value)
    _bounded(field, len(text), "characters")
    return text


def _cleaned(value: str) -> str:
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
    _bounded(field, len(value), "texts")
    return [_read_item(item) for item in value]


def _read_item(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a list of texts, and holds {shown(value)}")
    if len(value) == ITEM_LENGTH + 1:
        raise ValueError(f"runs on: a text in it was cut at {ITEM_LENGTH} characters")
    try:
        return _cleaned(value)
    except ValueError as problem:
        raise ValueError(f"has a text that {problem}") from None


def _bounded(field: Field, length: int, of: str) -> None:
    """Refuses what is longer than was asked, and what a decoder has cut because it ran on."""
    if field.length is None:
        return
    if field.max_length is not None and length > field.max_length:
        raise ValueError(f"must have at most {field.max_length} {of}, not {length}")
    if length == field.length + 1:
        raise ValueError(f"runs on and was cut at {field.length} {of}")


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
