"""Preferences: what a person or a check preferred, as a better and a worse answer to one request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..augment.engine import job_journal
from ..chat.reasoning_text import thought
from ..data.conversation import Message
from ..data.frame import Frame
from ..data.reasoning_origin import OriginKeys, recorded
from ..data.row_account import REJECTED, SPLIT, STALE
from ..data.training_rows import ChatRow
from ..data.turn_reasoning import TurnCountError, by_turn, of_row
from ..decisions import Decision, Decisions
from ..store import Store
from .rows import UnsupportedRowError, row_of

EDIT, REPAIR, SAMPLE, VERDICT = "edit", "repair", "refused sample", "verdict"
SOURCES = (EDIT, REPAIR, SAMPLE, VERDICT)
NOTHING_SAID = "nothing was preferred"


@dataclass(frozen=True)
class AnswerSide:
    """One way to answer a request.

    Attributes:
        thought: the reasoning as text; "" where there is none.
        answer: the response.
    """

    thought: str
    answer: str

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.thought}\n\n{self.answer}" if self.thought else self.answer


@dataclass(frozen=True)
class Preference:
    """A better and a worse answer to one request, or one of the two alone.

    Attributes:
        position: row of the frame.
        source: one of `SOURCES`.
        prompt: the messages before the answer.
        chosen: the better one.
        rejected: the worse one.
        tools: descriptions of the tools that the row offers.
    """

    position: int
    source: str
    prompt: tuple[Message, ...]
    chosen: AnswerSide | None
    rejected: AnswerSide | None
    tools: tuple[Any, ...] = ()

    @property
    def sides(self) -> Iterator[tuple[AnswerSide, bool]]:
        """What there is of the two, with whether it is the better one."""
        for said, better in ((self.chosen, True), (self.rejected, False)):
            if said is not None:
                yield said, better


@dataclass
class Preferences:
    """The preferences of a frame, and why its other rows have none.

    Attributes:
        found: in the order of the rows.
        left_out: reason → positions.
    """

    found: list[Preference] = field(default_factory=list[Preference])
    left_out: dict[str, list[int]] = field(default_factory=dict[str, list[int]])


def preferences_of(
    frame: Frame, store: Store, *, strategy: str, split: str | None, verdicts: bool
) -> Preferences:
    """What was preferred in the rows of a frame.

    An edit or an accepted repair stands above what the teacher had written, the sample that a row kept above those
    before it that the user's check refused. What was undone is none.

    Args:
        frame: the rows as they stand.
        store: with the decisions, and with the samples that lost.
        strategy: ``final_only`` compares the responses alone.
        split: whose rows; those that train when None.
        verdicts: rows that were accepted or rejected count too, each by itself.
    """
    decisions = Decisions(store)
    roots = decisions.roots_of(frame.fresh_keys)
    repaired = _repaired(decisions, store)
    lost = _Samples(store)
    columns = [frame.column(name) for name in ("split", "verdict", "reasoning_status", "reasoning")]
    made = Preferences()
    for i, conversation in enumerate(frame.layout.read(frame.df)):
        share, verdict, status, cell = (column[i] for column in columns)
        decision = decisions.of(roots[i])
        rejected = verdict == "rejected"
        why = ""
        if (share or "train") != (split or "train"):
            why = SPLIT
        elif rejected and not verdicts:
            why = REJECTED
        elif decision.stale:
            why = STALE
        if not why:
            row = ChatRow(i, frame.keys[i], share, conversation, of_row(cell, conversation))
            try:
                turns = _Turns(row, decision, strategy)
            except (UnsupportedRowError, TurnCountError) as problem:
                why = str(problem)
            else:
                settled = status in ("ok", None) and verdict in ("accepted", "rejected")
                if verdicts and settled:
                    made.found.append(turns.judged(better=not rejected))
                if not rejected:
                    made.found += turns.edited(REPAIR if roots[i] in repaired else EDIT)
                    made.found += turns.sampled(lost)
                if not (made.found and made.found[-1].position == i):
                    why = NOTHING_SAID
        if why:
            made.left_out.setdefault(why, []).append(i)
    return made


class _Turns:
    """The assistant turns of one row, as its preferences are about them."""

    def __init__(self, row: ChatRow, decision: Decision, strategy: str) -> None:
        self.row, self.decision = row, decision
        self.thinks = strategy != "final_only"
        made = row_of(row, strategy)
        self.messages, self.tools = made.messages, made.tools
        self.ends = row.conversation.turn_ends
        self.entries = by_turn(row.reasoning, len(self.ends))

    def _said(self, number: int, reasoning: Any, answer: str) -> AnswerSide:
        text = thought(reasoning).text if self.thinks else ""
        return AnswerSide(text.strip(), answer)

    def _stands(self, number: int) -> AnswerSide:
        message = self.messages[self.ends[number]]
        return AnswerSide(
            str(message.get("reasoning_content") or "").strip(), str(message.get("content") or "")
        )

    def _preference(
        self, number: int, source: str, chosen: AnswerSide | None, rejected: AnswerSide | None
    ) -> Preference:
        prompt = tuple(self.messages[: self.ends[number]])
        return Preference(self.row.position, source, prompt, chosen, rejected, self.tools)

    def judged(self, *, better: bool) -> Preference:
        """The last answer as it stands, accepted or rejected."""
        said = self._stands(len(self.ends) - 1)
        return self._preference(
            len(self.ends) - 1, VERDICT, said if better else None, None if better else said
        )

    def edited(self, source: str) -> Iterator[Preference]:
        """What a person wrote above what stood there before."""
        decision, last = self.decision, len(self.ends) - 1
        for name in decision.turns:
            number = int(name)
            if number < last and (before := decision.teacher_turns.get(name)):
                now = self._stands(number)
                yield self._preference(number, source, now, self._said(number, before, now.answer))
        if decision.reasoning is None and decision.response is None:
            return
        now = self._stands(last)
        answer = now.answer if decision.response is None else decision.data_response
        before = self.entries[last] if decision.reasoning is None else decision.teacher_reasoning
        if answer is not None:
            yield self._preference(last, source, now, self._said(last, before, answer))

    def sampled(self, lost: _Samples) -> Iterator[Preference]:
        """What stands above the samples that the user's check refused before it."""
        if not (lost.known and self.thinks):
            return
        for number in range(len(self.ends)):
            turn = self.row.conversation.turn(number)
            now = self._stands(number)
            for refused, kept in lost.of({"request": turn.prompt_key, "whole": turn.key}):
                chosen = now if kept and now.thought else None
                yield self._preference(number, SAMPLE, chosen, self._said(number, refused, now.answer))


