"""Sentinels: texts that go through a chat template, so that what it puts around them is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...errors import FormatError
from .families import TAGS
from .message_form import MessageForm
from .prompt_mode import PromptMode
from .template import Template, TemplateRenderError
from .turns.form_search import find_tool_form
from .turns.stops import Stop, StopFinder
from .turns.tool_turn import ToolTurn, find_tool_turn
from .typed_tokenizer import Tokenizer

SYSTEM, USER, USER2 = "systemquartz", "userquartz", "userbasalt"
THOUGHT, ANSWER = "thoughtquartz", "answerquartz"
_DEFAULT: Mapping[str, Any] = {}


class TemplateProber:
    """Renders sentinel conversations with one template and reads what came of them."""

    def __init__(self, tokenizer: Tokenizer, template: Template) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self._form = MessageForm()

    @cached_property
    def stops(self) -> StopFinder:
        """Finds what ends a turn."""
        stops = StopFinder(self.tokenizer)
        before = stops.tokens(self.prompt(self._form, [user(USER)], _DEFAULT).partition(USER)[0])
        begun = before[before[:1] == [self.tokenizer.bos_token] :]
        stops.openers = {*begun[:1], *begun[-1:]} - {self.tokenizer.eos_token}
        return stops

    # -- how messages go in ------------------------------------------------------------------------------
    def form(self) -> MessageForm:
        """How the template takes messages.

        Raises:
            FormatError: it shows no requests.
        """
        why = ""
        for parts in (False, True):
            form = MessageForm(parts=parts)
            try:
                text = self.prompt(form, [user(USER)], _DEFAULT)
            except TemplateRenderError as fault:
                why = str(fault)
                continue
            if USER in text:
                tools = find_tool_form(self.template, form, _DEFAULT)
                self._form = replace(form, system=self._shows_system(form), tools=tools)
                return self._form
        if self._needs_tools():
            why = "It shows one only where tools are offered."
        raise FormatError(
            f"The student's chat template does not show a request. {why}".strip(),
            'ChatConfig(chat_template="…")   # a Jinja template of your own',
        )

    def _needs_tools(self) -> bool:
        takes: dict[str, Any] = {"type": "object", "properties": {}}
        function: dict[str, Any] = {"name": "look", "description": "", "parameters": takes}
        try:
            offered = {**user(USER), "tools": [{"type": "function", "function": function}]}
            return USER in self.template.render([offered], generation=True, kwargs=_DEFAULT)
        except TemplateRenderError:
            return False

    def _shows_system(self, form: MessageForm) -> bool:
        messages = [{"role": "system", "content": SYSTEM}, user(USER)]
        try:
            return SYSTEM in self.prompt(form, messages, _DEFAULT)
        except TemplateRenderError:
            return False

    # -- prompts -----------------------------------------------------------------------------------------
    def prompt(self, form: MessageForm, head: list[dict[str, Any]], kwargs: Mapping[str, Any]) -> str:
        """The generation prompt after these messages."""
        return self.template.render(form.messages(head), generation=True, kwargs=kwargs)

    def whole(
        self,
        form: MessageForm,
        head: list[dict[str, Any]],
        kwargs: Mapping[str, Any],
        answer: str,
        thought: str = "",
        *,
        tags: tuple[str, str] = TAGS,
    ) -> str:
        """These messages with an answer, and its thinking as the form has it."""
        target = form.answer(answer, thought, tags=tags)
        return self.template.render([*form.messages(head), target], generation=False, kwargs=kwargs)

    def tail(self, form: MessageForm, kwargs: Mapping[str, Any]) -> str:
        """What the generation prompt adds to the rendered request."""
        prompt = self.prompt(form, [user(USER)], kwargs)
        try:
            bare = self.template.render(form.messages([user(USER)]), generation=False, kwargs=kwargs)
        except TemplateRenderError:
            bare = ""
        if bare and bare != prompt and prompt.startswith(bare):
            return prompt[len(bare) :]
        return prompt.rpartition(USER)[2]

    # -- ends --------------------------------------------------------------------------------------------
    def answer_tail(self, form: MessageForm, kwargs: Mapping[str, Any]) -> str:
        """What the template writes after an answer, wherever the answer stands."""
        try:
            return self.whole(replace(form, carrier=""), [user(USER)], kwargs, ANSWER).rpartition(ANSWER)[2]
        except TemplateRenderError:
            return ""

    def split_stop(self, tail: str, written: str = "") -> Stop:
        """The tail as the text through the stop token and the rest; ``written`` stands around the thinking."""
        messages = [user(USER), {"role": "assistant", "content": ANSWER}, user(USER2)]
        try:
            text = self.template.render(messages, generation=False, kwargs=_DEFAULT)
        except TemplateRenderError:
            text = ""
        return self.stops.find(tail, written=written, following=text.rpartition(ANSWER)[2])

    def tool_turn(self, form: MessageForm, on: PromptMode, off: PromptMode, opening: str) -> ToolTurn:
        """What stands around the calls of a turn; ``opening`` begins the thinking, whoever writes it."""
        return find_tool_turn(self.template, form, (on, off), opening, self.stops)

    def stop_ids(self, on: PromptMode, off: PromptMode, tools: ToolTurn) -> tuple[int, ...]:
        """Ids that end a turn in these modes, one that calls tools too, and the tokenizer's own."""
        return self.stops.ids((on.stop, off.stop, tools.stop), written=on.opening + on.middle + off.opening)


def user(text: str) -> dict[str, Any]:
    """A request."""
    return {"role": "user", "content": text}
