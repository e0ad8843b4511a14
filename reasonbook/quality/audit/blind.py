"""Blind audit: a teacher answers the rows of a sample, without their reasoning, with it, with it alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...augment import Augmentation, CostEstimate, estimate
from ...augment.results import Progress
from ...data.frame import Frame
from ...data.reasoning_origin import origin_of
from ...data.training_rows import ChatRow
from ...job import Mailbox, Status
from ...store import Store
from ...teachers import Teacher, resolve
from ...training.answering.scoring import ScoreLike
from .audit import Audit
from .config import AuditConfig
from .questions import ANSWER, ANSWERED, conditions, form_of, frame_of, question
from .records import AuditRecord, RowAudit, about, new_id, read
from .rows import AuditedRow, auditable, chosen
from .rule import chosen_rule, free_text_note
from .verdicts import known_after, verdict

_ORIGIN_ROWS = 50  # whose reasoning is looked up to know its teacher


class BlindAudit(Audit):
    """An audit whose checker is a teacher. The calls are an `Augmentation` of a frame of questions.

    So they are paced, paid once, kept before they count, and a row that was edited is asked anew alone.

    Args:
        frame: the frame.
        store: the store.
        checker: as in ``augment(teacher=…)``.
        config: what is asked.
        rows: how many rows at most.
        score: how answers are compared, or ``"auto"``.
        flagged: positions that a check has flagged.

    Attributes:
        asking: the augmentation that fetches the answers; it has its own live view, progress and errors.
    """

    def __init__(
        self,
        frame: Frame,
        store: Store,
        checker: object,
        config: AuditConfig,
        *,
        rows: int = 200,
        score: ScoreLike = "auto",
        flagged: Collection[int] = frozenset(),
    ) -> None:
        teacher: Teacher = resolve(checker)  # type: ignore[arg-type]
        super().__init__(frame, store, AuditRecord(new_id(), teacher.name, "", config.ask))
        known, notes = auditable(frame, self.decisions)
        self._known = known
        self._rows = chosen(known, rows, seed=config.seed, first=flagged if config.first == "flagged" else ())
        self._rule, said = chosen_rule(known, score)
        self._asked = [(row, one) for row in self._rows for one in conditions(row, config.ask, config.fields)]
        if config.first == "flagged":
            notes.append("Flagged rows were asked first: shares are of the rows asked, not of all.")
        self.record = AuditRecord(
            id=self.record.id,
            checker=teacher.name,
            measure=self._rule.name,
            ask=(*config.ask, *(("fields",) if config.fields else ())),
            seed=config.seed,
            first=config.first,
            form=self._form(),
            notes=tuple(filter(None, [*notes, said, *self._of_origin(teacher)])),
        )
        self.asking = Augmentation(
            frame_of([question(row, one) for row, one in self._asked]),
            ANSWERED,
            teacher,
            config.augmentation(self.record.form),
            store=store,
            part_of=self.record.id,
        )

    # -- look --------------------------------------------------------------------------------------------
    @property
    def progress(self) -> Progress:
        """How many of its questions are answered."""
        return self.asking.progress

    @property
    def cost(self) -> float | None:
        """Dollars so far; None when the price is not known."""
        return self.asking.cost

    @cached_property
    def quote(self) -> CostEstimate:
        """What it would cost from here on; nothing is sent. What the store has is free."""
        asking = self.asking
        return estimate(asking.frame, ANSWERED, asking.teacher, asking.config, store=self.store)

    @property
    def how_far(self) -> str:
        """Who is asked, and how far it is."""
        return self.asking.how_far.replace("the augmentation", "the audit", 1).replace(" rows", " answers")

    # -- work, on the audit's own thread --------------------------------------------------------------------
    def _work(self) -> Status:
        asking = self.asking
        asking.mailbox = Mailbox()  # the frame of questions is this thread's own
        asking.start()
        while not asking.deliver(0.1):
            if self.stopping:
                asking.stop()
            self.stream.emit("progress", **vars(asking.progress))
        self.error = asking.error
        findings = self._found()
        note = free_text_note(self._rule, [float(right) for f in findings for right in f.right.values()])
        # An audit that came to nothing is not put on record, so that an older one stands.
        if any(finding.answers for finding in findings):
            self._keep(
                status=str(asking.status), findings=tuple(findings), cost=asking.cost, calls=asking.usage.calls,
                notes=(*self.record.notes, *filter(None, [note])), at=self.started_at or 0.0,
            )  # fmt: skip
        return asking.status

    def _found(self) -> list[RowAudit]:
        """The verdict on every row, by the answers that are there."""
        cells = self.asking.frame.column("reasoning")
        answers: dict[int, dict[str, str]] = {row.position: {} for row in self._rows}
        for (row, condition), cell in zip(self._asked, cells, strict=True):
            if cell is not None:
                answers[row.position][condition] = str(cell[ANSWER])
        right = self._graded(
            [(row, c, text, None) for row in self._rows for c, text in answers[row.position].items()]
        )
        alike = self._graded(
            [
                (row, "with", said["with"], said["without"])
                for row in self._rows
                if "with" in (said := answers[row.position]) and "without" in said
            ]
        )
        known = {row.position: self._known_after(row, right) for row in self._rows}
        found: list[RowAudit] = []
        for row, one in zip(self._rows, self._leaks(self._rows, self._known, self._rule, known), strict=True):
            mine = {c: right[row.position, c] for c in answers[row.position]}
            same = alike.get((row.position, "with"), False)
            found.append(
                replace(
                    one,
                    verdict=verdict(mine.get("without"), mine.get("with"), alike=same),
                    answers=answers[row.position],
                    right=mine,
                )
            )
        return found

    def _graded(self, said: list[tuple[AuditedRow, str, str, str | None]]) -> dict[tuple[int, str], bool]:
        """Which answers are the response, or the other answer that is named; all compared in one call."""
        grades = self._rule.grade(
            [text for _, _, text, _ in said], [row.task(other) for row, _, _, other in said]
        )
        return {
            (row.position, condition): grade >= 1.0
            for (row, condition, _, _), grade in zip(said, grades, strict=True)
        }

    def _known_after(self, row: AuditedRow, right: dict[tuple[int, str], bool]) -> int | None:
        if "fields" not in self.record.ask:
            return None
        steps = ["without", *map(str, range(1, len(row.fields))), "with"]
        return known_after([right.get((row.position, step)) for step in steps])

    # -- before anything is asked ---------------------------------------------------------------------------
    def _form(self) -> str:
        """How answers look; as an earlier audit of these rows said it, so that its answers are found again."""
        earlier = about(read(self.store), [row.root for row in self._rows])
        alike = [
            one.form
            for one in earlier
            if one.checker == self.record.checker and one.measure == self._rule.name
        ]
        if alike:
            return alike[-1]
        asked = {row.position for row in self._rows}
        others = [row for row in self._known if row.position not in asked]
        return form_of([*others, *self._known], options=self._rule.name == "choice accuracy")

    def _of_origin(self, teacher: Teacher) -> list[str]:
        """What to bear in mind by whoever wrote the reasoning, and how."""
        rows = [
            ChatRow(r.position, r.root, "", r.conversation, dict(r.reasoning))
            for r in self._rows[:_ORIGIN_ROWS]
        ]
        origin, _ = origin_of(rows, self.store)
        notes: list[str] = []
        if origin is not None and origin.teacher == teacher.name:
            notes.append(
                f"{teacher.name} wrote this reasoning itself: a checker repeats its own mistakes. Ask another model."
            )
        if origin is not None and origin.method == "rationalize":
            notes.append(
                "This reasoning was written with the response in sight, so it may argue for a wrong one: among “earns "
                "its place” look at the rows whose answer without it convinces you more."
            )
        return notes

    def _facts(self) -> dict[str, Any]:
        if self.status is Status.CREATED:
            quote = self.quote
            money = "not known" if quote.dollars is None else "${:.2f} to ${:.2f}".format(*quote.dollars)
            return {
                "rows": len(self._rows),
                "calls": quote.calls,
                "already paid": quote.cached,
                "cost": money,
            }
        if self.running:
            progress = self.progress
            return {**super()._facts(), "answers": f"{progress.done} of {progress.total}"}
        return super()._facts()