class _Samples:
    """Samples in the store that the user's check refused."""

    def __init__(self, store: Store) -> None:
        self._store = store
        records = job_journal.read(store)
        checked = {job.recipe for job in records.jobs if job.parameters.get("check")}
        recipes = {job_journal.recipe_of(keys): keys for _, _, keys in recorded(store)}
        self.known = [
            (keys, records.chosen.get(recipe, {}), records.refused.get(recipe, frozenset()))
            for recipe, keys in recipes.items()
            if recipe in checked
        ]

    def of(self, contents: Mapping[str, str]) -> Iterator[tuple[Mapping[str, Any], bool]]:
        """The refused samples of a turn, each with whether another one was kept in its place.

        Args:
            contents: how the turn is named in the store: where the request alone was shown, and where all of it was.
        """
        for keys, chosen, refused in self.known:
            for kind, samples in (("request", keys.request), ("whole", keys.whole)):
                content = contents[kind]
                if content in chosen or content in refused:
                    yield from self._lost(content, samples, keys, chosen.get(content))

    def _lost(
        self, content: str, samples: Sequence[Mapping[str, str]], keys: OriginKeys, kept: str | None
    ) -> Iterator[tuple[Mapping[str, Any], bool]]:
        """Those before the one that was kept: a check is asked in their order, until one passes."""
        answers = self._store.answers(content + end for sample in samples for end in sample.values())
        for sample in samples:
            if any(content + end not in answers for end in sample.values()):
                continue
            values = {name: answers[content + end] for name, end in sample.items()}
            if keys.text:
                values = {name: value[keys.text] for name, value in values.items()}
            if kept is not None and job_journal.values_print(values) == kept:
                return
            yield values, kept is not None


def _repaired(decisions: Decisions, store: Store) -> set[str]:
    """The rows whose last change that stands was a teacher's answer to somebody's feedback."""
    asked = {event.data.get("id") for event in store.events("review") if event.data.get("repair")}
    last: dict[str, str] = {}
    for act in decisions.standing:
        for root, new in act.after.items():
            if new.keys() & {"reasoning", "response", "turns"}:
                last[root] = act.id
    return {root for root, act in last.items() if act in asked}
