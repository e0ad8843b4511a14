"""Builder: rows become ids and labels; rendering and encoding run side by side."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..data.conversation import Message
from ..data.reasoning_origin import Origin
from ..data.training_rows import ChatRow
from .dataset import ChatDataset
from .format import ChatFormat
from .preflight import (
    INSEPARABLE,
    LOST,
    NO_STOP,
    PLACES,
    TOO_LONG,
    UNTRAINED,
    DropCounts,
    Preflight,
    findings,
    histogram,
)
from .rendering import segments
from .rendering.alignment import Encodings, TokenAligner, half_character, part_runs
from .rendering.growable_arrays import ArraysWriter, GrowableArray, RowBuffer, RowNumbers
from .rendering.row_kinds import SYSTEM, TOOLS, has_system, has_tools, kinds_of
from .rendering.segments import RenderedRow
from .rendering.token_weights import check_fields
from .rendering.turns import TrainingTurn, UnusableRowError, turns_of

CHUNK = 512  # rows that are encoded in one call
NOTHING_LEARNT = "nothing in it is to be learnt"
HALF = "it holds half a character (a lone surrogate), which no tokenizer takes"
VERIFY_FIRST, VERIFY_EVERY = 32, 256  # rows held against the template's own rendering of the whole


@dataclass
class _Counts:
    """What the report counts on the way."""

    rows: int = 0
    kept: int = 0
    plain_rows: int = 0
    reasoning: int = 0
    learnt: int = 0
    weightless: int = 0
    stops: int = 0
    verified: int = 0
    cut: int = 0
    apart: int = 0
    rebuilt: int = 0
    tools_unseen: int = 0


class _Pending(NamedTuple):
    """A rendered training row on its way to the arrays."""

    rendered: RenderedRow
    numbers: RowNumbers
    has_thought: bool


class DatasetBuilder:
    """Makes one dataset.

    Args:
        rows: that come in.
        chat: how the student is written to.
        notes: what the report shall say besides.
        origin: where the rows' reasoning comes from.
        left_out: why rows of the same frame are not among these: reason → their positions.
    """

    def __init__(
        self,
        rows: RowBuffer,
        chat: ChatFormat,
        notes: Sequence[str] = (),
        origin: Origin | None = None,
        left_out: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.rows = rows
        self.notes = tuple(notes)
        self.origin = origin
        self.chat = chat
        self.left_out = left_out or {}
        self.dropped = DropCounts()
        self.without: dict[int, str] = {}  # row → why, as long as nothing of it is kept
        self.aligner = TokenAligner(chat.tokenizer)
        self.splits: dict[str, int] = {}
        growing = partial(GrowableArray, spill=rows.spill)
        self.arrays = ArraysWriter(spill=rows.spill, parts=chat.renderer.weights)
        self.lengths = growing(np.int32)
        self.requests = {"hash": growing(np.int64), "split": growing(np.int16)}
        self.count = _Counts()
        self.longest = 0
        special = (i for i, token in chat.tokenizer.added_tokens_decoder.items() if token.special)
        self.ends = {*chat.stop_ids, *special}
        config = chat.config
        silent = config.roles != "all_but_system" and "assistant" not in config.roles
        self.masks_reasoning = config.mask_reasoning or silent
        self.masks_stops = config.mask_answer or config.mask_reasoning or silent
        self.unlearnt = {int(i) for i in np.flatnonzero(chat.renderer.weights == 0) if i & segments.TRAINED}
        self.masks_stops |= (segments.TRAINED | segments.STOP) in self.unlearnt
        self.met: set[int] = set()  # codes of the parts in all rows, where weights name some
        self.last_kept = -1
        self.careful = False
        self.kinds: set[str] = {SYSTEM} if config.system else set()

    def run(self) -> ChatDataset:
        """The dataset, not yet proven."""
        backend = self.chat.tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        with _uncollected():
            self._fill()
        return self._finish()

    def _fill(self) -> None:
        """Renders on this thread while another one encodes: the encoder leaves the interpreter free."""
        waiting: list[tuple[list[_Pending], Future[Encodings]]] = []
        with ThreadPoolExecutor(1, thread_name_prefix="reasonbook-encode") as worker:
            for items in self._chunks():
                rendered = [item.rendered for item in items]
                waiting.append((items, worker.submit(self.aligner.encode, rendered)))
                if len(waiting) > 2:
                    self._take(*waiting.pop(0))
            for items, encodings in waiting:
                self._take(items, encodings)

    # -- rendering ---------------------------------------------------------------------------------------
    def _chunks(self) -> Iterator[list[_Pending]]:
        items: list[_Pending] = []
        hashes: list[int] = []
        hash_splits: list[int] = []
        for ordinal, row in enumerate(self.rows.stream()):
            self.count.rows += 1
            split = self.splits.setdefault(row.split, len(self.splits))
            before = len(items)
            self._row(ordinal, row, split, items)
            if len(items) > before:
                self._note(row.conversation.messages)
                if "tools" in row.conversation.messages[0] and not self.chat.template.shows_tools:
                    self.count.tools_unseen += 1
                hashes.append(hash(tuple([m.get("content") for m in row.conversation.prompt if _plain(m)])))
                hash_splits.append(split)
            if len(items) >= CHUNK:
                self.requests["hash"].extend(hashes)
                self.requests["split"].extend(hash_splits)
                hashes, hash_splits = [], []
                yield items
                items = []
        self.requests["hash"].extend(hashes)
        self.requests["split"].extend(hash_splits)
        if items:
            yield items

    def _note(self, messages: Sequence[Message]) -> None:
        """Which kinds of rows there are, as far as their messages tell."""
        if has_system(messages):
            self.kinds.add(SYSTEM)
        if TOOLS not in self.kinds and has_tools(messages):
            self.kinds.add(TOOLS)

    def _row(self, ordinal: int, row: ChatRow, split: int, items: list[_Pending]) -> None:
        chat = self.chat
        verify = ordinal < VERIFY_FIRST or ordinal % VERIFY_EVERY == 0
        before = len(items)
        try:
            for turn in turns_of(row, chat.strategy, chat.shown, chat.guard):
                try:
                    rendered = self._render(turn, row, verify)
                except UnusableRowError as why:
                    self._drop(str(why), ordinal, row.position)
                    continue
                half = int(turn.is_thought)
                numbers = RowNumbers(ordinal, row.position, turn.number, half, split, turn.weight)
                items.append(_Pending(rendered, numbers, bool(turn.thought)))
        except UnusableRowError as why:
            self._drop(str(why), ordinal, row.position)
        if len(items) == before and ordinal not in self.without:
            self._drop(NOTHING_LEARNT, ordinal, row.position)

    def _drop(self, reason: str, ordinal: int, position: int) -> None:
        """A training row is left out; the row is, while nothing of it is kept."""
        self.dropped.add(reason, position)
        if ordinal != self.last_kept:
            self.without.setdefault(ordinal, reason)

    def _render(self, turn: TrainingTurn, row: ChatRow, verify: bool) -> RenderedRow:
        verify = verify or self.careful
        self.count.verified += verify
        rendered = self.chat.renderer.render(
            turn, verify=verify, roles="all_but_system" if row.unmask else None
        )
        if self.chat.config.weights:
            rendered = self._weighed(rendered)
        if not rendered.text.isascii() and half_character(rendered.text) is not None:
            raise UnusableRowError(HALF)
        if rendered.rebuilt:
            self.count.rebuilt += 1
            self.careful = True  # the template has surprises: each row is held against it from here on
        return rendered

    def _weighed(self, rendered: RenderedRow) -> RenderedRow:
        """The row with the parts of weight 0 masked."""
        self.met.update(code & ~segments.TRAINED for _, code in rendered.segments)
        if not self.unlearnt:
            return rendered
        masked = [
            (at, code & ~segments.TRAINED if code in self.unlearnt else code)
            for at, code in rendered.segments
        ]
        return rendered._replace(segments=masked)

    # -- arrays ------------------------------------------------------------------------------------------
    def _take(self, items: list[_Pending], future: Future[Encodings]) -> None:
        ids: list[int] = []
        runs: list[int] = []
        run_codes: list[int] = []
        kept: list[_Pending] = []
        sizes: list[int] = []
        lengths: list[int] = []
        plain = False  # whether nothing of the present row has had reasoning so far
        found = self.aligner.find([item.rendered for item in items], future.result())
        for item, placed in zip(items, found, strict=True):
            if placed is None:
                self._drop(INSEPARABLE, item.numbers.row, item.numbers.position)
                continue
            mine = placed.ids
            size = len(mine)
            lengths.append(size)
            self.longest = max(self.longest, size)
            if size > self.chat.config.max_length:
                self._drop(TOO_LONG, item.numbers.row, item.numbers.position)
                self.count.cut += placed.answer >= self.chat.config.max_length
                continue
            row_runs = part_runs(item.rendered, placed, size)
            self.count.apart += placed.apart
            problem = self._problem(item, row_runs, mine)
            if problem:
                self._drop(problem, item.numbers.row, item.numbers.position)
                continue
            if item.numbers.row != self.last_kept:
                self.last_kept = item.numbers.row
                self.without.pop(item.numbers.row, None)
                self.count.kept += 1
                self.count.plain_rows += 1
                plain = True
            if item.has_thought and plain:
                self.count.plain_rows -= 1
                plain = False
            ids += mine
            sizes.append(size)
            for start, end, code in row_runs:
                runs.append(end - start)
                run_codes.append(code)
            kept.append(item)
        self.lengths.extend(lengths)
        if not kept:
            return
        codes = np.repeat(np.array(run_codes, dtype=np.uint8), np.array(runs, dtype=np.int64))
        self.arrays.extend(ids, codes, sizes, [item.numbers for item in kept])

    def _problem(self, item: _Pending, runs: list[tuple[int, int, int]], ids: list[int]) -> str:
        """Why a tokenised row must not be trained; "" when all is well. Counts what is learnt."""
        learnt = reasoning = stop = False
        for start, end, code in runs:
            if code & segments.TRAINED and end > start:
                learnt = True
                if segments.is_reasoning(code):
                    reasoning = True
                elif (code & ~segments.TRAINED) == segments.STOP:
                    stop = ids[end - 1] in self.ends
        if not learnt:
            return UNTRAINED
        weightless = bool(self.unlearnt) and any(
            code | segments.TRAINED in self.unlearnt and segments.is_reasoning(code) for *_, code in runs
        )
        if item.has_thought and not reasoning and not (self.masks_reasoning or weightless):
            return LOST
        if not stop and not self.masks_stops:
            return NO_STOP
        self.count.reasoning += item.has_thought
        self.count.learnt += item.has_thought and reasoning
        self.count.weightless += item.has_thought and not reasoning and weightless
        self.count.stops += stop
        return ""

    # -- the end -----------------------------------------------------------------------------------------
    def _finish(self) -> ChatDataset:
        check_fields(self.chat.config.weights, self.chat.renderer.fields, self.met)
        names = tuple(self.splits)
        arrays = self.arrays.finish(names)
        several = bool(arrays.turn.size and arrays.turn.max())
        # The second half of a two-message row has no thinking either, and is no plain row.
        plain = len(arrays.turn) - self.count.reasoning - int(arrays.half.sum())
        self.kinds |= kinds_of(self.count.reasoning, plain, several)
        report = self._report(names, arrays.split)
        return ChatDataset(
            self.chat,
            arrays,
            self.rows,
            report,
            self.arrays.fingerprint,
            origin=self.origin,
            set_aside=self.left_out,
            unusable=self.without,
        )

    def _report(self, names: tuple[str, ...], split: np.ndarray) -> Preflight:
        config, count = self.chat.config, self.count
        lengths = self.lengths.finish()
        left_out = Counter({reason: len(positions) for reason, positions in self.left_out.items()})
        places = {reason: list(positions[:PLACES]) for reason, positions in self.left_out.items()}
        report = Preflight(
            rows=count.rows + left_out.total(),
            rows_kept=count.kept,
            left_out=dict(left_out + Counter(self.without.values())),
            examples={name: int((split == i).sum()) for i, name in enumerate(names)},
            dropped=dict(self.dropped.counts),
            places={**self.dropped.places, **places},
            reasoning=count.reasoning,
            reasoning_learnt=count.learnt,
            reasoning_weightless=count.weightless,
            plain=len(split) - count.reasoning,
            plain_rows=count.plain_rows,
            stops_learnt=count.stops,
            max_length=config.max_length,
            longest=self.longest,
            cut_before_answer=count.cut / len(lengths) if len(lengths) else 0.0,
            histogram=histogram(lengths),
            duplicates=self._duplicates(names),
            verified=count.verified,
            apart=count.apart,
            rebuilt=count.rebuilt,
            tools_unseen=count.tools_unseen,
            notes=self.notes + self.chat.probe.notes,
        )
        problems, warnings = findings(
            report,
            masked=self.masks_reasoning,
            wants_reasoning=self.chat.strategy != "final_only",
            stops_masked=self.masks_stops,
            own_template=self.chat.template.own,
            plain=config.plain,
            missing=config.missing,
        )
        return replace(report, problems=tuple(problems), warnings=tuple(warnings))

    def _duplicates(self, names: tuple[str, ...]) -> dict[str, int]:
        if "train" not in names:
            return {}
        hashes, split = self.requests["hash"].finish(), self.requests["split"].finish()
        train = np.unique(hashes[split == names.index("train")])
        return {
            name: int(np.isin(hashes[split == i], train).sum())
            for i, name in enumerate(names)
            if name != "train"
        }


@contextmanager
def _uncollected() -> Generator[None, None, None]:
    """No garbage collection meanwhile: encodings are many, short-lived and without circles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _plain(message: Message) -> bool:
    return isinstance(message.get("content"), str)
