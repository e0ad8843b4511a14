"""Options: what a verb is given, held to its names and types in one place."""

# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnnecessaryContains=false
# An annotation that is read at run time may be anything, and so may what it is held against.

from __future__ import annotations

import inspect
import math
import numbers
import os
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from itertools import islice
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, is_typeddict

import numpy as np

from .errors import ReasonbookError, choices

Verb = TypeVar("Verb", bound=Callable[..., Any])
_Callable = Callable[..., Any]
_Configs = Callable[[], Iterable[_Callable]]
_LOOKED_AT = 1000  # elements of a list whose types are looked at
_NUMBER = re.compile(r"\s*[$€£]?\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*([%$€£]?)\s*")
_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "text", type(None): "None"}


def checked(
    error: type[ReasonbookError],
    example: str,
    *,
    configs: _Configs = tuple,
) -> Callable[[Verb], Verb]:
    """Decorates a public verb, or a class of options: a wrong call raises ``error`` with the line to type.

    Names come from the signature, types from its annotations; what an annotation cannot say (names that only
    a type checker sees, `Any`, protocols) is let through. Ranges are the verb's own business.

    Args:
        error: what is raised.
        example: a right call. What stands before its bracket is the verb's name in the sentence.
        configs: dataclasses whose fields the verb takes as ``**options``, asked for at the first wrong name.

    Example:
        >>> from reasonbook.errors import ReviewError
        >>> from reasonbook.options import checked
        >>> @checked(ReviewError, "rate(0, 5)")
        ... def rate(row: int, rating: int | None = None): ...
        >>> rate("0")
        Traceback (most recent call last):
        reasonbook.errors.ReviewError: rate(row='0'): row takes a whole number, not text.
          → row=0
    """

    def decorate(target: Verb) -> Verb:
        if isinstance(target, type):
            setattr(target, "__init__", decorate(getattr(target, "__init__")))  # noqa: B009, B010
            return target  # type: ignore[return-value]
        call = _Call(target, error, example, configs)

        @wraps(target)
        def verb(*args: Any, **kwargs: Any) -> object:
            call.check(args, kwargs)
            return target(*args, **kwargs)

        return verb  # type: ignore[return-value]

    return decorate


@dataclass(frozen=True)
class _Option:
    """One name that a verb takes: its type, where it can be read at run time, and what it is when nobody says."""

    hint: object
    default: object


