"""Run: a training that goes on in the background, and the student that it made."""

from __future__ import annotations

import os
import re
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
from ..errors import ReasonbookError, TrainingError
from ..events import Stream
from ..job import Job, Status
from ..store import Store, default_store
from . import backends, checkpoints, device, generate, losses, runcard, scores
from .batches import LengthOrder
from .config import TrainConfig
from .control import Control
from .data import RunData, prompt_text
from .drawing import loss_svg
from .generate import Reply
from .history import Curves, Journal
from .lock import RunLock
from .observe import Observer
from .plan import Plan

if TYPE_CHECKING:
    from ..chat import ChatFormat
    from .chat import ChatSession
    from .evaluation import Evaluation
    from .export import Saved

KEEP = 4_000  # events in memory; `history` has the rest as arrays
_training: weakref.ref[Run] | None = None
_claim = threading.Lock()
_idle: weakref.WeakSet[Run] = weakref.WeakSet()
_open: weakref.WeakValueDictionary[Path, Run] = weakref.WeakValueDictionary()


class Run(Job):
    """One training of one student: live while it runs, usable when it is done, found again by its id.

    Made by `train`; `Run.load` brings one back. All verbs may be called from any thread.

    Attributes:
        id: its name in the store and its folder below ``runs/``.
        name: a short label for tables.
        plan: every setting.
        folder: card, data, checkpoints and weights.

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
    ) -> None:
        self._journal = None if store is None else Journal(store, f"run:{id}")
        super().__init__(stream=Stream(persist=self._journal, keep=KEEP))
        self.id, self.name, self.plan, self.config, self.folder = id, name, plan, config, folder
        self.reason = ""
        self._form, self._data = form, data
        self._score = scores.resolve(score)
        self._model: Any = None
        self._loading = threading.RLock()
        self._control = Control(lambda: self.stopping)
        self._curves = Curves()
        self.stream.subscribe(self._curves.take)
        self._resume_from: Path | None = None
        self._evaluations: dict[Any, Evaluation] = {}
        self._card: dict[str, Any] | None = None
        self._row_losses: dict[str, float] | None = None
        self._epoch_order: tuple[int, np.ndarray] | None = None
        self._lock = RunLock(folder)
        _open[folder.resolve()] = self

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
        """The rows in the batch of an optimizer step, with their newest loss."""
        train = self.data.train
        batch, per_epoch = self.plan.batch_size, -(-len(train) // self.plan.batch_size)
        epoch, place = divmod(max(1, int(step)) - 1, per_epoch)
        chosen = self._order(epoch)[place * batch : (place + 1) * batch]
        known = self.row_losses
        keys = {task.position: task for task in self.data.of("train")}
        rows = []
        for i in chosen.tolist():
            position, task = train.rows[i], keys.get(train.rows[i])
            prompt, response = (
                (task.request, task.expected)
                if task is not None
                else prompt_text(train.input_ids[i], train.labels[i], self.format.tokenizer)
            )
            rows.append(
                {
                    "position": position,
                    "key": None if task is None else task.key,
                    "prompt": prompt,
                    "response": response,
                    "loss": None if task is None else known.get(task.key),
                }
            )
        return rows

    @property
    def row_losses(self) -> Mapping[str, float]:
        """Row key → mean loss per target token in the newest epoch that saw the row."""
        if self._row_losses is None:
            self._row_losses = losses.read(self.folder)
        return self._row_losses

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
            self._control.pause()
        return self

    def resume(self) -> Run:
        """Goes on: after a pause where it stood, else from the newest checkpoint, with the same data order.

        Raises:
            TrainingError: the run is complete, or it has no checkpoint.
        """
        if self.running:
            self._control.go_on()
            return self
        if self.step >= self.plan.steps and self.status is Status.COMPLETED:
            raise TrainingError(
                f"The run {self.name} is complete: all {self.plan.steps} steps are done.",
                "rb.train(chat, max_steps=…) starts a longer one",
            )
        found = checkpoints.latest(self.folder)
        if found is None:
            raise TrainingError(
                f"The run {self.name} has no whole checkpoint in {str(self.folder)!r}.",
                "rb.train(chat) starts it anew",
            )
        self._resume_from = found
        self._evaluations.clear()
        return self.start()

    def stop(self) -> Run:
        """Ends the training after the current step and keeps it as a checkpoint."""
        super().stop()
        self._control.go_on()
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

    def chat(self, text: str | None = None) -> Reply | ChatSession:
        """The answer to one text; without one, a conversation that goes on."""
        if text is None:
            from .chat import ChatSession

            return ChatSession([self])
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
        self._model = None
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
        folder = Path(source).expanduser()
        if not (folder / runcard.NAME).is_file():
            folder = store.folder / "runs" / str(source)
        if not (folder / runcard.NAME).is_file():
            names = [s.removeprefix("run:") for s in store.subjects("run:")]
            from ..errors import choices

            raise TrainingError(
                f"There is no run {str(source)!r} here.",
                choices(str(source), names[-5:]) if names else "rb.train(chat) makes the first",
            )
        if folder.resolve() in _open:
            return _open[folder.resolve()]
        record = runcard.read(folder)
        known = f"run:{record['run']}" in store.subjects("run:")
        run = cls(
            id=record["run"],
            name=record["name"],
            plan=Plan.from_dict(record["plan"]),
            config=TrainConfig.from_dict(record["config"]),
            form=lambda: _format(record, folder),
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
            Status.COMPLETED: f"rb.compare([{'run'}])   run.chat(\"…\")   run.save(\"folder\")",
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
        from .quiet import muted

        try:
            with muted(self.folder / "output.log"):
                return self._train()
        except ReasonbookError as error:
            self.reason = str(error)
            raise
        except Exception as error:
            self.reason = f"{type(error).__name__}: {error}"
            raise TrainingError(
                f"Training failed: {self.reason}",
                "run.error.__cause__ has the whole story; run.resume() goes on from the last checkpoint",
            ) from error
        finally:
            self._finish_card()
            self._lock.release()

    def _train(self) -> Status:
        self.folder.mkdir(parents=True, exist_ok=True)
        for other in list(_idle):
            if other is not self and self.plan.device == "cuda":
                other._model = None
        backend = backends.get(self.plan.backend)
        if self._resume_from is None:
            self.data.save(self.folder)
            self.format.export_tokenizer().save_pretrained(self.folder / "tokenizer")
        self._card = runcard.begin(
            run=self.id, name=self.name, plan=self.plan, config=self.config, form=self.format,
            data=self.data, device=device.look().line,
        )  # fmt: skip
        self._card["extra"] = self._extra
        runcard.write(self.folder, self._card)
        with self._loading:
            fresh = backend.load(self.plan, weights=None)
            check_vocabulary(fresh, self.data, self.plan.student)
            self._model = fresh
        observer = Observer(
            self.format, self._looked_at(), plan=self.plan, score=self._score, emit=self._emit,
            stopping=lambda: self.stopping,
        )  # fmt: skip
        task = backends.Task(
            train=self.data.train,
            validation=self.data.validation,
            plan=self.plan,
            folder=self.folder,
            pad_id=generate.pad_id(self.format.tokenizer),
            resume_from=self._resume_from,
            observe=observer,
        )
        outcome = backend.fit(fresh, task, self._emit, self._control)
        self._model.eval()
        self._keep_weights()
        _idle.add(self)
        if outcome.ended == "stopped" and outcome.step < self.plan.steps:
            self.reason = (
                f"Stopped by you at step {outcome.step} of {self.plan.steps}; that step is kept: "
                "run.resume() goes on from it."
            )
            return Status.CANCELLED
        if outcome.ended == "early":
            self.reason = f"Stopped early at step {outcome.step}: no better evaluation came."
        return Status.COMPLETED

    _extra: Mapping[str, Any] = {}

    def _looked_at(self) -> list[Any]:
        return self.data.of("validation") or self.data.of("train")

    def _emit(self, kind: str, **data: Any) -> None:
        if kind == "status":
            self._set(Status(data["status"]))
        elif os.environ.get("RANK", "0") != "0":
            return
        elif kind == "row_loss":
            self._take_row_losses(data)
        else:
            self.stream.emit(kind, **data)

    def _take_row_losses(self, data: Mapping[str, Any]) -> None:
        """Keeps the losses by row key in a file of their own; the event says only that they are new."""
        if not data["rows"]:
            return
        keys = {task.position: task.key for task in self.data.of("train")}
        fresh = {keys[row]: loss for row, loss in zip(data["rows"], data["loss"], strict=True) if row in keys}
        self._row_losses = {**self.row_losses, **fresh}
        try:
            losses.write(self.folder, self._row_losses, epoch=int(data["epoch"]))
        except OSError as error:
            self.stream.emit("note", text=f"The losses of the rows could not be written: {error}")
        mean = sum(data["loss"]) / len(data["loss"])
        self.stream.emit("row_loss", epoch=data["epoch"], count=len(data["rows"]), mean=mean)

    def _order(self, epoch: int) -> np.ndarray:
        """The order of one epoch; kept, as neighbouring points of a curve are clicked one after the other."""
        if self._epoch_order is None or self._epoch_order[0] != epoch:
            lengths = self.data.train.lengths
            order = LengthOrder(lengths, self.plan.batch_size, seed=self.plan.seed).order(epoch)
            self._epoch_order = (epoch, order)
        return self._epoch_order[1]

    def _keep_weights(self) -> None:
        if os.environ.get("RANK", "0") != "0":
            return
        try:
            self._model.save_pretrained(self.folder / "model")
        except Exception as error:
            full = checkpoints.disk_full(error)
            self._emit(
                "alarm",
                alarm="checkpoint",
                step=self.step,
                text=("The disk is full: the trained weights could not be kept on it. " if full else
                      f"The trained weights could not be written ({error}). ")
                + "They are still in memory: run.save('/another/place').",
            )  # fmt: skip

    def _finish_card(self) -> None:
        if self._card is None or os.environ.get("RANK", "0") != "0":
            return
        ended = "CANCELLED" if self.stopping else "FAILED" if self.reason and self.step < self.plan.steps else ""
        self._card |= {
            "status": ended or "COMPLETED",
            "reason": self.reason,
            "seconds": round(time.time() - (self.started_at or time.time()), 2),
            "curves": self.history,
        }
        try:
            runcard.write(self.folder, self._card)
        except OSError:
            self._emit("alarm", alarm="card", step=self.step, text="The run card could not be written.")
        if self._journal is not None:
            self._journal.flush()

    @property
    def card(self) -> dict[str, Any]:
        """The run card's contents."""
        if self._card is None:
            self._card = runcard.read(self.folder)
        return self._card

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """The model, between two steps where it trains."""
        model = self._ready_model()
        with self._control.borrow():
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
        with self._loading:
            if self._model is None:
                if self.running:
                    raise TrainingError("The student is still being loaded.", "again in a moment")
                from .quiet import muted

                with muted(self.folder / "output.log"):
                    self._model = backends.get(self.plan.backend).load(self.plan, weights=self.weights())
                self._model.eval()
                _idle.add(self)
            return self._model

    def weights(self) -> Path:
        """The folder of the trained weights: the final ones, else the newest checkpoint's.

        Raises:
            TrainingError: nothing was kept.
        """
        for folder in (self.folder / "model", self.folder):
            if any((folder / n).is_file() for n in checkpoints.WEIGHTS):
                return folder
        found = checkpoints.latest(self.folder)
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
        told = [e.data["status"] for e in events if e.kind == "status"]
        status = told[-1] if told else record.get("status", "COMPLETED")
        self.reason = record.get("reason", "")
        if status in ("RUNNING", "PAUSED", "CREATED") and not self._lock.held_elsewhere():
            status = "CANCELLED"
            self.reason = "The kernel ended while it was training; run.resume() goes on from the last checkpoint."
        self._status = Status(status)
        self._done.set()


