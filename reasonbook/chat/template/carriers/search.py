"""Search: the ways in which reasoning goes into a chat template, tried until one brings it back whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from ....errors import FormatError
from ..families import CLOSING, MARK, TAGS, Family, family_of
from ..message_form import EMBEDDED, OPENED, PARTS, MessageForm
from ..prompt_mode import PromptMode
from ..sentinels import ANSWER, THOUGHT, USER2, TemplateProber, user
from ..syntax.names import THINKING
from ..template import TemplateRenderError
from .pieces import CarrierError, PieceLearner, closing_mark
from .switches import HEAD, Setting, settings_of, thinking_first, without_thinking


class Found(NamedTuple):
    """A way to write thinking that works.

    Attributes:
        form: how messages go in, with the carrier of reasoning.
        mode: the prompt with thinking, and what the student writes then.
        source: where it is known from: ``template``, a family's name, or ``tags``.
        tried: what failed, and why.
    """

    form: MessageForm
    mode: PromptMode
    source: str
    tried: Mapping[str, str]


class CarrierSearch:
    """Tries what the template reads as switches and carriers.

    A device of the template's own comes before a family's, and that before plain tags; few arguments before many; the
    template's default where it thinks as well.

    Args:
        tags: thinking tags to use whatever the template's own are.
        needed: reasoning is to be learnt.
    """

    def __init__(
        self, prober: TemplateProber, form: MessageForm, tags: tuple[str, str] | None, *, needed: bool = True
    ) -> None:
        self.prober = prober
        self.form = form
        self.own_tags = tags
        self.needed = needed
        self.reading = prober.template.reading
        self.learner = PieceLearner(prober, tags)
        self.tried: dict[str, str] = {}
        self.settings = settings_of(prober, form)

    # -- with thinking -----------------------------------------------------------------------------------
    def thinking(self) -> Found:
        """The way in for reasoning.

        Raises:
            FormatError: the template has a form of its own that cannot be used, or nothing can end an answer.
        """
        if self.own_tags is None:
            ways = (self._by_message, self._by_marks, self._by_content, self._by_brackets, self._by_prompt)
            for way in ways:
                for setting in thinking_first(self.settings):
                    if found := way(setting):
                        return found
            if self.needed and self.seen:
                self._refuse()
        return self._tagged(self.own_tags or TAGS)

    def _by_message(self, setting: Setting) -> Found | None:
        """Reasoning goes in under a key of the message, or as a part of its content."""
        forms = [replace(self.form, carrier=key) for key in self.reading.keys]
        forms += [replace(self.form, carrier=PARTS, part=part) for part in self.reading.parts]
        return self._first(forms, setting)

    def _by_marks(self, setting: Setting) -> Found | None:
        """The template names a family's marks."""
        family = family_of(self.prober.template.source, setting.tail)
        return self._family(family, setting) if family and family.markers else None

    def _by_content(self, setting: Setting) -> Found | None:
        """Reasoning stands in the content, between tags that the template knows."""
        if not any(tag in self.prober.template.source for tag in TAGS):
            return None
        carriers = [EMBEDDED, OPENED] if setting.tail.rstrip().endswith(TAGS[0]) else [EMBEDDED]
        return self._first([replace(self.form, carrier=each) for each in carriers], setting)

    def _by_brackets(self, setting: Setting) -> Found | None:
        """The template writes reasoning elsewhere, before calls of tools say, between marks that stand in it."""
        key = next(filter(THINKING.search, self.reading.keys), "")
        form = replace(self.form, carrier=key)
        found = (
            self._try(form, lambda around=around: self.learner.by_brackets(self.form, setting, *around))
            for around in self.reading.brackets
        )
        return None if setting.refuses else next(filter(None, found), None)

    def _by_prompt(self, setting: Setting) -> Found | None:
        """The prompt opens the thinking, and of what closes it only a family knows."""
        family = family_of(self.prober.template.source, setting.tail)
        return self._family(family, setting) if family else None

    def _first(self, forms: list[MessageForm], setting: Setting) -> Found | None:
        """The first of these forms that brings reasoning back whole."""
        found = (
            self._try(form, lambda form=form: self.learner.by_rendering(form, setting)) for form in forms
        )
        return next(filter(None, found), None)

    def _family(self, family: Family, setting: Setting) -> Found | None:
        return self._try(self.form, lambda: self.learner.by_family(self.form, setting, family), family.name)

    def _try(
        self, form: MessageForm, learn: Callable[[], PromptMode], source: str = "template"
    ) -> Found | None:
        try:
            return Found(form, learn(), source, self.tried)
        except (CarrierError, TemplateRenderError) as why:
            self.tried.setdefault(form.carrier or source, str(why))
        except FormatError:
            if self.needed:
                raise
        return None

    # -- plain tags --------------------------------------------------------------------------------------
    def _tagged(self, tags: tuple[str, str]) -> Found:
        """Tags as plain text, behind a prompt that leaves the student's own thinking closed."""
        form = replace(self.form, carrier=EMBEDDED)
        family = Family("tags", f"{tags[0]}\n", f"\n{tags[1]}\n\n", "ChatConfig.tags")
        for setting in self.settings:
            if not _opens(setting.tail):
                found = self._first([form], setting) or self._family(family, setting)
                if found:
                    return found._replace(source="tags")
        end = self.settings[0].tail.strip()[-12:]
        raise FormatError(
            f"The student's generation prompt already ends in {end!r}; {tags[0]} would stand inside its own thinking.",
            "ChatConfig(tags=None)   # use the student's own format",
        )

    @cached_property
    def seen(self) -> tuple[str, ...]:
        """By what the template shows that it has a thinking format of its own."""
        marks = [match[0] for match in MARK.finditer(self.prober.template.source)]
        keys = [f"message[{key!r}]" for key in self.reading.keys if THINKING.search(key)]
        switches = [f"{name}=…" for each in self.settings for name in each.kwargs if THINKING.search(name)]
        return tuple(dict.fromkeys([*marks, *keys, *switches]))

    def _refuse(self) -> None:
        """Raises `FormatError` that names the format of the template's own, and why it cannot be used."""
        whys = "; ".join(f"{carrier}: {why}" for carrier, why in self.tried.items())
        raise FormatError(
            f"The student's chat template has a thinking format of its own ({', '.join(self.seen[:4])}), but reasoning "
            f"before an answer does not come through it{f' ({whys})' if whys else ''}.",
            'df.reason.to_chat(student, tags=("<reasoning>", "</reasoning>"))   # plain tags in spite of it; or '
            'strategy="final_only"; or chat_template="…", one that shows reasoning',
        )

    # -- besides -----------------------------------------------------------------------------------------
    def plain(self, form: MessageForm, on: PromptMode) -> PromptMode:
        """The mode without thinking, given the one with it."""
        mine = next(each for each in self.settings if each.kwargs == on.kwargs)
        return self.learner.plain(form, without_thinking(self.settings, mine, closing_mark(on.middle)), on)

    def keeps_history(self, form: MessageForm, on: PromptMode) -> bool:
        """Whether earlier turns show their reasoning."""
        if form.carrier in ("", EMBEDDED, OPENED):
            return False
        earlier = form.answer(ANSWER, THOUGHT, tags=TAGS)
        messages = [*form.messages(HEAD), earlier, *form.messages([user(USER2)])]
        try:
            return THOUGHT in self.prober.template.render(messages, generation=True, kwargs=on.kwargs)
        except TemplateRenderError:
            return False


def _opens(tail: str) -> bool:
    """Whether a generation prompt ends in a mark that opens thinking."""
    marks = list(MARK.finditer(tail))
    return bool(marks) and not tail[marks[-1].end() :].strip() and not CLOSING.search(marks[-1][0])
