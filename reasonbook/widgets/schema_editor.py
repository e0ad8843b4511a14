"""Schema editor: the fields of a schema, edited live; the same object that Python holds."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..errors import ReasonbookError, SchemaError
from ..events import Event
from ..schema import Schema, Trial
from ..schema.field import TYPES, Field
from ..schema.presets import PRESETS
from ..teachers import TeacherSpec
from .base import View, verb
from .schema_trial import try_schema
from .teacher_name import teacher_name

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_ATTRIBUTES = (
    "name",
    "instruction",
    "type",
    "options",
    "minimum",
    "maximum",
    "optional",
    "required",
    "max_length",
)


class SchemaEditor(View):
    """The live editor of a `Schema`.

    Args:
        schema: the schema; every change is made to this very object.
        df: as in `Schema.edit`.
        teacher: as in `Schema.edit`.

    Example:
        >>> view = rb.widgets.SchemaEditor(schema, df=df, teacher=rb.examples.refund_rules)
    """

    _name = "schema_editor"

    core: Schema

    def __init__(
        self, schema: Schema, *, df: pd.DataFrame | None = None, teacher: TeacherSpec | None = None
    ) -> None:
        self._version = 0
        self._turn = threading.Lock()
        super().__init__(schema.edit(df, teacher=teacher))

    def snapshot(self) -> dict[str, Any]:
        """The fields, and the types and presets to choose from."""
        return {**self._state(), "types": TYPES, "presets": list(PRESETS)}

    def fold(self, event: Event) -> None:
        """Counts the changes of the schema, whoever made them."""
        self._version += 1
        self.touch("schema")

    def collect(self, topics: set[str]) -> dict[str, Any]:
        """The fields as they are now."""
        return self._state()

    # -- edit --------------------------------------------------------------------------------------------
    @verb(once=True)
    def add(self, field: Mapping[str, Any] | None = None, at: int | None = None) -> dict[str, Any]:
        """Puts a field in, at the end or at a place."""
        fields = list(self.core.fields)
        new = Field(**_known(field)) if field else Field("", "")
        fields.insert(len(fields) if at is None else at, new)
        return self._set(fields)

    @verb(once=True)
    def update(self, at: int, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes attributes of the field at a place; ``name`` is what the page saw there."""
        fields = self._at(at, name)
        fields[at] = replace(fields[at], **_known(changes))
        return self._set(fields)

    @verb(once=True)
    def remove(self, at: int, name: str) -> dict[str, Any]:
        """Takes a field out."""
        fields = self._at(at, name)
        del fields[at]
        return self._set(fields)

    @verb(once=True)
    def move(self, at: int, name: str, to: int) -> dict[str, Any]:
        """Puts a field at another place."""
        fields = self._at(at, name)
        fields.insert(to, fields.pop(at))
        return self._set(fields)

    @verb(once=True)
    def replace_all(self, fields: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Puts these fields in place of all: what takes a preset back."""
        return self._set([Field(**_known(field)) for field in fields])

    @verb(once=True)
    def preset(self, name: str) -> dict[str, Any]:
        """Puts a preset's fields in place of all."""
        return self._set(list(Schema.preset(name).fields))

    @verb(once=True, background=True)
    def trial(self, teacher: str = "", start: int = 0) -> dict[str, Any]:
        """Has the teacher fill the schema for three rows of a copy of the frame.

        Raises:
            ReasonbookError: there is no frame or no teacher, the schema is not valid, or the teacher refused.
        """
        trial = self.core.trial
        if trial is None:
            raise ReasonbookError(
                "The editor was not given a frame to try on.", 'schema.edit(df, teacher="openai:MODEL")'
            )
        spec = teacher.strip() or trial.teacher
        if not spec:
            raise ReasonbookError("No teacher is named.", 'type one, for example "openai:MODEL"')
        self.core.check()
        rows = try_schema(self.core.snapshot(), trial, spec, start)
        return {"start": rows[0].position if rows else 0, "rows": rows}

    # -- inside ------------------------------------------------------------------------------------------
    def _at(self, at: int, name: str) -> list[Field]:
        fields = list(self.core.fields)
        if not 0 <= at < len(fields) or fields[at].name != name:
            raise SchemaError("The schema was changed elsewhere meanwhile.", "look again, then repeat")
        return fields

    def _set(self, fields: list[Field]) -> dict[str, Any]:
        with self._turn:
            self.core.fields = fields
        return self._state()

    def _state(self) -> dict[str, Any]:
        schema = self.core
        fields = schema.fields
        valid = not schema.problems
        return {
            "version": self._version,
            "fields": [{**asdict(field), "problems": field.problems} for field in fields],
            "problems": schema.problems,
            "prompt": schema.field_lines() if valid else "",
            "json_schema": schema.json_schema() if valid else None,
            "fingerprint": schema.fingerprint,
            "trial": None if schema.trial is None else _trial(schema.trial),
        }


def _trial(trial: Trial) -> dict[str, Any]:
    """What the page says of a trial: a teacher that can be typed stands in the box, another has a name."""
    name, typed = teacher_name(trial.teacher), isinstance(trial.teacher, str)
    return {
        "rows": len(trial.df),
        "teacher": name if typed else "",
        "own_teacher": "" if typed else name,
    }


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name in _ATTRIBUTES}