def check_vocabulary(model: Any, data: RunData, student: str) -> None:
    """Refuses ids that the student has no embedding for."""
    size = model.get_input_embeddings().weight.shape[0]
    if type(model.get_input_embeddings().weight).__name__ == "Params4bit":
        return
    parts = [data.train, *([data.validation] if data.validation is not None else [])]
    highest = max(int(ids.max()) for part in parts for ids in part.input_ids)
    if highest >= size:
        raise TrainingError(
            f"The data holds token {highest}, but {student!r} knows only {size}: the chat data was made with "
            "another tokenizer than the student's.",
            f"df.reason.to_chat({student!r}) makes it with the student's own",
        )


def new_id() -> str:
    """Sorts by time; two in the same second differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"


def short_name(student: str, strategy: str) -> str:
    """A label for tables: the student and what it learns."""
    base = re.sub(r"[^\w.-]+", "-", Path(student).name or student)
    words = {"final_only": "answers only", "final_and_reasoning": "thinking", "two_message_cot": "two messages"}
    return f"{base} {words.get(strategy, strategy)}"


def _format(record: Mapping[str, Any], folder: Path) -> ChatFormat:
    from ..chat import ChatFormat

    saved = folder / "tokenizer"
    return ChatFormat.from_dict(record["format"], student=str(saved) if saved.is_dir() else None)

