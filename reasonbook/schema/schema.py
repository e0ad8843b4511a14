"""Schema: named fields with an instruction each, and what a teacher gets to see of them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..data.conversation import digest, is_mapping, is_sequence
from ..errors import SchemaError, choices
from ..events import Stream
from ..html_card import card, table
from ..options import checked
from ..safe_text import excerpt
from .field import EXAMPLE, Field, shown
from .presets import PRESETS

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_CHARACTERS_A_TOKEN = 2  # of a text in a script that takes many tokens; English takes one for four
_BRACES = 16  # tokens around the values
PromptWriter = Callable[["Schema", Any, Any, int, Mapping[str, Any]], Any]
_Asked: TypeAlias = tuple[list[tuple[Field, str]], dict[str, str]]  # fields with their keys; spelling → name
_written_by: list[PromptWriter] = []


def writes_prompts(writer: PromptWriter) -> PromptWriter:
    """Names who writes what `Schema.prompt` shows: teachers and frames are known above this room alone."""
    _written_by.append(writer)
    return writer


@dataclass(frozen=True)
class Trial:
    """What a schema is tried on in the editor: rows of a frame, and the teacher who fills them.

    Example:
        >>> rb.Schema.preset("customer_support").edit(df, teacher=rb.examples.refund_rules).trial.df is df
        True
    """

    df: pd.DataFrame
    teacher: Any = None


@checked(SchemaError, 'rb.Schema({"Amount": "Work out what is paid back."})')
class Schema:
    """An ordered set of fields; the same object can be edited from Python and in the editor.

    Args:
        fields: a dict of name → instruction (or `Field`, or dict of its attributes), a list of fields, of
            such dicts, of ``(name, instruction)`` pairs or of names alone, or another schema. A name alone
            gets a plain instruction, which the card says.

    Raises:
        SchemaError: there is no field, a name or an instruction is blank, or two names differ only in case.

    Example:
        >>> schema = rb.Schema({"Intent": "Determine what the user is asking for."})
        >>> schema.add("Urgency", "Judge how soon an answer is needed.").names
        ('Intent', 'Urgency')
    """

    def __init__(self, fields: Any) -> None:
        self.stream = Stream(keep=1)
        self.trial: Trial | None = None
        self._take(_fields_of(fields))
        self.check()

    # -- made from ---------------------------------------------------------------------------------------
    @classmethod
    def of(cls, source: object) -> Schema:
        """The schema that a verb is given: one already, a preset's name, a JSON file, or what the constructor takes."""
        if isinstance(source, (str, Path)):
            return cls.load(source) if Path(source).suffix == ".json" else cls.preset(str(source))
        return source if isinstance(source, Schema) else cls(source)

    @classmethod
    @checked(SchemaError, 'rb.Schema.preset("customer_support")')
    def preset(cls, name: str) -> Schema:
        """A ready schema: customer_support, content_moderation, data_extraction or code_generation."""
        key = str(name).strip().lower().replace(" ", "_").replace("-", "_")
        if key not in PRESETS:
            raise SchemaError(f"There is no preset {name!r}.", choices(key, PRESETS))
        return cls([Field(n, i, t, o) for n, (i, t, o) in PRESETS[key].items()])

    @classmethod
    @checked(SchemaError, 'rb.Schema.load("schema.json")')
    def load(cls, path: str | Path) -> Schema:
        """Reads a schema from a JSON file: what `save` wrote, or any form that the constructor takes."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SchemaError(
                f"{str(path)!r} cannot be read as a schema: {error}.", "schema.save(path)"
            ) from error
        return cls.from_dict(content) if is_mapping(content) and "fields" in content else cls(content)

    @checked(SchemaError, 'schema.save("schema.json")')
    def save(self, path: str | Path) -> Path:
        """Writes the schema as JSON and returns the path."""
        path = Path(path)
        path.write_text(json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return path

    def to_dict(self) -> dict[str, Any]:
        """``{"fields": [...]}`` with what differs from the defaults; JSON-ready."""
        return {"fields": [field.to_dict() for field in self._fields]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Schema:
        """The schema of which `to_dict` gave this."""
        return cls(plain["fields"])

    # -- edited ------------------------------------------------------------------------------------------
    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields in order; setting them puts others in place of all."""
        return self._fields

    @fields.setter
    def fields(self, fields: Any) -> None:
        self._take(_fields_of(fields))
        self.stream.emit("changed", **self.to_dict())

    @checked(
        SchemaError, 'schema.add("Urgency", "Judge how soon an answer is needed.")', configs=lambda: (Field,)
    )
    def add(self, field: Field | str, instruction: str = "", **options: Any) -> Schema:
        """Appends a field: a `Field`, or its name and instruction."""
        if isinstance(field, str):
            field = Field(field, instruction, **options)
        self.fields = (*self._fields, field)
        return self

    @checked(SchemaError, 'schema.remove("Urgency")')
    def remove(self, name: str) -> Schema:
        """Takes a field out."""
        gone = self[name]
        self.fields = tuple(field for field in self._fields if field is not gone)
        return self

    @checked(SchemaError, 'schema.update("Urgency", optional=True)', configs=lambda: (Field,))
    def update(self, name: str, /, **changes: Any) -> Schema:
        """Changes attributes of one field."""
        old = self[name]
        self.fields = tuple(replace(old, **changes) if field is old else field for field in self._fields)
        return self

    @checked(SchemaError, 'schema.move("Urgency", 0)')
    def move(self, name: str, to: int) -> Schema:
        """Puts a field at another position, counted from 0."""
        field = self[name]
        rest = [other for other in self._fields if other is not field]
        rest.insert(to, field)
        self.fields = tuple(rest)
        return self

    @checked(SchemaError, 'schema.edit(df, teacher="openai:MODEL")')
    def edit(self, df: pd.DataFrame | None = None, *, teacher: Any = None) -> Schema:
        """Shows the editor (with ``%load_ext reasonbook``); it edits this very object.

        Args:
            df: a frame on whose rows the editor can try the schema; it is not changed.
            teacher: who fills those rows, as in ``df.reason.augment``.

        Raises:
            SchemaError: ``df`` is no DataFrame, or a teacher is named and there is no frame.
        """
        if df is None and teacher is None:
            return self
        before = self.trial
        if df is None and before is not None:
            df = before.df
        if df is None or not hasattr(df, "iloc"):
            wrong = "a teacher alone" if df is None else shown(df)
            raise SchemaError(
                f"The editor tries a schema on the rows of a DataFrame, not on {wrong}.",
                'schema.edit(df, teacher="openai:MODEL")',
            )
        self.trial = Trial(df, before.teacher if teacher is None and before is not None else teacher)
        self.stream.emit("trial")
        return self

    def snapshot(self) -> Schema:
        """A checked copy that later edits do not reach: what a running job holds."""
        return Schema(self._fields)

    # -- checked -----------------------------------------------------------------------------------------
    @property
    def problems(self) -> list[str]:
        """Why the schema cannot be used yet; empty when it can."""
        if not self._fields:
            return ["there is no field"]
        found = [problem for field in self._fields for problem in field.problems]
        seen: dict[str, str] = {}
        for field in self._fields:
            folded = _fold(field.name)
            if folded and folded in seen:
                found.append(f"{field.name!r} and {seen[folded]!r} are the same name")
            seen.setdefault(folded, str(field.name))
        return found

    def check(self) -> None:
        """Raises `SchemaError` when the schema cannot be used."""
        if self.problems:
            raise SchemaError(f"The schema is not valid: {'; '.join(self.problems)}.", EXAMPLE)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all fields in order."""
        return _short([field.fingerprint for field in self._fields])

    # -- what a teacher sees -----------------------------------------------------------------------------
    @property
    def keys(self) -> dict[str, str]:
        """Field name → key that every provider accepts (ASCII letters, digits, underscores; at most 48)."""
        if self._keys is None:
            self._keys = self._safe_keys()
        return dict(self._keys)

    def _safe_keys(self) -> dict[str, str]:
        taken: set[str] = set()
        keys: dict[str, str] = {}
        for field in self._fields:
            ascii_name = unicodedata.normalize("NFKD", field.name).encode("ascii", "ignore").decode()
            key = re.sub(r"[^a-z0-9]+", "_", ascii_name.lower()).strip("_")[:40].rstrip("_")
            if not key or key[0].isdigit():
                key = f"field_{key}" if key else f"field_{_short(field.name)[:8]}"
            while key in taken:
                key = f"{key[:40]}_{_short([key, field.name])[:6]}"
            taken.add(key)
            keys[field.name] = key
        return keys

    def json_schema(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """The strict JSON Schema of an answer, of all fields or of these."""
        keys = self._chosen_keys(names)
        properties = {key: self[name].json_schema() for name, key in keys.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def field_lines(self, names: Iterable[str] | None = None) -> str:
        """The fields as a teacher reads them, one per line."""
        lines: list[str] = []
        for name, key in self._chosen_keys(names).items():
            field = self[name]
            lines.append(f"- {key} ({name}; {field.words}): {field.instruction.strip()}")
        return "\n".join(lines)

    def answer_tokens(self, names: Iterable[str] | None = None) -> int:
        """Tokens that an answer takes at most, without any thinking: its longest values, in a script of many tokens."""
        fields = [self[name] for name in self._chosen_keys(names)]
        characters = sum(field.most_characters + len(field.name) + 12 for field in fields)
        return characters // _CHARACTERS_A_TOKEN + _BRACES

    @checked(SchemaError, 'schema.prompt(teacher="openai:MODEL")')
    def prompt(
        self, *, teacher: Any = None, df: pd.DataFrame | None = None, row: int = 0, **config: Any
    ) -> Any:
        """Exactly what a teacher is sent for a row: print it, or show it as a card.

        Args:
            teacher: whose request it is, down to the body that goes over the wire; without it the parts that all share.
            df: the frame of the row; without it a made-up row stands for one.
            row: a position in that frame.
            **config: what ``df.reason.augment`` takes, such as ``method``, ``language`` or ``examples``.

        Example:
            >>> print(schema.prompt(method="extract", language="German").system.splitlines()[-1])
            - amount (Amount; text): Take off the return label: the dollars to pay back, or 0.
        """
        return _written_by[-1](self, teacher, df, row, config)

    def read(
        self, answer: Any, names: Iterable[str] | None = None, *, surplus: bool = False
    ) -> dict[str, Any]:
        """The values of an answer by field name, in the schema's order.

        Keys may be the safe keys or the field names. What was not asked for is passed over when everything
        that was is there and has a value; it may be a misspelt field otherwise.

        Args:
            answer: a mapping from keys to values.
            names: the fields that were asked for; all without it.
            surplus: pass it over in any case.

        Raises:
            ValueError: something is missing or does not fit; the text names every such key.
        """
        if not is_mapping(answer):
            raise ValueError(f"the answer must be an object with named values, not {shown(answer)}")
        fields, by_name = self._asked(names)
        given: dict[str, Any] = {}
        wrong: list[str] = []
        unasked: list[str] = []
        for key, value in answer.items():
            name = by_name.get(key) or by_name.get(_fold(key))
            if name is None:
                unasked.append(f"`{excerpt(key, 40)}`")
            elif name in given:
                wrong.append(f"`{excerpt(key, 40)}` stands twice")
            else:
                given[name] = value
        lacking = any(given.get(field.name) is None and not field.optional for field, _ in fields)
        if unasked and not surplus and (lacking or len(given) < len(fields)):
            more = f" and {len(unasked) - 3} more" if len(unasked) > 3 else ""
            verb = "is" if len(unasked) == 1 else "are"
            wrong.append(f"{', '.join(unasked[:3])}{more} {verb} not asked for")
        values: dict[str, Any] = {}
        for field, key in fields:
            try:
                if field.name not in given and not field.optional:  # left out is not the same as not stated
                    raise ValueError("is missing")
                values[field.name] = field.read(given.get(field.name))
            except ValueError as error:
                wrong.append(f"`{key}` {error}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return values

    # -- shown -------------------------------------------------------------------------------------------
    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(field.name for field in self._fields)

    def __getitem__(self, name: str) -> Field:
        field = self._by_name.get(_fold(name))
        if field is None:
            raise SchemaError(f"The schema has no field {name!r}.", choices(name, self.names))
        return field

    def __contains__(self, name: object) -> bool:
        return _fold(name) in self._by_name

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Schema({', '.join(map(repr, self.names))})"

    def _repr_html_(self) -> str:
        rows = [(field.name, field.words, field.instruction) for field in self._fields]
        notes = [f"Not valid yet: {problem}." for problem in self.problems]
        bare = [field.name for field in self._fields if field.instruction == _instruction(field.name)]
        if bare:
            line = f'schema.update({bare[0]!r}, instruction="…")'
            notes.append(f"Instructions made from the name: {', '.join(bare)}. Your own → {line}")
        return card(
            "Reasoning schema",
            {"fields": len(self), "fingerprint": self.fingerprint},
            notes=notes,
            body=table(("field", "type", "instruction"), rows),
            next_verb='job = df.reason.augment(schema, teacher="openai:MODEL")',
        )

    def _take(self, fields: tuple[Field, ...]) -> None:
        self._fields = fields
        self._by_name = {_fold(field.name): field for field in reversed(fields)}  # the first of two alike
        self._keys: dict[str, str] | None = None
        self._spelt: dict[tuple[str, ...], _Asked] = {}

    def _asked(self, names: Iterable[str] | None) -> _Asked:
        """What an answer about these fields is read by; rows ask for the same ones again and again."""
        chosen = self.names if names is None else tuple(names)
        asked = self._spelt.get(chosen)
        if asked is None:
            keys = self._chosen_keys(chosen)
            by_name = {_fold(name): name for name in keys} | {key: name for name, key in keys.items()}
            asked = self._spelt[chosen] = ([(self[name], key) for name, key in keys.items()], by_name)
        return asked

    def _chosen_keys(self, names: Iterable[str] | None) -> dict[str, str]:
        if names is None:
            return self.keys
        chosen = {_fold(name) for name in names}
        return {name: key for name, key in self.keys.items() if _fold(name) in chosen}


def _fields_of(source: Any) -> tuple[Field, ...]:
    if isinstance(source, Schema):
        return source.fields
    if is_mapping(source):
        return tuple(_field_of((name, value)) for name, value in source.items())
    if isinstance(source, (str, bytes)) or not hasattr(source, "__iter__"):
        raise SchemaError(
            f"A schema is made from a dict, a list of fields or a preset, not from {shown(source)}.",
            'rb.Schema({"Intent": "Determine what the user is asking for."}), or '
            'rb.Schema.preset("customer_support")',
        )
    return tuple(_field_of(item) for item in source)


def _field_of(item: Any) -> Field:
    if isinstance(item, Field):
        return item
    if isinstance(item, str):
        return Field(item, _instruction(item) if item.strip() else "")
    if is_sequence(item) and len(item) == 2:
        name, value = item
        if isinstance(value, Field):
            return replace(value, name=name)
        item = {"name": name, **value} if is_mapping(value) else {"name": name, "instruction": value}
    if is_mapping(item):
        try:
            return Field(**item)
        except TypeError as error:
            raise SchemaError(
                f"A field cannot be made from {shown(dict(item))}: {error}.", EXAMPLE
            ) from error
    raise SchemaError(f"A field cannot be made from {shown(item)}.", EXAMPLE)


def _instruction(name: str) -> str:
    """What is asked for a field of which only the name is known."""
    return f"State the {name.strip()} that follows from the request, in one sentence."


def _fold(name: object) -> str:
    return _folded(name) if type(name) is str and len(name) < 100 else _folded.__wrapped__(name)


@lru_cache(1024)  # each row of a job names the same few
def _folded(name: object) -> str:
    return " ".join(unicodedata.normalize("NFKC", str(name)).casefold().split())


def _short(value: object) -> str:
    return digest(value)[:16]
