"""Python teacher: a function of yours, be it rules, another library, a model of one's own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import inspect
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar, cast

from ..errors import ReasonbookError, TeacherError
from ..safe_text import excerpt
from .json_access import as_object
from .teacher import CallError, Capabilities, Completion, Request, Usage

_THREADS = 16

_Result = TypeVar("_Result")
_Job: TypeAlias = tuple[Callable[[], Any], "_Results", "asyncio.Future[Any]"]


class PythonTeacher:
    """Calls a function with the request's text, and with the response's too if it takes two arguments.

    The function, sync or async, returns a dict of values by field name (or by safe key); fields that are not
    asked for are passed over, so that one function serves a schema that shrinks or changes in part. For the
    methods that keep a text, it may return the text. What it raises becomes the row's error.

    Args:
        function: the function; its source is part of the name, so that an edited one is asked anew.
        name: another name for the cache; then only a change of this name asks anew.
        free: whether its calls cost nothing.
    """

    def __init__(self, function: Callable[..., Any], *, name: str | None = None, free: bool = True) -> None:
        self.function = function
        self.name = f"python:{name}" if name else _name(function)
        self.takes_response, self.needs_response = _arguments(function)
        self.is_async = _is_async(function)
        self.capabilities = Capabilities(
            rungs=("text",), free=free, parallel=None if self.is_async else _THREADS, samples_differ=False
        )
        self._threads = Threads()

    def __repr__(self) -> str:
        return f"PythonTeacher({self.name!r})"

    async def complete(self, request: Request) -> Completion:
        """Calls the function once; a sync one runs on a thread."""
        arguments = (request.prompt, request.response) if self.takes_response else (request.prompt,)
        try:
            if self.is_async:
                answer = await self.function(*arguments)
            else:
                answer = await self._threads.run(functools.partial(self.function, *arguments))
            return _completion(answer, request)
        except CallError:
            raise
        except ReasonbookError as error:
            raise CallError("request", error.problem) from error
        except (Exception, SystemExit) as error:  # whatever a user's function raises belongs to the row
            raise CallError("request", f"{type(error).__name__}: {excerpt(error, 400)}") from error

    async def close(self) -> None:
        """Lets the threads go, each when its function returns."""
        self._threads.close()


def _completion(answer: object, request: Request) -> Completion:
    """What a function returned; looking at it may raise, as the function itself may."""
    usage = Usage(calls=1)
    if isinstance(answer, str):
        return Completion(answer, answer if request.thinking else "", usage)
    values = as_object(answer)
    if values is not None:
        data = {str(key): _plain(value) for key, value in values.items()}
        return Completion.of(data, usage, surplus=True)
    raise CallError("request", f"the function returned {type(answer).__name__}, not a dict of field values")


class Threads:
    """Daemon threads for sync functions: one that never returns must not keep the process alive."""

    def __init__(self) -> None:
        self._crew = _Crew()
        self._results: _Results | None = None

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Runs a function on a thread that is free, or on a new one."""
        loop = asyncio.get_running_loop()
        results = self._results
        if results is None or results.loop is not loop:
            results = self._results = _Results(loop)
        future: asyncio.Future[_Result] = loop.create_future()
        self._crew.take((function, results, future))
        return await future

    def close(self) -> None:
        """Lets the threads go, each when its function returns; the next job gets new ones."""
        crew, self._crew = self._crew, _Crew()
        crew.dismiss()


class _Crew:
    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = 0
        self._count = 0
        self._lock = threading.Lock()

    def take(self, job: _Job) -> None:
        with self._lock:
            if self._idle == 0:
                self._count += 1
                threading.Thread(target=self._serve, name="reasonbook-teacher", daemon=True).start()
            else:
                self._idle -= 1
        self._jobs.put(job)

    def dismiss(self) -> None:
        for _ in range(self._count):
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, results, future = job
            try:
                done, value = True, function()
            except BaseException as error:
                done, value = False, error
            del job, function
            with self._lock:
                self._idle += 1
            results.put(future, done, value)


class _Results:
    """What threads have for a loop, which is woken once for all that comes until it looks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], bool, object]] = deque()
        self._woken = False

    def put(self, future: asyncio.Future[Any], done: bool, value: object) -> None:
        self._ready.append((future, done, value))
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the job was stopped and its loop is closed
                self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._woken = False  # first, so that whatever comes from here on wakes the loop again
        while self._ready:
            _settle(*self._ready.popleft())


def _settle(future: asyncio.Future[Any], done: bool, value: object) -> None:
    if future.cancelled():
        return
    if done:
        future.set_result(value)
    elif isinstance(value, Exception) and not isinstance(value, StopIteration):
        future.set_exception(value)
    else:  # a future takes no StopIteration, and what ends a thread must not end the job
        future.set_exception(RuntimeError(f"{type(value).__name__}: {excerpt(value)}"))


def _name(function: Callable[..., Any]) -> str:
    """A name that stays the same over processes and changes when the function's own text changes."""
    extra = ""
    if isinstance(function, functools.partial):
        extra = repr((function.args, sorted(function.keywords.items())))
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    try:
        source = inspect.getsource(named)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        source = repr((code.co_code, code.co_names)) if code is not None else ""
    digest = hashlib.sha256((source + extra).encode()).hexdigest()[:8]
    return f"python:{named.__qualname__.replace('<locals>.', '')}#{digest}"


def _arguments(function: Callable[..., Any]) -> tuple[bool, bool]:
    """Whether it can take a response, and whether it must."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False, False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if (not positional and not any(p.kind is p.VAR_POSITIONAL for p in parameters)) or len(required) > 2:
        raise TeacherError(
            f"A teacher function is called with the request's text, or with request and response; "
            f"{getattr(function, '__name__', 'this one')} takes {len(required)} arguments.",
            "def teacher(request: str) -> dict: ...   or   def teacher(request: str, response: str) -> dict: ...",
        )
    return len(positional) >= 2, len(required) >= 2


def _is_async(function: Callable[..., Any]) -> bool:
    inner = function.func if isinstance(function, functools.partial) else function
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def _plain(value: object) -> object:
    """Plain Python values for numpy's."""
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in cast("Iterable[Any]", value)]
    if type(value).__module__ == "numpy":
        return cast("Any", value).tolist()
    return value
