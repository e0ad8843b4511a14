"""Switches: the arguments of a chat template that ask for another prompt, thinking's own first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..message_form import MessageForm
from ..sentinels import USER, TemplateProber, user
from ..syntax.names import THINKING
from ..template import TemplateRenderError

HEAD = [user(USER)]


class Setting(NamedTuple):
    """Arguments for the template, with the prompt that they make.

    Attributes:
        kwargs: at most one argument.
        prompt: the generation prompt after one request.
        tail: what of it follows the request.
    """

    kwargs: Mapping[str, Any]
    prompt: str
    tail: str

    @property
    def thinks(self) -> bool:
        """It says yes to something that speaks of thinking."""
        return any(value is True and THINKING.search(name) for name, value in self.kwargs.items())

    @property
    def refuses(self) -> bool:
        """It says no to something that speaks of thinking."""
        return any(value is False and THINKING.search(name) for name, value in self.kwargs.items())


def settings_of(prober: TemplateProber, form: MessageForm) -> list[Setting]:
    """Ways to call the template that make different prompts, each with the fewest arguments; the default first."""
    return list(_settings(prober, form))


def _settings(prober: TemplateProber, form: MessageForm) -> Iterator[Setting]:
    def setting(kwargs: Mapping[str, Any]) -> Setting:
        return Setting(kwargs, prober.prompt(form, HEAD, kwargs), prober.tail(form, kwargs))

    default = setting({})
    seen = {default.prompt}
    yield default
    for name, values in prober.template.reading.switches.items():
        for value in values if name not in prober.template.given else ():
            try:
                made = setting({name: value})
            except TemplateRenderError:
                continue  # a value that the template refuses
            if made.prompt not in seen and (THINKING.search(name) or made.tail != default.tail):
                seen.add(made.prompt)
                yield made


def thinking_first(settings: list[Setting]) -> list[Setting]:
    """A clear yes, then the default, then other values, and a clear no last of all."""
    return sorted(
        settings,
        key=lambda each: (
            each.refuses, not each.thinks, bool(each.kwargs), not any(map(THINKING.search, each.kwargs))
        ),
    )  # fmt: skip


def without_thinking(settings: list[Setting], on: Setting, closing: str) -> Setting:
    """The setting that asks for no thinking; the one with it where there is no other.

    Args:
        closing: what closes the thinking; a prompt that ends in it has done so for the student.
    """
    closes = [each for each in settings if closing in each.tail and closing not in on.tail]
    refuses = [each for each in settings if each.refuses]
    default = settings[:1] if on.thinks or settings[0] in closes else []
    return next((each for each in (*refuses, *default, *closes) if each is not on), on)
