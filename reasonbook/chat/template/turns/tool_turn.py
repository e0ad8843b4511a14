"""Tool turn: what a chat template writes around the calls of a turn, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from ....data.conversation import Message
from ....errors import FormatError
from ..families import TAGS
from ..message_form import MessageForm
from ..prompt_mode import PromptMode
from ..template import Template, TemplateRenderError
from .sentinel_calls import ASKED, CITY, CITY2, ID, ID2, NAME, OFFERED, RESULT, THOUGHT, call, common
from .stops import StopFinder

_TAG = re.compile(r"<[^<>]+>|\[[^\[\]]+\]|◁[^◁▷]+▷")


@dataclass(frozen=True)
class ToolTurn:
    """What a template writes around the calls of a turn.

    Attributes:
        closing: between the thinking and the calls.
        stop: the token that ends the turn; "" where the template shows no calls.
        added: the template ends calls without a stop token; the next role's, or an answer's, was added.
    """

    closing: str = ""
    stop: str = ""
    added: bool = False


class TurnReader:
    """Finds a turn behind its prompt in the template's rendering of the whole.

    Args:
        opening: what begins the thinking.
        middle: what stands between thinking and answer.
        stops: which know the special tokens.
    """

    def __init__(self, opening: str, middle: str, stops: StopFinder) -> None:
        begin, end = re.escape(opening.strip()), re.escape(middle.strip())
        space = re.escape(middle[len(middle.rstrip()) :])
        first = _TAG.match(middle.strip())  # it ends the thinking by itself; the rest may open an answer
        ends = f"(?:{end}(?:{space})?|{re.escape(first[0]) if first else end})"
        self._thinking = re.compile(f"\\s*(?:{begin}\\s*)?{ends}" if begin and end else "(?!)")
        marks = [re.escape(mark) for mark in (*stops.texts, opening.strip(), middle.strip()) if mark]
        self._marks = re.compile("|".join(marks) or "(?!)")

    def behind(self, prompt: str, bare: str, whole: str) -> str | None:
        """What stands behind the prompt; None where the template shows the conversation before it in another way.

        Where the template renders a turn without the end of its own prompt, such as an open thinking block, the turn
        begins where both part.

        Args:
            prompt: the generation prompt.
            bare: the same messages without it.
            whole: the messages and the turn.
        """
        if whole.startswith(prompt):
            return whole[len(prompt) :]
        at = common(prompt, whole)
        for text in (prompt, whole):  # a mark that both only begin with is no common ground
            near = self._marks.finditer(text, max(0, at - 64))
            at = next((mark.start() for mark in near if mark.start() < at < mark.end()), at)
        return whole[at:] if at >= len(bare.rstrip()) else None

    def without_thinking(self, rest: str) -> str:
        """A turn without an empty thinking block, or the end of one, at its beginning."""
        match = self._thinking.match(rest)
        return rest[match.end() :] if match else rest


def find_tool_turn(
    template: Template,
    form: MessageForm,
    modes: tuple[PromptMode, PromptMode],
    opening: str,
    stops: StopFinder,
) -> ToolTurn:
    """What the template writes around calls.

    Args:
        form: with its carrier of reasoning and its form of calls.
        modes: with thinking, and without.
        opening: what begins the thinking, written by the prompt or by the student.
        stops: finds the stop token.
    """
    on, off = modes
    reader = TurnReader(opening, on.middle, stops)
    for mode, asked, two in product(modes, (OFFERED, ASKED), (True, False)):
        sample = _Sample(template, form, mode, asked, two)
        last = CITY2 if two else CITY
        try:
            calls, following = sample.turn(reader), sample.following()
        except TemplateRenderError:
            continue
        if last not in calls:
            continue
        calls = reader.without_thinking(calls)
        closing = sample.closing(reader, calls)
        if {stops.last(on.stop), stops.last(off.stop)} & set(stops.tokens(closing)):
            closing = on.middle  # generation would end there
        before, _, tail = calls.rpartition(last)
        written = f"{on.opening}{on.middle}{off.opening}{closing}{before}"
        try:
            end = stops.find(tail, written=written, following=following.partition(last)[2])
        except FormatError:
            return ToolTurn(closing, stops.last(off.stop))
        token = stops.last(end.text)
        if end.added and token == stops.own and stops.last(off.stop) not in written:
            token = stops.last(off.stop)
        return ToolTurn(closing, token, end.added)
    return ToolTurn(on.middle, stops.last(off.stop))


class _Sample(NamedTuple):
    """A turn with one call or two behind a request."""

    template: Template
    form: MessageForm
    mode: PromptMode
    asked: Message
    two: bool

    def turn(self, reader: TurnReader, thought: str = "") -> str:
        """It from the end of its prompt on; "" where it does not stand there."""
        head = self.form.messages([self.asked])
        extra = self.form.tools.extra({"tool_calls": call(two=self.two)["tool_calls"]})
        target = self.form.answer("", thought, tags=TAGS, extra=extra)
        whole = self._text([*head, target])
        prompt = self._text(head, generation=True)
        if thought:
            return whole[len(prompt) :] if whole.startswith(prompt) else ""
        return reader.behind(prompt, self._text(head), whole) or ""

    def following(self) -> str:
        """It with its results behind it."""
        numbers = (ID, ID2)[: 1 + self.two]
        said = [{"role": "tool", "content": RESULT, "tool_call_id": i, "name": NAME} for i in numbers]
        return self._text(self.form.messages([self.asked, call(two=self.two), *said]), generation=True)

    def closing(self, reader: TurnReader, calls: str) -> str:
        """What stands between thinking and calls where the template shows both; else as before an answer."""
        try:
            after = self.turn(reader, THOUGHT).partition(THOUGHT)[2]
        except TemplateRenderError:
            return self.mode.middle
        found = after.removesuffix(calls)
        return found if found.strip() and found != after else self.mode.middle

    def _text(self, messages: Sequence[Message], *, generation: bool = False) -> str:
        return self.template.render(messages, generation=generation, kwargs=self.mode.kwargs)
