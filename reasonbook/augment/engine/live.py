"""Live engine: makes the calls for every open row now, and stores each answer before it counts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ...errors import ReasonbookError
from ...store import Call
from ...teachers import CallError, Completion, Request, Usage
from ..answers import AnswerReader, InvalidAnswerError
from ..prompts import Prompts, reask, request_text
from ..results import Pause, RowError
from ..sharing.claimed_works import ClaimedWorks
from ..sharing.teacher_line import TeacherLine
from ..work import Work
from . import packing
from .call_record import CallRecords
from .contract import EngineJob
from .failures.attempts import Attempts, CallUnderWay
from .failures.breaker import Breaker
from .failures.own_refusals import OwnRefusals
from .failures.retries import Retries, job_error
from .failures.timed_teacher import TimedTeacher
from .failures.timeouts import CallTimeouts
from .lying_batches import LyingBatches
from .pacing import Pacer
from .packing import Pack
from .row_state import RowSamples, RowState
from .store_writer import StoreWriter

_GRACE = 0.2
_DOUBT = 0.5  # seconds in which it shows whether a last failure was the provider's


class LiveEngine:
    """An `Engine` that makes the calls itself, up to the config's ``concurrency`` at a time."""

    def __init__(self, job: EngineJob) -> None:
        teacher, config = self.teacher, self.config = job.teacher, job.config
        self.keys, self.totals = job.keys, job.totals
        self.prompts = Prompts(job.schema, config)
        self.stopped_by: ReasonbookError | None = None
        self.over_budget = False
        self.gave_up = ""
        parallel = min(config.concurrency, teacher.capabilities.parallel or config.concurrency)
        self.pacer = Pacer(parallel, rpm=config.rpm, tpm=config.tpm)
        self._writer = StoreWriter(job.store, lambda: self.pacer.in_flight)
        self._records = CallRecords(teacher.name, self.prompts, job.context)
        self._budget = job.budget
        self._retries = Retries(teacher, config, job.totals)
        self._timeouts = CallTimeouts(config, parallel, adapts=teacher.capabilities.times_out)
        self.breaker = Breaker(
            parallel,
            longest=config.max_outage,
            ended=self._outage_over,
            retries=config.max_retries,
            clock=asyncio.get_running_loop().time,
        )
        self._own = OwnRefusals(self.breaker.clock)
        self._teacher = TimedTeacher(teacher, self._timeouts, self.breaker)
        self._answers = AnswerReader(job.schema, self.prompts.method)
        self._rows = RowSamples(job, self.prompts, self._timeouts)
        self._read_turn, self._settled = job.read_turn, job.settled
        self._states: dict[Work, RowState] = {}
        self._line = TeacherLine(
            job.store, job.member, job.keys, config.samples, pacer=self.pacer, breaker=self.breaker
        )
        self._fresh = self._claimed(())
        self._batches, self._lying = LyingBatches(job), list[Work]()
        self._again: deque[Work | Pack] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._open = 0
        self._halted = False
        self._halt: asyncio.Event | None = None

    # -- a run -------------------------------------------------------------------------------------------
    async def run(self, works: Iterator[Work]) -> None:
        """Asks until nothing is open, the budget is used up, or `halt` is called."""
        self._fresh = self._claimed(works)
        self._halt = asyncio.Event()
        watching = asyncio.create_task(self._line.watch())
        halted = asyncio.create_task(self._halt.wait())
        everything = asyncio.create_task(self._everything())
        try:
            await asyncio.wait({everything, halted, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():  # answers that are nearly here are still taken in
                self._wake(all_of_them=True)
                await asyncio.wait({everything}, timeout=0.0 if self.stopped_by else _GRACE)
        finally:
            self._teacher.ending = True
            for task in (halted, watching, everything):
                task.cancel()
            await asyncio.gather(everything, halted, watching, return_exceptions=True)
            await self._writer.close()
            self._fresh.close()
            await self.teacher.close()
        for task in (everything, watching):
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None and self.stopped_by is None and not self._halted:
                raise error

    async def _everything(self) -> None:
        await self._ask_all()
        while self._lying and not self._halted:
            lying, self._lying = self._lying, []
            for work in await self._batches.collect(lying):
                self._open += 1
                self._again.append(work)
            for work in lying:
                if work not in self._again:
                    self._fresh.done(work)
            await self._ask_all()

    async def _ask_all(self) -> None:
        workers = [asyncio.create_task(self._worker()) for _ in range(self.pacer.most)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            self._teacher.ending = True  # a call that is cut now has not taken too long
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self.pacer.in_flight

    @property
    def brake(self) -> str:
        """What the pacer has found to hold the calls back."""
        return self.pacer.brake

    @property
    def elsewhere(self) -> int:
        """Rows that another job asks now."""
        return self._fresh.elsewhere

    @property
    def paused(self) -> Pause | None:
        """The outage that is waited out, where there is one."""
        return self.breaker.pause

    def cancel(self) -> None:
        """Stops soon, as `halt`: nothing is left with the provider."""
        self.halt()

    def halt(self) -> None:
        """Stops soon; callable on the engine's own loop."""
        self._halted = True
        self._batches.halt()
        if self._halt is not None:
            self._halt.set()

    def _stop_job(self, error: ReasonbookError) -> None:
        if self.stopped_by is None:
            self.stopped_by = error
        self.halt()

    def _outage_over(self) -> None:
        """Ends a run whose provider is down for too long; one that never answered is an error."""
        error, pause = self.breaker.error, self.paused
        if self.breaker.answered_ever and pause is not None:
            self.gave_up = pause.lasted(self.teacher.name)
            self.halt()
        else:
            self._stop_job(job_error(self.teacher.name, error))

    # -- workers -----------------------------------------------------------------------------------------
    async def _worker(self) -> None:
        while (task := await self._next()) is not None:
            if isinstance(task, Work):
                state = self._states.get(task) or self._begin(task)
                if state is None:  # the store had all of its samples
                    self._close(task)
                    continue
                if state.attempts.doomed:
                    if self._give_up(task, state) is not None:
                        self._return(task)
                    continue
                request, attempts = state.request, state.attempts
                step = partial(self._step, task, state)
            else:
                request, attempts = task.request, task.attempts
                step = partial(self._step_pack, task)
            call = await self._leave(request, attempts)
            try:
                delay = None
                if not self._halted:
                    delay = await step(call)
            finally:
                self.pacer.leave()
                self.breaker.end(call)
            if self._halted:
                return
            if delay is not None:
                self._own.wait(delay, attempts, partial(self._return, task))

    async def _leave(self, request: Request, attempts: Attempts) -> CallUnderWay:
        """Waits until a call may leave: for the provider to be there, then for its pace."""
        turn = False
        while True:
            if not turn and not self.breaker.free:
                await self.breaker.turn()
                turn = True
            await self.pacer.enter(self._budget.tokens(request) if self.pacer.tokens is not None else 0.0)
            if turn or self.breaker.free:
                return self._own.sent(self.breaker.begin(attempts, turn))
            self.pacer.leave()

    async def _next(self) -> Work | Pack | None:
        while not self._halted:
            if self._again:
                return self._again.popleft()
            affordable = self._budget.affordable(self._open)
            if affordable or not (self._open or self.over_budget):
                work = self._take()
                if work is not None and affordable:
                    self._open += 1
                    return self._packed(work) if self.config.pack > 1 else work
                self.over_budget = self.over_budget or work is not None
            if self._open == 0 and not (self._fresh.waits if self.over_budget else self._fresh.open):
                self._wake(all_of_them=True)
                return None
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(future)
            await future
        return None

    def _take(self) -> Work | None:
        """The next row to ask; one that lies with the provider as a batch is set aside."""
        while (work := self._fresh.take()) is not None and self._batches.holds(work, anew=self._fresh.waited):
            self._lying.append(work)
        return work

    def _return(self, task: Work | Pack) -> None:
        self._again.append(task)
        self._wake()

    def _begin(self, work: Work) -> RowState | None:
        state = self._states[work] = self._rows.begin(work)
        return state if self._rows.advance(work, state) else None

    def _close(self, work: Work) -> None:
        self._states.pop(work, None)
        self._fresh.done(work)
        self._open -= 1
        # With a budget, what one more row may cost is known better now.
        if self._open == 0 or self._budget.bounded:
            self._wake(all_of_them=self._open == 0)

    def _wake(self, *, all_of_them: bool = False) -> None:
        while self._idle:
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
                if not all_of_them:
                    return

    # -- one row -----------------------------------------------------------------------------------------
    def _claimed(self, works: Iterable[Work]) -> ClaimedWorks:
        """These rows, as far as no other job asks them."""
        arrived = partial(self._wake, all_of_them=True)
        return self._line.claimed(works, most=self.pacer.most, answered=self._shared, arrived=arrived)

    def _shared(self, work: Work) -> None:
        """Settles a row that was answered for another job."""
        self._begin(work)
        self._states.pop(work, None)
        self.totals.shared += len(work.places)

    async def _step(self, work: Work, state: RowState, call: CallUnderWay) -> float | None:
        """Makes one call; returns the seconds after which the row wants another, None when it is settled."""
        problem, unread = "", False
        try:
            completion = await self._ask(call, state.request)
        except CallError as error:
            if error.kind != "output":
                return await self._failed(work, state, call, error)
            completion, unread = Completion(error.text, "", error.usage), True
            problem = error.message or "the answer cannot be read"
        self.pacer.succeeded()
        cost = self._pay(state, completion.usage)
        values: dict[str, Any] = {}
        if not problem:
            try:
                values = self._answers.values(completion, state.names)
            except InvalidAnswerError as error:
                problem = str(error)
        answers = {self.keys.key(work, name, state.sample): value for name, value in values.items()}
        unstored = await self._keep(
            self._records.answered(
                completion, [work], state.names, answers=answers, problem=problem, cost=cost
            )
        )
        problem = problem or unstored
        if problem:
            return self._bad(work, state, completion.text, problem, unread=unread)
        if self._rows.took(state, {**state.known, **values}):
            self._rows.finish(work, state)
        elif self._rows.advance(work, state):
            return 0.0
        self._close(work)
        return None

    def _pay(self, state: RowState, usage: Usage) -> float | None:
        state.paid = state.paid + usage
        return self._budget.pay(usage)

    async def _ask(self, call: CallUnderWay, request: Request) -> Completion:
        """One call; what its provider said of the limits is heard, whatever came of it."""
        try:
            completion = await self._teacher.complete(call, request)
        except CallError as error:
            self.pacer.heard(error.limits)
            if error.kind == "output":
                self.breaker.answered(call)
                self._own.passed(call)
            raise
        self.pacer.heard(completion.limits)
        self._own.passed(call)
        self._timeouts.took(self.breaker.answered(call))
        return completion

    async def _keep(self, call: Call) -> str:
        """Returns when a paid answer is in the store; one that cannot be stored goes into the frame all the same.

        What cannot be stored because of what it holds is said in words: it is nobody's but its row's.
        """
        unstored = await self._write(call)
        self.totals.answered += 1
        return unstored

    async def _write(self, call: Call) -> str:
        try:
            return await self._writer.write(call)
        except ReasonbookError as error:
            self._stop_job(error)
            return ""

    # -- several rows in one call --------------------------------------------------------------------------
    def _packed(self, work: Work) -> Work | Pack:
        """Short rows that want every field, together; a row that is long or half answered goes alone."""
        works = [work] if self._short(work) else []
        while works and len(works) < self.config.pack and self._budget.affordable(self._open):
            other = self._take()
            if other is None:
                break
            self._open += 1
            if other.shown == work.shown and self._short(other):
                works.append(other)
            else:
                self._return(other)
        return self._pack(works) if len(works) > 1 else work

    def _short(self, work: Work) -> bool:
        return not work.found and len(request_text(self._read_turn(work.places[0]))) <= packing.SHORT

    def _pack(self, works: list[Work]) -> Pack:
        rows = [self._read_turn(work.places[0]) for work in works]
        return Pack(works, self.prompts.packed(rows, self.keys.names, works[0].shown))

    async def _step_pack(self, pack: Pack, call: CallUnderWay) -> float | None:
        """As `_step`, for a pack; rows that fail go alone, a pack that fails goes in two halves."""
        try:
            completion = await self._ask(call, pack.request)
        except CallError as error:
            cost = self._budget.pay(error.usage)
            if error.usage:
                await self._write(self._records.failed(error, pack.works, self.keys.names, cost))
            if error.kind == "output":
                return self._split(pack)
            delay = self._judged(call, error)
            return self._split(pack) if delay is None and not self._halted else delay
        self.pacer.succeeded()
        record = partial(
            self._records.answered,
            completion,
            pack.works,
            self.keys.names,
            cost=self._budget.pay(completion.usage),
        )
        try:
            found = packing.read(completion, self._answers.reader(self.keys.names), len(pack.works))
        except InvalidAnswerError as error:
            await self._keep(record(answers={}, problem=str(error)))
            return self._split(pack)
        pairs = list(zip(pack.works, found, strict=True))
        answers = {
            self.keys.key(work, name, 0): value
            for work, values in pairs
            if isinstance(values, dict)
            for name, value in values.items()
        }
        problem = "; ".join(str(v) for _, v in pairs if isinstance(v, InvalidAnswerError))
        if await self._keep(record(answers=answers, problem=problem)):
            return self._split(pack)
        for work, values in pairs:
            if isinstance(values, dict):
                self._settled(work, values)
                self._close(work)
            else:
                self._return(work)
        return None

    def _split(self, pack: Pack) -> None:
        half = len(pack.works) // 2
        for works in (pack.works[:half], pack.works[half:]):
            self._return(works[0] if len(works) == 1 else self._pack(works))

    # -- what goes wrong ---------------------------------------------------------------------------------
    def _bad(
        self, work: Work, state: RowState, text: str, problem: str, *, unread: bool = False
    ) -> float | None:
        """An answer that cannot be used: asked once more with the reason, then given up.

        The teacher is not shown an answer that nobody could read; it may never have written it.
        """
        state.last = RowError(problem, text, state.paid)
        if state.reasks < self.config.reasks and self.teacher.capabilities.samples_differ:
            state.reasks += 1
            self.totals.reasked += 1
            state.request = state.request if unread else reask(state.request, text, problem)
            return 0.0
        return self._give_up(work, state)

    def _give_up(self, work: Work, state: RowState) -> float | None:
        """Leaves this sample; the next one may still do."""
        state.sample += 1
        if self._rows.advance(work, state):
            return 0.0
        self._close(work)
        return None

    async def _failed(
        self, work: Work, state: RowState, call: CallUnderWay, error: CallError
    ) -> float | None:
        """A call that gave no answer: waits and repeats, gives the row up, or ends the job."""
        cost = self._pay(state, error.usage)
        if error.usage:
            await self._write(self._records.failed(error, [work], state.names, cost))
        delay = self._judged(call, error)
        state.last = RowError(self._retries.reason(error, call.attempts), error.text, state.paid)
        return delay if delay is not None or self._halted else self._give_up(work, state)

    def _judged(self, call: CallUnderWay, error: CallError) -> float | None:
        """Seconds until the same request may be made again; None when it is not worth it, or the job is over."""
        attempts = call.attempts
        down = self.breaker.down
        own = not down and self._own.refused(call, error, self._open + self._fresh.open)
        outage = not own and self.breaker.failed(call, error, self._open)
        attempts.tries += own
        if error.kind == "rate" or not outage:
            self.pacer.failed(error, own=own)
        if self._own.alone or (self.breaker.down and not down and error.kind != "rate"):
            self.pacer.forget()
        if self._retries.hopeless(error) or self.breaker.evidence.out_of_quota:
            self._stop_job(job_error(self.teacher.name, error))
            return None
        delay = 0.0 if outage else self._retries.delay(error, attempts)
        if delay is None:
            self._own.closed(attempts)
        if delay is None and not attempts.doomed and self.breaker.evidence.weighs(attempts):
            attempts.doomed, delay = True, _DOUBT
        return delay
