"""Jinja environment: a chat template, compiled as transformers compiles it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

if TYPE_CHECKING:
    from jinja2 import Environment, Template, nodes
    from jinja2.parser import Parser


def compile_template(source: str) -> Template:
    """A compiled template.

    By transformers' own function, which has no public name; by the same environment made here where it has gone.

    Raises:
        jinja2.TemplateSyntaxError: the source is no template.
    """
    from transformers.utils import chat_template_utils

    compiled: Callable[[str], Template] | None = getattr(chat_template_utils, "_compile_jinja_template", None)
    return environment().from_string(source) if compiled is None else compiled(source)


def environment() -> Environment:
    """Jinja's sandbox, set up as transformers sets it up for chat templates."""
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.nodes import Scope
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` marks what an assistant writes; what stands in it is rendered as it is."""

        tags: ClassVar[set[str]] = {"generation"}  # pyright: ignore[reportIncompatibleVariableOverride]

        def parse(self, parser: Parser) -> nodes.Node:
            line = next(parser.stream).lineno
            return Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    def tojson(value: object, ensure_ascii: bool = False, **options: Any) -> str:
        """Jinja's own escapes for HTML."""
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    def strftime_now(form: str) -> str:
        return datetime.now().strftime(form)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    cast("dict[str, object]", made.filters)["tojson"] = tojson  # pyright: ignore[reportUnknownMemberType]
    cast("dict[str, object]", made.globals).update(  # pyright: ignore[reportUnknownMemberType]
        raise_exception=refuse, strftime_now=strftime_now
    )
    return made
