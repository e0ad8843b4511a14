"""Stored reasoning: what an augmentation on record has for the rows of a frame, read back from the store, unpaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..augment.engine.job_journal import JobRecords, recipe_of, values_print
from ..augment.row_turns import Cell
from ..augment.work import NO_RESPONSE, UNLEARNT
from ..data.conversation import is_mapping
from ..data.reasoning_origin import Origin, OriginKeys, recorded, same_values, says
from ..data.turn_reasoning import Reasoning, Turns, replies
from ..decisions import UNDECIDED
from ..store import Store
from .frame_rows import FrameRows

_CHUNK = 2_000
NOT_ASKED = "pending"


@dataclass(frozen=True)
class PastRecipe:
    """What was asked and of whom; a cell that is run again has the same one.

    Attributes:
        id: 16 hex digits.
        origin: schema, teacher, method and fixed prompt.
        keys: how the store names its answers.
        at: when it was first put on record.
    """

    id: str
    origin: Origin
    keys: OriginKeys
    at: float


def recipes(store: Store) -> list[PastRecipe]:
    """Every recipe on record, oldest first."""
    found: dict[str, PastRecipe] = {}
    for event, origin, keys in recorded(store):
        number = recipe_of(keys)
        found[number] = PastRecipe(number, origin, keys, found[number].at if number in found else event.at)
    return list(found.values())


class StoredTurn(NamedTuple):
    """What an augmentation has for one assistant turn.

    Attributes:
        written: what the teacher wrote.
        edit: what a person put in its place.
        error: why there is none; None also where it was never asked.
        stale: the response was changed since.
    """

    written: Mapping[str, Any] | None = None
    edit: Mapping[str, Any] | None = None
    error: str | None = None
    stale: bool = False

    @property
    def reasoning(self) -> Mapping[str, Any] | None:
        """What stands."""
        return self.written if self.edit is None else self.edit


class StoredRow(NamedTuple):
    """What an augmentation has for one row.

    Attributes:
        status: as in ``reasoning_status``; ``pending`` where it was not asked for all of it.
        reasoning: field name → value; of a row of several turns a list with an entry for each.
        error: why it is not whole.
        turns: each assistant turn by itself.
    """

    status: str
    reasoning: Cell | None = None
    error: str | None = None
    turns: tuple[StoredTurn, ...] = ()

    @property
    def edited(self) -> bool:
        """Whether a person's own stands in it."""
        return any(turn.edit is not None for turn in self.turns)


def holders(stored: Sequence[StoredReasoning], count: int) -> tuple[list[list[bool]], list[int | None]]:
    """Of several recipes, which has answers for which row, and whose reasoning each row holds now.

    Returns:
        Per recipe a flag per row; and per row the number of the newest recipe that it holds, None where it is nobody's.
    """
    everything = range(count)
    said = [list(one.holds(everything)) for one in stored]
    claims = [[n for n, each in enumerate(said) if each[i]] for i in everything]
    for n, one in enumerate(stored):
        unsure = [i for i in everything if len(claims[i]) > 1 and n in claims[i]]
        for i, sure in zip(unsure, list(one.holds(unsure, whole=True)), strict=True):
            if not sure:
                claims[i].remove(n)
    answered = [[flag is not None for flag in each] for each in said]
    return answered, [claim[-1] if claim else None for claim in claims]


