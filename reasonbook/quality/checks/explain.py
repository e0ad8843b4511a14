"""Explain: what the checks saw in one row, in words and with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...data.conversation import missing
from ...html_card import clip
from ...safe_text import visible
from .fitting import Fitting
from .flags import BIT, Finding, flags_of
from .grounding import RESPONSE
from .measures import Measures
from .row_look import Look
from .stating import Answer
from .texts import injected, leak, number_spans, placeholder, refusal, repeated, worked_out
from .whole_row import WholeRow


def explained(
    row: WholeRow, seen: Look, bits: int, measures: Measures, fitting: Fitting
) -> Iterator[Finding]:
    """A finding or more for each flag of a row, the weightiest flag first.

    Args:
        row: of one turn.
        seen: what it says by itself.
        bits: its flags.
        measures: what was learnt of all rows.
        fitting: what values are held to.
    """
    reasoning, response, _, request = row
    values = dict(reasoning or {})
    told = seen.telling
    flags = flags_of(bits).names
    if "contradicted" in flags and measures.stating.learnt is not None:
        field = measures.stating.learnt[0]
        text = str(values[field])
        yield measures.stating.find(field, text, Answer(response), number_spans(text))
    if "leaks early" in flags and measures.stating.learnt is not None:
        for field, number in measures.early.leaks(told.fields, told.holds):
            said = number or clip(response or "", 60)
            words = f"{field} says {said} before {measures.stating.learnt[0]} has worked it out"
            yield Finding("leaks early", words, field, _span(str(values[field]), number, said))
    for name, value in values.items():
        text = str(value) if isinstance(value, str) else ""
        if (said := leak(text)) and bits & BIT["leaked"]:
            yield Finding(
                "leaked", f"“{clip(said.words)}” tells of the response", name, (said.start, said.end)
            )
        if (said := refusal(text)) and bits & BIT["refused"]:
            yield Finding("refused", f"“{clip(said.words)}” refuses", name, (said.start, said.end))
        if (said := placeholder(text)) and bits & BIT["placeholder"]:
            yield Finding(
                "placeholder",
                f"“{clip(said.words)}” stands in place of a value",
                name,
                (said.start, said.end),
            )
        if wrong := worked_out(text).wrong:
            yield Finding("sum wrong", wrong.words, name, (wrong.start, wrong.end))
        if value is not None and _blank(value):
            yield Finding("blank", f"{name} is empty", name)
        if value is None:
            yield Finding("not stated", f"{name} is not stated", name)
    for each in told.strange:
        field = each[0]
        for said in measures.grounding.unknown(each) if field in measures.grounding.learnt else ():
            if field == RESPONSE:
                yield Finding(
                    "unsupported", f"{said} of the response is neither in the request nor in a field"
                )
            else:
                words = f"{said} is not in the request, nor in a field before"
                yield Finding("unsupported", words, field, _span(str(values[field]), said, said))
    if bits & BIT["off schema"] and (misfit := fitting.misfit(values)):
        yield Finding("off schema", f"{misfit[0]} {misfit[1]}", misfit[0])
    yield from _of_the_whole(values, request, bits)


def _of_the_whole(values: Mapping[str, Any], request: str, bits: int) -> Iterator[Finding]:
    """What is said of the row and not of one field."""
    text = "\n".join(str(value) for value in values.values() if value is not None)
    if bits & BIT["injection"]:
        yield Finding("injection", f"the row gives its reader orders: “{clip(injected(request, values))}”")
    if bits & BIT["copied"]:
        yield Finding("copied", "the reasoning says the response over again, word for word")
    if bits & BIT["repeated"]:
        yield Finding("repeated", f"“{clip(repeated(text.casefold()), 80)}” comes again and again")
    if bits & BIT["too long"]:
        yield Finding("too long", f"{len(text):,} characters, over three times as many as most rows have")


def _span(text: str, number: str, words: str) -> tuple[int, int] | None:
    """Where a number, or else some words, stand in a field."""
    if number[:1].isdigit():
        return next(((start, end) for found, start, end in number_spans(text) if found == number), None)
    start = text.casefold().find(words.casefold())
    return None if start < 0 else (start, start + len(words))


def _blank(value: object) -> bool:
    if isinstance(value, str):
        return not visible(value)
    return missing(value) or (hasattr(value, "__len__") and not isinstance(value, bool) and len(value) == 0)  # type: ignore[arg-type]
