"""Frame layout: the layout that was named for a frame or for what it comes from, else what can be seen of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from ...errors import LayoutError
from ..frame_metadata import Remembered
from ..typed_pandas import DataFrame
from .columns import OWN
from .detection import detect
from .layout import Layout

_NOTE = "reasonbook.layout"  # in `df.attrs`, which pandas hands on to most slices and copies
_named: Remembered[Layout] = Remembered()
_by_columns: dict[frozenset[Hashable], list[Layout]] = {}  # what was named for frames with these columns
_MOST = 200


def layout_of(df: DataFrame) -> Layout:
    """The layout that was named for this frame, else for what it was cut, copied or put together from, else the guess.

    A frame is known to come from another by the note that pandas hands on in ``attrs``; where that is lost, by having
    the same columns as frames that were all named alike.

    Raises:
        LayoutError: the guess is unclear, or a named column is not there any more.
    """
    named = _named.get(df)
    if named is not None:
        return named.check(df)
    kept = _noted(df) or _only(_by_columns.get(_columns(df), []))
    if kept is not None:
        return kept.check(df)
    try:
        return detect(df)
    except LayoutError:
        fits = [layout for layouts in _by_columns.values() for layout in layouts if _fits(layout, df)]
        kept = _only(fits)
        if kept is None:
            raise
        return kept


def name_layout(df: DataFrame, layout: Layout) -> Layout:
    """Names the layout of a frame; its slices and copies have it too.

    Raises:
        LayoutError: a named column is not there.
    """
    before, alike = _named.get(df), _by_columns.setdefault(_columns(df), [])
    _named.set(df, layout.check(df))
    alike[:] = [other for other in alike if other not in (before, layout)] + [layout]
    while len(_by_columns) > _MOST:
        del _by_columns[next(iter(_by_columns))]
    if all(isinstance(name, str) for name in layout.columns.values()):
        df.attrs[_NOTE] = dict(layout.columns)
    return layout


def _noted(df: DataFrame) -> Layout | None:
    """What the frame's note says, where its columns are still there."""
    note = df.attrs.get(_NOTE)
    try:
        layout = Layout(**note) if isinstance(note, dict) else None  # pyright: ignore[reportUnknownArgumentType]
    except TypeError:
        return None
    return layout if layout is not None and _fits(layout, df) else None


def _only(layouts: list[Layout]) -> Layout | None:
    """The layout that all of them are; it counts as found, so that its card says how to name another."""
    first = layouts[0] if layouts else None
    return (
        replace(first, guessed=True) if first is not None and all(each == first for each in layouts) else None
    )


def _fits(layout: Layout, df: DataFrame) -> bool:
    try:
        return bool(layout.check(df))
    except LayoutError:
        return False


def _columns(df: DataFrame) -> frozenset[Hashable]:
    return frozenset(name for name in df.columns if name not in OWN)
