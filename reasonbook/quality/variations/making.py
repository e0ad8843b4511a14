"""Making: new requests, read blind and answered anew, some variations at a time, for what money there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...augment import Augmentation, AugmentConfig
from ...augment.engine.job_journal import new_job_id
from ...augment.questions import Questions
from ...data.conversation import Conversation, is_mapping
from ...data.frame import Frame
from ...data.layout.messages import UnusableCellError
from ...data.turn_reasoning import last_of
from ...data.typed_pandas import object_frame
from ...errors import TeacherError
from ...html_card import clip
from ...safe_text import excerpt
from ...schema import Schema
from ...schema.agreement import normal, says_the_same
from ...store import Store
from ...teachers import CallError, Teacher
from .config import VaryConfig
from .new_rows import varied_cells
from .plan import VariedRow, Wanted
from .proof import Dropped, Kept, fault_of
from .wording import answer_key, answer_request, read_text, write_key, write_request

_SHOWN_ANSWERS = 3  # rows that show the form of an answer
Read = tuple[
    Wanted, str, Mapping[str, Any]
]  # what was wanted, the new request, what a blind reader found in it


class Making:
    """Makes the variations of one run.

    Args:
        frame: the rows that they are made from.
        schema: of their reasoning.
        teacher: who writes and answers.
        checker: who reads blind.
        config: how.
        store: where every answer stands before it counts.
        origins: the rows, of which some show what an answer looks like.
        stopping: whether it is to end.

    Attributes:
        kept: what is proven, so far.
        dropped: what is not.
        spent: dollars.
        priced: whether they are all.
        over: whether there was no money for something.
    """

    def __init__(
        self,
        frame: Frame,
        schema: Schema,
        teacher: Teacher,
        checker: Teacher,
        config: VaryConfig,
        store: Store,
        *,
        origins: Sequence[VariedRow],
        stopping: Callable[[], bool],
    ) -> None:
        self.frame, self.schema, self.teacher, self.checker = frame, schema, teacher, checker
        self.config, self.store, self.stopping = config, store, stopping
        self.kept: list[Kept] = []
        self.dropped: list[Dropped] = []
        self.spent, self.priced, self.over = 0.0, True, False
        self._origins = origins
        self._there = {normal(one.request) for one in origins}
        self._id = new_job_id()

    @property
    def left(self) -> float | None:
        """Dollars that may still be spent; None without a budget."""
        return None if self.config.budget is None else self.config.budget - self.spent

    def several(self, chosen: Sequence[Wanted]) -> None:
        """Keeps or drops these variations; what was not asked, for want of money or time, is neither."""
        written = asyncio.run(self._write(chosen))
        read = self._read_blind([(one, text) for one, text in written if self._is_new(one, text)])
        proven: list[Read] = []
        for one, text, reasoning in read:
            fault = fault_of(one, self.schema, reasoning, self.config.derived)
            if fault is None:
                proven.append((one, text, reasoning))
            else:
                self._drop(one, *fault, text)
        asyncio.run(self._answer(proven))

    async def _write(self, chosen: Sequence[Wanted]) -> list[tuple[Wanted, str]]:
        """The new requests, in the order in which they were wanted."""
        found: dict[int, str] = {}
        guidance = self.config.guidance

        async def one(at: int) -> None:
            each = chosen[at]
            try:
                found[at] = await asked.ask(
                    write_request(each, guidance),
                    lambda completion: read_text(completion, "request"),
                    key=write_key(each, guidance, self.teacher.name),
                    about=each.origin.key,
                )
            except CallError as failure:
                self._drop(each, "no new request", failure.message)

        asked = self._questions()
        await self._over_all(asked, range(len(chosen)), one)
        return [(chosen[at], found[at]) for at in sorted(found)]

    def _is_new(self, one: Wanted, text: str) -> bool:
        """Whether a new request says something that no row says yet; notes that it does now."""
        said = normal(text)
        if said == normal(one.origin.request):
            self._drop(one, "as before", "the request did not change", text)
        elif said in self._there:
            self._drop(one, "there already", "a row or another variation has this request", text)
        else:
            self._there.add(said)
            return True
        return False

    def _read_blind(self, written: Sequence[tuple[Wanted, str]]) -> list[Read]:
        """What a reader finds in each new request alone."""
        placed: list[tuple[Wanted, str, dict[str, Any]]] = []
        for one, text in written:
            origin = one.origin
            try:
                cells = varied_cells(self.frame.layout, origin.given, origin.conversation, text, None)
                placed.append((one, text, cells))
            except UnusableCellError as problem:
                self._drop(one, "cannot be placed", str(problem), text)
        left = self.left
        if not placed or self.stopping():
            return []
        if left is not None and left <= 0:
            self.over = True
            return []
        names = self.frame.layout.columns
        rows = [{str(names[role]): cell for role, cell in cells.items()} for _, _, cells in placed]
        frame = Frame(object_frame(rows, map(str, names.values())), self.frame.layout)
        options = AugmentConfig(budget=left, price=self.config.price, turns="last")
        job = Augmentation(  # made here: its rows are delivered to the thread that made it
            frame, self.schema, self.checker, options, store=self.store, part_of=self._id, decided_too=True
        ).start()
        while not job.deliver(0.1):
            if self.stopping():
                job.stop()
        self._pay(job.cost)
        if job.error is not None and not isinstance(job.error, TeacherError):
            raise job.error
        found: list[Read] = []
        cells, statuses, errors = (frame.column(f"reasoning{end}") for end in ("", "_status", "_error"))
        for at, (one, text, _) in enumerate(placed):
            reasoning = last_of(cells[at])
            if statuses[at] == "ok" and is_mapping(reasoning):
                found.append((one, text, reasoning))
            elif statuses[at] in ("error", "invalid"):
                self._drop(one, "not read", str(errors[at]), text)
            else:  # nobody was asked: there is no money left, or it was stopped
                self._there.discard(normal(text))
                self.over = not self.stopping()
        return found

    async def _answer(self, proven: Sequence[Read]) -> None:
        """Keeps what needs no new answer, and what gets one that two ways of asking agree on."""
        shown = [one for one in self._origins if one.conversation.response][:_SHOWN_ANSWERS]
        results: dict[int, Kept | Dropped] = {}

        async def one(at: int) -> None:
            each, text, reasoning = proven[at]
            before = each.origin.conversation
            if each.flipped is None or not before.has_response:
                results[at] = Kept(each, text, before.response, reasoning)
                return
            row = Conversation((*before.prompt[:-1], {"role": "user", "content": text}))
            if self.config.answer is not None:
                results[at] = _by_function(self.config.answer, each, text, reasoning)
                return
            said: list[str] = []
            for known in (None, reasoning):
                request = answer_request(row, shown, known)
                try:
                    said.append(
                        await asked.ask(
                            request,
                            lambda completion: read_text(completion, "answer"),
                            key=answer_key(request, self.teacher.name),
                            about=each.origin.key,
                        )
                    )
                except CallError as failure:
                    results[at] = Dropped(each, "no answer", failure.message, text)
                    return
            agreed = says_the_same(said[0], said[1])
            results[at] = (
                Kept(each, text, said[0], reasoning)
                if agreed
                else Dropped(each, "answers differ", " / ".join(clip(each, 80) for each in said), text)
            )

        asked = self._questions()
        await self._over_all(asked, range(len(proven)), one)
        for at in sorted(results):
            result = results[at]
            if isinstance(result, Kept):
                self.kept.append(result)
            else:
                self.dropped.append(result)
        for at in set(range(len(proven))) - set(results):
            self._there.discard(normal(proven[at][1]))

    async def _over_all(self, asked: Questions, items: Sequence[int], one: Callable[[int], Any]) -> None:
        try:
            await asked.over(items, one, self.stopping)
        finally:
            await asked.close()
            self._pay(asked.cost)
            self.over = self.over or asked.over_budget

    def _questions(self) -> Questions:
        left = self.left
        return Questions(
            self.teacher,
            self.store,
            purpose="variation",
            budget=None if left is None else max(0.0, left),
            price=self.config.price,
        )

    def _pay(self, cost: float | None) -> None:
        self.priced = self.priced and cost is not None
        self.spent += cost or 0.0

    def _drop(self, one: Wanted, reason: str, detail: str, request: str = "") -> None:
        self.dropped.append(Dropped(one, reason, detail, request))


def _by_function(
    answer: Callable[..., Any], each: Wanted, text: str, reasoning: Mapping[str, Any]
) -> Kept | Dropped:
    """What the user's own function says to a new request."""
    try:
        said = answer(text, reasoning)
    except Exception as error:  # whatever it raises belongs to the row
        return Dropped(each, "no answer", f"answer= raised {type(error).__name__}: {excerpt(error)}", text)
    if not isinstance(said, str) or not said.strip():
        return Dropped(each, "no answer", f"answer= returned {excerpt(said)}, not a text", text)
    return Kept(each, text, said, reasoning)
