"""Detection: the layout of a frame, found by what its columns are called and what they hold."""

from __future__ import annotations

import re
from typing import Any

from ...errors import LayoutError
from ..typed_pandas import DataFrame
from . import cells
from .columns import DICTS, EMPTY, LISTS, TEXTS, TURNS, Column, Columns, unclear
from .hub import ANY_REASONING, CONTEXTS, HUB, PAIRS, REQUESTS, RESPONSES, SUFFIX, SYSTEMS, WORKED, HubLayout
from .hub import LISTS as CONVERSATIONS
from .layout import Layout
from .messages import UnusableCellError, turns

_THOUGHT = re.compile(
    r"(^|_)(reasoning|thinking|thoughts?|cot|rationales?|chain_of_thoughts?|trajectory)(_|$)"
)
_WORKED_OUT = 4  # so many times longer than its answer is a solution that leads to it


def detect(df: DataFrame) -> Layout:
    """Finds the layout of a frame by the names and the cells of its columns.

    Raises:
        LayoutError: the frame has no rows or no columns that are known; the text shows what there is.
    """
    if len(df.columns) == 0 or len(df) == 0:
        raise LayoutError(
            f"The frame has {len(df)} rows and {len(df.columns)} columns; there is nothing to reason about.",
            'df = DataFrame({"prompt": ["…"], "response": ["…"]})',
        )
    columns = Columns(df)
    talk = next((name for name in CONVERSATIONS if name in columns and columns[name].holds == TURNS), None)
    if talk is not None:
        return _of_conversations(columns, talk).check(df)
    for known in HUB:
        if _is(known, columns):
            return _of(known, columns).check(df)
    pair = _pair(columns)
    if pair is not None:
        return _of_pair(columns, *pair).check(df)
    talks = [name for name in columns if columns[name].holds == TURNS]
    if len(talks) == 1:
        return _of_conversations(columns, talks[0]).check(df)
    if talks:
        raise unclear(df, "Several columns hold conversations.")
    if any(name in columns and columns[name].speaks for name in REQUESTS):
        raise unclear(df, "It is not clear which column holds the responses.")
    raise unclear(df, "It is not clear which columns hold requests and responses.")


def _of_conversations(columns: Columns, talk: str) -> Layout:
    """Whole conversations; where none has a response, the column beside that holds it."""
    answer = None if _answered(columns[talk]) else _first(columns, RESPONSES, but=talk)
    asked = columns.name(talk)
    return Layout(
        messages=asked if answer is None else None,
        prompt=None if answer is None else asked,
        response=None if answer is None else columns.name(answer),
        system=_system(columns),
        reasoning=_reasoning(columns, talk, answer),
        unmask=columns.name("unmask") if answer is None else None,
        tools=_tools(columns),
        guessed=True,
    )


def _answered(talk: Column) -> bool:
    """Whether some conversation ends with the assistant's word, as far as they can be read."""
    for cell in talk.cells:
        try:
            if turns(cell, "")[-1]["role"] == "assistant":
                return True
        except UnusableCellError:
            continue
    return False


def _is(known: HubLayout, columns: Columns) -> bool:
    wanted = (known.prompt, known.response, *known.needs)
    if not all(name in columns for name in wanted) or not columns[known.prompt].speaks:
        return False
    return not known.reasoning or any(name in columns for name in known.reasoning)


def _of(known: HubLayout, columns: Columns) -> Layout:
    def first(candidates: tuple[str, ...]) -> Any:
        return next((columns.name(name) for name in candidates if name in columns), None)

    return Layout(
        prompt=columns.name(known.prompt),
        response=columns.name(known.response),
        system=columns.name(known.system) if known.system else _system(columns),
        context=columns.name(known.context),
        reasoning=first(known.reasoning),
        repaired=columns.name(known.repaired),
        verified=first(known.verified),
        guessed=True,
    )


