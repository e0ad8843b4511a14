"""What the page knows of a run's events, written from `reasonbook.training.run_events`.

`make frontend` writes it before it builds.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from reasonbook.training.run_events import HEALTH, SERIES, SampledAnswer

TARGET = Path(__file__).parents[1] / "frontend" / "src" / "lib" / "events.gen.ts"
_TYPES = {"str": "string", "int": "number", "float": "number", "bool": "boolean", "None": "null"}


def written() -> str:
    """The module's text."""
    series = "".join(f"  {kind}: {_list(names)},\n" for kind, names in SERIES.items())
    answer = "".join(f"  {each.name}: {_type(str(each.type))};\n" for each in fields(SampledAnswer))
    return (
        "// Written by `make frontend` from reasonbook/training/run_events.py; change it there.\n\n"
        "/** Curve family → its columns, the step left out. */\n"
        f"export const SERIES = {{\n{series}}} as const;\n"
        "export type TableName = keyof typeof SERIES;\n"
        "export type Column<Name extends TableName = TableName> = (typeof SERIES)[Name][number];\n\n"
        "/** What the thinking in an answer can be. */\n"
        f"export const HEALTH = {_list(HEALTH)} as const;\n\n"
        "/** What the student wrote for one validation row. */\n"
        f"export interface SampledAnswer {{\n{answer}}}\n"
    )


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(json.dumps(name) for name in names) + "]"


def _type(python: str) -> str:
    return " | ".join(_TYPES[part.strip()] for part in python.split("|"))


if __name__ == "__main__":
    TARGET.write_text(written(), encoding="utf-8")
