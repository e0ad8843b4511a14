"""Batch: rows that a provider answers within a day, at half the price; what was sent is never sent twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...data.conversation import Conversation
from ...errors import ReasonbookError
from ...schema import Schema
from ...store import Call, Store
from ...teachers import Completion, Failure, Request, Teacher, Usage
from ...teachers.batches import Result, State, batch_api
from ..answers import Invalid, Reading, readable
from ..config import AugmentConfig
from ..cost import Price
from ..prompts import Prompts, again, request_text
from ..results import Candidate, RowError, Tally
from ..voting import choose
from ..work import Keys, Work
from .batch_journal import Handed, Rows
from .retries import fatal

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 30.0  # seconds between looks at a batch
_STEP = 0.2  # seconds in which a stop or a cancel is noticed
_GIVE_UP = 20  # looks in a row that fail
_CLOCKS = 300.0  # seconds by which two clocks may differ
_TOKENS_OUT = 400.0  # of an answer, while no answer has been seen


@dataclass
class Item:
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
    """One run over the open rows of a plan, through a provider's batch API.

    Every batch is written into the store before its results are waited for, so that a stop or a new kernel
    leaves it with the provider, and the same cell collects it later.

    Args:
        settled: called for each row's work with its values or its error, after the answer is in the store.
        read_row: position → conversation.
        say: takes a sentence for the person.
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
        settled: Callable[[Work, dict[str, Any] | RowError], None],
        tally: Tally,
        say: Callable[[str], object],
    ) -> None:
        self.teacher, self.api, self.config, self.store = teacher, batch_api(teacher), config, store
        self.keys, self.price, self.tally = keys, price, tally
        self.prompts = Prompts(schema, config)
        self.stopped_by: ReasonbookError | None = None
        self.over_budget = False
        self.in_flight = 0
        self.canceling = False
        self._reading = Reading(schema, self.prompts.method)
        self._read_row, self._settled, self._note = read_row, settled, say
        self._handed = Handed(store, teacher.name)
        self._halt: asyncio.Event | None = None

    async def run(self, works: Iterator[Work]) -> None:
        """Collects what is under way, sends the rest, and waits until nothing is open or `halt` is called."""
        self._halt = asyncio.Event()
        waiting = list(works)
        try:
            waiting = await self._collect_earlier(waiting)
            items = [self._item(work) for work in waiting]
            while items and not self._halt.is_set():
                chosen, items = self._affordable(items)
                if not chosen:
                    self.over_budget = True
                    return
                items += await self._round(chosen)
        except Failure as error:
            self.stopped_by = fatal(self.teacher.name, error)
        except ReasonbookError as error:
            self.stopped_by = error
        finally:
            await self.teacher.close()

    def halt(self) -> None:
        """Stops waiting soon; what the provider has stays with it."""
        if self._halt is not None:
            self._halt.set()

    def cancel(self) -> None:
        """Has the provider end what is under way; what it finished is still collected."""
        self.canceling = True

    # -- sent and collected --------------------------------------------------------------------------------
    async def _round(self, items: list[Item]) -> list[Item]:
        """Sends rows in as few batches as may be; returns those that have to be asked once more."""
        sent: dict[str, dict[str, Item]] = {}
        for part in self._parts(items):
            lines = [line for _, line, _ in part]
            named = {name: item for name, _, item in part}
            mark = self._handed.sending({name: self._item_keys(item) for name, item in named.items()})
            batch = await self.api.submit(lines, mark)
            self._handed.sent(mark, batch)
            sent[batch] = named
            self.in_flight += len(named)
            self._note(
                f"{len(named)} rows are with {self.teacher.name} as batch {batch}, for at most 24 hours. "
                "The notebook may be closed: the same cell collects them."
            )
        once_more: list[Item] = []
        for batch, named in sent.items():
            state = await self._ended(batch)
            if state is None:
                return []
            once_more += await self._collect(batch, state, named)
            self.in_flight -= len(named)
        return [] if self.canceling else once_more

    async def _collect_earlier(self, works: list[Work]) -> list[Work]:
        """Waits for batches of earlier processes that hold some of these rows."""
        lying = {**self._handed.lying, **await self._confirmed()}
        by_key = {self._key(work, name): (work, name) for work in works for name in self.keys.names}
        again: list[Work] = []
        for batch, rows in lying.items():
            named: dict[str, Item] = {}
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
        for one in self._handed.unconfirmed:
            try:
                batches = await self.api.find(one.mark, one.at - _CLOCKS, len(one.rows))
            except Failure as error:
                if error.status not in (404, 405):  # an endpoint that lists no batches has none to find
                    raise
                batches = []
            fresh = [batch for batch in batches if batch not in self._handed.known]
            for batch in fresh:
                self._handed.sent(one.mark, batch)
                found[batch] = one.rows
            if not fresh:
                self._handed.lost(one.mark)
        return found

    async def _ended(self, batch: str) -> State | None:
        """The state of a batch that has ended; None when the waiting was stopped."""
        assert self._halt is not None
        pause, failed, canceled = _FIRST_LOOK, 0, False
        while not self._halt.is_set():
            try:
                if self.canceling and not canceled:
                    await self.api.cancel(batch)
                    canceled = True
                state = await self.api.look(batch)
            except Failure as error:
                failed += 1
                if not error.transient or failed >= _GIVE_UP:
                    raise
            else:
                failed = 0
                if state.ended:
                    return state
            until = time.monotonic() + (_STEP if self.canceling else pause)
            while time.monotonic() < until and not self._halt.is_set() and self.canceling == canceled:
                await asyncio.sleep(min(_STEP, pause))
            pause = min(_LONGEST_LOOK, 1.5 * pause)
        return None

    async def _collect(self, batch: str, state: State, named: dict[str, Item]) -> list[Item]:
        """Takes the results of a batch in; returns the rows that have to be asked once more."""
        again: list[Item] = []
        if state.problem:
            self._handed.collected(batch, named)
            raise Failure("request", state.problem)
        seen: set[str] = set()
        calls: list[Call] = []
        after: list[Callable[[], None]] = []
        for name, result in await self.api.results(batch, state):
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
        again += [item for name, item in named.items() if name not in seen and not self._expired(item)]
        # Only now are these rows done with: after a crash before this line the results are read once more.
        self._handed.collected(batch, named)
        return again

    def _settle(self, calls: list[Call], after: list[Callable[[], None]]) -> None:
        self.store.put(calls)
        for act in after:
            act()
        calls.clear()
        after.clear()

    def _take(self, item: Item, result: Result, calls: list[Call], after: list[Callable[[], None]]) -> bool:
        """Notes one row's result; True when it has to be asked once more."""
        if result == "canceled":
            return True
        if result == "expired":
            return not self._expired(item)
        if isinstance(result, Failure):
            request = item.request or self._item(item.work).request
            if request is not None and self.api.learn(result, request):
                item.request = None
                return True
            error = RowError(result.message, result.text, result.usage)
            after.append(lambda: self._settled(item.work, error))
            return False
        assert isinstance(result, Completion)
        self._pay(result.usage)
        item.paid = item.paid + result.usage
        problem, values = "", {}
        try:
            values = self._reading.values(result, item.names)
        except Invalid as error:
            problem = str(error)
        answers = {self._key(item.work, name): value for name, value in values.items()}
        usage = result.usage.to_dict()
        calls.append(Call(self.teacher.name, result.text, answers, result.reasoning, usage, problem))
        self.tally.answered += 1
        if not problem:
            known = (item.work.found or {}).get(0, {})
            chosen = self._chosen(item, {**known, **values})
            after.append(lambda: self._settled(item.work, chosen))
            return False
        if item.reasks < self.config.reasks:
            item.reasks += 1
            self.tally.reasked += 1
            item.request = again(item.request or self._request(item), result.text, problem)
            return True
        wrong = RowError(problem, result.text, item.paid)
        after.append(lambda: self._settled(item.work, wrong))
        return False

    def _chosen(self, item: Item, values: dict[str, Any]) -> dict[str, Any] | RowError:
        """The row's values, if the user's check lets them pass."""
        whole, answer = readable(values, self.prompts.method, self.keys.names)
        if self.config.check is None:
            return whole
        row = self._read_row(item.work.positions[0])
        said = choose([Candidate(request_text(row), row.response, answer, whole)], self.config.check)
        return RowError(said, answer or str(whole), item.paid) if isinstance(said, str) else whole

    def _expired(self, item: Item) -> bool:
        """Whether a row without an answer is given up: the first time it is sent again."""
        if item.expired:
            self._settled(item.work, RowError("the provider did not come to this row within a day"))
            return True
        item.expired = True
        return False

    # -- rows --------------------------------------------------------------------------------------------
    def _item(self, work: Work) -> Item:
        known = (work.found or {}).get(0, {})
        item = Item(work, tuple(name for name in self.keys.names if name not in known))
        return item

    def _request(self, item: Item) -> Request:
        row = self._read_row(item.work.positions[0])
        return self.prompts.request(row, item.names, item.work.shown)

    def _key(self, work: Work, name: str) -> str:
        return self.keys.key(work, name, 0)

    def _item_keys(self, item: Item) -> list[str]:
        return [self._key(item.work, name) for name in item.names]

    def _parts(self, items: list[Item]) -> Iterator[list[tuple[str, bytes, Item]]]:
        """Rows in groups that the provider takes as one batch."""
        part: list[tuple[str, bytes, Item]] = []
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

    # -- money -------------------------------------------------------------------------------------------
    def _pay(self, usage: Usage) -> None:
        self.tally.usage = self.tally.usage + usage
        if self.price is not None:
            self.tally.cost += self.price.cost(usage, batch=True)

    def _affordable(self, items: list[Item]) -> tuple[list[Item], list[Item]]:
        """The rows whose cost, guessed high until some are known, fits into what the budget leaves."""
        budget, price = self.config.budget, self.price
        if budget is None or price is None:
            return items, []
        left, count, usage = budget - self.tally.cost, 0, self.tally.usage
        for item in items:
            request = item.request or self._request(item)
            out = usage.output / usage.calls if usage.calls else float(self.config.max_tokens or _TOKENS_OUT)
            text = len(request.system) + len(request.user) + len(str(request.schema or ""))
            left -= price.cost(Usage(input=text // 3, output=round(1.1 * out)), batch=True)
            if left < 0:
                break
            count += 1
        return items[:count], items[count:]
