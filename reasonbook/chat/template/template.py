"""Template: a student's chat template, compiled once and rendered the way transformers renders it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date as Date
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...errors import FormatError
from .jinja_environment import compile_template
from .typed_tokenizer import Tokenizer

if TYPE_CHECKING:
    from .syntax.reading import TemplateReading

# For base models that come without a template: plain words, no new tokens.
PLAIN_TEMPLATE = """\
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- message.content + '\\n\\n' -}}
  {%- elif message.role == 'assistant' -%}
    {{- '### Response:\\n' + message.content + (eos_token or '') + '\\n\\n' -}}
  {%- else -%}
    {{- '### ' + ('Request' if message.role == 'user' else message.role | title) + ':\\n' -}}
    {{- message.content + '\\n\\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '### Response:\\n' -}}{%- endif -%}
"""


class TemplateRenderError(Exception):
    """The template refused these messages; the text says what it said."""


class Template:
    """A compiled chat template.

    Args:
        tokenizer: whose template it is and whose special tokens it is given.
        source: another template to use instead; `PLAIN_TEMPLATE` when the tokenizer has none.
        date: ISO date shown to templates that ask for today's.
    """

    def __init__(self, tokenizer: Tokenizer, *, source: str | None = None, date: str | None = None) -> None:
        self.own = True
        if source is None:
            source = _own_source(tokenizer)
            self.own = source is not None
        self.source: str = source if source is not None else PLAIN_TEMPLATE
        try:
            self._compiled = compile_template(self.source)
        except Exception as error:
            raise FormatError(
                f"The chat template cannot be compiled: {error}.", 'ChatConfig(chat_template="…")'
            ) from error
        self._constants: dict[str, Any] = {"tools": None, "documents": None}
        self._constants |= {k: v for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)}
        self._known: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        self.date = date
        if date is not None:
            moment = datetime.combine(Date.fromisoformat(date), datetime.min.time())
            self._constants["strftime_now"] = moment.strftime

    @cached_property
    def reading(self) -> TemplateReading:
        """What it reads, by its syntax tree."""
        from .syntax.reading import read

        return read(self._compiled.environment, self.source)

    @property
    def given(self) -> frozenset[str]:
        """Names that every server gives."""
        return frozenset(("messages", "add_generation_prompt", *self._constants))

    @property
    def shows_tools(self) -> bool:
        """Whether the template looks at the tools that are offered."""
        return "tools" in self.reading.names

    @property
    def dated(self) -> bool:
        """Whether the template prints a date."""
        return "strftime_now" in self.source

    def render(
        self, messages: Sequence[Mapping[str, Any]], *, generation: bool, kwargs: Mapping[str, Any]
    ) -> str:
        """The text of these messages; tools that stand with the first one are offered.

        Raises:
            TemplateRenderError: the template refuses them, e.g. a role it does not know.
        """
        try:
            return self._write(messages, generation, kwargs)
        except Exception as error:
            raise TemplateRenderError(str(error) or type(error).__name__) from error

    def _write(
        self, messages: Sequence[Mapping[str, Any]], generation: bool, kwargs: Mapping[str, Any]
    ) -> str:
        """What jinja's own `render` does, without gathering the same globals again for each row."""
        known = self._known.get(id(kwargs))
        if known is None or known[0] is not kwargs:
            known = (kwargs, {**self._compiled.globals, **self._constants, **kwargs})
            self._known[id(kwargs)] = known
        given = {**known[1], "messages": messages, "add_generation_prompt": generation}
        if messages and "tools" in messages[0]:
            first = dict(messages[0])
            given |= {"tools": first.pop("tools"), "messages": [first, *messages[1:]]}
        return "".join(self._compiled.root_render_func(self._compiled.new_context(given, shared=True)))


def _own_source(tokenizer: Tokenizer) -> str | None:
    own = tokenizer.chat_template
    if not own:
        return None
    if isinstance(own, str):
        return own
    try:
        return tokenizer.get_chat_template()
    except ValueError:
        return next(iter(own.values()))
