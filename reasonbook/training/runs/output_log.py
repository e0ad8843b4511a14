"""Output log: what other packages print while they train goes into a file, not into the cell."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class _Switch:
    """A text stream that sends one thread's text to a file and passes on everybody else's."""

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self._stream = stream
        self._log = log
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            return self._log.write(text) if not self._log.closed else len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class _ThisThread(logging.Filter):
    """Lets log records of one thread through only when they are errors."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread or record.levelno >= logging.ERROR


@contextmanager
def muted(log: Path) -> Generator[None]:
    """Sends the calling thread's prints, log lines and progress bars to a file; other threads print on.

    Args:
        log: the file they are appended to.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    handlers = [
        handler
        for name in ("transformers", "peft", "accelerate", "bitsandbytes", "trl", "unsloth", "torch", "")
        for handler in logging.getLogger(name).handlers
    ]
    quiet = _ThisThread()
    with log.open("a", encoding="utf-8", buffering=1) as file, _no_bars():
        outer = sys.stdout, sys.stderr
        ours = _Switch(sys.stdout, file), _Switch(sys.stderr, file)
        sys.stdout, sys.stderr = ours  # type: ignore[assignment]
        for handler in handlers:
            handler.addFilter(quiet)
        try:
            yield
        finally:
            for handler in handlers:
                handler.removeFilter(quiet)
            if sys.stdout is ours[0]:
                sys.stdout = outer[0]
            if sys.stderr is ours[1]:
                sys.stderr = outer[1]


@contextmanager
def _no_bars() -> Generator[None]:
    """Turns off the progress bars of transformers while it loads and saves."""
    from transformers.utils import logging as hf

    shown = hf.is_progress_bar_enabled()
    hf.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            hf.enable_progress_bar()
