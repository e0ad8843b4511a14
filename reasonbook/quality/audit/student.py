"""Student audit: the student itself as the meter; it weighs every answer in nats and writes none."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...data.frame import Frame
from ...errors import ReasonbookError, TeacherError, TrainingError
from ...job import Status
from ...store import Store
from ...training.answering.scoring import resolve
from ...training.runs import kernel_runs, row_losses
from ...training.runs.load import load_student
from ...training.runs.trained import TrainedStudent
from .audit import Audit
from .config import AuditConfig
from .nats import HALF, AnswerTokens, answer_nats, verdict_of, weighed
from .questions import conditions
from .records import AuditRecord, RowAudit, new_id
from .rows import AuditedRow, auditable, chosen
from .rule import chosen_rule
from .verdicts import OPEN, known_after

if TYPE_CHECKING:
    from ...chat import ChatFormat
    from ...training.planning.language_model import LanguageModel

_TRAIN = 'run = df.reason.train("STUDENT", strategy="final_and_reasoning")'


class StudentAudit(Audit):
    """An audit whose checker is a student: nats of the answer given the request, the reasoning, or both.

    Args:
        frame: the frame.
        store: the store.
        student: a trained one, or a model's folder or name.
        config: which conditions.
        rows: how many rows at most.
        flagged: positions that a check has flagged.
    """

    def __init__(
        self,
        frame: Frame,
        store: Store,
        student: TrainedStudent | str,
        config: AuditConfig,
        *,
        rows: int = 200,
        flagged: Collection[int] = frozenset(),
    ) -> None:
        name = student if isinstance(student, str) else f"{student.id}, step {student.step}"
        super().__init__(frame, store, AuditRecord(new_id(), "", "", config.ask))
        self._student = student
        self._form = _form_of(student)
        self._known, notes = auditable(frame, self.decisions)
        first = flagged if config.first == "flagged" else ()
        self._rows = chosen(self._known, rows, seed=config.seed, first=first)
        self._asked = [(row, one) for row in self._rows for one in conditions(row, config.ask, config.fields)]
        self._weighed = 0
        self.record = AuditRecord(
            id=self.record.id,
            checker=f"student {Path(name).name}",
            measure="nats of the response",
            ask=(*config.ask, *(("fields",) if config.fields else ())),
            seed=config.seed,
            first=config.first,
            notes=(*notes, *self._trained_on()),
        )

    @property
    def how_far(self) -> str:
        """Which student, and how many answers it has weighed."""
        return f"the audit by {self.record.checker}: {self._weighed} of {len(self._asked)} answers weighed"

    # -- work, on the audit's own thread --------------------------------------------------------------------
    def _work(self) -> Status:
        from ...training.answering.generate import pad_id

        shown = [weighed(row, condition, number) for number, (row, condition) in enumerate(self._asked)]
        tokens = AnswerTokens.of(shown, self._form)
        if not tokens.examples:
            raise TrainingError(
                f"None of these rows fits the student: {', '.join(tokens.chat.report.dropped)}.",
                "df.reason.to_chat(student).report",
            )
        with self._model(tokens) as (model, tail):
            found = answer_nats(
                model, tokens, pad_id=pad_id(self._form.tokenizer), tail=tail, told=self._tell
            )
        if self.stopping:
            return Status.CANCELLED
        missed = len(self._asked) - len(found)
        note = (
            f"{missed} of {len(self._asked)} answers do not fit the student's {self._form.max_length} tokens."
        )
        self._keep(
            status=str(Status.COMPLETED), findings=tuple(self._found(found)), at=self.started_at or 0.0, cost=0.0,
            notes=(*self.record.notes, *([note] if missed else [])),
        )  # fmt: skip
        return Status.COMPLETED

    def _tell(self, done: int) -> bool:
        self._weighed = done
        self.stream.emit("progress", done=done, total=len(self._asked))
        return not self.stopping

    def _found(self, found: dict[int, float]) -> list[RowAudit]:
        nats: dict[int, dict[str, float]] = {row.position: {} for row in self._rows}
        for number, (row, condition) in enumerate(self._asked):
            if number in found:
                nats[row.position][condition] = round(found[number], 4)
        try:
            rule, _ = chosen_rule(self._known, "auto")
        except TeacherError:  # free texts: a field that states one does so word for word
            rule = resolve("exact")
        known = {row.position: self._known_after(row, nats[row.position]) for row in self._rows}
        told = zip(self._rows, self._leaks(self._rows, self._known, rule, known), strict=True)
        return [
            replace(one, verdict=verdict_of(nats[row.position]) or OPEN, nats=nats[row.position])
            for row, one in told
        ]

    def _known_after(self, row: AuditedRow, nats: dict[str, float]) -> int | None:
        """After how many fields the student gives the answer, more likely than not, and goes on to."""
        if "fields" not in self.record.ask:
            return None
        steps = ["without", *map(str, range(1, len(row.fields))), "with"]
        return known_after([nats[step] <= HALF if step in nats else None for step in steps])

    # -- the student ------------------------------------------------------------------------------------------
    @contextmanager
    def _model(self, tokens: AnswerTokens) -> Generator[tuple[LanguageModel, bool]]:
        """The model, lent or loaded for this, and whether it gives the last logits alone."""
        if isinstance(self._student, TrainedStudent):
            with self._student.lent() as model:
                yield model, self._student.plan.backend == "unsloth"
            return
        from ...training.backends.peft import base_model
        from ...training.planner import decide
        from ...training.planning import device
        from ...training.planning.config import TrainConfig
        from ...training.planning.student import look_up
        from ...training.runs.output_log import muted

        known = look_up(self._student)
        plan = decide(tokens.plan_examples, TrainConfig(), student=known, machine=device.look())
        with muted(self.store.folder / "audit.log"):
            model = base_model(plan, Path(plan.student))
        try:
            yield model, False
        finally:
            del model
            device.free()

    def _trained_on(self) -> list[str]:
        if isinstance(self._student, str):
            return []
        seen = row_losses.read(self._student.folder).keys()
        count = sum(row.root in seen for row in self._rows)
        if not count:
            return []
        return [
            f"{count} of {len(self._rows)} rows were in the student's training: it may know their answers by heart."
        ]


def student_of(checker: object, frame: Frame, store: Store) -> TrainedStudent | str | None:
    """The student that a checker names; None where it names a teacher.

    Raises:
        TrainingError: no student was trained on these rows.
        TeacherError: it names nothing that there is.
    """
    trained = getattr(checker, "trained", None)
    if isinstance(trained, TrainedStudent):
        return trained
    if not isinstance(checker, (str, Path)):
        return None
    if checker == "student":
        return _newest(frame, store)
    try:
        return _loaded(str(checker), store)
    except TrainingError:
        name = str(checker)
        if Path(name).is_dir():
            return name
        if ":" in name:
            return None
        if "/" in name:
            return name
        raise TeacherError(
            f"{name!r} is no teacher, no run of this store and no folder of a student.",
            'df.reason.quality().audit(checker="openai:MODEL")   or   df.reason.quality().audit(checker="student")',
        ) from None


def _loaded(source: str, store: Store) -> TrainedStudent:
    loaded = load_student(source, store).student
    here = kernel_runs.find(loaded.folder)  # one that is in memory is not loaded twice
    return here.trained if here is not None else loaded


def _newest(frame: Frame, store: Store) -> TrainedStudent:
    rows = set(frame.keys)
    for subject in reversed(store.subjects("run:")):
        try:
            student = _loaded(subject.removeprefix("run:"), store)
            student.weights()
        except ReasonbookError:
            continue
        if student.strategy != "final_only" and rows & row_losses.read(student.folder).keys():
            return student
    raise TrainingError("No student was trained on these rows with their reasoning.", _TRAIN)


def _form_of(student: TrainedStudent | str) -> ChatFormat:
    from ...chat import ChatFormat

    if isinstance(student, str):
        return ChatFormat(student)
    if student.strategy == "final_only":
        raise TrainingError(f"{student.name} was trained to answer without reasoning.", _TRAIN)
    return student.format
