"""Baseline: the student as it was before a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import backends, device

if TYPE_CHECKING:
    from .run import Run


@contextmanager
def base_model(run: Run) -> Iterator[Any]:
    """The untrained student: the adapter switched off, or the student's own weights read again."""
    from .fitting import LOG
    from .quiet import muted

    if run.plan.tuning != "full":
        with run.lent() as model, model.disable_adapter():
            yield model
        return
    with muted(run.folder / LOG):
        model = backends.get(run.plan.backend).load(run.plan)
    model.eval()
    try:
        yield model
    finally:
        del model
        device.free()
