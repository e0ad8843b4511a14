"""Frame layout: the layout that was named for a frame, else what can be seen of it."""

from __future__ import annotations

from ..frame_metadata import Remembered
from ..typed_pandas import DataFrame
from .layout import Layout, detect

_named: Remembered[Layout] = Remembered()


def layout_of(df: DataFrame) -> Layout:
    """The layout that was named for this very frame, else the guess.

    Raises:
        LayoutError: the guess is unclear, or a named column is not there any more.
    """
    named = _named.get(df)
    return named.check(df) if named is not None else detect(df)


def name_layout(df: DataFrame, layout: Layout) -> Layout:
    """Names the layout of a frame; a copy of the frame starts from the guess again.

    Raises:
        LayoutError: a named column is not there.
    """
    _named.set(df, layout.check(df))
    return layout