class _Call:
    """How one verb may be called."""

    def __init__(
        self, target: _Callable, error: type[ReasonbookError], example: str, configs: _Configs
    ) -> None:
        self.target, self.error, self.example, self.configs = target, error, example, configs
        self.verb = example.partition("(")[0]
        self.signature = inspect.signature(target)
        self.parameters = [p for p in self.signature.parameters.values() if p.name not in ("self", "cls")]
        self.rest = next((p.name for p in self.parameters if p.kind is p.VAR_KEYWORD), "")

    @cached_property
    def options(self) -> dict[str, _Option]:
        """What may be named; a verb's own parameters win over those of its configs."""
        configs = tuple(self.configs())
        scope = {config.__name__: config for config in configs}
        taken = _options_of(self.target, scope)
        for config in configs:
            for name, option in _options_of(config, scope).items():
                taken.setdefault(name, option)
        return taken

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raises the verb's error when it cannot be called so."""
        try:
            given = dict(self.signature.bind(*args, **kwargs).arguments)
        except TypeError:
            raise self._misnamed(args, kwargs) from None
        options = self.options
        for name, value in given.pop(self.rest, {}).items():
            if name not in options and self.configs is not tuple:
                raise self._unknown(name)
            given[name] = value
        for name, value in given.items():
            if name in options and not _fits(value, options[name].hint):
                raise self._mistyped(name, value, options[name])

    def _misnamed(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ReasonbookError:
        """What the interpreter would say: a name that is not there, one too many, or one missing."""
        for name in kwargs:
            if not self.rest and name not in self.options:
                return self._unknown(name)
        places = [p.name for p in self.parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        count = len(args) - (len(self.signature.parameters) - len(self.parameters))
        if count > len(places):
            return self.error(
                f"{self.verb}() takes {_count(len(places))} without a name, not {count}.", self.example
            )
        for name in places[:count]:
            if name in kwargs:
                return self.error(f"{self.verb}() was given {name} twice.", self.example)
        needed = [p.name for p in self.parameters if p.default is p.empty and p.name != self.rest]
        missing = [name for name in needed[count:] if name not in kwargs]
        return self.error(f"{self.verb}() needs {' and '.join(missing)}.", self.example)

    def _unknown(self, name: str) -> ReasonbookError:
        return self.error(f"{self.verb}() has no option {name!r}.", choices(name, self.options))

    def _mistyped(self, name: str, value: object, option: _Option) -> ReasonbookError:
        hint = option.hint
        call = f"{self.verb}({name}={_shown(value)})"
        words = [word for each in _parts(hint) if get_origin(each) is Literal for word in get_args(each)]
        if words and isinstance(value, str):
            return self.error(f"{call}: there is no such {name}.", choices(value, words))
        problem = f"{call}: {name} takes {_words(hint)}, not {_kind(value)}."
        meant = _meant(value, hint)
        if meant is None and isinstance(option.default, (str, int, float)):
            meant = option.default
        return self.error(problem, self.example if meant in (None, "") else f"{name}={meant!r}")


def _options_of(target: _Callable, scope: Mapping[str, Any]) -> dict[str, _Option]:
    """The parameters that a person may name."""
    module = inspect.getmodule(target)
    names = {**(vars(module) if module else {}), **scope}
    taken: dict[str, _Option] = {}
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or parameter.name in (
            "self",
            "cls",
        ):
            continue
        hint = parameter.annotation
        if isinstance(hint, str):
            try:
                hint = eval(hint, names)
            except (NameError, AttributeError, TypeError):  # a name that only a type checker sees
                hint = Any
        taken[parameter.name] = _Option(Any if hint is parameter.empty else hint, parameter.default)
    return taken


def _fits(value: object, hint: object) -> bool:
    """Whether a value is of a type, as far as one can tell at once."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is None or hint is type(None):
        return value is None
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if hint is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if hint in (int, float):
        number = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool) and not _is_nan(value)
    if origin is not None:
        return _holds(value, origin, inner)
    if isinstance(hint, type) and issubclass(hint, PurePath):
        return isinstance(value, os.PathLike)
    if isinstance(hint, type) and not is_typeddict(hint):
        try:
            return isinstance(value, hint)
        except TypeError:  # a protocol that only a type checker can hold things to
            return True
    return True


def _holds(value: object, origin: object, inner: tuple[Any, ...]) -> bool:
    """Whether a container is of its kind, and its first elements of theirs."""
    if not isinstance(origin, type):
        return True
    if issubclass(origin, Mapping) or origin is type or not issubclass(origin, Iterable):
        return isinstance(value, origin)
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return False
    if not hasattr(value, "__len__"):  # a stream is read once, by the verb
        return origin is not tuple
    elements = list(islice(cast("Iterable[object]", value), _LOOKED_AT))
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        return len(elements) == len(inner) and all(map(_fits, elements, inner))
    return not inner or all(_fits(element, inner[0]) for element in elements)


def _meant(value: object, hint: object) -> object:
    """What was probably meant, in the right type; None when nobody can tell."""
    parts = _parts(hint)
    number: float | None = None
    if isinstance(value, str) and (found := _NUMBER.fullmatch(value)):
        number = float(found[1]) / (100 if found[2] == "%" else 1)
    elif isinstance(value, (float, np.floating)) and math.isfinite(value):
        number = float(value)
    if number is not None and float in parts:
        return number
    if number is not None and int in parts:
        return int(number)
    if isinstance(value, str) and bool in parts and value.strip().lower() in ("true", "false", "yes", "no"):
        return value.strip().lower() in ("true", "yes")
    lists = [each for each in parts if get_origin(each) not in (None, Literal)]
    return [value] if lists and any(_fits([value], each) for each in lists) else None


def _parts(hint: object) -> tuple[Any, ...]:
    """The types of a union, or the one."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _words(hint: object) -> str:
    """A type as a person says it."""
    return " or ".join(dict.fromkeys(_word(each) for each in _parts(hint)))


def _word(hint: object) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _WORDS:
        return _WORDS[hint]
    if hint is None:
        return "None"
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return "a dict"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Iterable):
        if origin is tuple and inner and inner[-1] is not Ellipsis:
            return f"{len(inner)} values in a tuple"
        plural = {int: "whole numbers", float: "numbers", str: "texts"}
        return f"a list of {plural[inner[0]]}" if inner and inner[0] in plural else "a list"
    if origin is not None:
        return "a function"
    name = getattr(hint, "__name__", str(hint))
    return "a path" if name == "Path" else f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


def _kind(value: object) -> str:
    """What a value is, as a person says it."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if _is_nan(value):
        return "nan"
    if isinstance(value, str):
        return "text"
    if isinstance(value, numbers.Integral):
        return "a whole number"
    if isinstance(value, numbers.Real):
        return "a number with a fraction"
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"a {type(value).__name__} of {', '.join(dict.fromkeys(map(_kind, value))) or 'nothing'}"
    name = type(value).__name__
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


def _shown(value: object) -> str:
    """A value in a sentence; large things by their name alone."""
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else type(value).__name__


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _count(number: int) -> str:
    return "no value" if number < 1 else "one value" if number == 1 else f"{number} values"
