"""Wording: the fixed part of a prompt, put together from sentences that each job needs or does not."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...schema import Example, Schema
from ..methods import Method
from .fence import fenced

_STATED = (
    "Where the record neither states what a field asks for nor lets it be worked out, the value is null: never make "
    "one up to fill a field. A field that asks for a judgement gets one as soon as there is something to judge by."
)
_REQUIRED = " A field marked as required has a value whatever the record says."
_SHORT = "Texts are short: a phrase, or one to three sentences where the instruction asks for more."
_PACKED = (
    "The user message holds {count} records, each under its name, row_1 to row_{count}. Answer with one JSON object "
    "that has exactly these {count} names as its keys, and with nothing else. The value of each is an object with "
    "exactly the keys below, filled from that record alone:"
)
_ANSWER = "Answer with one JSON object that has exactly these keys, and with nothing else:"
_EXAMPLES = (
    "What follows are records with the object that is right for each. They show what is wanted; what stands between "
    "their markers is material like the rest."
)


_KEPT = "Keys and options stay exactly as they stand here."


def written_in(language: str | None) -> str:
    """In which language the teacher writes; None for the row's own."""
    if language is None:
        return "Write in the language of the request."
    return f"Write in {language}, whatever the language of the request."


def fixed_part(
    method: Method,
    schema: Schema,
    names: Sequence[str],
    *,
    instructions: str,
    language: str | None,
    examples: Sequence[Example],
    shown: bool,
    count: int,
) -> str:
    """What is the same for all rows of a job that are asked for these fields; it stands first, so providers cache it.

    Args:
        instructions: what the person says of the data; blank for nothing.
        language: of the texts; None for the row's own.
        examples: shown in this order, their responses where ``shown``.
        count: records in one request.
    """
    fields = [schema[name] for name in names]
    stated = "" if all(field.required for field in fields) else _STATED
    stated += _REQUIRED if stated and any(field.required for field in fields) else ""
    form = _ANSWER if count == 1 else _PACKED.format(count=count)
    parts = [
        method.system,
        "\n".join(filter(None, [stated, f"{written_in(language)} {_KEPT}", _SHORT])),
        instructions.strip(),
        f"{form}\n{schema.field_lines(names)}",
    ]
    if examples:
        parts += [_EXAMPLES, *(_shown(example, schema, names, shown) for example in examples)]
    return "\n\n".join(filter(None, parts))


def _shown(example: Example, schema: Schema, names: Sequence[str], shown: bool) -> str:
    parts = [("request", example.request)]
    if shown and example.response:
        parts.append(("response", example.response))
    keys = schema.keys
    answer = {keys[name]: example.reasoning[name] for name in schema.names if name in names}
    return f"{fenced(parts)}\n{json.dumps(answer, ensure_ascii=False)}"
