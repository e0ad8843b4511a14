"""Processes: how many train together, which one this is, and what they must agree on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar, cast

T = TypeVar("T")


def process_rank() -> int:
    """Which of the processes that train together this one is; the first, 0, speaks for all."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """How many processes train together, this one among them; 1 in a kernel."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def gathered(mine: T, processes: int) -> list[T]:
    """The value of each process, in order; every process must ask at the same place.

    Args:
        mine: this process's own.
        processes: how many train together.
    """
    if processes == 1:
        return [mine]
    import torch.distributed

    dist = cast(Any, torch.distributed)
    values: list[T | None] = [None] * processes
    dist.all_gather_object(values, mine)
    return [value for value in values if value is not None]


def anywhere(flags: Sequence[bool], processes: int) -> tuple[bool, ...]:
    """Each flag, true where it is true in any process: a stop that one was asked for stops them all."""
    return tuple(any(each) for each in zip(*gathered(tuple(flags), processes), strict=True))
