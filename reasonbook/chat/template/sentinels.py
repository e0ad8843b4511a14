"""Sentinels: texts that go through a chat template, so that what it puts around them is learnt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import FormatError
from .families import TAGS, Family, family_of
from .message_form import EMBEDDED, KEYS, PARTS, MessageForm
from .prompt_mode import PromptMode
from .template import Template, TemplateRenderError
from .typed_tokenizer import Tokenizer

SWITCHES = ("enable_thinking", "thinking")
_SYSTEM, _USER, _USER2 = "systemquartz", "userquartz", "userbasalt"
_THOUGHT, _ANSWER = "thoughtquartz", "answerquartz"
_THOUGHT2, _ANSWER2 = "thoughtbasalt: ä 1.50\n\n- second basaltline", "answerbasalt 42.\n\nbasaltend"


class _CarrierError(Exception):
    """A carrier does not work; the text says why."""


class TemplateProber:
    """Renders sentinel conversations with one template and reads what came of them."""

    def __init__(self, tokenizer: Tokenizer, template: Template, tags: tuple[str, str] | None) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.own_tags = tags
        self.specials = special_tokens(tokenizer)
        used = [name for name in SWITCHES if name in template.variables]
        self.on_kwargs = dict.fromkeys(used, True)
        self.off_kwargs = dict.fromkeys(used, False)

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
                text = self.prompt(form, [_user(_USER)], self.on_kwargs)
            except TemplateRenderError as fault:
                why = str(fault)
                continue
            if _USER in text:
                return replace(form, system=self._shows_system(form), arguments=self._arguments(form))
        raise FormatError(
            f"The student's chat template does not show a request. {why}".strip(),
            'ChatConfig(chat_template="…")   # a Jinja template of your own',
        )

    def _shows_system(self, form: MessageForm) -> bool:
        messages = [{"role": "system", "content": _SYSTEM}, _user(_USER)]
        try:
            return _SYSTEM in self.prompt(form, messages, self.on_kwargs)
        except TemplateRenderError:
            return False

    def _arguments(self, form: MessageForm) -> str:
        """How tool calls carry their arguments: as a ``dict`` where both or neither work."""
        for kind, given in (("dict", {"city": _SYSTEM}), ("string", json.dumps({"city": _SYSTEM}))):
            call = {"id": "call00001", "type": "function", "function": {"name": "look", "arguments": given}}
            turn = {"role": "assistant", "content": "", "tool_calls": [call]}
            try:
                text = self.template.render([_user(_USER), turn], generation=False, kwargs=self.on_kwargs)
            except TemplateRenderError:
                continue
            if _SYSTEM in text:
                return kind
        return "dict"

    # -- with thinking -----------------------------------------------------------------------------------
    def thinking(self, form: MessageForm) -> tuple[MessageForm, PromptMode, str, dict[str, str]]:
        """The form with its carrier of reasoning, the mode with thinking, its source, and what failed and why."""
        tried: dict[str, str] = {}
        tail = self.tail(form, self.on_kwargs)
        family = None
        if self.own_tags is None:
            family = family_of(self.template.source, tail)
            # Marks in the template say that the student has its own form: foreign tags are no way in then.
            carriers = (*KEYS, PARTS) if family and family.markers else (*KEYS, PARTS, EMBEDDED)
            for carrier in carriers:
                made = replace(form, carrier=carrier)
                try:
                    mode = self.learn(made, self.on_kwargs)
                except (_CarrierError, TemplateRenderError) as why:
                    tried[carrier] = str(why)
                    continue
                return made, mode, "tags" if carrier == EMBEDDED and not self._native() else "template", tried
        stop, trailer, added = self.split_stop(self.answer_tail(form, self.on_kwargs))
        source = family.name if family else "tags"
        family = family or self._tagged(tail)
        mode = PromptMode(self.on_kwargs, tail, family.opening, family.middle, stop, trailer, False, added)
        return form, mode, source, tried

    def _native(self) -> bool:
        return any(tag in self.template.source for tag in TAGS)

    def _tagged(self, tail: str) -> Family:
        opening, closing = self.own_tags or TAGS
        if tail.rstrip().endswith((TAGS[0], TAGS[1])) and self.own_tags:
            raise FormatError(
                f"The student's generation prompt already ends in {tail.strip()[-12:]!r}; "
                f"{opening} would stand inside its own thinking.",
                "ChatConfig(tags=None)   # use the student's own format",
            )
        return Family("tags", f"{opening}\n", f"\n{closing}\n\n", "ChatConfig.tags")

    def learn(self, form: MessageForm, kwargs: Mapping[str, Any]) -> PromptMode:
        """The pieces around thinking and answer, the same in three conversations, or `_CarrierError`."""
        head = [_user(_USER)]
        opening, middle, tail = self._pieces(form, kwargs, head, _THOUGHT, _ANSWER)
        earlier = [*head, {"role": "assistant", "content": _ANSWER}, _user(_USER2)]
        if form.system:
            earlier.insert(0, {"role": "system", "content": _SYSTEM})
        for messages, thought, answer in ((head, _THOUGHT2, _ANSWER2), (earlier, _THOUGHT2, _ANSWER2)):
            if self._pieces(form, kwargs, messages, thought, answer) != (opening, middle, tail):
                raise _CarrierError("what stands around the reasoning changes from row to row")
        stop, trailer, added = self.split_stop(tail)
        generation = self.tail(form, kwargs)
        if middle.strip() in opening or middle.strip() in generation:
            raise _CarrierError("an empty thinking block stands before the reasoning")
        return PromptMode(kwargs, generation, opening, middle, stop, trailer, True, added)

    def _pieces(
        self,
        form: MessageForm,
        kwargs: Mapping[str, Any],
        head: list[dict[str, Any]],
        thought: str,
        answer: str,
    ) -> tuple[str, str, str]:
        prompt = self.prompt(form, head, kwargs)
        target = form.answer(answer, thought, tags=TAGS)
        full = self.template.render([*form.messages(head), target], generation=False, kwargs=kwargs)
        if full.count(thought) != 1:
            raise _CarrierError(
                "the reasoning vanishes" if thought not in full else "the reasoning stands twice"
            )
        if not full.startswith(prompt):
            raise _CarrierError("the row does not begin with the generation prompt")
        rest = full[len(prompt) :]
        opening, _, after = rest.partition(thought)
        middle, found, tail = after.partition(answer)
        if not found or answer in tail:
            raise _CarrierError("the answer does not follow the reasoning")
        if not middle.strip():
            raise _CarrierError("nothing stands between reasoning and answer")
        return opening, middle, tail

    def keeps_history(self, form: MessageForm, on: PromptMode) -> bool:
        """Whether earlier turns show their reasoning."""
        if form.carrier not in (*KEYS, PARTS):
            return False
        earlier = form.answer(_ANSWER, _THOUGHT, tags=TAGS)
        try:
            text = self.template.render(
                [*form.messages([_user(_USER)]), earlier, *form.messages([_user(_USER2)])],
                generation=True,
                kwargs=on.kwargs,
            )
        except TemplateRenderError:
            return False
        return _THOUGHT in text

    # -- without -----------------------------------------------------------------------------------------
    def plain(self, form: MessageForm, on: PromptMode) -> PromptMode:
        """The mode without thinking, given the one with it."""
        kwargs = self.off_kwargs
        head = [_user(_USER)]
        try:
            prompt = self.prompt(form, head, kwargs)
        except TemplateRenderError:
            kwargs = on.kwargs
            prompt = self.prompt(form, head, kwargs)
        if prompt == self.prompt(form, head, on.kwargs):
            kwargs = on.kwargs
        generation = self.tail(form, kwargs)
        target = replace(form, carrier="").answer(_ANSWER, "", tags=TAGS)
        try:
            full = self.template.render([*form.messages(head), target], generation=False, kwargs=kwargs)
        except TemplateRenderError:
            full = ""
        if full.startswith(prompt) and full.count(_ANSWER) == 1:
            opening, _, tail = full[len(prompt) :].partition(_ANSWER)
            stop, trailer, added = self.split_stop(tail)
            empty = opening if on.middle.strip() and opening.rstrip().endswith(on.middle.strip()) else ""
            return PromptMode(kwargs, generation, opening, "", stop, trailer, True, added, empty)
        # The prompt opens a thinking block that the rendered row does not have: the student closes it itself.
        opens = not on.opening.strip() and generation == on.tail
        opening = on.middle if opens else ""
        return PromptMode(kwargs, generation, opening, "", on.stop, on.trailer, False, on.stop_added, opening)

    # -- ends --------------------------------------------------------------------------------------------
    def prompt(self, form: MessageForm, head: list[dict[str, Any]], kwargs: Mapping[str, Any]) -> str:
        """The generation prompt after these messages."""
        return self.template.render(form.messages(head), generation=True, kwargs=kwargs)

    def tail(self, form: MessageForm, kwargs: Mapping[str, Any]) -> str:
        """What the generation prompt adds to the rendered request."""
        prompt = self.prompt(form, [_user(_USER)], kwargs)
        try:
            bare = self.template.render(form.messages([_user(_USER)]), generation=False, kwargs=kwargs)
        except TemplateRenderError:
            bare = ""
        return prompt[len(bare) :] if bare and prompt.startswith(bare) else prompt.rpartition(_USER)[2]

    def answer_tail(self, form: MessageForm, kwargs: Mapping[str, Any]) -> str:
        """What the template writes after an answer, wherever the answer stands."""
        target = replace(form, carrier="").answer(_ANSWER, "", tags=TAGS)
        try:
            messages = [*form.messages([_user(_USER)]), target]
            return self.template.render(messages, generation=False, kwargs=kwargs).rpartition(_ANSWER)[2]
        except TemplateRenderError:
            return ""

    def split_stop(self, tail: str) -> tuple[str, str, bool]:
        """The tail as (through the stop token, rest, whether the stop token is ours)."""
        match = self.specials.search(tail) if self.specials else None
        if match:
            return tail[: match.end()], tail[match.end() :], False
        role = self._next_role(tail)
        return (tail.rstrip() + role if role else self._eos(tail)), "", True

    def _next_role(self, tail: str) -> str:
        """The token with which the template goes on after an answer: models stop there that have no other."""
        messages = [_user(_USER), {"role": "assistant", "content": _ANSWER}, _user(_USER2)]
        try:
            text = self.template.render(messages, generation=False, kwargs=self.on_kwargs)
        except TemplateRenderError:
            return ""
        after = text.rpartition(_ANSWER)[2]
        match = self.specials.search(after) if self.specials else None
        if not match or after[: match.start()].strip() != tail.strip():
            return ""
        return "" if match[0] == self.tokenizer.bos_token != self.tokenizer.eos_token else match[0]

    def _eos(self, tail: str) -> str:
        if not self.tokenizer.eos_token:
            raise FormatError(
                "Nothing ends an answer: neither the template nor the tokenizer has a stop token.",
                'tokenizer.eos_token = "…"   # the token at which generation stops',
            )
        return tail.rstrip() + str(self.tokenizer.eos_token)

    def stop_ids(self, *modes: PromptMode) -> tuple[int, ...]:
        """Ids that end an answer in these modes, and the tokenizer's own."""
        ids: set[int] = set()
        if self.tokenizer.eos_token_id is not None:
            ids.add(self.tokenizer.eos_token_id)
        for mode in modes:
            made = self.tokenizer.backend_tokenizer.encode(mode.stop, add_special_tokens=False).ids
            ids.add(made[-1])
        return tuple(sorted(ids))


def special_tokens(tokenizer: Tokenizer) -> re.Pattern[str] | None:
    """A pattern of special tokens that stand side by side; None when there are none."""
    texts = {str(t.content) for t in tokenizer.added_tokens_decoder.values() if t.special}
    texts |= {str(t) for t in tokenizer.all_special_tokens}
    found = sorted((t for t in texts if t.strip()), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(map(re.escape, found))})+") if found else None


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}
