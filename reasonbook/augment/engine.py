"""Engine: asks for every open row on a loop of its own, and commits each answer before it counts."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..conversation import Conversation
from ..errors import ReasonbookError, TeacherError
from ..schema import Schema
from ..store import Call, Store
from ..teachers import Completion, Failure, Request, Teacher, Usage
from .best import better, choose
from .commit import Committer
from .config import AugmentConfig
from .methods import Method
from .outcome import Asking, Candidate, RowError
from .pacing import Pacer
from .parse import Invalid, Reader, stopped, thinking, without_thinking
from .plan import Keys, Work, in_order
from .prices import Price
from .prompts import Prompts, again, request_text

if sys.version_info >= (3, 11):
    from asyncio import timeout as _timeout
else:
    from async_timeout import timeout as _timeout

_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0
_LONGEST_WAIT = 300.0  # a provider that asks for more is out of quota for practical purposes
_TRUSTED = 12  # refusals of one row after which the wait that the provider names is not enough
_SAME_REFUSAL = 20  # so many first rows refused as they stand: the request is wrong, not the rows
_UNREACHABLE = 12
_GRACE = 0.2
_NO_USAGE = Usage()

Settled = Callable[[Work, "dict[str, Any] | RowError"], None]


@dataclass
class Tally:
    """Running totals of a job."""

    usage: Usage = Usage()
    cost: float = 0.0
    answered: int = 0
    refused: int = 0
    unreachable: int = 0
    retried: int = 0
    reasked: int = 0
    notes: list[str] = field(default_factory=list)


class Engine:
    """One run over the open rows of a plan.

    Args:
        settled: called for each row's work with its values or its error, after the answer is in the store.
        read_row: position → conversation, from the job's snapshot.
    """

    def __init__(
        self,
        *,
        schema: Schema,
        teacher: Teacher,
        config: AugmentConfig,
        store: Store,
        keys: Keys,
        price: Price | None,
        read_row: Callable[[int], Conversation],
        settled: Settled,
        tally: Tally,
    ) -> None:
        self.teacher = teacher
        self.config = config
        self.keys = keys
        self.price = price
        self.prompts = Prompts(schema, config)
        self.tally = tally
        self.stopped_by: ReasonbookError | None = None
        self.over_budget = False
        parallel = min(config.concurrency, teacher.capabilities.parallel or config.concurrency)
        self.pacer = Pacer(parallel, rpm=config.rpm, tpm=config.tpm)
        self._committer = Committer(store)
        self._schema = schema
        self._readers: dict[tuple[str, ...], Reader] = {}
        self._read_row = read_row
        self._settled = settled
        self._fresh: Iterator[Work] = iter(())
        self._again: deque[Work] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._open = 0
        self._halted = False
        self._halt: asyncio.Event | None = None
        self._output = 0.0  # tokens of an average answer, for budget and pacing

    # -- a run -------------------------------------------------------------------------------------------
    async def run(self, works: Iterator[Work]) -> None:
        """Asks until nothing is open, the budget is used up, or `halt` is called."""
        self._fresh = works
        self._halt = asyncio.Event()
        wire = getattr(self.teacher, "wire", None)
        if wire is not None:
            wire.on_limits = self.pacer.heard
        workers = [asyncio.create_task(self._worker()) for _ in range(self.pacer.most)]
        halted = asyncio.create_task(self._halt.wait())
        everything = asyncio.gather(*workers)
        try:
            await asyncio.wait({everything, halted}, return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():  # answers that are nearly here are still taken in
                self._wake(all_of_them=True)
                await asyncio.wait({everything}, timeout=0.0 if self.stopped_by else _GRACE)
        finally:
            halted.cancel()
            for worker in workers:
                worker.cancel()
            await asyncio.gather(everything, halted, return_exceptions=True)
            await self.teacher.close()
        if everything.done() and not everything.cancelled() and everything.exception() is not None:
            error = everything.exception()
            assert error is not None
            if self.stopped_by is None and not self._halted:
                raise error

    def halt(self) -> None:
        """Stops soon; callable on the engine's own loop."""
        self._halted = True
        if self._halt is not None:
            self._halt.set()

    def _stop_job(self, error: ReasonbookError) -> None:
        if self.stopped_by is None:
            self.stopped_by = error
        self.halt()

    # -- workers -----------------------------------------------------------------------------------------
    async def _worker(self) -> None:
        while (work := await self._next()) is not None:
            state = work.state or self._begin(work)
            if state is None:
                self._close(work)
                continue
            await self.pacer.enter(self._guess(state.request))
            try:
                delay = None if self._halted else await self._step(work, state)
            finally:
                self.pacer.leave()
            if self._halted:
                return
            if delay is not None:
                asyncio.get_running_loop().call_later(delay, self._return, work)

    async def _next(self) -> Work | None:
        while not self._halted:
            if self._again:
                return self._again.popleft()
            affordable = self._affordable()
            if affordable or not self._open:
                work = next(self._fresh, None)
                if work is not None and affordable:
                    self._open += 1
                    return work
                self.over_budget = self.over_budget or work is not None
            if self._open == 0:
                self._wake(all_of_them=True)
                return None
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(future)
            await future
        return None

    def _return(self, work: Work) -> None:
        self._again.append(work)
        self._wake()

    def _close(self, work: Work) -> None:
        work.state = None
        self._open -= 1
        if (
            self._open == 0 or self.config.budget is not None
        ):  # what one more row may cost is known better now
            self._wake(all_of_them=self._open == 0)

    def _wake(self, *, all_of_them: bool = False) -> None:
        while self._idle:
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
                if not all_of_them:
                    return

    # -- one row -----------------------------------------------------------------------------------------
    def _begin(self, work: Work) -> Asking | None:
        """The state of a row's first sample that has to be asked; None when the store had them all."""
        work.state = Asking(self.keys.names, self._read_row(work.positions[0]))
        return work.state if self._advance(work, work.state) else None

    def _advance(self, work: Work, state: Asking) -> bool:
        """Goes to the next sample that has to be asked; settles the row when there is none."""
        row = state.row
        while state.sample < self.config.samples:
            known = (work.found or {}).get(state.sample, {})
            missing = tuple(name for name in self.keys.names if name not in known)
            if missing:
                state.names, state.known = missing, known
                state.request = self.prompts.request(row, missing, work.shown)
                state.reasks = state.tries = 0
                return True
            if self._took(state, known, row):
                break
        self._finish(work, state)
        return False

    def _took(self, state: Asking, values: dict[str, Any], row: Conversation) -> bool:
        """Notes a whole sample; True when no other is needed."""
        state.sample += 1
        values, answer = readable(values, self.prompts.method, self.keys.names)
        candidate = Candidate(request_text(row), row.response, answer, values)
        state.candidates.append(candidate)
        if self.config.check is None or self.config.samples == 1:
            return False
        try:
            return better(self.config.check, candidate) is True
        except Exception:  # the choice at the end meets it again and words it
            return False

    def _finish(self, work: Work, state: Asking) -> None:
        if not state.candidates:
            self._settled(work, state.last or RowError("there is no answer"))
            return
        single = len(state.candidates) == 1 and self.config.check is None
        chosen = state.candidates[0] if single else choose(state.candidates, self.config.check)
        if isinstance(chosen, str):
            last = state.candidates[-1]
            self._settled(work, RowError(chosen, last.answer or str(dict(last.values)), state.paid))
        else:
            self._settled(work, dict(chosen.values))

    async def _step(self, work: Work, state: Asking) -> float | None:
        """Makes one call; returns the seconds after which the row wants another, None when it is settled."""
        problem: str | None = None
        try:
            async with _timeout(self.config.timeout):
                completion = await self.teacher.complete(state.request)
        except (asyncio.TimeoutError, TimeoutError):
            return self._failed(
                work, state, Failure("timeout", f"no answer within {self.config.timeout:g} s")
            )
        except Failure as error:
            if error.kind != "output":
                return self._failed(work, state, error)
            completion, problem = Completion(error.text or error.message, "", error.usage), error.message
        self.pacer.succeeded()
        self._pay(completion.usage, state)
        values: dict[str, Any] = {}
        if problem is None:
            try:
                values = self._read(completion, state.names)
            except Invalid as error:
                problem = str(error)
        answers = {self.keys.key(work, name, state.sample): value for name, value in values.items()}
        usage = completion.usage.to_dict()
        call = Call(self.teacher.name, completion.text, answers, completion.reasoning, usage, problem or "")
        try:
            await self._committer.commit(call)
        except ReasonbookError as error:  # the answer is paid for: it goes into the frame all the same
            self._stop_job(error)
        self.tally.answered += 1
        if problem is not None:
            return self._bad(work, state, completion.text, problem)
        if self._took(state, {**state.known, **values}, state.row):
            self._finish(work, state)
        elif self._advance(work, state):
            return 0.0
        self._close(work)
        return None

    def _read(self, completion: Completion, names: tuple[str, ...]) -> dict[str, Any]:
        method = self.prompts.method
        if method.fields:
            reader = self._readers.get(names)
            if reader is None:
                reader = self._readers[names] = Reader(self._schema, names)
            return reader.read(completion)
        text = stopped(completion) if completion.data is None else str(completion.data)
        answer = without_thinking(text).strip()
        kept = thinking(completion) if method.thinking else answer
        if not kept:
            raise Invalid(
                "the teacher showed no thinking of its own" if method.thinking else "the answer is empty"
            )
        return {method.label: {"text": kept, "answer": answer if method.thinking else ""}}

    # -- what goes wrong ---------------------------------------------------------------------------------
    def _bad(self, work: Work, state: Asking, text: str, problem: str) -> float | None:
        """An answer that cannot be used: asked once more with the reason, then given up."""
        state.last = RowError(problem, text, state.paid)
        if state.reasks < self.config.reasks and self.teacher.capabilities.samples_differ:
            state.reasks += 1
            self.tally.reasked += 1
            state.request = again(state.request, text, problem)
            return 0.0
        return self._give_up(work, state)

    def _give_up(self, work: Work, state: Asking) -> float | None:
        """Leaves this sample; the next one may still do."""
        state.sample += 1
        if self._advance(work, state):
            return 0.0
        self._close(work)
        return None

    def _failed(self, work: Work, state: Asking, error: Failure) -> float | None:
        """A call that gave no answer: waits and repeats, gives the row up, or ends the job."""
        self.pacer.failed(error)
        self._pay(error.usage, state)
        text = error.text or (state.last.text if state.last is not None else "")
        state.last = RowError(error.message, text, state.paid)
        asked_to_wait = error.retry_after or 0.0
        if error.fatal or asked_to_wait > _LONGEST_WAIT:
            self._stop_job(fatal(self.teacher.name, error))
            return None
        if error.kind == "request":
            self.tally.refused += 1
            if (
                self.tally.refused >= _SAME_REFUSAL
                and not self.tally.answered
                and not self.teacher.capabilities.free
            ):
                self._stop_job(fatal(self.teacher.name, error))
                return None
            return self._give_up(work, state)
        if error.kind == "server" and error.status == 0 and not self.tally.answered:
            self.tally.unreachable += 1
            if self.tally.unreachable >= _UNREACHABLE:
                self._stop_job(fatal(self.teacher.name, error))
                return None
        state.tries += 1
        # Being told to slow down says nothing against the row; it may be told so more often.
        if state.tries > self.config.max_retries * (4 if error.kind == "rate" else 1):
            return self._give_up(work, state)
        self.tally.retried += 1
        backoff = min(_LONGEST_BACKOFF, _BACKOFF * 2 ** min(state.tries - 1, 10)) * random.uniform(0.5, 1.0)
        if error.kind == "rate" and error.retry_after is not None and state.tries <= _TRUSTED:
            backoff = 0.0  # the provider said when; the pacer sees to it that not all come back at once
        return max(asked_to_wait, backoff) + random.uniform(0.0, 0.05)

    # -- money -------------------------------------------------------------------------------------------
    def _pay(self, usage: Usage, state: Asking) -> None:
        if usage == _NO_USAGE:
            return
        state.paid = state.paid + usage
        self.tally.usage = self.tally.usage + usage
        if self.price is not None:
            self.tally.cost += self.price.cost(usage)
        self._output += 0.1 * (usage.output - self._output)

    def _affordable(self) -> bool:
        """Whether one more row may begin: what is spent, and what the open rows will cost by experience."""
        if self.config.budget is None:
            return True
        calls = self.tally.usage.calls
        each = self.tally.cost / calls if calls else 0.0
        return self.tally.cost + (self._open + 1) * each <= self.config.budget

    def _guess(self, request: Request) -> float:
        """Tokens that a call will count for, for an account with a limit of tokens."""
        if self.pacer.tokens is None:
            return 0.0
        read = len(request.system) + len(request.user) + sum(len(text) for _, text in request.turns)
        return read / 4 + (self._output or 200.0)


def readable(values: Mapping[str, Any], method: Method, names: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Values as the frame holds them, and the teacher's own answer where the method has one."""
    if method.fields:
        return in_order(values, names), ""
    kept = values[method.label]
    return {method.label: kept["text"]}, kept["answer"]


def fatal(teacher: str, error: Failure) -> TeacherError:
    """The one sentence with which a job ends."""
    said = error.message.rstrip(".")
    if error.kind == "auth":
        return TeacherError(
            f"{teacher} refused the API key: {said}.", "check the key, then run the cell again"
        )
    if error.kind == "quota" or error.kind == "rate":
        return TeacherError(
            f"{teacher} gives no more answers to this account: {said}.",
            "add credit or wait, then run the cell again: what is paid for is kept",
        )
    if error.kind == "server":
        return TeacherError(
            f"{teacher} cannot be reached: {said}.", "check the address and the network, run again"
        )
    return TeacherError(
        f"{teacher} refuses every request: {said}.", "change the model or the config, run again"
    )
