"""Call record: what the store keeps of a call beside its answers: what was asked, for whom, at what cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...safe_text import storable
from ...store import Call, Context, row_print
from ...teachers import CallError, Completion
from ..prompts import Prompts
from ..work import Work


class CallRecords:
    """Makes the records of one job's calls.

    Args:
        teacher: the teacher's name.
        prompts: of the job.
        context: of the job; the fixed prompt is filled in by fields, method and number of rows.
    """

    def __init__(self, teacher: str, prompts: Prompts, context: Context) -> None:
        self._teacher, self._prompts, self._context = teacher, prompts, context
        self._known: dict[tuple[tuple[str, ...], bool, int], Context] = {}

    def answered(
        self,
        completion: Completion,
        works: Iterable[Work],
        names: tuple[str, ...],
        *,
        answers: Mapping[str, Any],
        problem: str,
        cost: float | None,
    ) -> Call:
        """The record of a call about these fields of some rows."""
        rows = list(works)
        return Call(
            self._teacher,
            storable(completion.text),
            answers,
            storable(completion.reasoning),
            completion.usage.to_dict(),
            storable(problem),
            self._of(names, rows[0].shown, len(rows)),
            b"".join([row_print(work.content) for work in rows]),
            cost,
        )

    def failed(
        self, error: CallError, works: Iterable[Work], names: tuple[str, ...], cost: float | None
    ) -> Call:
        """The record of a call that gave no answer and is paid for all the same."""
        nothing = Completion(error.text, "", error.usage)
        return self.answered(nothing, works, names, answers={}, problem=error.message, cost=cost)

    def _of(self, names: tuple[str, ...], shown: bool, count: int) -> Context:
        known = self._known.get((names, shown, count))
        if known is None:
            prompt, _, _ = self._prompts.fixed(names, shown, count)
            known = replace(self._context, prompt=prompt, method=self._prompts.method_for(shown).name)
            self._known[names, shown, count] = known
        return known
