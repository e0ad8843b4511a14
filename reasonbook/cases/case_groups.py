"""Case groups: rows that have to share a split, since they are one case or have the same request."""

from __future__ import annotations

import numpy as np

from ..data.frame import Frame
from ..data.typed_pandas import codes_of
from ..errors import ReasonbookError
from .cases import cases_of

_ANEW = 'df = df.drop(columns="split"); df.reason.split(by="case")'


def groups_of(frame: Frame) -> list[str]:
    """A group per row of a frame, for `split`: no case and no request stands in two groups.

    Raises:
        ReasonbookError: all rows are one case, or splits that stand already part a case.

    Example:
        >>> from reasonbook.cases import groups_of
        >>> from reasonbook.data.frame import Frame
        >>> from reasonbook.data.layout.frame_layout import layout_of
        >>> len(set(groups_of(Frame(df, layout_of(df)))))
        40
    """
    cases = cases_of(frame)
    requests = codes_of([row.prompt_key for row in frame.layout.read(frame.df)])[0]
    groups = joined(cases.codes, requests)
    if len(groups) > 1 and not groups.any():
        raise ReasonbookError(
            f"All {len(groups)} rows are one case, by their {cases.by}: there is nothing to test them by.",
            "df.reason.split()   # equal requests stay together",
        )
    splits = frame.column("split")
    sides = {
        (group, split) for group, split in zip(groups.tolist(), splits, strict=True) if split is not None
    }
    parted = len(sides) - len({group for group, _ in sides})
    if parted:
        raise ReasonbookError(
            f"The splits that stand already part {parted} cases, and rows that have a split keep it.", _ANEW
        )
    return [str(group) for group in groups.tolist()]


def joined(cases: np.ndarray, requests: np.ndarray) -> np.ndarray:
    """The first row of each row's group, int64; rows that meet in a case or in a request are in one."""
    groups = np.arange(len(cases))
    while True:
        before = groups
        for codes in (cases, requests):
            least = np.full(int(codes.max(initial=-1)) + 1, len(groups), dtype=np.int64)
            np.minimum.at(least, codes, groups)
            groups = least[codes]
        if np.array_equal(before, groups):
            return groups
