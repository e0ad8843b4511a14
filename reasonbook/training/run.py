"""Run: a training that goes on in the background, and the student that it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..card import card, details
from ..data.conversation import Conversation, Message
from ..errors import TrainingError
from ..events import Event, Stream
from ..job import Job, Status
from ..store import Store, default_store
from .answering import generate, scoring
from .answering.generate import Reply
from .loop import checkpoints
from .loop.control import Control
from .planning.config import TrainConfig
from .planning.plan import Plan
from .runs import load, registry, run_card
from .runs.data import RunData
from .runs.folder import RunLock, first_process, weights_of
from .runs.history import Curves, Journal
from .runs.loss_svg import loss_svg
from .runs.model import Held
from .runs.row_losses import Trace
from .runs.session import fit_run

if TYPE_CHECKING:
    from ..chat import ChatFormat
    from .chat_session import ChatSession
    from .evaluation.evaluation import Evaluation
    from .saving.save import Saved

KEEP = 4_000  # events in memory; `history` has the rest as arrays


class Run(Job):
    """One training of one student: live while it runs, usable when it is done, found again by its id.

    Made by `train`; `Run.load` brings one back. All verbs may be called from any thread.

    Attributes:
        id: its name in the store and its folder below ``runs/``.
        name: a short label for tables.
        plan: every setting.
        config: what was asked for.
        folder: card, data, checkpoints and weights.
        reason: why it ended before its time, in words.

    Example:
        >>> run = rb.train(chat, max_steps=2).wait()
        >>> rb.Run.load(run.id).plan.steps
        2
    """

    def __init__(
        self,
        *,
        id: str,
        name: str,
        plan: Plan,
        config: TrainConfig,
        form: ChatFormat | Callable[[], ChatFormat],
        data: RunData | None,
        folder: Path,
        store: Store | None,
        score: Any = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        self._journal = None if store is None else Journal(store, f"run:{id}")
        super().__init__(stream=Stream(persist=self._journal, keep=KEEP))
        self.id, self.name, self.plan, self.config, self.folder = id, name, plan, config, folder
        self.reason = ""
        self.score = scoring.resolve(score)
        self.origin: Mapping[str, Any] = origin or {}
        self.control = Control(lambda: self.stopping)
        self.resume_from: Path | None = None
        self._form, self._data = form, data
        self._held = Held(plan, folder, self.control, running=lambda: self.running, weights=self.weights)
        self._curves = Curves()
        self.stream.subscribe(self._curves.take)
        self.evaluations: dict[Any, Evaluation] = {}  # answers are written once
        self.record = run_card.Record(folder)
        self._trace = Trace(lambda: self.data, plan, folder)
        self._lock = RunLock(folder)
        registry.enter(self)

    # -- what it stands on -------------------------------------------------------------------------------
    @property
    def student(self) -> str:
        """Folder or name of the student that was trained."""
        return self.plan.student

    @property
    def strategy(self) -> str:
        return self.format.strategy

    @property
    def format(self) -> ChatFormat:
        """How the student is asked and read."""
        if callable(self._form):
            self._form = self._form()
        return self._form

    @property
    def data(self) -> RunData:
        """The arrays and rows of the run."""
        if self._data is None:
            self._data = RunData.load(self.folder)
        return self._data

    @property
    def card_path(self) -> Path:
        """The run card: one JSON file that says everything about the run."""
        return self.record.path

    @property
    def card(self) -> dict[str, Any]:
        """The run card's contents."""
        return self.record.read()

    @property
    def history(self) -> dict[str, dict[str, np.ndarray]]:
        """The curves: ``history["step"]["loss"]``, ``history["eval"]["eval_loss"]`` and their neighbours."""
        return self._curves.arrays()

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return int(self._curves.last().get("step", 0))

    @property
    def last_step(self) -> dict[str, float]:
        """The newest point of the training curve; empty before the first."""
        return self._curves.last()

    @property
    def last_evaluation(self) -> dict[str, float]:
        """The newest evaluation on the curve; empty before the first."""
        return self._curves.last("eval")

    @property
    def total_steps(self) -> int:
        return self.plan.steps

    @property
    def samples(self) -> list[Mapping[str, Any]]:
        """What the student wrote at each evaluation, oldest first."""
        return [event.data for event in self.stream if event.kind == "samples"]

    def rows_at(self, step: int) -> list[dict[str, Any]]:
        """The rows in the batch of an optimizer step: position, key, prompt, response and newest loss."""
        return self._trace.rows_at(step)

    @property
    def row_losses(self) -> Mapping[str, float]:
        """Row key → mean loss per target token in the newest epoch that saw the row."""
        return self._trace.losses

    # -- steering ----------------------------------------------------------------------------------------
    def start(self) -> Run:
        """Starts the training and returns at once; one at a time in a process.

        Raises:
            TrainingError: another run is training.
        """
        with registry.claiming:
            registry.claim(self)
            if not self.running and not self._lock.take():
                raise TrainingError(
                    f"The run {self.name} is being trained by another kernel.",
                    "stop it there; rb.Run.load(id) here shows its curves",
                )
            self.reason = ""
            super().start()
        return self

    def pause(self) -> Run:
        """Holds the training after the current step; a checkpoint is written first."""
        if self.running:
            self.control.pause()
        return self

    def resume(self) -> Run:
        """Goes on: after a pause where it stood, else from the newest checkpoint, with the same data order.

        Raises:
            TrainingError: the run is complete, it trains in another kernel, or its data is gone.
        """
        if self.running:
            self.control.go_on()
            return self
        if self.step >= self.plan.steps and self.status is Status.COMPLETED:
            raise TrainingError(
                f"The run {self.name} is complete: all {self.plan.steps} steps are done.",
                "rb.train(chat, max_steps=…) starts a longer one",
            )
        self.resume_from = checkpoints.latest(self.folder)
        self.data  # noqa: B018  said before it starts, when the run's data is gone
        if self.resume_from is None:
            self.stream.emit("note", text="There is no whole checkpoint yet; the run begins anew.")
        self.evaluations.clear()
        return self.start()

    def stop(self) -> Run:
        """Ends the training after the current step and keeps it as a checkpoint."""
        super().stop()
        self.control.go_on()
        return self

    # -- using the student -------------------------------------------------------------------------------
    def generate(
        self,
        prompts: Sequence[str | Sequence[Message] | Conversation] | str,
        *,
        max_tokens: int | None = None,
        batch_size: int | None = None,
        on_text: Callable[[int, str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Reply]:
        """Greedy answers from the prompt ids that training used; waits for the end of a step while it trains.

        Args:
            prompts: texts, or conversations as lists of messages.
            max_tokens: new tokens per answer, at most; the longest target of the data and a bit without it.
            batch_size: prompts at once.
            on_text: told each piece of text as it is written, with the number of its prompt.
            should_stop: ends the generation after the current token.
        """
        if isinstance(prompts, str):
            prompts = [prompts]
        with self.lent() as model:
            return generate.replies(
                model,
                self.format,
                list(prompts),
                max_tokens=max_tokens or self.plan.sample_tokens,
                batch_size=batch_size,
                on_text=on_text,
                should_stop=should_stop,
            )

    def chat(self, text: str | None = None, *, beside: Run | None = None) -> Reply | ChatSession:
        """The answer to one text; without one, a conversation that goes on.

        Args:
            beside: a second run that answers the same questions in the conversation.
        """
        if text is None:
            from .chat_session import ChatSession

            return ChatSession([self] if beside is None else [self, beside])
        return self.generate([text])[0]

    def evaluate(self, split: str = "test", *, score: Any = None, limit: int | None = None) -> Evaluation:
        """Answers the rows of a split and grades them; the same question is answered from memory."""
        from .evaluation.evaluation import evaluate

        return evaluate(self, split=split, score=score, limit=limit)

    def save(self, path: str | Path, *, format: str = "adapter", **options: Any) -> Saved:
        """Writes the student: ``adapter``, ``merged`` (16 bit), ``gguf``, ``ollama``, or pushes to the ``hub``.

        Args:
            path: a folder, a ``.gguf`` file, or ``owner/name`` on the Hub.
            format: which form.
            **options: of that form.
        """
        from .saving.save import save

        return save(self, path, format=format, **options)

    def unload(self) -> Run:
        """Frees the memory of the model; it is read again from disk when it is needed."""
        if self.running:
            raise TrainingError("The model is being trained.", "run.stop()   or   run.wait()")
        self._held.drop()
        return self

    # -- coming back -------------------------------------------------------------------------------------
    @classmethod
    def load(cls, source: str | Path, *, store: Store | None = None) -> Run:
        """A run by its id, or from a folder that `save` wrote; nothing is trained and no weights are read yet.

        Raises:
            TrainingError: there is no such run, or its card is damaged.
        """
        return load.open_run(cls, source, store or default_store())

    # -- showing -----------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        last, tail = self._curves.last(), ""
        if last:
            tail = f", step {int(last['step'])} of {self.plan.steps}, loss {last['loss']:.3f}"
        return f"Run({self.id!r}, {self.status}{tail})"

    def _repr_html_(self) -> str:
        return run_html(self)

    # -- the work ----------------------------------------------------------------------------------------
    def _work(self) -> Status:
        try:
            return fit_run(self)
        finally:
            self._lock.release()

    def _run(self) -> None:
        super()._run()
        if self._journal is not None:
            self._journal.flush()

    def emit(self, kind: str, /, **data: Any) -> None:
        """Takes what the training says; a pause is a change of the job's status."""
        if kind == "status":
            self._set(Status(data["status"]))
        elif not first_process():
            return
        elif kind == "row_loss":
            self._take_row_losses(**data)
        else:
            self.stream.emit(kind, **data)

    def _take_row_losses(self, epoch: int, rows: list[int], loss: list[float]) -> None:
        """The losses stand in a file of their own; the event says only that they are new."""
        if not rows:
            return
        try:
            self._trace.take(epoch, rows, loss)
        except OSError as error:
            self.stream.emit("note", text=f"The losses of the rows could not be written: {error}")
        self.stream.emit("row_loss", epoch=epoch, count=len(rows), mean=sum(loss) / len(loss))

    # -- the model ---------------------------------------------------------------------------------------
    @property
    def model(self) -> Any:
        """The model in memory; None while there is none."""
        return self._held.model

    @model.setter
    def model(self, model: Any) -> None:
        self._held.model = model

    def lent(self) -> AbstractContextManager[Any]:
        """The model, between two steps where it trains."""
        return self._held.lent()

    def weights(self) -> Path:
        """The folder of the newest trained weights.

        Raises:
            TrainingError: nothing was kept.
        """
        found = weights_of(self.folder)
        if found is None:
            raise TrainingError(
                f"The run {self.name} has no trained weights: {self.reason or 'it never got to a checkpoint'}.",
                "rb.train(chat) trains anew",
            )
        return found

    def restore(self, record: dict[str, Any], events: Sequence[Event]) -> None:
        """Takes over the card and the past of a run of another kernel."""
        self.record.begin(record)
        self.stream.restore([e for e in events if e.kind != "eta"][-KEEP:])
        for event in events:
            self._curves.take(event)
        if not events:
            self._curves.fill(record.get("curves", {}))
        self._status, self.reason = load.status_of(record, events, held=self._lock.held_elsewhere())
        if events:
            self.started_at, self.ended_at = events[0].at, events[-1].at


_NEXT = {
    Status.RUNNING: "run.wait()",
    Status.PAUSED: "run.resume()",
    Status.COMPLETED: 'run.chat("…")   rb.compare([run, …])   run.save("folder")',
}


def run_html(run: Run) -> str:
    """Where the run stands, why it ended, its newest alarms and notes, its loss, and its plan."""
    last, seen = run.last_step, run.last_evaluation
    facts: dict[str, Any] = {"status": str(run.status), "step": f"{run.step} of {run.plan.steps}"}
    if last:
        facts["loss"] = last["loss"]
        facts["tokens/s"] = int(last["tokens_per_second"])
    if seen:
        facts["eval loss"] = seen["eval_loss"]
    notes = [run.reason] if run.reason else []
    notes += [str(e.data["text"]) for e in run.stream if e.kind in ("alarm", "note")][-3:]
    return card(
        f"Run {run.name}: {run.plan.tuning} tuning of {run.student}",
        facts,
        notes=notes,
        body=loss_svg(run.history) + details("plan: every setting and its reason", run.plan.settings_html),
        next_verb=_NEXT.get(run.status, "run.resume()"),
    )
