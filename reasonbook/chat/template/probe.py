"""Probe: what was found out about a student's chat template and its way with reasoning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...html_card import card, details, table
from .carriers.search import CarrierSearch
from .message_form import EMBEDDED, MessageForm
from .prompt_mode import PromptMode
from .sentinels import TemplateProber
from .template import Template
from .turns.tool_turn import ToolTurn
from .typed_tokenizer import Tokenizer


@dataclass(frozen=True)
class Probe:
    """What was found out about a student's chat template.

    Attributes:
        form: how it takes messages; ``form.carrier`` is the way in for reasoning.
        on: with thinking.
        off: without.
        source: where the thinking format comes from: ``template``, a family's name, or ``tags``.
        tags: opening and closing mark of the thinking, as they stand in text.
        stop_ids: ids that end an answer, or calls of tools.
        keeps_history: earlier turns show their reasoning to the student.
        tools: what stands around the calls of a turn.
        tried: carrier → why it does not work.
        notes: what a person should know.

    Example:
        >>> chat.probe
        Probe(carrier='reasoning_content', source='template', tags=('<think>', '</think>'))
    """

    form: MessageForm
    on: PromptMode
    off: PromptMode
    source: str
    tags: tuple[str, str]
    stop_ids: tuple[int, ...]
    keeps_history: bool
    tools: ToolTurn = ToolTurn()
    tried: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()

    @property
    def prefilled(self) -> bool:
        """Whether the generation prompt opens the thinking, so that the student must not."""
        return self.on.tail.rstrip().endswith(self.tags[0])

    @property
    def switch(self) -> bool:
        """Whether the prompt tells the student to think or not."""
        return dict(self.on.kwargs) != dict(self.off.kwargs)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the run card."""
        return asdict(self) | {
            "tags": list(self.tags),
            "stop_ids": list(self.stop_ids),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return f"Probe(carrier={self.form.carrier or None!r}, source={self.source!r}, tags={self.tags!r})"

    def _repr_html_(self) -> str:
        carriers = {"": "none: written after the generation prompt", EMBEDDED: "tags in the content"}
        rows = [
            ("prompt ends, thinking on", repr(self.on.tail)),
            ("prompt ends, thinking off", repr(self.off.tail) if self.switch else "the same: no switch"),
            (
                "the student writes",
                f"{self.on.opening!r} thinking {self.on.middle!r} answer {self.on.stop!r}",
            ),
            ("a plain row", f"{self.off.opening!r} answer {self.off.stop!r}"),
        ]
        tried = (
            details("carriers that fail", table(("carrier", "why"), self.tried.items())) if self.tried else ""
        )
        return card(
            "Thinking format of the student, as probed",
            {
                "reasoning goes in by": carriers.get(self.form.carrier, self.form.carrier),
                "known from": self.source,
                "earlier thinking": "shown" if self.keeps_history else "dropped",
            },
            body=table(("", ""), rows) + tried,
            notes=self.notes,
            next_verb="chat.preview(0)",
        )


def probe(
    tokenizer: Tokenizer, template: Template, *, tags: tuple[str, str] | None = None, needed: bool = True
) -> Probe:
    """Renders sentinel conversations in every way that the template reads, and keeps the way that loses nothing.

    Args:
        tags: thinking tags to use whatever the template's own are.
        needed: reasoning is to be learnt.

    Raises:
        FormatError: the template shows no requests, or thinking of its own that cannot be used, or nothing can end an
            answer.
    """
    prober = TemplateProber(tokenizer, template)
    form = prober.form()
    notes: list[str] = []
    if not form.system:
        notes.append("The template shows no system prompt; it goes before the first request instead.")
    search = CarrierSearch(prober, form, tags, needed=needed)
    form, on, source, tried = search.thinking()
    off = search.plain(form, on)
    if source == "tags":
        known = (
            "has another thinking format of its own" if search.seen else "has no thinking format of its own"
        )
        notes.append(f"The student {known}; it learns {on.opening.strip()} as plain text.")
    elif not on.exact:
        notes.append(
            "The template loses reasoning whichever way it goes in; it is written after the prompt instead."
        )
    if on.stop_added or off.stop_added:
        notes.append(
            f"The template ends answers without a stop token; {on.stop.strip()!r} is added and learnt."
        )
    marks = (on.opening.strip() or _last_tag(on.tail, off.tail), on.middle.strip())
    tools = prober.tool_turn(form, on, off, marks[0])
    return Probe(
        form=form,
        on=on,
        off=off,
        source=source,
        tags=marks,
        stop_ids=prober.stop_ids(on, off, tools),
        keeps_history=search.keeps_history(form, on),
        tools=tools,
        tried=tried,
        notes=tuple(notes),
    )


_MARKS = re.compile(r"<[^<>]+>|\[[^\[\]]+\]|◁[^◁▷]+▷")


def _last_tag(tail: str, plain: str) -> str:
    """What opens the thinking at the end of a generation prompt: a tag, else its last line.

    Where the prompt without thinking ends in that tag as well, it begins before what tells the two apart.
    """
    marks = list(_MARKS.finditer(tail.rstrip()))
    if not marks or marks[-1].end() < len(tail.rstrip()):
        return (tail.strip().splitlines() or [""])[-1]
    if plain != tail and plain.rstrip().endswith(marks[-1][0]):
        same = next((i for i, (x, y) in enumerate(zip(tail, plain, strict=False)) if x != y), 0)
        return tail[next((mark.start() for mark in reversed(marks) if mark.end() <= same), 0) :].strip()
    return marks[-1][0]
