"""Loop: the closed loop over canonical conversations and over rows of the data."""

from __future__ import annotations

import time
from collections.abc import Collection

import numpy as np

from ..builder import DatasetBuilder
from ..dataset import ChatDataset
from ..format import ChatFormat
from ..loop_report import ClosedLoop, LoopBreak
from ..rendering.growable_arrays import RowBuffer
from ..rendering.row_kinds import ESCAPED
from ..template.template import Template
from .cases import CASES, rows_of
from .play import OWN_TEMPLATE, Player

YOURS = "your rows"
SAMPLE = 8  # rows of the data that are played
_LONG = 1 << 20


def check_format(chat: ChatFormat, needed: Collection[str] = CASES) -> ClosedLoop:
    """Plays a perfect student over every canonical conversation.

    Args:
        chat: the student under one strategy.
        needed: cases that must hold; a break in another one is told and stops nothing.
    """
    begun = time.perf_counter()
    twin = chat.under(
        max_length=_LONG, turns="all", plain="keep", missing="keep", roles=("assistant",),
        mask_reasoning=False, mask_answer=False, weights={},
    )  # fmt: skip
    served = _served(chat)
    cases: dict[str, int] = {}
    broken: list[LoopBreak] = []
    for case in CASES:
        rows = rows_of(case, chat.strategy, chat.markers.texts if chat.config.markers == "escape" else ())
        if not rows:
            continue
        dataset = DatasetBuilder(RowBuffer(rows), twin).run()
        cases[case] = len(dataset)
        must = case in needed or case == ESCAPED
        lost = next(iter(dataset.report.dropped), "")
        if lost:  # such rows of the data are left out in the same way, each with its reason
            broken.append(LoopBreak(case, "build", lost, OWN_TEMPLATE, needed=False))
            continue
        player = Player(dataset, served)
        found = (player.breaks(i, case, needed=must) for i in range(len(dataset)))
        broken += [first for first in [next(filter(None, found), None)] if first]
    return ClosedLoop(cases, tuple(broken), time.perf_counter() - begun)


def check_dataset(dataset: ChatDataset, kinds: Collection[str]) -> ClosedLoop:
    """`check_format`, and the same over some rows of the data.

    Args:
        dataset: as it would be trained.
        kinds: kinds of rows that the data holds.
    """
    loop = check_format(dataset.format, kinds)
    if not len(dataset):
        return loop
    begun = time.perf_counter()
    player = player_of(dataset)
    spread = np.unique(np.linspace(0, len(dataset) - 1, SAMPLE).astype(int)).tolist()
    found = next(filter(None, (player.breaks(i, YOURS, position=True) for i in spread)), None)
    return ClosedLoop(
        {**loop.cases, YOURS: len(spread)},
        (*loop.broken, *([found] if found else [])),
        loop.seconds + time.perf_counter() - begun,
    )


def player_of(dataset: ChatDataset) -> Player:
    """Who plays the rows of a dataset, and holds them against the template that is exported with its student."""
    return Player(dataset, _served(dataset.format))


def _served(chat: ChatFormat) -> Template:
    return Template(chat.tokenizer, source=chat.exported_template, date=chat.config.date)
