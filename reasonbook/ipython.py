"""IPython: live views by type, and the magics; the only module that imports widgets."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# Core type, by module and name so that nothing is imported before it is shown → widget class.
VIEWS: dict[tuple[str, str], str] = {
    ("reasonbook.schema.schema", "Schema"): "SchemaEditor",
    ("reasonbook.augment.augmentation", "Augmentation"): "AugmentProgress",
    ("reasonbook.review.review", "Review"): "SampleReview",
    ("reasonbook.chat.preview", "Preview"): "MaskPreview",
    ("reasonbook.training.run", "Run"): "TrainingCurves",
    ("reasonbook.training.evaluation.comparison", "Comparison"): "Comparison",
    ("reasonbook.training.chat_session", "ChatSession"): "ChatBox",
}
_KEYS = """Review keys, while the review has focus
  a accept   r reject   s skip   1–5 rate   e edit   f repair with feedback
  u undo     U redo     j / k next, previous      / search      ? all keys      Esc leave a field
df.reason verbs: layout · estimate · augment · review · split · history · use · to_chat · train
"""

_live: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_registered: dict[tuple[str, str], Callable[..., Any]] = {}


def view(thing: Any) -> Any:
    """The live view of a core object; the same object always has the same one."""
    from . import widgets

    identity = _Identity.of(thing)
    found = _live.get(identity)
    if found is None or getattr(found, "closed", False):
        name = VIEWS[(type(thing).__module__, type(thing).__name__)]
        found = _live[identity] = getattr(widgets, name)(thing)
    return found


def load_ipython_extension(ip: InteractiveShell) -> None:
    """``%load_ext reasonbook``: objects show themselves as live views; prints nothing."""
    formatter = _formatter(ip)
    for module, name in VIEWS:

        def show(thing: Any, include: Any = None, exclude: Any = None) -> Any:
            return view(thing)._repr_mimebundle_(include=include, exclude=exclude)

        formatter.for_type_by_name(module, name, show)
        _registered[(module, name)] = show
    cast(Any, ip).register_magic_function(_reason, magic_kind="line", magic_name="reason")


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """Takes our formatters and magics out, and nobody else's."""
    formatter = _formatter(ip)
    for (module, name), show in _registered.items():
        for registry, key in (
            (formatter.deferred_printers, (module, name)),
            *_resolved(formatter, module, name),
        ):
            if registry.get(key) is show:
                del registry[key]
    _registered.clear()
    cast(Any, ip).magics_manager.magics["line"].pop("reason", None)


def _formatter(ip: InteractiveShell) -> Any:
    """Where IPython keeps who shows which type; its traits bear no types."""
    return cast(Any, ip).display_formatter.mimebundle_formatter


def _resolved(formatter: Any, module: str, name: str) -> list[tuple[dict[Any, Any], Any]]:
    """IPython moves an entry from its deferred table to the one by class when a type is first shown."""
    found = [cls for cls in formatter.type_printers if (cls.__module__, cls.__name__) == (module, name)]
    return [(formatter.type_printers, cls) for cls in found]


def _reason(line: str = "") -> None:
    """Prints the review's keys and the verbs."""
    print(_KEYS)


class _Identity:
    """A hashable, weakly held handle on an object that may be unhashable, one per object."""

    __slots__ = ("__weakref__", "_id")

    def __init__(self, thing: Any) -> None:
        self._id = id(thing)

    @staticmethod
    def of(thing: Any) -> _Identity:
        found = getattr(thing, "_rb_identity", None)
        if found is None:
            found = _Identity(thing)
            object.__setattr__(thing, "_rb_identity", found)  # frozen dataclasses are shown too
        return found
