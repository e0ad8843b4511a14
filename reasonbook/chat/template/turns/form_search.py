"""Form search: in which form a chat template shows calls of tools, and under which role their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from ....data.conversation import Message
from ..message_form import MessageForm
from ..template import Template, TemplateRenderError
from ..tool_form import ToolForm
from .sentinel_calls import ASKED, CITY, ID, NAME, OFFERED, RESULT, call, common

NO_CALLS = "the chat template does not show tool calls"
NO_RESULTS = "the chat template does not show the results of tools"


def find_tool_form(template: Template, form: MessageForm, kwargs: Mapping[str, Any]) -> ToolForm:
    """The first form in which the template shows a call; of those for absent text the shortest rendering."""
    why: str | None = None
    for nested, arguments, nine in product((True, False), ("dict", "string"), (False, True)):
        shown: list[tuple[int, ToolForm]] = []
        for without in ("empty", "none", "absent"):
            made = ToolForm(arguments, nested, without, nine=nine)
            try:
                text = _rendered(template, replace(form, tools=made), [call()], kwargs)
            except TemplateRenderError as fault:
                why = f": it says {fault}" if why is None else why  # of the usual form, which is tried first
                continue
            why = why or ""
            if NAME in text and CITY in text:
                shown.append((len(text), made))
        if shown:
            return _with_results(template, form, min(shown, key=lambda each: each[0])[1], kwargs)
    return _with_results(template, form, ToolForm(unseen=NO_CALLS + (why or "")), kwargs)


def _with_results(
    template: Template, form: MessageForm, made: ToolForm, kwargs: Mapping[str, Any]
) -> ToolForm:
    """The role under which it shows results."""
    why = ""
    for role in ("tool", "ipython", "function", "tool_response", "observation"):
        tried = replace(made, role=role)
        said = [call(), {"role": "tool", "content": RESULT, "tool_call_id": ID, "name": NAME}]
        try:
            if RESULT in _rendered(template, replace(form, tools=tried), said, kwargs, generation=True):
                return tried
        except TemplateRenderError as fault:
            why = why or f": it says {fault}"
    return replace(made, results_unseen=NO_RESULTS + why)


def _rendered(
    template: Template,
    form: MessageForm,
    said: Sequence[Message],
    kwargs: Mapping[str, Any],
    *,
    generation: bool = False,
) -> str:
    """What the template writes for this behind a request that offers a tool, or none where it refuses that."""
    for asked in (OFFERED, ASKED):
        try:
            head = template.render(form.messages([asked]), generation=False, kwargs=kwargs)
            text = template.render(form.messages([asked, *said]), generation=generation, kwargs=kwargs)
        except TemplateRenderError:
            if asked is ASKED:
                raise
            continue
        return text[common(head, text) :]
    return ""
