"""Batch engine: sends the open rows to a provider's batch API, at half the price; nothing is sent twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from ...data.tool_calls import response_in_words
from ...errors import ReasonbookError
from ...store import Call
from ...teachers import CallError, Completion, Request, Usage
from ...teachers.batches import BatchResult, BatchState, batch_api
from ..answers import AnswerReader, InvalidAnswerError, readable
from ..prompts import Prompts, reask, request_text
from ..results import Candidate, Pause, RowError
from ..sharing.teacher_line import TeacherLine
from ..voting import choose
from ..work import Work
from .batch_journal import BatchJournal, Rows
from .call_record import CallRecords
from .contract import EngineJob
from .failures.evidence import LONG_WAIT
from .failures.retries import job_error
from .store_writer import put_calls

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 30.0  # seconds between looks at a batch
_STEP = 0.2  # seconds in which a stop or a cancel is noticed
_CLOCKS = 300.0  # seconds by which two clocks may differ

_Told = TypeVar("_Told")


@dataclass
class BatchItem:
    """One row in a batch.

    Attributes:
        work: the row's work.
        names: the fields that are asked.
        request: what the provider gets; None when an earlier process sent it.
        reasks: how often an answer of its was no good.
        expired: whether it already ran out of time once.
        last: what was wrong last time.
    """

    work: Work
    names: tuple[str, ...]
    request: Request | None = None
    reasks: int = 0
    expired: bool = False
    last: RowError | None = None
    paid: Usage = Usage()


class BatchEngine:
    """An `Engine` over a provider's batch API.

    Every batch is written into the store before its results are waited for, so that a stop or a new kernel
    leaves it with the provider, and the same cell collects it later.
    """

    def __init__(self, job: EngineJob) -> None:
        self.teacher, self.api, self.config = job.teacher, batch_api(job.teacher), job.config
        self.store, self.keys, self.totals = job.store, job.keys, job.totals
        self.prompts = Prompts(job.schema, job.config)
        self.stopped_by: ReasonbookError | None = None
        self.over_budget = False
        self.in_flight, self.brake = 0, ""
        self.canceling = False
        self.gave_up = ""
        self._pause: Pause | None = None
        self._next_look = 0.0
        self._budget = job.budget
        self._answers = AnswerReader(job.schema, self.prompts.method)
        self._read_turn, self._tell, self._note = job.read_turn, job.settled, job.note
        self._records = CallRecords(job.teacher.name, self.prompts, job.context)
        self._journal = BatchJournal(job.store, job.teacher.name)
        self._line = TeacherLine(job.store, job.member, job.keys, job.config.samples)
        self._works = self._line.claimed((), most=1, answered=self._shared)
        self._halt: asyncio.Event | None = None

    async def run(self, works: Iterator[Work]) -> None:
        """Collects what is under way, sends the rest, and waits until nothing is open or `halt` is called."""
        self._halt = asyncio.Event()
        rows = list(works)
        self._works = self._line.claimed(rows, most=max(1, len(rows)), answered=self._shared)
        watching = asyncio.create_task(self._line.watch())
        try:
            while self._works.open and not (self._halt.is_set() or self.canceling or self.over_budget):
                if mine := list(iter(self._works.take, None)):
                    await self._ask(mine)
                else:
                    await asyncio.wait({watching}, timeout=_STEP)
                    if watching.done():
                        watching.result()
        except CallError as error:
            self.stopped_by = job_error(self.teacher.name, error)
        except ReasonbookError as error:
            self.stopped_by = error
        finally:
            watching.cancel()
            self._works.close()
            await self.teacher.close()

    async def collect(self, works: list[Work], *, halted: bool = False) -> None:
        """Waits for batches that are under way already, and settles those of the rows that come with an answer.

        Raises:
            CallError: the provider does not give them.
        """
        self._halt = asyncio.Event()
        if halted:
            self.halt()
        await self._collect_earlier(works)

    @property
    def elsewhere(self) -> int:
        """Rows that another job asks now."""
        return self._works.elsewhere

    def halt(self) -> None:
        """Stops waiting soon; what the provider has stays with it."""
        if self._halt is not None:
            self._halt.set()

    def cancel(self) -> None:
        """Has the provider end what is under way; what it finished is still collected."""
        self.canceling = True

    @property
    def paused(self) -> Pause | None:
        """The outage that is waited out, where there is one."""
        left = max(0.0, self._next_look - time.time())
        return None if self._pause is None else replace(self._pause, probe_in=left)

    # -- sent and collected --------------------------------------------------------------------------------
    async def _ask(self, works: list[Work]) -> None:
        """Asks for rows that no other job asks; what one of them left with the provider is collected."""
        assert self._halt is not None
        self._journal = BatchJournal(self.store, self.teacher.name)
        items = [self._item(work) for work in await self._collect_earlier(works)]
        while items and not self._halt.is_set():
            chosen, items = self._affordable(items)
            if not chosen:
                self.over_budget = True
                return
            items += await self._round(chosen)

    async def _round(self, items: list[BatchItem]) -> list[BatchItem]:
        """Sends rows in as few batches as may be; returns those that have to be asked once more."""
        sent: dict[str, dict[str, BatchItem]] = {}
        for part in self._parts(items):
            lines = [line for _, line, _ in part]
            named = {name: item for name, _, item in part}
            mark = self._journal.sending({name: self._item_keys(item) for name, item in named.items()})
            batch = await self.api.submit(lines, mark)
            self._journal.sent(mark, batch)
            sent[batch] = named
            self.in_flight += len(named)
            self._note(
                f"{len(named)} rows are with {self.teacher.name} as batch {batch}, for at most 24 hours. "
                "The notebook may be closed: the same cell collects them."
            )
        once_more: list[BatchItem] = []
        for batch, named in sent.items():
            state = await self._ended(batch)
            if state is None:
                return []
            once_more += await self._collect(batch, state, named)
            self.in_flight -= len(named)
        return [] if self.canceling else once_more

    async def _collect_earlier(self, works: list[Work]) -> list[Work]:
        """Waits for batches of earlier processes that hold some of these rows."""
        outstanding = {**self._journal.outstanding, **await self._confirmed()}
        by_key = {self._key(work, name): (work, name) for work in works for name in self.keys.names}
        again: list[Work] = []
        for batch, rows in outstanding.items():
            named: dict[str, BatchItem] = {}
            for name, keys in rows.items():
                item = self._item(by_key[keys[0]][0]) if keys and keys[0] in by_key else None
                if item is not None and self._item_keys(item) == keys:
                    named[name] = item
            if not named:
                continue
            self._note(f"Batch {batch} of an earlier run holds {len(named)} of these rows; it is collected.")
            self.in_flight += len(named)
            taken = {id(item.work) for item in named.values()}
            works = [work for work in works if id(work) not in taken]
            state = await self._ended(batch)
            if state is None:
                return []
            again += [item.work for item in await self._collect(batch, state, named)]
            self.in_flight -= len(named)
        return works + again

    async def _confirmed(self) -> dict[str, Rows]:
        """Batches that the provider has although their receipt never came."""
        found: dict[str, Rows] = {}
        for one in self._journal.unconfirmed:
            try:
                batches = await self._patiently(
                    partial(self.api.find, one.mark, one.at - _CLOCKS, len(one.rows))
                )
            except CallError as error:
                if error.status not in (404, 405):  # an endpoint that lists no batches has none to find
                    raise
                batches = []
            if batches is None:
                break
            fresh = [batch for batch in batches if batch not in self._journal.known]
            for batch in fresh:
                self._journal.sent(one.mark, batch)
                found[batch] = one.rows
            if not fresh:
                self._journal.lost(one.mark)
        return found

    async def _ended(self, batch: str) -> BatchState | None:
        """The state of a batch that has ended; None when the waiting was stopped."""
        assert self._halt is not None
        pause, canceled = _FIRST_LOOK, False
        while not self._halt.is_set():
            if self.canceling and not canceled:
                await self._patiently(partial(self.api.cancel, batch))
                canceled = True
            state = await self._patiently(partial(self.api.look, batch))
            if state is None or state.ended:
                return state
            await self._sleep(_STEP if canceled else pause, canceled)
            pause = min(_LONGEST_LOOK, 1.5 * pause)
        return None

    async def _sleep(self, seconds: float, canceled: bool) -> None:
        """Sleeps until the time is over, or a stop or a cancel has come."""
        assert self._halt is not None
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._halt.is_set() and self.canceling == canceled:
            await asyncio.sleep(min(_STEP, seconds))

    async def _patiently(self, ask: Callable[[], Awaitable[_Told]]) -> _Told | None:
        """What a question gives that may be asked again, through an outage; None when the waiting has ended.

        Raises:
            CallError: the provider says no.
        """
        assert self._halt is not None
        began, pause = time.time(), _FIRST_LOOK
        halted = asyncio.ensure_future(self._halt.wait())
        try:
            while not self._halt.is_set():
                asked = asyncio.ensure_future(ask())
                await asyncio.wait({asked, halted}, return_when=asyncio.FIRST_COMPLETED)
                if not asked.done():
                    asked.cancel()
                    break
                error = asked.exception()
                if not isinstance(error, CallError) or not error.transient:
                    return asked.result()
                wait = min(LONG_WAIT, max(pause, error.retry_after or 0.0))
                self._pause, self._next_look = Pause(error.message, began, wait), time.time() + wait
                if time.time() - began > self.config.max_outage:
                    self.gave_up = self._pause.lasted(self.teacher.name)
                    self.halt()
                await self._sleep(wait, self.canceling)
                pause = min(_LONGEST_LOOK, 2 * pause)
            return None
        finally:
            halted.cancel()
            self._pause = None

    async def _collect(self, batch: str, state: BatchState, named: dict[str, BatchItem]) -> list[BatchItem]:
        """Takes the results of a batch in; returns the rows that have to be asked once more."""
        again: list[BatchItem] = []
        if state.problem:
            self._journal.collected(batch, named)
            raise CallError("request", state.problem)
        seen: set[str] = set()
        calls: list[Call] = []
        after: list[Callable[[], None]] = []
        results = await self._patiently(partial(self.api.results, batch, state))
        if results is None:
            return []
        for name, result in results:
            item = named.get(name)
            if item is None or name in seen:
                continue
            seen.add(name)
            if self._take(item, result, calls, after):
                again.append(item)
            if len(calls) >= 500:
                self._settle(calls, after)
                await asyncio.sleep(0)
        self._settle(calls, after)
        lost = "the batch came back without an answer for this row"
        again += [item for name, item in named.items() if name not in seen and not self._expired(item, lost)]
        # Only now are these rows done with: after a crash before this line the results are read once more.
        self._journal.collected(batch, named)
        return again

    def _settle(self, calls: list[Call], after: list[Callable[[], None]]) -> None:
        put_calls(self.store, calls)
        for act in after:
            act()
        calls.clear()
        after.clear()

    def _take(
        self, item: BatchItem, result: BatchResult, calls: list[Call], after: list[Callable[[], None]]
    ) -> bool:
        """Notes one row's result; True when it has to be asked once more."""
        if result == "canceled":
            return True
        if result == "expired":
            return not self._expired(item)
        if isinstance(result, CallError):
            request = item.request or self._item(item.work).request
            if request is not None and self.api.learn(result, request):
                item.request = None
                return True
            cost = self._budget.pay(result.usage)
            item.paid = item.paid + result.usage
            if result.usage:
                calls.append(self._records.failed(result, [item.work], item.names, cost))
            if result.kind == "output" and item.reasks < self.config.reasks:
                item.reasks += 1
                self.totals.reasked += 1
                return True
            error = RowError(result.message, result.text, item.paid)
            after.append(lambda: self._settled(item.work, error))
            return False
        assert isinstance(result, Completion)
        cost = self._budget.pay(result.usage)
        item.paid = item.paid + result.usage
        problem, values = "", {}
        try:
            values = self._answers.values(result, item.names)
        except InvalidAnswerError as error:
            problem = str(error)
        answers = {self._key(item.work, name): value for name, value in values.items()}
        calls.append(
            self._records.answered(
                result, [item.work], item.names, answers=answers, problem=problem, cost=cost
            )
        )
        self.totals.answered += 1
        if not problem:
            known = (item.work.found or {}).get(0, {})
            chosen = self._chosen(item, {**known, **values})
            after.append(lambda: self._settled(item.work, chosen))
            return False
        if item.reasks < self.config.reasks:
            item.reasks += 1
            self.totals.reasked += 1
            item.request = reask(item.request or self._request(item), result.text, problem)
            return True
        wrong = RowError(problem, result.text, item.paid)
        after.append(lambda: self._settled(item.work, wrong))
        return False

    def _chosen(self, item: BatchItem, values: dict[str, Any]) -> dict[str, Any] | RowError:
        """The row's values, if the user's check lets them pass."""
        whole, answer = readable(values, self.prompts.method, self.keys.names)
        if self.config.check is None:
            return whole
        row = self._read_turn(item.work.places[0])
        said = choose(
            [Candidate(request_text(row), response_in_words(row) or None, answer, whole)], self.config.check
        )
        return RowError(said, answer or str(whole), item.paid) if isinstance(said, str) else whole

    def _expired(
        self, item: BatchItem, why: str = "the provider did not come to this row within a day"
    ) -> bool:
        """Whether a row without an answer is given up: the first time it is sent again."""
        if item.expired:
            self._settled(item.work, RowError(why, "", item.paid))
            return True
        item.expired = True
        return False

    # -- rows --------------------------------------------------------------------------------------------
    def _shared(self, work: Work) -> None:
        """Settles a row that was answered for another job."""
        self._settled(work, self._chosen(self._item(work), (work.found or {}).get(0, {})))
        self.totals.shared += len(work.places)

    def _settled(self, work: Work, result: dict[str, Any] | RowError) -> None:
        self._tell(work, result)
        self._works.done(work)

    def _item(self, work: Work) -> BatchItem:
        known = (work.found or {}).get(0, {})
        return BatchItem(work, tuple(name for name in self.keys.names if name not in known))

    def _request(self, item: BatchItem) -> Request:
        row = self._read_turn(item.work.places[0])
        return self.prompts.request(row, item.names, item.work.shown)

    def _key(self, work: Work, name: str) -> str:
        return self.keys.key(work, name, 0)

    def _item_keys(self, item: BatchItem) -> list[str]:
        return [self._key(item.work, name) for name in item.names]

    def _parts(self, items: list[BatchItem]) -> Iterator[list[tuple[str, bytes, BatchItem]]]:
        """Rows in groups that the provider takes as one batch."""
        part: list[tuple[str, bytes, BatchItem]] = []
        size = 0
        for number, item in enumerate(items):
            name = f"{self._key(item.work, item.names[0])}-{number}"
            line = self.api.line(name, item.request or self._request(item))
            if part and (len(part) >= self.api.most or size + len(line) > self.api.bytes):
                yield part
                part, size = [], 0
            part.append((name, line, item))
            size += len(line) + 1
        if part:
            yield part

    def _affordable(self, items: list[BatchItem]) -> tuple[list[BatchItem], list[BatchItem]]:
        """The rows that the budget has room for, and the others."""
        if not self._budget.bounded:
            return items, []
        count = self._budget.fitting(item.request or self._request(item) for item in items)
        return items[:count], items[count:]
