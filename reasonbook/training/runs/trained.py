"""Trained student: what a training has made, whoever ran it; it answers, is judged, is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...data.conversation import Conversation, Message
from ...data.reasoning_origin import Origin
from ...errors import TrainingError
from ..answering import generate, scoring
from ..loop.control import Control
from .data import RunData
from .folder import RunLock, weights_of
from .history import History
from .loaded_model import ModelHolder
from .row_losses import RowLosses
from .run_card import RunCard

if TYPE_CHECKING:
    from ...chat import ChatFormat
    from ..answering.generate import Reply
    from ..planning.config import TrainConfig
    from ..planning.language_model import LanguageModel
    from ..planning.plan import Plan


@dataclass(frozen=True)
class AnswerKey:
    """Which rows were answered, and by which weights.

    Attributes:
        split: whose rows.
        limit: only so many of them; None for all.
        base: by the student before its training.
        step: optimizer steps that the weights had behind them.
    """

    split: str
    limit: int | None
    base: bool
    step: int


@dataclass(frozen=True)
class Answers:
    """What was written for held-out rows, not graded yet.

    Attributes:
        label: who wrote them.
        replies: one per row.
        seconds: that writing took.
    """

    label: str
    replies: Sequence[Reply]
    seconds: float


class TrainedStudent:
    """A student with everything that its training has made so far; it need not be complete.

    It answers, is judged and is saved. Who trains it (a `Run`, or a script by `train_card`) holds it.

    Args:
        id: name of the run, and of its folder below ``runs/``.
        name: a short label for tables.
        plan: every setting.
        config: what was asked for.
        strategy: what it learns to write: ``final_only``, ``final_and_reasoning`` or ``two_message_cot``.
        folder: card, data, checkpoints and weights.
        form: how the student is asked and read, or a function that finds it when it is needed.
        data: arrays and rows; read from the folder when they are needed, where None.
        score: how sampled answers are graded, as in `compare`.
        origin: where the reasoning is from, as far as it is known.
        from_card: id of the run whose card is trained again; None for a run of its own.

    Attributes:
        reason: why the training ended before its time, in words.
        control: the switches by which another thread stops, pauses or borrows the model.
        history: the curves, samples and messages.
        card: the run card.
        losses: of the rows.
        lock: held by this process while it trains the student.
        answers: to held-out rows, which are written once; kept by `evaluation.evaluate`.
    """

    def __init__(
        self,
        *,
        id: str,
        name: str,
        plan: Plan,
        config: TrainConfig,
        strategy: str,
        folder: Path,
        form: ChatFormat | Callable[[], ChatFormat],
        data: RunData | None = None,
        score: scoring.ScoreLike = None,
        origin: Origin | None = None,
        from_card: str | None = None,
    ) -> None:
        self.id, self.name, self.plan, self.config, self.folder = id, name, plan, config, folder
        self.score = scoring.resolve(score)
        self.origin = origin or Origin()
        self.from_card = from_card
        self.reason = ""
        self.strategy = strategy
        self.history = History(thinking=strategy != "final_only")
        self.control = Control()
        self.lock = RunLock(folder)
        self.card = RunCard(folder)
        self.losses = RowLosses(lambda: self.data, plan, folder)
        self.answers: dict[AnswerKey, Answers] = {}
        self._form, self._data = form, data
        self._holder = ModelHolder(
            plan, folder, self.control, training=lambda: self.training, weights=self.weights
        )

    @property
    def trained(self) -> TrainedStudent:
        """Itself, so that runs and trained students are taken alike."""
        return self

    @property
    def student(self) -> str:
        """Folder or name of the student that was trained."""
        return self.plan.student

    @property
    def format(self) -> ChatFormat:
        """How the student is asked and read."""
        if callable(self._form):
            self._form = self._form()
        return self._form

    @property
    def data(self) -> RunData:
        """The arrays and rows of the training."""
        if self._data is None:
            self._data = RunData.load(self.folder)
        return self._data

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.history.step

    @property
    def training(self) -> bool:
        """Whether this process trains it right now."""
        return self.lock.held

    # -- the model ---------------------------------------------------------------------------------------
    @property
    def model(self) -> LanguageModel | None:
        """The model in memory; None while there is none."""
        return self._holder.model

    @model.setter
    def model(self, model: LanguageModel | None) -> None:
        self._holder.model = model

    def lent(self) -> AbstractContextManager[LanguageModel]:
        """The model, between two steps where it trains; read from disk where it is not in memory."""
        return self._holder.lent()

    def base(self) -> AbstractContextManager[LanguageModel]:
        """The model as it was before the training."""
        return self._holder.base()

    def unload(self) -> None:
        """Frees the memory of the model; it is read again when it is needed.

        Raises:
            TrainingError: it is being trained.
        """
        if self.training:
            raise TrainingError("The model is being trained.", "run.stop()   or   run.wait()")
        self._holder.drop()

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
        with self.lent() as model:
            return generate.replies(
                model,
                self.format,
                [prompts] if isinstance(prompts, str) else list(prompts),
                max_tokens=max_tokens or self.plan.sample_tokens,
                batch_size=batch_size,
                on_text=on_text,
                should_stop=should_stop,
            )
