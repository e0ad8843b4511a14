"""Job: background work with a status; its results are handed to the thread that owns them."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from .errors import ReasonbookError
from .events import Stream

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Self


class Status(str, Enum):
    """Where a job stands; the last four are final until it is started again."""

    CREATED = "CREATED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether the work has ended, well or not."""
        return self in (Status.COMPLETED, Status.PARTIAL, Status.FAILED, Status.CANCELLED)

    def __str__(self) -> str:
        return self.value


class Mailbox:
    """Hands functions to the thread that created it.

    A worker posts; the owner runs what was posted between notebook cells (through the kernel's loop), before
    the next cell starts, inside ``Job.wait`` or by calling ``drain``. Nothing is ever run on another thread.
    """

    def __init__(self) -> None:
        self._owner = threading.get_ident()
        self._queue: deque[Callable[[], None]] = deque()
        self._arrived = threading.Event()
        self._scheduled = False
        self._loop = _running_loop()
        _before_each_cell(self)

    @property
    def mine(self) -> bool:
        """Whether the calling thread is the owner."""
        return threading.get_ident() == self._owner

    def post(self, function: Callable[[], None]) -> None:
        """Leaves a function for the owner to run; may be called from any thread."""
        self._queue.append(function)
        self._arrived.set()
        if self._loop is not None and not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self.drain)
            except RuntimeError:  # the kernel's loop is closed: wait() or drain() deliver
                self._loop = None

    def drain(self) -> None:
        """Runs everything posted so far; does nothing on a thread that is not the owner."""
        if not self.mine:
            return
        self._scheduled = False
        self._arrived.clear()
        while self._queue:
            self._queue.popleft()()

    def wait(self, timeout: float) -> None:
        """Waits until something is posted, or so many seconds."""
        self._arrived.wait(timeout)


class Job:
    """Work on a thread of its own.

    A subclass writes ``_work`` (called on the worker; returns the final status) and may look at
    ``self.stopping``. Anything that touches the caller's objects goes through ``self.mailbox.post``.

    Attributes:
        status: a `Status`.
        stream: the job's events; ``status`` events carry every change.
        error: the exception that ended it, if one did.
    """

    def __init__(self, *, stream: Stream | None = None) -> None:
        self.stream = stream if stream is not None else Stream()  # an empty one is falsy
        self.mailbox = Mailbox()
        self.error: BaseException | None = None
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self._status = Status.CREATED
        self._stop = threading.Event()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def status(self) -> Status:
        """Where the job stands."""
        return self._status

    @property
    def stopping(self) -> bool:
        """Whether the work was asked to end."""
        return self._stop.is_set()

    @property
    def running(self) -> bool:
        """Whether the work was started and has not ended."""
        return self._thread is not None and not self._done.is_set()

    @property
    def how_far(self) -> str:
        """What it is and how far, in a few words, for whoever waits for it."""
        return f"{type(self).__name__} {self._status}"

    @property
    def seconds(self) -> float:
        """Wall seconds from the start until now or the end."""
        if self.started_at is None:
            return 0.0
        return (self.ended_at or time.time()) - self.started_at

    def start(self) -> Self:
        """Starts the work and returns at once."""
        if self.running:
            raise ReasonbookError(
                f"This {type(self).__name__} is already running.", "job.wait() or job.stop()"
            )
        self._stop.clear()
        self._done.clear()
        self.error = None
        self.started_at, self.ended_at = time.time(), None
        self._set(self._first_status())
        self._thread = threading.Thread(
            target=self._run, name=f"reasonbook-{type(self).__name__}", daemon=True
        )
        self._thread.start()
        return self

    def wait(self, timeout: float | None = None) -> Self:
        """Waits for the end, delivering results meanwhile; an interrupt stops the job and is raised on.

        Args:
            timeout: seconds; when they pass the job goes on in the background.

        Raises:
            ReasonbookError: the job as a whole failed.
        """
        try:
            self.deliver(math.inf if timeout is None else timeout)
        except KeyboardInterrupt:
            self.stop()
            self._done.wait(0.4)
            self.mailbox.drain()
            raise
        if self._status is Status.FAILED and self.error is not None:
            raise self.error
        return self

    def deliver(self, seconds: float) -> bool:
        """Delivers what has come and what comes in so many seconds; whether the work has ended.

        Unlike `wait`, an interrupt leaves the job alone, and its failure is not raised.
        """
        deadline = time.monotonic() + seconds
        while not self._done.is_set():
            self.mailbox.drain()
            left = min(0.1, deadline - time.monotonic())
            if left <= 0:
                return False
            if self.mailbox.mine:
                self.mailbox.wait(left)
            else:
                self._done.wait(left)
        self.mailbox.drain()
        return True

    def stop(self) -> Self:
        """Asks the work to end soon; what is finished stays."""
        self._stop.set()
        return self

    def _first_status(self) -> Status:
        return Status.RUNNING

    def _work(self) -> Status:
        raise NotImplementedError

    def _set(self, status: Status) -> None:
        self._status = status
        self.stream.emit("status", status=str(status))

    def _run(self) -> None:
        status = Status.FAILED
        try:
            status = self._work()
        except BaseException as error:  # the worker's end must always be announced
            self.error = error
        self.ended_at = time.time()
        # The final status becomes true on the owner's side only after the results before it arrived.
        try:
            self._set(status)
        finally:
            self._done.set()
            self.mailbox.post(lambda: None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    if "asyncio" not in sys.modules:  # slow to import, and who has a loop that runs has imported it
        return None
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _before_each_cell(mailbox: Mailbox) -> None:
    """Delivers what is pending when the person runs the next cell, so that it sees the newest rows."""
    import weakref

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    ref = weakref.ref(mailbox)

    def pre_run_cell(*_: object) -> None:
        box = ref()
        if box is None:
            shell.events.unregister("pre_run_cell", pre_run_cell)
        else:
            box.drain()

    shell.events.register("pre_run_cell", pre_run_cell)
