"""Augmentation: the job that fills a schema for every row of a frame, in place."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter, OrderedDict, deque
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..data.frame import Frame
from ..data.frame_jobs import announce
from ..data.reasoning_origin import Origin, OriginKeys, record
from ..decisions import UNDECIDED, Decisions
from ..errors import ReasonbookError, StoreError, TeacherError
from ..events import Stream
from ..html_card import card, clip, details, duration, table
from ..job import Job, Status
from ..schema import Schema
from ..store import (
    CapWatch,
    Context,
    Ledger,
    Membership,
    Store,
    default_store,
    make_sure_of_room,
    membership,
)
from ..teachers import Teacher, TeacherSpec, Usage, resolve
from ..teachers.batches import batch_api
from ..teachers.pricing.price_table import price_of
from ..teachers.python import PythonTeacher
from .answers import readable
from .config import AugmentConfig
from .cost import Budget, need_price
from .engine.batch import BatchEngine
from .engine.contract import Engine, EngineJob
from .engine.job_journal import JobJournal, recipe_of, spent_before
from .engine.live import LiveEngine
from .frame_writer import FrameWriter
from .methods import METHODS
from .prompts import Prompts, request_text
from .proposing import ProposingWriter, proposing, standing_in
from .results import Outcome, Pause, Progress, RowError, Totals
from .row_turns import TurnResult
from .sharing.shared_budget import SharedBudget
from .work import AnswerKeys, FrameSnapshot, Work, WorkPlan, plan_work

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_TICK = 0.06  # seconds between looks at stop, deliveries and progress: below 20 a second
_NEWEST = 200  # outcomes kept for views
_SPEED = 5.0  # seconds over which the rate is measured


class Augmentation(Job):
    """A running or finished augmentation.

    Rows arrive in the frame as they finish, between cells and inside `wait`. What is paid for is in the
    store first, so running the same cell again goes on where this one ended and pays for nothing twice.

    Args:
        frame: the user's frame with its layout.
        schema: a snapshot of it is taken; later edits do not reach this job.
        teacher: what `reasonbook.teachers.resolve` takes.
        config: see `AugmentConfig`.
        store: the default store when None.
        listed: reasoning is a list with an entry per assistant turn in every row, also where each has but one.
        part_of: id of the job over a dataset that this is a chunk of.
        shared: whether the budget is that of all parts, which several workers spend together.
        decided_too: whether rows that people have decided on are asked like any other.

    Raises:
        SchemaError: the schema is not valid.
        TeacherError: the teacher cannot be used.

    Example:
        >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
        >>> job.progress.done, job.progress.cached, job.cost
        (40, 40, 0.0)
    """

    def __init__(
        self,
        frame: Frame,
        schema: Schema,
        teacher: TeacherSpec,
        config: AugmentConfig | None = None,
        *,
        store: Store | None = None,
        listed: bool = False,
        part_of: str = "",
        shared: bool = False,
        decided_too: bool = False,
    ) -> None:
        super().__init__(stream=Stream(keep=2000))
        self.frame = frame
        self._decided_too = decided_too
        self._listed = listed
        self.config = config or AugmentConfig()
        self.schema = schema.snapshot()
        self.teacher: Teacher = resolve(teacher)
        _refuse(self.config, self.teacher)
        self.store = store or default_store()
        self.price = price_of(self.teacher, self.config.price)
        self.earlier = 0.0  # dollars that runs before this one have spent on it, where it has a budget
        self._part_of = part_of
        self._prompts = Prompts(self.schema, self.config)
        self._keys = AnswerKeys(self.schema, self.teacher.name, self.config)
        self._only: frozenset[int] | None = None
        self._lock = threading.Lock()
        self._totals = Totals()
        self._budget = self._budgeted(shared)
        self._member: Membership | None = None
        self._plan = WorkPlan([])
        self._errors: dict[int, RowError] = {}
        self._newest: OrderedDict[int, Outcome] = OrderedDict()
        self._clear()

    # -- look --------------------------------------------------------------------------------------------
    @property
    def usage(self) -> Usage:
        """Tokens of every call of this job, those that failed too."""
        return self._totals.usage

    @property
    def cost(self) -> float | None:
        """Dollars so far, by the provider's own word where it gives it; None when the price is not known."""
        told = self.teacher.capabilities.tells_cost or self._totals.usage.dollars is not None
        return self._totals.cost if told or self.price is not None else None

    @property
    def refusal(self) -> ReasonbookError | None:
        """What the store's spending cap says to it, where that and not its own budget is what bounds it."""
        return self._budget.refusal

    @property
    def progress(self) -> Progress:
        """How far it is, as one frozen snapshot."""
        with self._lock:
            left = self._plan.rows - self._filled - len(self._errors)
            rate, engine = self._rate(), self._engine if self.running else None
            pause = engine.paused if engine is not None else None
            return Progress(
                total=self._plan.rows,
                done=self._filled,
                failed=len(self._errors),
                cached=min(self._filled, self._cached + self._totals.shared),
                in_flight=engine.in_flight if engine is not None else 0,
                rate=rate,
                eta=left / rate if rate and self.running and pause is None else None,
                cost=self.cost,
                budget=self.config.budget,
                turns=self._plan.turns,
                turns_done=self._turns_done,
                elsewhere=engine.elsewhere if engine is not None else 0,
                brake=engine.brake if engine is not None and self.running else "",
                paused="" if pause is None else str(pause),
            )

    @property
    def how_far(self) -> str:
        """Whose reasoning, for how many rows, and how long it will still take."""
        now = self.progress
        rows = f"{now.done} of {now.total} rows" if now.total else f"{len(self.frame)} rows are being read"
        left = now.total - now.done
        parts = [
            rows,
            f"{left} missing" if left else "",
            f"{now.failed} failed" if now.failed else "",
            now.waits,
            f"about {duration(now.eta)} left" if now.eta is not None else "",
            now.brake,
            f"paused: {now.paused}" if now.paused else "",
            "" if self.running else str(self.status).lower(),
        ]
        return f"the augmentation by {self.teacher.name}: {', '.join(filter(None, parts))}"

    @property
    def errors(self) -> pd.DataFrame:
        """Rows without reasoning: position, error, the teacher's raw text, and the tokens they cost."""
        import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

        with self._lock:
            rows = [
                {
                    "position": position,
                    "error": error.reason,
                    "text": error.text,
                    "input_tokens": error.usage.input,
                    "output_tokens": error.usage.output,
                }
                for position, error in sorted(self._errors.items())
            ]
        return pd.DataFrame(rows, columns=["position", "error", "text", "input_tokens", "output_tokens"])

    @property
    def origin(self) -> Origin:
        """Where its reasoning comes from: schema, teacher, method and the fixed prompt."""
        prompt, _, _ = self._prompts.fixed(tuple(self.schema.names), False)
        return Origin(self.schema.to_dict(), self.teacher.name, self.config.method, prompt)

    def outcome(self, position: int) -> Outcome | None:
        """What came for a row, if it is among the newest; also before it is in the frame."""
        return self._newest.get(position)

    # -- act ---------------------------------------------------------------------------------------------
    def start(self) -> Augmentation:
        """Starts, or goes on after a stop; returns at once."""
        if not self.running:
            self._snapshot = FrameSnapshot(self.frame.df, self.frame.layout)
            self._journal = JobJournal(self.store, self._part_of)
            self._standing = standing_in(self.frame) if self.config.propose else {}
            self._clear()
        announce(self.frame.df, self)
        super().start()
        for text in self.frame.layout.notes(self.frame.df):
            self.stream.emit("note", text=text)
        if self._standing:
            self.stream.emit("note", text=proposing(len(self._standing)))
        return self

    def retry(self) -> Augmentation:
        """Asks again for the rows that have an error; the others stay as they are."""
        if self.running:
            raise ReasonbookError("The job is still running.", "job.wait()   or   job.stop()")
        self._only = frozenset(self._errors)
        if not self._only:
            raise ReasonbookError("There is no row with an error.", 'df["reasoning_status"].value_counts()')
        return self.start()

    def cancel(self) -> Augmentation:
        """Ends the job; batches that lie with the provider are ended there too, and what they have is taken in."""
        if self.config.mode == "batch" and self.running:
            self._cancelling = True
            return self
        self.stop()
        return self

    def _clear(self) -> None:
        with self._lock:
            self._errors = {}
            self._filled = self._cached = self._turns_done = 0
            self._finished: deque[tuple[float, int]] = deque()
            self._ready: list[int] = []
            self._engine: Engine | None = None
            self._brake = ""
            self._cancelling = False
            self._paused: Pause | None = None
            self.gave_up = ""  # why it ended although its rows may well be answered later
            self._told = 0.0  # when an outage was last told of

    # -- work, on the job's own thread ----------------------------------------------------------------------
    def _work(self) -> Status:
        status, error = Status.FAILED, None
        # Before answers are looked up, so that nobody gives any unseen. A batch has limits of its own.
        line = f"batch of {self.teacher.name}" if self.config.mode == "batch" else self.teacher.name
        self._member = membership(self.store, line)
        try:
            status = asyncio.run(self._main())
        except BaseException as problem:
            error = problem
            raise
        finally:
            self._only = None
            if self._member is not None:
                self._member.leave()
            if isinstance(self._budget, SharedBudget):
                self._budget.close()
            self._journal.ended(status, self.progress, error or self.error)
        return status

    async def _main(self) -> Status:
        decisions = Decisions(self.store)
        writer = FrameWriter(self.frame, self.mailbox)
        if self._standing:
            told = {"teacher": self.teacher.name, "augmentation": self._journal.id}
            writer = ProposingWriter(self.frame, self.mailbox, self._standing, decisions, told)
        plan = plan_work(
            self._snapshot,
            self._keys,
            self.config,
            self.store,
            decision=(lambda key: UNDECIDED) if self._decided_too else decisions.reader(self._snapshot.names),
            only=self._only,
            listed=self._listed,
            stopping=lambda: self.stopping,
        )
        if self.stopping:
            return Status.CANCELLED
        writer.keys = plan.keys
        self._writer = writer
        with self._lock:
            self._plan = plan
        origin, keys = self.origin, self._answer_keys()
        if plan.open:
            calls = len(plan.open) * self.config.samples
            make_sure_of_room(self.store, calls, calls * len(self._keys.names))
        with contextlib.suppress(*(() if plan.open else (StoreError,))):  # what is only read may be read-only
            if METHODS[self.config.method].reasons:
                record(self.store, origin, keys)
        if self.config.budget is not None and plan.open:
            self._tell_earlier(recipe_of(keys), plan.keys)
        self._journal.begun(origin, keys, self.config.told(), plan.keys, self.cost)
        for position, why in plan.unusable.items():
            writer.add(position, None, "invalid", why)
            self._note(position, RowError(why))
            self._journal.failed(plan.keys[position], why)
        works = self._from_store(plan)
        for work in works:
            for position, _ in work.places:
                writer.add(position, None, "pending", None)
        self._tick()
        job = EngineJob(
            schema=self.schema,
            teacher=self.teacher,
            config=self.config,
            store=self.store,
            keys=self._keys,
            budget=self._budget,
            read_turn=self._snapshot.turn,
            context=self._context(),
            settled=self._settled,
            totals=self._totals,
            note=lambda text: self.stream.emit("note", text=text),
            member=self._member,
        )
        engine = self._engine = BatchEngine(job) if self.config.mode == "batch" else LiveEngine(job)
        running = asyncio.ensure_future(engine.run(iter(works)))
        while not running.done():
            await asyncio.wait({running}, timeout=_TICK)
            if self._cancelling:
                engine.cancel()
            if self.stopping:
                engine.halt()
            self._tick()
            self._tell_pause(engine)
            self._journal.heard(self.progress)
        self._tick(now=True)
        running.result()
        return self._end(engine)

    def _budgeted(self, shared: bool) -> Budget:
        """What its calls are paid from, beside all others on the store where that has a cap.

        As the part of a job it has a part of that job's budget, together with the other parts.
        """
        dollars, batch = self.config.budget, self.config.mode == "batch"
        cap = None if self.teacher.capabilities.free else CapWatch(self.store, lambda: self._totals.cost)
        if shared and dollars is not None:
            ledger = Ledger(self.store, self._part_of, dollars)
            budget = SharedBudget(ledger, self.price, self._totals, batch=batch, cap=cap)
        else:
            budget = Budget(dollars, self.price, self._totals, batch=batch, cap=cap)
        if budget.bounded:
            need_price(self.teacher, self.config.price, "budget" if dollars else "spending cap")
        return budget

    def _tell_earlier(self, recipe: str, rows: list[str]) -> None:
        """Says what runs before this one have spent on it, since a budget counts from its own run on."""
        budget = self.config.budget or 0.0
        self.earlier = spent_before(self.store, recipe, rows, self._part_of)
        if self.earlier:
            self.stream.emit(
                "note",
                text=f"Earlier runs of this line have spent ${self.earlier:,.4f}. A budget counts for one run: this "
                f"one may spend ${budget:g} more. rb.store.cap(20.0) bounds all runs together.",
            )

    def _context(self) -> Context:
        """What its calls have in common, for the store."""
        known, price = self.price, None
        if known is not None:
            share = known.batch if self.config.mode == "batch" else 1.0
            cached = known.input if known.cached is None else known.cached
            price = (share * known.input, share * known.output, share * cached)
        return Context(
            "augmentation",
            job=self._journal.id,
            schema=json.dumps(self.schema.to_dict(), ensure_ascii=False),
            parameters=json.dumps(self.config.told(), ensure_ascii=False),
            price=price,
        )

    def _answer_keys(self) -> OriginKeys:
        """How the store names its answers, so that rows lead back to it."""
        method = METHODS[self.config.method]
        request, whole = (
            tuple(
                {name: self._keys.key(Work("", shown, (0, 0)), name, sample) for name in self._keys.names}
                for sample in range(self.config.samples)
            )
            for shown in (False, True)
        )
        text = "" if method.fields else "text"
        return OriginKeys(() if method.sees_response else request, whole, text, self.config.turns == "last")

    def _from_store(self, plan: WorkPlan) -> list[Work]:
        """Settles what the store can answer; the rest, and what still has to be chosen from, is to be asked."""
        choosing = self.config.samples > 1 or self.config.check is not None
        works = list(chain(plan.cached, plan.open)) if choosing else plan.open
        if not choosing:
            for work in plan.cached:
                assert work.found is not None
                self._settled(work, readable(work.found[0], METHODS[self.config.method], self._keys.names)[0])
            self._cached = self._filled
        return works

    def _settled(self, work: Work, result: TurnResult) -> None:
        """Takes in what came for a turn; rows of which it was the last open one are written."""
        told = len(self._newest) < _NEWEST or len(self._ready) < 20
        request = request_text(self._snapshot.turn(work.places[0])) if told else None
        if isinstance(result, RowError):
            self._journal.failed(work.content, result.reason)
        elif self.config.samples > 1:
            self._journal.chosen(work.content, result)
        for place in work.places:
            cell, error = self._plan.settle(place, result)
            if cell is None and error is None:
                continue
            self._writer.add(place[0], cell, "ok" if error is None else "error", error and error.reason)
            self._note(place[0], error or result, request)
        self._turns_done += len(work.places)

    def _note(self, position: int, result: TurnResult, request: str | None = None) -> None:
        with self._lock:
            self._ready.append(position)
            if isinstance(result, RowError):
                self._errors[position] = result
            else:
                self._filled += 1
            if request is not None:
                failed = isinstance(result, RowError)
                self._newest[position] = Outcome(
                    request, None if failed else result, result.reason if failed else None
                )
                while len(self._newest) > _NEWEST:
                    self._newest.popitem(last=False)

    def _tick(self, *, now: bool = False) -> None:
        """Delivers what is ready and says how far the job is."""
        self._writer.flush(now=now)
        with self._lock:
            ready, self._ready = self._ready, []
            moment = time.monotonic()
            self._finished.append((moment, self._filled + len(self._errors)))
            while len(self._finished) > 2 and moment - self._finished[1][0] > _SPEED:
                self._finished.popleft()
        if ready:
            told = [position for position in ready if position in self._newest] or ready
            self.stream.emit(
                "rows",
                positions=told[-50:],
                count=len(ready),
                done=self._filled,
                failed=len(self._errors),
                cached=self._cached,
            )
        progress = self.progress
        if ready or progress.brake != self._brake:
            self._brake = progress.brake
            self.stream.emit("progress", **vars(progress))

    def _tell_pause(self, engine: Engine) -> None:
        """Says that an outage begins and ends, and every second between when the provider is asked again."""
        before, self._paused = self._paused, engine.paused
        pause, now = self._paused, time.monotonic()
        if pause is not None and before is None:
            self.stream.emit("note", text=f"Paused: {pause}. What is there is kept.")
        elif pause is None and before is not None:
            with self._lock:
                self._finished.clear()  # how fast it goes now, the silence is no part of
            lasted = duration(time.time() - before.since)
            self.stream.emit("note", text=f"{self.teacher.name} answers again, after {lasted}.")
        if (pause is None) != (before is None) or (pause is not None and now - self._told >= 1.0):
            self._told = now
            self.stream.emit("progress", **vars(self.progress))

    def _rate(self) -> float:
        if len(self._finished) < 2:
            return 0.0
        (first, before), (last, after) = self._finished[0], self._finished[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def _end(self, engine: Engine) -> Status:
        progress = self.progress
        if self._writer.trouble is not None:
            self.stream.emit("note", text=str(self._writer.trouble))
        if engine.stopped_by is not None:
            self.error = engine.stopped_by
            self.stream.emit("note", text=str(engine.stopped_by))
            return Status.FAILED
        if self.stopping or self._cancelling:
            return Status.CANCELLED
        left = progress.total - progress.done - progress.failed
        self.gave_up = engine.gave_up
        if engine.gave_up:
            self.stream.emit("note", text=f"{engine.gave_up}; {left} rows were not asked.\n  → job.start()")
            return Status.PARTIAL
        if engine.over_budget:
            self.stream.emit("note", text=self._budget.used_up(left))
            self.error = None if self.usage.calls else self._budget.refusal
            return Status.FAILED if self.error else Status.PARTIAL
        if progress.failed and not progress.done:
            causes = Counter(error.reason for error in self._errors.values())
            reason, count = causes.most_common(1)[0]
            self.error = TeacherError(
                f"No row got its reasoning; {count} times: {reason.rstrip('.')}.", "job.errors"
            )
            return Status.FAILED
        return Status.PARTIAL if progress.failed else Status.COMPLETED

    # -- shown -------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        progress = self.progress
        return (
            f"Augmentation({self.status}, {progress.done} of {progress.total} rows, {progress.failed} failed, "
            f"teacher={self.teacher.name!r})"
        )

    def _repr_html_(self) -> str:
        progress, usage = self.progress, self.usage
        facts: dict[str, Any] = {
            "status": self.status,
            "rows": f"{progress.done} of {progress.total}",
            "failed": progress.failed,
            "from the store": progress.cached,
        }
        if progress.turns != progress.total:
            facts["turns"] = f"{progress.turns_done} of {progress.turns}"
        if progress.brake:
            facts["brake"] = progress.brake
        if usage.calls or usage.input:
            facts["tokens"] = f"{usage.input} in, {usage.output} out"
        if self.cost:
            facts["cost"] = f"${self.cost:.4f}"
        if progress.elsewhere:
            facts["waiting"] = progress.waits
        causes = Counter(error.reason for error in list(self._errors.values())).most_common(8)
        body = ""
        if causes:
            rows = [(count, clip(reason, 200)) for reason, count in causes]
            body = details(f"{progress.failed} rows without reasoning", table(("rows", "why"), rows))
        notes = [event.data["text"] for event in self.stream if event.kind == "note"][-3:]
        if progress.paused:
            notes.append(f"Paused: {progress.paused}.")
        verb = "df.reason.review().proposals" if self.config.propose else "df.reason.review()"
        verb = "job.retry()" if progress.failed and not self.running else verb
        return card(
            f"Augmentation by {self.teacher.name}",
            facts,
            notes=notes,
            body=body,
            next_verb="job.wait()   ·   job.stop()" if self.running else verb,
        )


def _refuse(config: AugmentConfig, teacher: Teacher) -> None:
    """Says no to what this teacher cannot do."""
    if config.mode == "batch":
        batch_api(teacher)
    if config.pack > 1 and isinstance(teacher, PythonTeacher):
        raise ReasonbookError("A Python function is asked for its rows one by one.", "pack=1")
