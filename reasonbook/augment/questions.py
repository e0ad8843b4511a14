"""Questions: many single questions beside any frame, each paid once, so many at once, within a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from ..errors import TeacherError
from ..store import Store
from ..teachers import CallError, Capabilities, Completion, Request, Teacher, TeacherSpec, Usage, resolve
from ..teachers.ask import ask
from ..teachers.pricing.price import Price
from ..teachers.pricing.price_table import price_of
from .cost import Budget, need_price
from .results import Totals

_AT_ONCE = 16
Item = TypeVar("Item")
Value = TypeVar("Value")


class BudgetUsedUpError(Exception):
    """A question was not asked, since there is no money left for it."""


class Questions:
    """What one job asks of one teacher.

    Args:
        teacher: as in ``augment``.
        store: where every answer stands before it counts.
        purpose: what for, for the store's records.
        budget: dollars at most; None for no bound.
        price: dollars per million tokens, where the table does not know the model.
        at_once: questions under way at most.

    Attributes:
        over_budget: whether something was not asked for want of money.

    Raises:
        ReasonbookError: there is a budget, and nobody knows the price.
    """

    def __init__(
        self,
        teacher: TeacherSpec,
        store: Store,
        *,
        purpose: str,
        budget: float | None = None,
        price: Price | tuple[float, float] | None = None,
        at_once: int = _AT_ONCE,
    ) -> None:
        self.teacher = resolve(teacher)
        self.store = store
        self.over_budget = False
        self._purpose = purpose
        free = self.teacher.capabilities.free
        known = (
            need_price(self.teacher, price)
            if budget is not None and not free
            else price_of(self.teacher, price)
        )
        self._priced = free or known is not None or self.teacher.capabilities.tells_cost
        self._totals = Totals()
        self._budget = Budget(None if free else budget, known, self._totals)
        self._at_once = min(at_once, self.teacher.capabilities.parallel or at_once)
        self._open = 0
        self._first = asyncio.Lock()
        self._metered = _Metered(self.teacher, self._budget.pay)

    @property
    def cost(self) -> float | None:
        """Dollars so far; None when nobody knows the price."""
        return self._totals.cost if self._priced else None

    @property
    def usage(self) -> Usage:
        """Tokens of every call, those that failed too."""
        return self._totals.usage

    async def ask(
        self,
        request: Request,
        read: Callable[[Completion], Value],
        *,
        key: str,
        about: str = "",
        **told: Any,
    ) -> Value:
        """What `read` makes of the answer, as `reasonbook.teachers.ask.ask`; what was paid for costs nothing.

        Raises:
            BudgetUsedUpError: there is no money left for it.
            CallError: there is no answer that can be used.
            TeacherError: the teacher cannot be asked at all.
        """
        known = self.store.answers([key])
        if key in known:
            return known[key]
        if self._budget.bounded and not self._totals.usage.calls:
            async with self._first:  # what one costs is known before there are many
                return await self._ask(request, read, key, about, told)
        return await self._ask(request, read, key, about, told)

    async def _ask(
        self,
        request: Request,
        read: Callable[[Completion], Value],
        key: str,
        about: str,
        told: dict[str, Any],
    ) -> Value:
        if not self._budget.affordable(self._open):
            self.over_budget = True
            raise BudgetUsedUpError
        self._open += 1
        try:
            return await ask(
                self._metered,
                request,
                read,
                store=self.store,
                key=key,
                purpose=self._purpose,
                about=about,
                **told,
            )
        except CallError as failure:
            if failure.fatal:
                raise TeacherError(f"{failure.message}.", "rb.doctor()") from failure
            raise
        finally:
            self._open -= 1

    async def over(
        self, items: Iterable[Item], one: Callable[[Item], Awaitable[None]], stopping: Callable[[], bool]
    ) -> None:
        """Does one thing after the other for all items, so many at once, until it is to stop or the money is spent.

        What ``one`` raises ends all of it, but for a budget that is used up.
        """
        waiting, self._first = iter(items), asyncio.Lock()

        async def work() -> None:
            for item in waiting:
                if stopping():
                    return
                try:
                    await one(item)
                except BudgetUsedUpError:
                    return

        await asyncio.gather(*(work() for _ in range(self._at_once)))

    async def close(self) -> None:
        """Frees what the calls held."""
        await self.teacher.close()


class _Metered:
    """A teacher whose calls are counted."""

    def __init__(self, teacher: Teacher, pay: Callable[[Usage], object]) -> None:
        self.name: str = teacher.name
        self.capabilities: Capabilities = teacher.capabilities
        self._teacher, self._pay = teacher, pay

    async def complete(self, request: Request) -> Completion:
        try:
            answer = await self._teacher.complete(request)
        except CallError as error:
            self._pay(error.usage)
            raise
        usage: object = getattr(answer, "usage", None)  # a teacher of somebody's own may return anything
        if isinstance(usage, Usage):
            self._pay(usage)
        return answer

    async def close(self) -> None:
        await self._teacher.close()
