"""Call turn: a turn that calls tools as text, behind the prompt that the student is asked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ...data.conversation import Message
from ...data.tool_calls import ToolCall, tool_calls
from ..template.probe import Probe
from ..template.prompt_mode import PromptMode
from ..template.template import Template, TemplateRenderError
from ..template.turns.stops import StopFinder
from ..template.turns.tool_turn import TurnReader
from .segments import RowText
from .turns import TrainingTurn, UnusableRowError

Opening = Callable[[str, bool, PromptMode], str]


class CallRenderer:
    """Writes turns that call tools.

    Calls are always the template's own writing. Where it shows the turn behind its generation prompt, thinking and
    all, so does the row; else thinking and calls are put together behind the prompt, each as the template writes it.

    Args:
        opening: what the student writes first behind a prompt, thinking or not, in a mode.
        tags: around thinking that goes into the content.
    """

    def __init__(
        self, template: Template, probe: Probe, stops: StopFinder, opening: Opening, tags: tuple[str, str]
    ) -> None:
        self.template = template
        self.probe = probe
        self.stops = stops
        self.opening = opening
        self.tags = tags
        self.reader = TurnReader(probe.tags[0], probe.on.middle, stops)
        self.ends = {probe.tools.stop, stops.last(probe.on.stop), stops.last(probe.off.stop)}

    @property
    def hidden(self) -> bool:
        """Whether the template hides calls or results."""
        return bool(self.probe.form.tools.unseen or self.probe.form.tools.results_unseen)

    def check(self, turn: TrainingTurn) -> None:
        """Raises `UnusableRowError` where the template hides calls, or results, of this turn or before it."""
        form = self.probe.form.tools
        if form.unseen and (_calls(turn.extra) or any(m.get("tool_calls") for m in turn.prompt)):
            raise UnusableRowError(form.unseen)
        if form.results_unseen and any(m["role"] == "tool" for m in turn.prompt):
            raise UnusableRowError(form.results_unseen)

    def render(
        self, turn: TrainingTurn, messages: list[dict[str, Any]], prompt: str, thought: str, mode: PromptMode
    ) -> RowText:
        """A turn as text.

        Args:
            turn: it calls tools.
            messages: those before it, in the template's form.
            prompt: the generation prompt behind them.
            thought: the thinking before the calls; "" for none.
            mode: how the student is asked.

        Raises:
            UnusableRowError: the template does not show all of the turn.
            TemplateRenderError: the template refuses it.
        """
        form = self.probe.form
        extra = form.tools.extra(turn.extra, turn.prompt)
        if thought:
            target = form.answer(turn.answer, thought, tags=self.tags, extra=extra)
            whole = self.template.render([*messages, target], generation=False, kwargs=mode.kwargs)
            made = self._whole(turn, prompt, whole, thought, mode)
            if made:
                return made
        target = form.answer(turn.answer, "", tags=self.tags, extra=extra)
        bare = self.template.render(messages, generation=False, kwargs=mode.kwargs)
        try:
            whole = self.template.render([*messages, target], generation=False, kwargs=mode.kwargs)
            return self._behind(turn, prompt, bare, whole, thought, mode)
        except UnusableRowError as why:
            whole = self._with_results(messages, target, len(bare), mode)
            with suppress(UnusableRowError):  # the first reason is the one to tell
                if whole:
                    return self._behind(turn, prompt, bare, whole, thought, mode)
            raise why

    def _with_results(
        self, messages: list[dict[str, Any]], target: Message, begin: int, mode: PromptMode
    ) -> str:
        """The turn as it stands in the history, through its stop token; some templates write a last one otherwise."""
        form, end = self.probe.form, self.probe.tools
        calls = _calls(target)
        results = [
            {"role": "tool", "content": "1", "tool_call_id": call.id, "name": call.name} for call in calls
        ]
        try:
            said = form.tools.messages([*messages, dict(target), *results])[-len(results) :]
            if form.parts:
                said = [{**message, "content": [{"type": "text", "text": "1"}]} for message in said]
            text = self.template.render([*messages, target, *said], generation=False, kwargs=mode.kwargs)
        except TemplateRenderError:
            return ""
        at = -1 if end.added else text.find(end.stop, begin)
        return text[: at + len(end.stop)] if at >= 0 else ""

    def _behind(
        self, turn: TrainingTurn, prompt: str, bare: str, whole: str, thought: str, mode: PromptMode
    ) -> RowText:
        """The turn put behind its prompt, from a rendering without its thinking."""
        rest = self.reader.behind(prompt, bare, whole)
        if rest is None:
            raise UnusableRowError(
                "the chat template shows the conversation before a tool call in another way than its prompt does"
            )
        opening = self.opening(prompt, bool(thought), mode)
        if (
            thought or opening == self.probe.on.middle
        ):  # where the prompt has opened the thinking, the student closes it
            rest, closing = self.reader.without_thinking(rest), self.probe.tools.closing
            made = (opening, thought, closing) if thought else (closing, "", "")
        elif whole.startswith(prompt):  # as the template has it, an empty thinking block too
            opening = (
                opening if rest.startswith(opening) else rest[: -len(self.reader.without_thinking(rest))]
            )
            rest, made = rest[len(opening) :], (opening, "", "")
        else:
            rest, made = self.reader.without_thinking(rest), ("", "", "")
        return self._checked(turn, RowText(prompt, *made, *self._ended(rest)))

    def _whole(
        self, turn: TrainingTurn, prompt: str, whole: str, thought: str, mode: PromptMode
    ) -> RowText | None:
        """The turn as the template renders it with its thinking; None where it shows it elsewhere, or not."""
        if not whole.startswith(prompt):
            return None
        opening, found, after = whole[len(prompt) :].partition(thought)
        if not found or opening.strip() not in ("", mode.opening.strip(), self.probe.tags[0]):
            return None
        closings = (self.probe.tools.closing, mode.middle)
        closing = next((text for text in closings if text and after.startswith(text)), None)
        if closing is None:
            return None
        try:
            return self._checked(
                turn, RowText(prompt, opening, thought, closing, *self._ended(after[len(closing) :]))
            )
        except UnusableRowError:
            return None  # put together from the calls alone, it may do

    def _ended(self, rest: str) -> tuple[str, str, str]:
        """Calls, stop and trailer."""
        end = self.probe.tools
        if end.added:
            return rest.rstrip(), end.stop, ""
        if end.stop not in rest:  # as behind a single call, where a template ends only the last of several
            return rest.rstrip(), end.stop, ""
        calls, found, trailer = rest.rpartition(end.stop)
        if self.stops.without(trailer).strip():
            raise UnusableRowError(f"the chat template does not end the tool calls with {end.stop!r}")
        return calls, found, trailer

    def _checked(self, turn: TrainingTurn, made: RowText) -> RowText:
        """The row itself, which shows all of the turn, and in which nothing ends it before its end."""
        written = made.answer
        calls = _calls(turn.extra)
        if not all(call.name in written for call in calls):
            beside = " beside text" if turn.answer.strip() else ""
            raise UnusableRowError(f"the chat template does not show tool calls{beside}")
        if turn.answer.strip() not in written:
            raise UnusableRowError("the chat template does not show the text beside tool calls")
        thinks = self.probe.on.opening.strip()
        if thinks and thinks in written[: written.find(turn.answer.strip())]:
            raise UnusableRowError("the chat template shows the text beside tool calls as thinking")
        inside = self.stops.tokens(f"{made.opening}{made.middle}{written}")
        end = next((token for token in inside if token in self.ends), None)
        if end:
            what = "the calls" if not turn.answer.strip() else "the text and the calls"
            raise UnusableRowError(
                f"the stop token {end!r} stands inside a turn that calls tools: generation ends before {what} are whole"
            )
        return made


def _calls(extra: Mapping[str, Any] | None) -> tuple[ToolCall, ...]:
    return tool_calls(extra) if extra else ()
