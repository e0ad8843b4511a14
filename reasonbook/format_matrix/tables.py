"""Tables: a matrix of formats as text, as HTML and as a page in Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..html_card import card, clip, details, table
from .format_result import STATES, FormatResult, State

MARKS: dict[State, str] = {"works": "✓", "broken": "✗", "refused": "–"}
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARKDOWN, _ESCAPED = re.compile(r"([\\`*_<\[\]|])"), r"\\\1"
_AS_WRITTEN = ("student", "switch", "stops at")  # names and tokens, in which Markdown and HTML say nothing
_INTRODUCTION = """\
# Formats

Which chat templates can be trained in which way. For each of them a perfect student is played from prompt to prompt,
over rows of every kind: it is asked as at inference (*prompt*), writes what it was taught, is stopped (*stop*), read
back whole (*parse*) and as it arrives (*stream*), put back and asked again (*history*); and the template that is saved
with it must ask the same by itself (*served*).

For a student of yours: `rb.formats("Qwen/Qwen3-4B")`, or `reasonbook formats Qwen/Qwen3-4B`; a folder, a tokenizer
or a `.jinja` file will do as well. Every `to_chat` plays the same loop over your own rows before anything is trained.

`make formats` writes this page.""".splitlines()
ByStudent = Mapping[str, Sequence[FormatResult]]


@dataclass(frozen=True)
class Grid:
    """A table of marks.

    Attributes:
        header: of its columns.
        rows: their cells.
        notes: what the raised numbers in the cells stand for, from 1.
        fixes: what to type.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    fixes: tuple[str, ...]


def grid_of(students: ByStudent) -> Grid:
    """A line a student, or, of a single one, a line for each kind of rows."""
    notes: dict[str, int] = {}
    results = [result for each in students.values() for result in each]
    strategies = tuple(dict.fromkeys(result.strategy for result in results))

    def marked(state: State | None, reasons: Sequence[str]) -> str:
        numbers = sorted(notes.setdefault(reason, len(notes) + 1) for reason in reasons)
        return " ".join([MARKS[state], *map(_raised, numbers)]) if state else ""

    rows: list[tuple[str, ...]] = []
    if len(students) == 1:
        header = ("rows", *strategies)
        kinds = dict.fromkeys(case for result in results for case in result.cases)
        for kind in kinds:
            cells = [marked(r.case(kind), [r.reason_of[kind]] if kind in r.breaks else []) for r in results]
            rows.append((kind, *cells))
        if any(result.why for result in results):
            rows.append(("all", *(marked("refused" if r.why else None, r.reasons) for r in results)))
    else:
        header = ("student", *strategies, "thinking goes in by", "switch", "stops at")
        for name, each in students.items():
            by = {result.strategy: marked(result.state, result.reasons) for result in each}
            rows.append((name, *(by.get(strategy, "") for strategy in strategies), *ways_of(each)))
    fixes = tuple(dict.fromkeys(fix for result in results if (fix := result.remedy)))
    return Grid(header, tuple(rows), tuple(notes), fixes)


def ways_of(results: Sequence[FormatResult]) -> tuple[str, str, str]:
    """A student's carrier, switch and stop tokens, whatever the strategy."""
    stops = dict.fromkeys(stop for result in results for stop in result.stops)
    first = next((result for result in results if result.carrier), results[0])
    return first.carrier, first.switch, " ".join(stops)


def headline(students: ByStudent) -> str:
    """How many students, and what came of them under every strategy."""
    results = [result for each in students.values() for result in each]
    states = [result.state for result in results]
    strategies = {result.strategy for result in results}
    told = ", ".join(f"{state} {states.count(state)}" for state in STATES if state in states)
    many = f"{len(students)} students" if len(students) != 1 else "1 student"
    ways = f"{len(strategies)} strategies" if len(strategies) != 1 else "1 strategy"
    return f"{many}, {ways}: {told or 'nothing tried'}"


def text(students: ByStudent, seconds: float, notes: Sequence[str]) -> str:
    """For a terminal."""
    grid = grid_of(students)
    wide = [max(map(len, column)) for column in zip(grid.header, *grid.rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, wide, strict=True)).rstrip()
        for line in (grid.header, *grid.rows)
    ]
    head = [f"{headline(students)} · {seconds:.1f} s", *notes]
    if len(students) == 1:
        [[name, results]] = students.items()
        head.append(f"{name} · {_way_in(results)}")
    return "\n".join([
        *head, "", *lines, "", _legend(), *_numbered(grid), *(f"  → {fix}" for fix in grid.fixes)
    ])  # fmt: skip


def html(students: ByStudent, seconds: float, notes: Sequence[str]) -> str:
    """The card of a matrix."""
    grid = grid_of(students)
    whole = table(grid.header, grid.rows)
    if len(students) == 1:
        [[title, results]] = students.items()
        notes = (*notes, _way_in(results))
        body = whole
    else:
        title = "Students and strategies"
        wanting = [line for line in grid.rows if MARKS["broken"] in "".join(line) or MARKS["refused"] in line]
        body = (table(grid.header, wanting) if wanting else "") + details("all of them", whole)
    states = [result.state for results in students.values() for result in results]
    if grid.notes:
        body += details("why", table(("", "why"), enumerate(grid.notes, 1)))
    return card(
        f"Formats: {title}",
        {
            "students": len(students),
            **{state: states.count(state) for state in STATES},
            "seconds": f"{seconds:.1f}",
        },
        notes=(*notes, _legend()),
        body=body,
        next_verb=clip(grid.fixes[0]) if grid.fixes and len(students) == 1 else 'rb.formats("Qwen/Qwen3-4B")',
    )


def markdown(students: ByStudent, notes: Sequence[str]) -> str:
    """The page of the documentation."""
    grid = grid_of(students)
    cells = [
        [
            f"`{cell}`" if cell and name in _AS_WRITTEN else cell
            for name, cell in zip(grid.header, line, strict=True)
        ]
        for line in grid.rows
    ]
    lines = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in (grid.header, ["---"] * len(grid.header), *cells)
    ]
    numbered = (f"- {_MARKDOWN.sub(_ESCAPED, line)}" for line in _numbered(grid))
    found = [*notes, f"{headline(students)}."]
    return "\n".join([*_INTRODUCTION, "", *found, "", _legend(), "", *lines, "", *numbered, ""])


def _way_in(results: Sequence[FormatResult]) -> str:
    carrier, switch, stops = ways_of(results)
    told = [("thinking goes in by", carrier), ("switch", switch), ("stops at", stops)]
    return " · ".join(f"{name} {what}" for name, what in told if what)


def _legend() -> str:
    return "✓ works   ✗ a perfect student would fail   – cannot be trained, and is refused"


def _numbered(grid: Grid) -> list[str]:
    return [f"{_raised(number)} {note}" for number, note in enumerate(grid.notes, 1)]


def _raised(number: int) -> str:
    return str(number).translate(_SUPERSCRIPT)
