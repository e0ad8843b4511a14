"""Run: a training that goes on in the background, and the student that it makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.conversation import Conversation, Message
from ..errors import TrainingError
from ..html_card import card, details, duration
from ..job import Job, Status
from ..options import checked
from ..store import Store, default_store
from .answering.generate import Reply
from .answering.scoring import ScoreLike
from .loop import checkpoints
from .run_events import EvalEvent, NoteEvent, RunEvent, SamplesEvent, StatusEvent, StepEvent, to_data
from .runs import kernel_runs
from .runs.data import RunData
from .runs.history import recorded
from .runs.load import load_student, places, subject_of
from .runs.loss_svg import loss_svg
from .runs.trained import TrainedStudent
from .runs.training_session import fit_session, keep_inputs, take_lock

if TYPE_CHECKING:
    from ..chat import ChatFormat
    from .chat_session import ChatSession
    from .evaluation.evaluation import Evaluation
    from .planning.config import TrainConfig
    from .planning.plan import Plan
    from .runs.row_losses import StepRow
    from .saving.adapter import Saved


class Run(Job):
    """One training of one student: live while it runs, usable when it is done, found again by its id.

    Made by `train`; `Run.load` brings one back. All verbs may be called from any thread.

    Args:
        trained: the student, with its plan and data.
        store: where its events are kept; nowhere when None.

    Attributes:
        trained: what the training has made so far: it answers, is judged and is saved.
        resume_from: the checkpoint that it went on from; None where it began at the start.

    Example:
        >>> run = rb.train(chat, max_steps=2).wait()
        >>> rb.Run.load(run.id).plan.steps
        2
    """

    def __init__(self, trained: TrainedStudent, *, store: Store | None) -> None:
        stream, self._journal = recorded(trained.history, store, subject_of(trained.id))
        super().__init__(stream=stream)
        self.trained = trained
        trained.control.stopping = lambda: self.stopping
        self.resume_from: Path | None = None
        kernel_runs.enter(self)

    # -- what it trains ----------------------------------------------------------------------------------
    @property
    def id(self) -> str:
        """Its name in the store, and of its folder below ``runs/``."""
        return self.trained.id

    @property
    def name(self) -> str:
        """A short label for tables."""
        return self.trained.name

    @name.setter
    def name(self, name: str) -> None:
        self.trained.name = name

    @property
    def student(self) -> str:
        """Folder or name of the student."""
        return self.trained.student

    @property
    def strategy(self) -> str:
        """What the student learns to write, as in ``to_chat(strategy=…)``."""
        return self.trained.strategy

    @property
    def plan(self) -> Plan:
        """Every setting."""
        return self.trained.plan

    @property
    def config(self) -> TrainConfig:
        """What was asked for."""
        return self.trained.config

    @property
    def folder(self) -> Path:
        """Card, data, checkpoints and weights."""
        return self.trained.folder

    @property
    def format(self) -> ChatFormat:
        """How the student is asked and read."""
        return self.trained.format

    @property
    def data(self) -> RunData:
        """The arrays and rows of the run."""
        return self.trained.data

    @property
    def reason(self) -> str:
        """Why it ended before its time, in words."""
        return self.trained.reason

    @property
    def card_path(self) -> Path:
        """The run card: one JSON file that says everything about the run."""
        return self.trained.card.path

    @property
    def card(self) -> dict[str, Any]:
        """The run card's contents."""
        return self.trained.card.read()

    # -- how far it is -----------------------------------------------------------------------------------
    @property
    def history(self) -> dict[str, dict[str, np.ndarray]]:
        """The curves: ``history["step"]["loss"]``, ``history["eval"]["eval_loss"]`` and their neighbours."""
        return self.trained.history.arrays()

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.trained.step

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the plan."""
        return self.plan.steps

    @property
    def last_step(self) -> dict[str, float]:
        """The newest point of the training curve; empty before the first."""
        return self.trained.history.tables[StepEvent.kind].last()

    @property
    def last_evaluation(self) -> dict[str, float]:
        """The newest evaluation on the curve; empty before the first."""
        return self.trained.history.tables[EvalEvent.kind].last()

    @property
    def samples(self) -> list[SamplesEvent]:
        """What the student wrote at each evaluation, oldest first."""
        return list(self.trained.history.samples)

    @property
    def row_losses(self) -> Mapping[str, float]:
        """Row key → mean loss per target token in the newest epoch that saw the row."""
        return self.trained.losses.losses

    def rows_at(self, step: int) -> list[StepRow]:
        """The rows in the batch of an optimizer step, counted from 1."""
        return self.trained.losses.rows_at(step)

    # -- steering ----------------------------------------------------------------------------------------
    def start(self) -> Run:
        """Starts the training, or lines it up behind those of this kernel; returns at once.

        Raises:
            TrainingError: another process trains this one.
        """
        with kernel_runs.starting:
            if not self.running:
                take_lock(self.trained)
                self.trained.reason = ""
                kernel_runs.line_up(self)
            super().start()
        return self

    def pause(self) -> Run:
        """Holds the training after the current step; a checkpoint is written first."""
        if self.running and not self.waits:
            self.trained.control.pause()
        return self

    def resume(self) -> Run:
        """Goes on: after a pause where it stood, else from the newest checkpoint, with the same data order.

        Raises:
            TrainingError: the run is complete, it trains in another kernel, or its data is gone.
        """
        if self.running:
            self.trained.control.go_on()
            return self
        if self.step >= self.plan.steps and self.status is Status.COMPLETED:
            raise TrainingError(
                f"The run {self.name} is complete: all {self.plan.steps} steps are done.",
                "rb.train(chat, max_steps=…) starts a longer one",
            )
        self.resume_from = checkpoints.latest(self.folder)
        self.data  # noqa: B018  said before it starts, when the run's data is gone
        if self.resume_from is None:
            self.emit(NoteEvent("There is no whole checkpoint yet; the run begins anew."))
        self.trained.answers.clear()
        return self.start()

    def stop(self) -> Run:
        """Ends the training after the current step and keeps it as a checkpoint; takes it out of the line."""
        super().stop()
        self.trained.control.go_on()
        kernel_runs.look_again()
        return self

    @property
    def waits(self) -> str:
        """For which run it waits, and its place in the line, such as "waits for plain; 2nd in line"; else empty."""
        if self._status is not Status.QUEUED:
            return ""
        first, place = kernel_runs.training(), kernel_runs.place(self)
        if first is None or first is self:
            return "is about to begin"
        return f"waits for {first.trained.name}; {_ORDINALS.get(place, f'{place}th')} in line"

    @property
    def how_far(self) -> str:
        """Its name, step, loss and the time that is left; or its place in the line."""
        if self.waits:
            return f"{self.name} {self.waits}"
        step, left = f"step {self.step} of {self.plan.steps}", self.seconds_left
        if not self.running:
            return f"{self.name} {str(self.status).lower()} at {step}"
        loss = self.last_step.get("loss")
        parts = [
            f"{self.name} {'is paused at ' if self.status is Status.PAUSED else ''}{step}",
            f"loss {loss:.3f}" if loss is not None else "",
            f"about {duration(left)} left" if left is not None else "",
        ]
        return ", ".join(filter(None, parts))

    @property
    def possible(self) -> tuple[str, ...]:
        """The verbs that steer it and make sense now: of ``pause``, ``resume`` and ``stop``."""
        return _POSSIBLE.get(self.status, ())

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take, as far as it can tell; None while it does not run."""
        said = self.trained.history.eta
        if said is None or self.status is not Status.RUNNING:
            return None
        return max(0.0, said[0] - (time.time() - said[1]))

    # -- using the student -------------------------------------------------------------------------------
    @checked(TrainingError, 'run.generate(["A question"], max_tokens=256)')
    def generate(
        self,
        prompts: Sequence[str | Sequence[Message] | Conversation] | str,
        *,
        max_tokens: int | None = None,
        batch_size: int | None = None,
        on_text: Callable[[int, str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Reply]:
        """Greedy answers from the prompt ids that training used; see `TrainedStudent.generate`.

        Raises:
            TrainingError: the run waits for its turn.
        """
        self._refuse_in_line()
        return self.trained.generate(
            prompts, max_tokens=max_tokens, batch_size=batch_size, on_text=on_text, should_stop=should_stop
        )

    @checked(TrainingError, 'run.chat("A question")')
    def chat(self, text: str | None = None, *, beside: Run | None = None) -> Reply | ChatSession:
        """The answer to one text; without one, a conversation that goes on.

        Args:
            text: the question.
            beside: a second run that answers the same questions in the conversation.
        """
        if text is not None:
            return self.generate([text])[0]
        from .chat_session import ChatSession

        self._refuse_in_line()
        return ChatSession([run.trained for run in (self, beside) if run is not None])

    @checked(TrainingError, 'run.evaluate(split="test")')
    def evaluate(
        self, split: str = "test", *, score: ScoreLike = None, limit: int | None = None
    ) -> Evaluation:
        """Answers the rows of a split and grades them; the same question is answered from memory."""
        from .evaluation.evaluation import evaluate

        self._refuse_in_line()
        return evaluate(self.trained, split=split, score=score, limit=limit)

    @checked(TrainingError, 'run.save("adapters/mine", format="adapter")')
    def save(self, path: str | Path, *, format: str = "adapter", **options: Any) -> Saved:
        """Writes the student: ``adapter``, ``merged`` (16 bit), ``gguf``, ``ollama``, or pushes to the ``hub``.

        Args:
            path: a folder, a ``.gguf`` file, or ``owner/name`` on the Hub.
            format: which form.
            **options: of that form.
        """
        from .saving.save import save

        self._refuse_in_line()
        return save(self.trained, path, format=format, **options)

    def unload(self) -> Run:
        """Frees the memory of the model; it is read again from disk when it is needed."""
        self.trained.unload()
        return self

    # -- coming back -------------------------------------------------------------------------------------
    @classmethod
    @checked(TrainingError, 'rb.Run.load("RUN_ID")')
    def load(cls, source: str | Path, *, store: Store | None = None) -> Run:
        """A run by its id, or from a folder that `save` wrote; nothing is trained and no weights are read yet.

        Raises:
            TrainingError: there is no such run, or its card is damaged.
        """
        store = store or default_store()
        for place in places(source, store):  # one that has just begun has no card yet
            here = kernel_runs.find(place)
            if isinstance(here, cls) and place.name == here.id:  # not a copy that `save` wrote
                return here
        loaded = load_student(source, store)
        run = cls(loaded.student, store=store if loaded.events else None)
        run.stream.restore(loaded.events)
        run._status = loaded.status
        if loaded.events:
            run.started_at, run.ended_at = loaded.events[0].at, loaded.events[-1].at
        return run

    # -- showing -----------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        last, tail = self.last_step, ""
        if self.waits:
            tail = f", {self.waits}"
        elif last:
            tail = f", step {int(last['step'])} of {self.plan.steps}, loss {last['loss']:.3f}"
        return f"Run({self.id!r}, {self.status}{tail})"

    def _repr_html_(self) -> str:
        last, seen = self.last_step, self.last_evaluation
        facts: dict[str, object] = {"status": str(self.status), "step": f"{self.step} of {self.plan.steps}"}
        if last:
            facts["loss"] = last["loss"]
            facts["tokens/s"] = int(last["tokens_per_second"])
        if seen:
            facts["eval loss"] = seen["eval_loss"]
        notes = [f"It {self.waits}."] if self.waits else []
        notes += [self.reason] if self.reason else []
        notes += [each.text for each in self.trained.history.messages][-3:]
        return card(
            f"Run {self.name}: {self.plan.tuning} tuning of {self.student}",
            facts,
            notes=notes,
            body=loss_svg(self.history)
            + details("plan: every setting and its reason", self.plan.settings_html),
            next_verb=_NEXT.get(self.status, "run.resume()"),
        )

    # -- the work ----------------------------------------------------------------------------------------
    def emit(self, event: RunEvent) -> None:
        """Takes what the training says; a pause is a change of the job's status."""
        if isinstance(event, StatusEvent):
            self._set(Status(event.status))
        else:
            self.stream.emit(event.kind, **to_data(event))

    def _first_status(self) -> Status:
        if kernel_runs.place(self) == 1:
            return Status.RUNNING
        self.started_at = None  # its time begins with its turn
        return Status.QUEUED

    def _work(self) -> Status:
        try:
            if self.status is Status.QUEUED and not self._has_its_turn():
                self.trained.reason = (
                    "Taken out of the line before its turn came: run.resume() lines it up again."
                )
                return Status.CANCELLED
            kernel_runs.make_room(self)
            return self._train()
        finally:
            self.trained.lock.release()
            kernel_runs.leave(self)

    def _train(self) -> Status:
        """What it does once its turn has come."""
        return fit_session(self.trained, self.emit, resume_from=self.resume_from, flush=self._flush)

    def _has_its_turn(self) -> bool:
        """Waits for it; data and card are kept before, so that the run outlives this kernel."""
        if not self.trained.card.there:
            with suppress(OSError):  # a full disk may have room again when its turn comes
                keep_inputs(self.trained)
                self.trained.card.write(status=str(Status.QUEUED))
        if not kernel_runs.wait_turn(
            self, stopping=lambda: self.stopping, moved=lambda: self._set(Status.QUEUED)
        ):
            with suppress(OSError):
                self.trained.card.write(status=str(Status.CANCELLED))
            return False
        self.started_at = time.time()
        self._set(Status.RUNNING)
        return True

    def _refuse_in_line(self) -> None:
        if self.waits:
            raise TrainingError(
                f"{self.name} has not begun: it {self.waits}.",
                "run.wait()   or   run.stop()",
            )

    def _run(self) -> None:
        super()._run()
        self._flush()

    def _flush(self) -> None:
        if self._journal is not None:
            self._journal.flush()


_ORDINALS = {2: "2nd", 3: "3rd"}
_POSSIBLE = {
    Status.QUEUED: ("stop",),
    Status.RUNNING: ("pause", "stop"),
    Status.PAUSED: ("resume", "stop"),
    Status.CANCELLED: ("resume",),
    Status.FAILED: ("resume",),
}
_NEXT = {
    Status.QUEUED: "run.wait()   or   run.stop()",
    Status.RUNNING: "run.wait()",
    Status.PAUSED: "run.resume()",
    Status.COMPLETED: 'run.chat("…")   rb.compare([run, …])   run.save("folder")',
}
