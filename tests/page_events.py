"""What the page knows of a run's events and of a played row, written from the classes that Python sends.

`make frontend` writes it before it builds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

from reasonbook.chat.loop_report import STEPS, PlayedRow, PlayedStep, StepState
from reasonbook.training.run_events import HEALTH, SERIES, SampledAnswer

SOURCE = Path(__file__).parents[1] / "frontend" / "src"
_TYPES = {"str": "string", "int": "number", "float": "number", "bool": "boolean", "None": "null"}


def targets() -> dict[Path, str]:
    """Module → its text."""
    return {
        SOURCE / "lib" / "events.gen.ts": _events(),
        SOURCE / "mask_preview" / "played_row.gen.ts": _played_row(),
    }


def _played_row() -> str:
    own = {
        "Step": _union(STEPS),
        "StepState": _union(get_args(StepState)),
        "tuple[PlayedStep, ...]": "PlayedStep[]",
    }
    return (
        "// Written by `make frontend` from reasonbook/chat/loop_report.py; change it there.\n\n"
        f"/** One step of the closed loop. */\n{_interface(PlayedStep, own)}\n"
        f"/** What a perfect student makes of a training row. */\n{_interface(PlayedRow, own)}"
    )


def _events() -> str:
    series = "".join(f"  {kind}: {_list(names)},\n" for kind, names in SERIES.items())
    return (
        "// Written by `make frontend` from reasonbook/training/run_events.py; change it there.\n\n"
        "/** Curve family → its columns, the step left out. */\n"
        f"export const SERIES = {{\n{series}}} as const;\n"
        "export type TableName = keyof typeof SERIES;\n"
        "export type Column<Name extends TableName = TableName> = (typeof SERIES)[Name][number];\n\n"
        "/** What the thinking in an answer can be. */\n"
        f"export const HEALTH = {_list(HEALTH)} as const;\n\n"
        "/** What the student wrote for one validation row. */\n"
        f"{_interface(SampledAnswer)}"
    )


def _interface(kind: type, own: Mapping[str, str] | None = None) -> str:
    types = {**_TYPES, **(own or {})}
    lines = "".join(
        f"  {each.name}: {' | '.join(types[part] for part in str(each.type).split(' | '))};\n"
        for each in fields(kind)
    )
    return f"export interface {kind.__name__} {{\n{lines}}}\n"


def _union(names: tuple[str, ...]) -> str:
    return " | ".join(json.dumps(name) for name in names)


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(json.dumps(name) for name in names) + "]"


if __name__ == "__main__":
    for path, text in targets().items():
        path.write_text(text, encoding="utf-8")
