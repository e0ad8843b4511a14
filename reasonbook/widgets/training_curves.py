"""Training curves: one or several runs, drawn while they train, with buttons that steer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..errors import ReasonbookError
from ..events import Event
from ..training.run import Run
from ..training.run_events import SampledAnswer
from .base import View, verb
from .curve_feed import CurveFeed, Part
from .serialize import Packed


class TrainingCurves(View):
    """Live curves of a run: loss, eval loss, learning rate, gradient norm, speed, memory, thinking health.

    Points travel as binary buffers, at most 20 messages a second; a page that opens late or again gets the
    whole history once. A click on a point shows the rows behind that step. Pause, Resume and Stop call the
    run's own verbs.

    Args:
        run: the run to follow and to steer.
        others: runs to draw beside it.

    Example:
        >>> view = rb.widgets.TrainingCurves(thinking, others=[plain])
    """

    _name = "training_curves"

    def __init__(self, run: Run, *, others: Sequence[Run] = ()) -> None:
        self.tracks: dict[str, CurveFeed] = {}
        super().__init__(run, subject=f"run:{run.id}")
        self.close_stream()  # each run's track follows its own
        for each in (run, *others):
            self.tracks.setdefault(each.id, CurveFeed(each, self.touch))

    def fold(self, event: Event) -> None:
        """The run's history folds; see `CurveFeed`."""

    def snapshot(self) -> Packed:
        """Every run whole, its points thinned."""
        return self._join([track.whole() for track in self.tracks.values()])

    def collect(self, topics: set[str]) -> Packed:
        """The points and messages of each run since the last message."""
        return self._join([track.fresh() for track in self.tracks.values()])

    def close_stream(self) -> None:
        """Stops following the runs; they go on."""
        super().close_stream()
        for track in self.tracks.values():
            track.unsubscribe()

    @staticmethod
    def _join(parts: list[Part]) -> Packed:
        return Packed(
            {"runs": [content for content, _ in parts]}, [b for _, buffers in parts for b in buffers]
        )

    def _track(self, run: str) -> CurveFeed:
        if run not in self.tracks:
            raise ReasonbookError(f"This view shows no run {run!r}.", "run the cell again")
        return self.tracks[run]

    # -- what the page may call --------------------------------------------------------------------------
    @verb(once=True)
    def pause(self, run: str) -> None:
        """Holds a run after its present step; a checkpoint is written first."""
        self._track(run).run.pause()
        self.touch("status")

    @verb(once=True, background=True)
    def resume(self, run: str) -> None:
        """Lets a run go on from where it was held or from its newest checkpoint."""
        self._track(run).run.resume()
        self.touch("status")

    @verb(once=True)
    def stop(self, run: str) -> None:
        """Ends a run after its present step and keeps it as a checkpoint."""
        self._track(run).run.stop()
        self.touch("status")

    @verb()
    def detail(self, run: str, low: float, high: float) -> Packed:
        """The points of a zoomed range, finer than those of the snapshot."""
        return Packed(*self._track(run).detail(low, high))

    @verb()
    def samples(self, run: str, index: int) -> dict[str, Any]:
        """The sample generations of one evaluation."""
        kept = list(self._track(run).history.samples)
        rows = kept[index].rows if 0 <= index < len(kept) else ()
        return {"rows": [_sample(row) for row in rows]}

    @verb()
    def log(self, run: str) -> dict[str, Any]:
        """Alarms and notes, newest first."""
        return {"entries": self._track(run).log()}

    @verb()
    def step_rows(self, run: str, step: float) -> dict[str, Any]:
        """The rows behind the logged step that is nearest."""
        track = self._track(run)
        found, loss = track.at(step)
        rows = [asdict(row) for row in track.run.rows_at(found)]
        why = "" if rows else "This run did not keep which rows were in that step."
        return {"step": found, "loss": loss, "rows": rows, "why": why}


def _sample(row: SampledAnswer) -> dict[str, Any]:
    names = ("prompt", "thinking", "answer", "text", "health", "expected", "correct")
    return {name: value for name, value in asdict(row).items() if name in names}
