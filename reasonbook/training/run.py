"""Run: a training that goes on in the background, and the student that it made."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..card import card as html_card
from ..card import details
from ..conversation import Conversation, Message
from ..errors import TrainingError
from ..events import Stream
from ..job import Job, Status
from ..store import Store, default_store
from . import backends, checkpoints, device, generate, opening, runcard, scores
from .config import TrainConfig
from .control import Control
from .data import RunData
from .drawing import loss_svg
from .fitting import LOG, first_process, fit_run, weights_of
from .generate import Reply
from .history import Curves, Journal
from .lock import RunLock
from .plan import Plan
from .trace import Trace

if TYPE_CHECKING:
    from ..chat import ChatFormat
    from .chat import ChatSession
    from .evaluation import Evaluation
    from .export import Saved

KEEP = 4_000  # events in memory; `history` has the rest as arrays
_training: weakref.ref[Run] | None = None
_claim = threading.Lock()
_here: weakref.WeakSet[Run] = weakref.WeakSet()  # every run of this kernel


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
        >>> run = rb.train(chat, max_steps=100)      # doctest: +SKIP
        >>> run.wait().chat("Refund for order 17?")  # doctest: +SKIP
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
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._journal = None if store is None else Journal(store, f"run:{id}")
        super().__init__(stream=Stream(persist=self._journal, keep=KEEP))
        self.id, self.name, self.plan, self.config, self.folder = id, name, plan, config, folder
        self.reason = ""
        self.score = scores.resolve(score)
        self.extra: Mapping[str, Any] = extra or {}
        self.model: Any = None
        self.control = Control(lambda: self.stopping)
        self.resume_from: Path | None = None
        self._form, self._data = form, data
        self._loading = threading.RLock()
        self._curves = Curves()
        self.stream.subscribe(self._curves.take)
        self.evaluations: dict[Any, Evaluation] = {}  # answers are written once
        self._card: dict[str, Any] | None = None
        self._trace = Trace(lambda: self.data, plan, folder)
        self._lock = RunLock(folder)
        _here.add(self)

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
        return self.folder / runcard.NAME

    @property
    def history(self) -> dict[str, dict[str, np.ndarray]]:
        """The curves: ``history["step"]["loss"]``, ``history["eval"]["eval_loss"]`` and their neighbours."""
        return self._curves.arrays()

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return int(self._curves.last().get("step", 0))

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
        global _training
        with _claim:
            other = _training() if _training is not None else None
            if other is not None and other is not self and other.running:
                raise TrainingError(
                    f"{other.name} ({other.id}) is training in this kernel, and two at once would slow and "
                    "confuse each other.",
                    "other.wait()   or   other.stop()   and then this cell again",
                )
            if not self.running and not self._lock.take():
                raise TrainingError(
                    f"The run {self.name} is being trained by another kernel.",
                    "stop it there; rb.Run.load(id) here shows its curves",
                )
            self.reason = ""
            super().start()
            _training = weakref.ref(self)
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
            from .chat import ChatSession

            return ChatSession([self] if beside is None else [self, beside])
        return self.generate([text])[0]

    def evaluate(self, split: str = "test", *, score: Any = None, limit: int | None = None) -> Evaluation:
        """Answers the rows of a split and grades them; the same question is answered from memory."""
        from .evaluation import evaluate

        return evaluate(self, split=split, score=score, limit=limit)

    def save(self, path: str | Path, *, format: str = "adapter", **options: Any) -> Saved:
        """Writes the student: ``adapter``, ``merged`` (16 bit), ``gguf``, ``ollama``, or pushes to the ``hub``.

        Args:
            path: a folder, a ``.gguf`` file, or ``owner/name`` on the Hub.
            format: which form.
            **options: of that form.
        """
        from .export import save

        return save(self, path, format=format, **options)

    def unload(self) -> Run:
        """Frees the memory of the model; it is read again from disk when it is needed."""
        if self.running:
            raise TrainingError("The model is being trained.", "run.stop()   or   run.wait()")
        self.model = None
        device.free()
        return self

    # -- coming back -------------------------------------------------------------------------------------
    @classmethod
    def load(cls, source: str | Path, *, store: Store | None = None) -> Run:
        """A run by its id, or from a folder that `save` wrote; nothing is trained and no weights are read yet.

        Raises:
            TrainingError: there is no such run, or its card is damaged.
        """
        store = store or default_store()
        folder = opening.find(source, store)
        record = runcard.read(folder)
        if folder.name == record["run"]:  # not a copy that `save` wrote
            for run in list(_here):
                if run.folder.resolve() == folder.resolve():
                    return run
        known = f"run:{record['run']}" in store.subjects("run:")
        run = cls(
            id=record["run"],
            name=record["name"],
            plan=Plan.from_dict(record["plan"]),
            config=TrainConfig.from_dict(record["config"]),
            form=lambda: opening.format_of(record, folder),
            data=None,
            folder=folder,
            store=store if known else None,
        )
        run._card = record
        run._restore(record, list(store.events(f"run:{run.id}")) if known else [])
        return run

    # -- showing -----------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        last, tail = self._curves.last(), ""
        if last:
            tail = f", step {int(last['step'])} of {self.plan.steps}, loss {last['loss']:.3f}"
        return f"Run({self.id!r}, {self.status}{tail})"

    def _repr_html_(self) -> str:
        last, seen = self._curves.last(), self._curves.last("eval")
        facts: dict[str, Any] = {"status": str(self.status), "step": f"{self.step} of {self.plan.steps}"}
        if last:
            facts["loss"] = last["loss"]
            facts["tokens/s"] = int(last["tokens_per_second"])
        if seen:
            facts["eval loss"] = seen["eval_loss"]
        notes = [n for n in (self.reason,) if n]
        notes += [str(e.data["text"]) for e in self.stream if e.kind in ("alarm", "note")][-3:]
        following = {
            Status.RUNNING: "run.wait()",
            Status.PAUSED: "run.resume()",
            Status.COMPLETED: 'run.chat("…")   rb.compare([run, …])   run.save("folder")',
        }.get(self.status, "run.resume()")
        return html_card(
            f"Run {self.name}: {self.plan.tuning} tuning of {self.student}",
            facts,
            notes=notes,
            body=loss_svg(self.history) + details("plan", self.plan._repr_html_()),
            next_verb=following,
        )

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

    def make_room(self) -> None:
        """Gives back what other runs of this kernel hold on the GPU; they load again when they are asked."""
        if self.plan.device == "cuda":
            for other in list(_here):
                if other is not self and not other.running:
                    other.unload()

    @property
    def card(self) -> dict[str, Any]:
        """The run card's contents."""
        if self._card is None:
            self._card = runcard.read(self.folder)
        return self._card

    @card.setter
    def card(self, card: dict[str, Any]) -> None:
        self._card = card

    @property
    def has_card(self) -> bool:
        """Whether there is a card yet."""
        return self._card is not None or self.card_path.is_file()

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """The model, between two steps where it trains."""
        model = self._ready_model()
        with self.control.borrow():
            yield model

    def record(self, **results: Any) -> None:
        """Writes results, such as evaluations, into the run card."""
        card = self.card
        card.setdefault("results", {}).update(results)
        try:
            runcard.write(self.folder, card)
        except OSError:
            pass

    # -- the model ---------------------------------------------------------------------------------------
    def _ready_model(self) -> Any:
        while self.model is None and self.running:
            time.sleep(0.02)  # the training thread is loading it
        with self._loading:
            if self.model is None:
                from .quiet import muted

                with muted(self.folder / LOG):
                    self.model = backends.get(self.plan.backend).load(self.plan, weights=self.weights())
                self.model.eval()
            return self.model

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

    def _restore(self, record: Mapping[str, Any], events: list[Any]) -> None:
        self.stream.restore([e for e in events if e.kind != "eta"][-KEEP:])
        for event in events:
            self._curves.take(event)
        if not events:
            self._curves.fill(record.get("curves", {}))
        self._status, self.reason = opening.status_of(record, events, held=self._lock.held_elsewhere())
        if events:
            self.started_at, self.ended_at = events[0].at, events[-1].at