class StoredReasoning:
    """The answers of one recipe for the rows of a frame.

    Args:
        recipe: which.
        rows: of the frame.
        records: what its jobs said of turns that failed, and of samples that were kept.
        store: where the answers stand.

    Attributes:
        turns: which assistant turns it asks; a store of a time that asked the last ones alone has no jobs on record.
    """

    def __init__(self, recipe: PastRecipe, rows: FrameRows, records: JobRecords, store: Store) -> None:
        self.recipe, self.rows, self._store = recipe, rows, store
        self._failed = records.failed.get(recipe.id, {})
        self._refused = records.refused.get(recipe.id, frozenset())
        self._chosen = records.chosen.get(recipe.id, {})
        of_old = all(job.recipe != recipe.id for job in records.jobs)
        self.turns: Turns = "last" if recipe.keys.last or of_old else "all"

    def read(self, positions: Sequence[int]) -> Iterator[StoredRow]:
        """What it has for these rows, a person's edits of it in place."""
        for part, answers in self._answers(positions, self.recipe.keys.names):
            for i in part:
                yield self._row(i, answers)

    def whole(self) -> list[StoredRow]:
        """What it has for all rows, in one form: lists in every row where any of them needs one."""
        found = list(self.read(range(len(self.rows))))
        if not any(isinstance(row.reasoning, list) for row in found):
            return found
        return [
            row._replace(reasoning=[*[None] * (self.rows.count(i) - 1), row.reasoning])
            if is_mapping(row.reasoning)
            else row
            for i, row in enumerate(found)
        ]

    def holds(self, positions: Sequence[int], *, whole: bool = False) -> Iterator[bool | None]:
        """Whether rows of the frame hold what it has for them; None where it has nothing.

        Args:
            whole: look at every field. One tells most rows apart, at a fraction of the reading.
        """
        names = self.recipe.keys.names[: None if whole else 1]
        for part, answers in self._answers(positions, names):
            for i in part:
                if i in self.rows.several:
                    yield self._holds_turns(i, names, answers)
                else:
                    said = self._said(i, 0, names, answers)
                    yield any(said) if said else None

    def doubtful(self, position: int) -> bool:
        """Whether one answer does not say how the row stands: it has several turns, was decided on, or refused."""
        decided = self.rows.decision(position) is not UNDECIDED
        return decided or position in self.rows.several or self._is_refused(position, 0)

    # -- rows --------------------------------------------------------------------------------------------
    def _answers(
        self, positions: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[Sequence[int], Mapping[str, Any]]]:
        """Positions in pieces, each with all answers for them."""
        for start in range(0, len(positions), _CHUNK):
            part = positions[start : start + _CHUNK]
            wanted = [
                content + sample[name]
                for i in part
                for n in self._asked(i)
                for content, samples in self.contents(i, n)
                for sample in samples
                for name in names
            ]
            yield part, self._store.answers(sorted(wanted))  # in their own order they are read twice as fast

    def _asked(self, position: int) -> tuple[int, ...]:
        if self.rows.conversations[position].problem:
            return ()
        return self.rows.asked(position, self.turns)

    def _row(self, position: int, answers: Mapping[str, Any]) -> StoredRow:
        asked, count = self._asked(position), self.rows.count(position)
        if not asked:
            return StoredRow("invalid", error=self.rows.conversations[position].problem or UNLEARNT)
        turns = tuple([self._turn(position, n, answers if n in asked else {}) for n in range(count)])
        cell = self._cell(turns, listed=asked != (count - 1,))
        still = [n for n in asked if turns[n].reasoning is None]
        if not still:
            return StoredRow("stale" if turns[-1].stale else "ok", cell, turns=turns)
        unusable = self._failed.get(self.rows.keys[position])
        if cell is None and unusable:
            return StoredRow("invalid", error=unusable)
        why = self._why(position, still, turns)
        if asked == (count - 1,):
            error = next(iter(why.values()), None)
        else:
            error = "; ".join(f"turn {n + 1} of {count}: {text}" for n, text in why.items())
        return StoredRow("error" if error else NOT_ASKED, cell, error or None, turns)

    def _why(self, position: int, still: Sequence[int], turns: Sequence[StoredTurn]) -> dict[int, str]:
        """Turn → why it has nothing; also those that a method which looks at the response could not ask."""
        why = {n: error for n in still if (error := turns[n].error)}
        if not self.recipe.keys.request and (why or any(turn.written for turn in turns)):
            for n in still:
                turn = self.rows.turn(position, n)
                if not (turn.has_response and replies(turn.messages[-1])):
                    why.setdefault(n, NO_RESPONSE)
        return dict(sorted(why.items()))

    @staticmethod
    def _cell(turns: Sequence[StoredTurn], *, listed: bool) -> Cell | None:
        if len(turns) == 1:
            return turns[0].reasoning
        entries: list[Reasoning | None] = [turn.reasoning for turn in turns]
        if not any(entries):
            return None
        return entries if listed or any(entries[:-1]) else turns[-1].reasoning

    def _holds_turns(self, position: int, names: Sequence[str], answers: Mapping[str, Any]) -> bool | None:
        """As `holds`, of a row with several: a turn that a person wrote does not speak against the others."""
        asked, had, fits = self._asked(position), False, set[bool]()
        for n in range(self.rows.count(position)):
            said = self._said(position, n, names, answers) if n in asked else []
            had = had or bool(said)
            if any(said):
                fits.add(True)
            elif self.rows.teachers(position, n) is None:
                fits |= {False} if said and not self._is_refused(position, n) else set[bool]()
            elif not self.rows.edited(position, n):
                fits.add(False)
        return fits == {True} if had else None

    def _said(self, position: int, n: int, names: Sequence[str], answers: Mapping[str, Any]) -> list[bool]:
        """For each sample that it has for a turn, whether it stands in the frame."""
        found = [
            [answers[content + sample[name]] for name in names]
            for content, samples in self.contents(position, n)
            for sample in samples
            if all(content + sample[name] in answers for name in names)
        ]
        given = self.rows.teachers(position, n) if found else None
        return [says(given, names, values, self.recipe.keys) for values in found]

    def _is_refused(self, position: int, n: int) -> bool:
        """Whether its answers for a turn did not pass the user's check."""
        return bool(self._refused) and any(
            content in self._refused for content, _ in self.contents(position, n)
        )

    # -- one turn ----------------------------------------------------------------------------------------
    def contents(self, position: int, n: int) -> list[tuple[str, Sequence[Mapping[str, str]]]]:
        """By which content a turn's answers may be found, with the endings by sample; the likeliest first.

        A turn whose response a person changed is asked with it in sight, whatever the method.
        """
        rows, keys = self.rows, self.recipe.keys
        turn = rows.turn(position, n)
        found: list[tuple[str, Sequence[Mapping[str, str]]]] = []
        if not keys.request or (rows.decision(position).response is not None and not rows.name(position, n)):
            found.append((turn.key, keys.whole))
        if keys.request:
            found.append((turn.prompt_key, keys.request))
        return found

    def _turn(self, position: int, n: int, answers: Mapping[str, Any]) -> StoredTurn:
        rows, written, error = self.rows, None, None
        stale = rows.decision(position).stale and not rows.name(position, n)
        for content, samples in self.contents(position, n):
            error = error or self._failed.get(content)
            if content in self._refused:
                continue
            written = self._sample(content, samples, answers)
            if written is not None:
                stale = stale and content != rows.turn(position, n).key  # asked with the new one in sight
                break
        edit = self._edit(position, n, written, failed=error is not None)
        return StoredTurn(written, edit, error, stale and edit is None)

    def _sample(
        self, content: str, samples: Sequence[Mapping[str, str]], answers: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """The sample that was kept; the first whole one where that is not on record."""
        text, chosen = self.recipe.keys.text, self._chosen.get(content)
        kept: Mapping[str, Any] | None = None
        for sample in samples:
            if any(content + end not in answers for end in sample.values()):
                continue
            values: dict[str, Any] = {name: answers[content + end] for name, end in sample.items()}
            if text:
                values = {name: value[text] for name, value in values.items()}
            if chosen is None or values_print(values) == chosen:
                return values
            kept = values if kept is None else kept
        return kept

    def _edit(
        self, position: int, n: int, written: Mapping[str, Any] | None, *, failed: bool
    ) -> Mapping[str, Any] | None:
        """The newest reasoning that a person put in place of this teacher's, or where it had failed."""
        edits = self.rows.edits(position, n)
        names = set(self.recipe.keys.names) if edits else set[str]()
        for mine, before in reversed(edits):
            if before and written is not None and same_values(before, written):
                return mine
            if not before and (set(mine) == names or (failed and names.issuperset(mine))):
                return mine
        return None
