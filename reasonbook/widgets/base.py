"""Base: what every view shares: its assets, calls from the page, paced messages, a static twin."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import anywidget
import traitlets

from ..errors import ReasonbookError
from ..events import Event, Stream
from .serialize import Packed, encode, is_object, plain
from .throttle import throttle

STATIC = Path(__file__).parent / "static"
_WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
LATE = ("reading", "math")  # built from frontend/src/late
_REMEMBERED = 512  # replies kept for a page that asks again because it did not hear the first


@runtime_checkable
class _Followed(Protocol):
    """A core object that says when it changes."""

    stream: Stream


class _Channel(Protocol):
    """What a view uses of ipywidgets, which brings no types."""

    def on_msg(self, callback: Callable[[Any, Any, Any], None]) -> None: ...

    def send(self, content: dict[str, Any], buffers: list[Any]) -> None: ...


@dataclass(frozen=True)
class _Verb:
    function: str
    once: bool
    background: bool


def verb(
    *, once: bool = False, background: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Lets the page call a method by its name.

    Args:
        once: the call changes something. A page that hears no answer sends it again under the same id;
            it is carried out once and the first answer is given again.
        background: the call takes long (it asks a teacher): it runs on a thread of its own, and the page is
            told at once that it was heard.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.reasonbook_verb = _Verb(function.__name__, once, background)  # type: ignore[attr-defined]
        return function

    return mark


class View(anywidget.AnyWidget):
    """A live view of one core object.

    A subclass names its bundle in ``_name``, gives the whole picture in ``snapshot``, what changed in
    ``collect``, and marks with `verb` what the page may call. Data never stands in traits, which the
    notebook would save: the page asks for it, and messages carry what changed.

    Handlers run on whichever thread the kernel uses for messages, one at a time per view. They call the
    core's verbs, which bring their own safety; a write to the user's frame goes through the core's mailbox.

    Args:
        core: the object to show.
        stream: the events to follow; ``core.stream`` where there is one.
        subject: a short name that lasts longer than the kernel, under which the page keeps unsent edits.
    """

    core: Any  # a subclass says of which class

    _name: ClassVar[str] = ""
    _verbs: ClassVar[dict[str, _Verb]] = {"late_module": _Verb("late_module", once=False, background=False)}
    _unsubscribe: Callable[[], None] | None = None

    _esm = traitlets.Unicode("").tag(sync=True)
    _css = traitlets.Unicode("").tag(sync=True)
    subject = traitlets.Unicode("").tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)  # pyright: ignore[reportUnknownMemberType]
        found = (getattr(member, "reasonbook_verb", None) for member in vars(cls).values())
        cls._verbs = {**cls._verbs, **{v.function: v for v in found if v is not None}}

    def __init__(self, core: object, *, stream: Stream | None = None, subject: str = "") -> None:
        script, style = assets(self._name)
        self.core = core
        self._gate = threading.RLock()  # one verb at a time; held while the core works
        self._books = threading.Lock()  # guards the next three; never held while anything else is called
        self._touched: set[str] = set()
        self._replies: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._under_way: set[str] = set()
        super().__init__(_esm=script, _css=style, subject=subject)
        cast(_Channel, self).on_msg(self._received)
        if stream is None and isinstance(core, _Followed):
            stream = core.stream
        if stream is not None:
            self._unsubscribe = stream.subscribe(self._heard, replay=False)

    def open(self) -> None:
        """Puts the view on the page; its answers go to the subshell that asked."""
        super().open()
        # ipykernel 7.4 hands a page's message not to the subshell that it names but to the one under which the
        # view spoke last; for a push that is whichever the kernel heard last. A page that is reloaded ends some,
        # and the kernel drops what goes to them. A view answers wherever it is asked: let the page choose.
        comm = cast("Any", self.comm)
        if hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = _as_addressed  # noqa: SLF001 - it has no public name

    # -- what a subclass writes --------------------------------------------------------------------------
    def snapshot(self) -> Packed | dict[str, Any]:
        """Everything that the page needs for its first paint; small, whatever the size of the data."""
        return {}

    def fold(self, event: Event) -> None:
        """Takes an event in, on the thread that emitted it: quick, mostly `touch`."""
        self.touch(event.kind)

    def collect(self, topics: set[str]) -> Packed | dict[str, Any] | None:
        """What to tell the page about touched topics, at most 20 times a second; None for nothing."""
        return {"topics": sorted(topics)}

    def late_module(self, name: str) -> str:
        """The text of a module that the page fetches only when something on it needs it."""
        if name not in LATE:
            raise ReasonbookError(f"There is no module {name!r}.", "run the cell again")
        return asset(f"late/{name}.js")

    def touch(self, *topics: str) -> None:
        """Notes that something changed; `collect` is called soon, from a thread of the throttle."""
        with self._books:
            fresh = not self._touched
            self._touched.update(topics)
        if fresh:
            throttle().ask(self._flush)

    # -- calls from the page -----------------------------------------------------------------------------
    def _received(self, _widget: object, content: object, buffers: object) -> None:
        if not is_object(content) or not isinstance(call := content.get("call"), str):
            return
        op, args = content.get("op"), content.get("args", {})
        if op == "snapshot":
            self._answer(call, _Verb("snapshot", False, False), {})
            return
        known = self._verbs.get(op) if isinstance(op, str) else None
        if known is None or not is_object(args):
            error = {"problem": f"There is no verb {op!r}.", "fix": ""}
            self._say({"call": call, "ok": False, "error": error})
            return
        with self._books:
            again = self._replies.get(call) or (
                {"call": call, "heard": True} if call in self._under_way else None
            )
            if again is None and (known.once or known.background):
                self._under_way.add(call)
        if again is not None:
            self._say(again)
            return
        if known.background:
            self._say({"call": call, "heard": True})
            threading.Thread(
                target=self._answer, args=(call, known, args), name=f"reasonbook-{op}", daemon=True
            ).start()
        else:
            with self._gate:
                self._answer(call, known, args)

    def _answer(self, call: str, known: _Verb, args: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"call": call, "ok": True}
        buffers: list[Any] = []
        try:
            result = getattr(self, known.function)(**args)
            if isinstance(result, Packed):
                result, buffers = result.content, result.buffers
            reply["result"] = plain(result)
        except ReasonbookError as error:
            reply |= {"ok": False, "error": {"problem": error.problem, "fix": error.fix}}
        except Exception as error:
            reply |= {"ok": False, "error": {"problem": f"{type(error).__name__}: {error}", "fix": ""}}
        with self._books:
            self._under_way.discard(call)
            if known.once:
                self._replies[call] = reply
                while len(self._replies) > _REMEMBERED:
                    self._replies.popitem(last=False)
        self._say(reply, buffers)

    # -- messages to the page ----------------------------------------------------------------------------
    def _heard(self, event: Event) -> None:
        self.fold(event)

    def _flush(self) -> None:
        with self._books:
            topics, self._touched = self._touched, set()
        if not topics:
            return
        news = self.collect(topics)
        if news is None:
            return
        packed = news if isinstance(news, Packed) else Packed(news)
        self._say({"push": plain(packed.content)}, packed.buffers)

    def _say(self, content: dict[str, Any], buffers: list[Any] | None = None) -> None:
        content, buffers = encode(content, buffers or [])
        try:
            cast(_Channel, self).send(content, buffers)
        except Exception:
            if self.comm is None:  # taken off the page: a view opened later asks for a snapshot
                self.close_stream()

    # -- its end and its static twin ---------------------------------------------------------------------
    def close_stream(self) -> None:
        """Stops following the core."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @property
    def closed(self) -> bool:
        """Whether the view was taken off the page for good."""
        return self.comm is None

    def close(self) -> None:
        """Takes the view off the page and stops following the core; the core goes on."""
        self.close_stream()
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.core!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view, and the core's own card for every place that runs no widget."""
        data: dict[str, Any] = {"text/plain": repr(self.core)}
        html = getattr(self.core, "_repr_html_", None)
        if callable(html):
            data["text/html"] = html()
        if self.comm is not None:
            data[_WIDGET_MIME] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return data, {}


def _as_addressed(_data: object, subshell: str | None) -> str | None:
    return subshell


def assets(name: str) -> tuple[str, str]:
    """A widget's script and style sheet.

    Raises:
        ReasonbookError: the package was installed without its front end.
    """
    return asset(f"{name}.js"), asset(f"{name}.css")


def asset(name: str) -> str:
    """The text of a file that the front end's build has made.

    Raises:
        ReasonbookError: it is not there.
    """
    path = STATIC / name
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise ReasonbookError(
            f"The live views were not built into this installation: {name} is missing.",
            "pip install --force-reinstall reasonbook   (in a checkout: python hatch_build.py)",
        ) from error


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> str:
    return path.read_text(encoding="utf-8")
