"""IPython: live views by type, and the magics; the only module that imports widgets."""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path
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
  u undo     U redo     j / k next, previous      / search      m text as written      ? all keys      Esc leave a field
df.reason verbs: layout · estimate · augment · review · split · history · use · to_chat · train
"""

_live: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


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
        formatter.for_type_by_name(module, name, _show)
    cast(Any, ip).register_magic_function(_reason, magic_kind="line", magic_name="reason")


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """Takes our formatters and magics out, and nobody else's."""
    formatter = _formatter(ip)
    for registry in (formatter.deferred_printers, formatter.type_printers):
        for key in [key for key, show in registry.items() if show is _show]:
            del registry[key]
    cast(Any, ip).magics_manager.magics["line"].pop("reason", None)


def load_in_kernel() -> None:
    """Does on ``import reasonbook`` what ``%load_ext`` does, where a page can show it.

    That is in a kernel, in an installation with its front end, unless ``REASONBOOK_PLAIN=1`` asks for cards.
    """
    # It is not there yet while IPython itself is loading.
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = cast(Any, get_shell() if get_shell is not None else None)
    built = (Path(__file__).parent / "widgets" / "static").is_dir()
    if built and hasattr(shell, "kernel") and os.environ.get("REASONBOOK_PLAIN", "") in ("", "0"):
        load_ipython_extension(shell)


def _show(thing: Any, include: Any = None, exclude: Any = None) -> Any:
    return view(thing)._repr_mimebundle_(include=include, exclude=exclude)


def _formatter(ip: InteractiveShell) -> Any:
    """Where IPython keeps who shows which type; its traits bear no types."""
    return cast(Any, ip).display_formatter.mimebundle_formatter


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
