"""Loaded model: a student's model in memory, loaded when needed, lent between two steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends.pick import get_backend
from ..planning import device
from .folder import LOG
from .output_log import muted

if TYPE_CHECKING:
    from ..loop.control import Control
    from ..planning.plan import Plan


class ModelHolder:
    """The model of one student.

    Args:
        plan: how it is loaded.
        folder: of the run, where its log stands.
        control: the switches of the training that may be using it.
        training: whether that training is under way.
        weights: where the newest trained weights stand.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        control: Control,
        *,
        training: Callable[[], bool],
        weights: Callable[[], Path],
    ) -> None:
        self.plan, self.folder, self.control = plan, folder, control
        self._training, self._weights = training, weights
        self._loading = threading.RLock()
        self.model: Any = None

    def ready(self) -> Any:
        """The model; loaded where it is not, and waited for while the training thread loads it."""
        while self.model is None and self._training():
            time.sleep(0.02)
        with self._loading:
            if self.model is None:
                with muted(self.folder / LOG):
                    self.model = get_backend(self.plan.backend).load(self.plan, weights=self._weights())
                self.model.eval()
            return self.model

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """The model, between two steps where it trains."""
        model = self.ready()
        with self.control.borrow():
            yield model

    @contextmanager
    def base(self) -> Iterator[Any]:
        """The untrained student: the adapter switched off, or the student's own weights read again."""
        if self.plan.tuning != "full":
            with self.lent() as model, model.disable_adapter():
                yield model
            return
        with muted(self.folder / LOG):
            model = get_backend(self.plan.backend).load(self.plan)
        model.eval()
        try:
            yield model
        finally:
            del model
            device.free()

    def drop(self) -> None:
        """Frees its memory."""
        self.model = None
        device.free()
