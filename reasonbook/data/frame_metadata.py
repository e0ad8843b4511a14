"""Frame metadata: what was said about this very frame, as long as it lives."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

from .typed_pandas import DataFrame

T = TypeVar("T")


class Remembered(Generic[T]):
    """A value for some frames, by the frame itself: a copy has none, and an end of the frame ends it too.

    pandas makes a new accessor at each use and copies ``attrs`` into what is derived, so neither can hold it.
    """

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[DataFrame], T]] = {}

    def get(self, df: DataFrame) -> T | None:
        """The frame's value, or None."""
        frame, value = self._values.get(id(df), (None, None))
        return value if frame is not None and frame() is df else None

    def set(self, df: DataFrame, value: T) -> None:
        """Keeps a value for the frame."""
        number = id(df)
        self._values[number] = (weakref.ref(df, lambda _: self._values.pop(number, None)), value)