def _pair(columns: Columns) -> tuple[str, str] | None:
    """The names of request and response."""
    named = [(p, r) for p, r in PAIRS if p in columns and r in columns]
    fit = [(p, r) for p, r in named if columns[p].speaks and columns[r].holds != EMPTY]
    if fit or named:
        return (fit or named)[0]
    beside = next((n.removesuffix(SUFFIX) for n in columns if n.endswith(SUFFIX)), None)
    prompt = _first(columns, REQUESTS, but=beside or "", speaks=True)
    if prompt is None:
        return None
    response = beside if beside is not None and beside in columns else _first(columns, RESPONSES, but=prompt)
    return None if response is None else (prompt, response)


def _first(columns: Columns, names: tuple[str, ...], *, but: str, speaks: bool = False) -> str | None:
    """The first of these columns that is there and holds something."""
    found = (name for name in names if name in columns and name != but and columns[name].holds != EMPTY)
    return next((name for name in found if columns[name].speaks or not speaks), None)


def _of_pair(columns: Columns, prompt: str, response: str) -> Layout:
    return Layout(
        prompt=columns.name(prompt),
        response=columns.name(response),
        system=_system(columns),
        context=_context(columns, prompt, response),
        reasoning=_reasoning(columns, prompt, response),
        tools=_tools(columns),
        guessed=True,
    )


def _system(columns: Columns) -> Any:
    return next((columns.name(name) for name in SYSTEMS if name in columns), None)


def _context(columns: Columns, prompt: str, response: str) -> Any:
    """What belongs to the request beside its question, unless the request says it already."""
    if prompt == "instruction" and "input" in columns and response != "input":
        return columns.name("input")
    for name in CONTEXTS:
        if name not in columns or name in (prompt, response):
            continue
        beside, asked = columns[name], columns[prompt]
        if asked.holds != TEXTS or beside.holds not in (TEXTS, LISTS) or beside.marks(asked):
            continue
        whole = "\n".join(map(str, asked.cells))
        if not any(str(cell).strip() in whole for cell in beside.cells):
            return columns.name(name)
    return None


def _reasoning(columns: Columns, prompt: str, response: str | None) -> Any:
    """The column of reasoning that the data brought: texts that do not merely mark rows."""
    exact = [name for name in (f"{response}{SUFFIX}", *ANY_REASONING) if name in columns]
    alike = [name for name in columns if name not in exact and _THOUGHT.search(name)]
    asked = columns[prompt]
    for name in [*exact, *sorted(alike, key=lambda name: -columns[name].length)]:
        if name in (prompt, response) or not _thinks(columns[name]):
            continue
        if name.endswith(SUFFIX) or not columns[name].marks(asked):
            return columns.name(name)
    return _worked(columns, prompt, response)


def _thinks(column: Column) -> bool:
    """Whether each of its cells is one text, or fields of them; of several in a list all but one would be lost."""
    if column.holds == LISTS:
        return all(len(cell) == 1 and isinstance(cell[0], str) for cell in column.cells)
    return column.holds in (TEXTS, DICTS)


def _worked(columns: Columns, prompt: str, response: str | None) -> Any:
    """A worked solution beside a short answer: it is how the answer was found."""
    if response is None or columns[response].holds in (TURNS, LISTS, DICTS):
        return None
    answer = columns[response]
    short = answer.length or max((len(str(cell)) for cell in answer.cells), default=0)
    for name in WORKED:
        if name in columns and name not in (prompt, response) and columns[name].holds == TEXTS:
            if columns[name].long and columns[name].length >= _WORKED_OUT * short:
                return columns.name(name)
    return None


def _tools(columns: Columns) -> Any:
    """The column of tools, where it holds descriptions of such."""
    if "tools" not in columns:
        return None
    try:
        found = next((cell for cell in map(cells.tools, columns["tools"].cells) if cell), None)
    except UnusableCellError:
        return None
    return columns.name("tools") if found is not None and {"function", "name"} & set(found[0]) else None
