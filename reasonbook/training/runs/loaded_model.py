"""Loaded model: a student's model in memory, loaded when needed, lent between two steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..backends.pick import get_backend
from ..planning import device
from .folder import LOG
from .output_log import muted

if TYPE_CHECKING:
    from ..loop.control import Control
    from ..planning.language_model import LanguageModel
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
        self.model: LanguageModel | None = None

    def ready(self) -> LanguageModel:
        """The model; loaded where it is not, and waited for while the training thread loads it."""
        while self.model is None and self._training():
            time.sleep(0.02)
        with self._loading:
            model = self.model
            if model is None:
                with muted(self.folder / LOG):
                    model = get_backend(self.plan.backend).load(self.plan, weights=self._weights())
                self.model = model
                model.eval()
            return model

    @contextmanager
    def lent(self) -> Generator[LanguageModel]:
        """The model, between two steps where it trains."""
        model = self.ready()
        with self.control.borrow():
            yield model

    @contextmanager
    def base(self) -> Generator[LanguageModel]:
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
