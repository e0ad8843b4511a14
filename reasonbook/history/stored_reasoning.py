"""Stored reasoning: what an augmentation on record has for the rows of a frame, read back from the store, unpaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..augment.engine.job_journal import JobRecords, recipe_of, values_print
from ..data.conversation import Conversation
from ..data.frame import Frame
from ..data.reasoning_origin import Origin, OriginKeys, recorded, same_values, says
from ..review.decisions import Decision, Decisions
from ..store import Store

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


@dataclass(frozen=True)
class StoredRow:
    """What an augmentation has for one row.

    Attributes:
        status: as in ``reasoning_status``; ``pending`` where it has nothing.
        reasoning: field name → value.
        error: why there is none.
        teacher: what the teacher wrote, where a person's edit stands in ``reasoning``.
    """

    status: str
    reasoning: Mapping[str, Any] | None = None
    error: str | None = None
    teacher: Mapping[str, Any] | None = None


class FrameRows:
    """The rows of a frame with what people said of them, read once.

    Attributes:
        keys: by position, as the frame names them.
        roots: by position, as the journal names them.
        conversations: by position.
        reasonings: what stands in the frame now, by position.
    """

    def __init__(self, frame: Frame, decisions: Decisions) -> None:
        self.frame, self.decisions = frame, decisions
        self.keys = frame.keys
        self.roots = decisions.roots_of(frame.fresh_keys)
        self.conversations: list[Conversation] = list(frame.layout.read(frame.df))
        self.reasonings: list[Any] = frame.column("reasoning")
        self.versions = decisions.versions()

    def __len__(self) -> int:
        return len(self.keys)

    def decision(self, position: int) -> Decision:
        """What people said of a row."""
        return self.decisions.of(self.roots[position])

    def teachers(self, position: int) -> Mapping[str, Any] | str | None:
        """What stands in the frame, or what the teacher had written before the edit that stands there."""
        decided, stands = self.decision(position), self.reasonings[position]
        if decided.reasoning is not None and same_values(stands, decided.reasoning):
            return decided.teacher_reasoning or stands
        return stands

    def edited(self, position: int) -> bool:
        """Whether what stands in the frame is a person's own, and in the journal."""
        stands = self.reasonings[position]
        return any(same_values(stands, mine) for mine, _ in self.versions.get(self.roots[position], ()))

    def usable(self, position: int) -> bool:
        """Whether the row can be asked about at all."""
        return not self.conversations[position].problem


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
        records: what its jobs said of rows that failed, and of samples that were kept.
        store: where the answers stand.
    """

    def __init__(self, recipe: PastRecipe, rows: FrameRows, records: JobRecords, store: Store) -> None:
        self.recipe, self.rows, self._store = recipe, rows, store
        self._failed = records.failed.get(recipe.id, {})
        self._refused = records.refused.get(recipe.id, frozenset())
        self._chosen = records.chosen.get(recipe.id, {})

    def read(self, positions: Sequence[int]) -> Iterator[StoredRow]:
        """What it has for these rows, a person's edits of it in place."""
        for start in range(0, len(positions), _CHUNK):
            part = positions[start : start + _CHUNK]
            wanted = [key for i in part for _, key in self._keys(i, self.recipe.keys.names)]
            answers = self._store.answers(sorted(wanted))  # in their own order they are read twice as fast
            for i in part:
                yield self._row(i, answers)

    def holds(self, positions: Sequence[int], *, whole: bool = False) -> Iterator[bool | None]:
        """Whether rows of the frame hold what it has for them; None where it has nothing.

        Args:
            whole: look at every field. One tells most rows apart, at a fraction of the reading.
        """
        names = self.recipe.keys.names[: None if whole else 1]
        for start in range(0, len(positions), _CHUNK):
            part = positions[start : start + _CHUNK]
            answers = self._store.answers(sorted(key for i in part for _, key in self._keys(i, names)))
            for i in part:
                samples = [
                    [answers[content + sample[name]] for name in names]
                    for content, samples in self.contents(i)
                    for sample in samples
                    if all(content + sample[name] in answers for name in names)
                ]
                given = self.rows.teachers(i)
                said = [says(given, names, values, self.recipe.keys) for values in samples]
                yield any(said) if said else None

    def doubtful(self, position: int) -> bool:
        """Whether an answer alone does not say how the row stands: somebody decided on it, or a check refused it."""
        if self._refused and any(content in self._refused for content, _ in self.contents(position)):
            return True
        return self.rows.roots[position] in self.rows.decisions.roots

    # -- one row -----------------------------------------------------------------------------------------
    def contents(self, position: int) -> list[tuple[str, Sequence[Mapping[str, str]]]]:
        """By which content a row's answers may be found, with the endings by sample; the likeliest first.

        A row whose response a person changed is asked with it in sight, whatever the method.
        """
        row, keys = self.rows.conversations[position], self.recipe.keys
        if row.problem:
            return []
        found: list[tuple[str, Sequence[Mapping[str, str]]]] = []
        if not keys.request or self.rows.decision(position).response is not None:
            found.append((row.key, keys.whole))
        if keys.request:
            found.append((row.prompt_key, keys.request))
        return found

    def _keys(self, position: int, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        for content, samples in self.contents(position):
            for sample in samples:
                for name in names:
                    yield content, content + sample[name]

    def _row(self, position: int, answers: Mapping[str, Any]) -> StoredRow:
        if not self.rows.usable(position):
            return StoredRow("invalid", error=self.rows.conversations[position].problem)
        written, error, stale = None, None, self.rows.decision(position).stale
        for content, samples in self.contents(position):
            error = error or self._failed.get(content)
            if content in self._refused:
                continue
            written = self._sample(content, samples, answers)
            if written is not None:
                stale = (
                    stale and content != self.rows.conversations[position].key
                )  # asked with the new one in sight
                break
        error = error or self._failed.get(self.rows.keys[position])
        edit = self._edit(position, written)
        if edit is not None:
            return StoredRow("ok", edit, teacher=written)
        if written is None:
            return StoredRow(NOT_ASKED if error is None else "error", error=error)
        return StoredRow("stale" if stale else "ok", written)

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

    def _edit(self, position: int, written: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The newest reasoning that a person put in place of this teacher's."""
        for mine, before in reversed(self.rows.versions.get(self.rows.roots[position], ())):
            if before and written is not None and same_values(before, written):
                return mine
            if not before and set(mine) == set(self.recipe.keys.names):
                return mine
        return None
