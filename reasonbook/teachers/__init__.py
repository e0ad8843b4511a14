"""Teachers: the models and functions that fill a reasoning schema."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import TeacherError, choices
from .hosted.hosted import HostedTeacher
from .teacher import CallError, Capabilities, Completion, CountsTokens, Limits, Request, Teacher, Usage

__all__ = [
    "CallError",
    "Capabilities",
    "Completion",
    "CountsTokens",
    "Limits",
    "Request",
    "Teacher",
    "TeacherSpec",
    "Usage",
    "resolve",
]

TeacherSpec: TypeAlias = str | Teacher | Callable[..., Any]  # what `resolve` takes

# Prefix of a spec → module and class; a new teacher is one file and one line here.
KINDS = {
    "openai": ("openai", "OpenAI"),
    "anthropic": ("anthropic", "Anthropic"),
    "llamacpp": ("llamacpp", "LlamaCpp"),
    "transformers": ("transformers", "Transformers"),
}


def resolve(spec: TeacherSpec, *, ready: bool = True) -> Teacher:
    """The teacher that a spec names.

    Args:
        spec: ``"openai:MODEL"``, ``"openai:MODEL@https://host/v1"``, ``"anthropic:MODEL"``,
            ``"llamacpp:PATH.gguf"``, ``"transformers:MODEL"``, a Python function, or a teacher.
        ready: False when it is only to be named and priced, for which nobody needs a key.

    Raises:
        NeedsKey: its provider wants an API key and there is none.
        TeacherError: the spec is not one of these.

    Example:
        >>> from reasonbook.teachers import resolve
        >>> resolve("openai:gpt-4o-mini", ready=False).name
        'openai:gpt-4o-mini'
    """
    teacher = _named(spec)
    if ready and isinstance(teacher, HostedTeacher):
        teacher.check()
    return teacher


def _named(spec: object) -> Teacher:
    if isinstance(spec, str):
        kind, found, model = spec.partition(":")
        if not found or not model.strip() or kind not in KINDS:
            raise TeacherError(
                f"{spec!r} does not name a teacher; {choices(kind, KINDS)}",
                'teacher="openai:MODEL"   or   teacher="openai:MODEL@http://localhost:8000/v1"   '
                "or   teacher=a_python_function",
            )
        module, name = KINDS[kind]
        make = getattr(importlib.import_module(f".{module}", __name__), name)
        model, at, url = model.strip().rpartition("@") if "@http" in model else (model.strip(), "", "")
        return make(model, base_url=url) if at else make(model)
    if isinstance(spec, type):
        raise TeacherError(f"{spec.__name__} is a class, not a teacher.", f"teacher={spec.__name__}(…)")
    if isinstance(spec, Teacher):
        return spec
    if callable(spec):
        from .python import PythonTeacher

        return PythonTeacher(spec)
    raise TeacherError(
        f"A teacher is a text such as 'openai:MODEL', a Python function or a teacher object, not "
        f"{type(spec).__name__}.",
        'teacher="openai:MODEL"',
    )
