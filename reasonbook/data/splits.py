"""Splits: which rows train, validate and test; made once, by content, and kept in the frame."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ReasonbookError
from .frame import Frame

NAMES = ("train", "validation", "test")
_FIX = "df.reason.split(test=0.1, validation=0.1)"


def assign(
    groups: Sequence[str],
    *,
    fractions: Mapping[str, float],
    seed: int = 0,
    strata: Sequence[Any] | None = None,
    given: Sequence[str | None] | None = None,
) -> list[str]:
    """A split name per row.

    Rows of one group (same request, or the user's own grouping) always share a split. The order is drawn
    from the group and the seed alone, so the same rows get the same split in any order and on any machine.

    Args:
        groups: a group name per row.
        fractions: size of ``validation`` and ``test``, each from 0 to 1; train takes the rest.
        seed: another seed gives another draw.
        strata: a class per row; each class is split by itself.
        given: splits that stand already; they are kept, and the rest of their groups goes with them.

    Raises:
        ReasonbookError: fractions do not fit, or a given name is unknown.
    """
    if any(not 0 <= part < 1 for part in fractions.values()) or sum(fractions.values()) >= 1:
        raise ReasonbookError(f"These parts leave nothing to train on: {dict(fractions)}.", _FIX)
    fixed: dict[str, str] = {}
    for group, name in zip(groups, given or (), strict=False):
        if name is not None and name not in NAMES:
            raise ReasonbookError(
                f"The column `split` holds {name!r}; it may hold {', '.join(NAMES)}.",
                f"df = df.drop(columns='split'); {_FIX}",
            )
        if name is not None:
            fixed.setdefault(group, name)
    classes: dict[Any, dict[str, None]] = defaultdict(dict)
    for i, group in enumerate(groups):
        if group not in fixed:
            classes[strata[i] if strata is not None else None].setdefault(group)
    for stratum, members in classes.items():
        drawn = sorted(members, key=lambda group: _draw(seed, stratum, group))
        start = 0
        for name, part in fractions.items():
            end = start + round(part * len(drawn))
            fixed.update(dict.fromkeys(drawn[start:end], name))
            start = end
        fixed.update(dict.fromkeys(drawn[start:], "train"))
    return [kept or fixed[group] for group, kept in zip(groups, given or [None] * len(groups), strict=True)]


def write_splits(
    frame: Frame,
    *,
    test: float = 0.1,
    validation: float = 0.1,
    seed: int = 0,
    strata: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
) -> None:
    """Fills the column ``split`` of a frame; rows that have a split keep it.

    Args:
        frame: what is split.
        test: the part that tests, from 0 to 1.
        validation: the part that validates.
        seed: another seed gives another draw.
        strata: a class per row; each is split by itself.
        groups: a group per row; rows with the same request are one without it.
    """
    names = assign(
        [str(group) for group in groups]
        if groups is not None
        else [conversation.prompt_key for conversation in frame.layout.read(frame.df)],
        fractions={"test": test, "validation": validation},
        seed=seed,
        strata=strata,
        given=frame.column("split"),
    )
    frame.write("split", dict(enumerate(names)))


def _draw(seed: int, stratum: object, group: str) -> bytes:
    return hashlib.blake2b(
        f"{seed}\x1f{stratum}\x1f{group}".encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
