"""Builder: rows of a frame become ids and labels; rendering and encoding run side by side."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..data.conversation import Message
from ..data.frame import Frame
from ..data.frame_jobs import settle, stopped_short
from ..data.reasoning_origin import Origin, origin_of
from ..data.row_account import UNFILLED
from ..data.splits import write_splits
from ..data.training_rows import ChatRow, training_rows
from ..store import Store, default_store
from .config import ChatConfig
from .dataset import ChatDataset
from .format import ChatFormat
from .preflight import LOST, NO_STOP, PLACES, TOO_LONG, UNTRAINED, DropCounts, Preflight, findings, histogram
from .rendering import segments
from .rendering.alignment import Encodings, TokenAligner, part_runs
from .rendering.growable_arrays import ArraysWriter, GrowableArray, RowBuffer, RowNumbers
from .rendering.segments import RenderedRow
from .rendering.turns import TrainingTurn, UnusableRowError, turns_of

CHUNK = 512  # rows that are encoded in one call
NOTHING_LEARNT = "nothing in it is to be learnt"
VERIFY_FIRST, VERIFY_EVERY = 32, 256  # rows held against the template's own rendering of the whole


@dataclass
class _Counts:
    """What the report counts on the way."""

    rows: int = 0
    kept: int = 0
    plain_rows: int = 0
    reasoning: int = 0
    learnt: int = 0
    stops: int = 0
    verified: int = 0
    cut: int = 0
    straddled: int = 0
    rebuilt: int = 0
    tools_unseen: int = 0


class _Pending(NamedTuple):
    """A rendered training row on its way to the arrays."""

    rendered: RenderedRow
    numbers: RowNumbers
    has_thought: bool


def build(
    rows: Iterable[ChatRow],
    student: object,
    *,
    strategy: str = "final_and_reasoning",
    config: ChatConfig | None = None,
    notes: Sequence[str] = (),
    origin: Origin | None = None,
    left_out: Mapping[str, Sequence[int]] | None = None,
) -> ChatDataset:
    """Ids and labels for a student, checked row by row.

    Args:
        rows: a sequence, or a stream of any length; a stream is kept on disk, not in memory.
        student: a folder, a Hub name, or a tokenizer; no weights are loaded.
        strategy: ``final_and_reasoning``, ``final_only`` or ``two_message_cot``.
        config: what carries loss, lengths, styles; see `ChatConfig`.
        notes: what the report shall say besides.
        origin: where the rows' reasoning comes from, for the run card.
        left_out: why rows of the same frame are not among these: reason → their positions, for the report.

    Raises:
        FormatError: the student cannot be found or shows no requests.

    Example:
        >>> from reasonbook.chat import ChatRow, build
        >>> from reasonbook.data.conversation import Conversation
        >>> said = Conversation(({"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": "42"}))
        >>> row = ChatRow(position=0, key="a", split="train", conversation=said, reasoning={"Work": "6 x 7 = 42"})
        >>> build([row], rb.examples.tiny_student()).report.ok
        True
    """
    chat = ChatFormat(student, strategy=strategy, config=config)
    return _Builder(RowBuffer(rows), chat, notes, origin, left_out or {}).run()


def build_from_frame(
    frame: Frame,
    student: object,
    *,
    strategy: str = "final_and_reasoning",
    config: ChatConfig | None = None,
    store: Store | None = None,
    wait: bool = True,
) -> ChatDataset:
    """Ids and labels of the rows of a frame that train; `build` with what the frame and the store know.

    A running augmentation is waited for. Where the frame has no splits yet they are made, and the report says so; it
    accounts for every row of the frame.

    Args:
        frame: the user's frame with its layout; its column ``split`` may be written.
        student: as in `build`.
        strategy: as in `build`.
        config: as in `build`.
        store: which knows where the reasoning comes from; the default store when None.
        wait: for an augmentation that is filling the frame; it is an error otherwise.

    Raises:
        ReasonbookError: an augmentation is running, and it is not to be waited for.

    Example:
        >>> from reasonbook.chat import build_from_frame
        >>> from reasonbook.data.frame import Frame
        >>> from reasonbook.data.layout.frame_layout import layout_of
        >>> len(build_from_frame(Frame(df, layout_of(df)), rb.examples.tiny_student()))
        40
    """
    config = config or ChatConfig()
    settle(frame.df, wait=wait, purpose="to_chat")
    notes: list[str] = []
    if any(name is None for name in frame.column("split")):
        notes.append("Splits were made: 10 % test, 10 % validation, seed 0 (column `split`).")
        write_splits(frame)
    found = training_rows(frame, plain=config.plain, unfilled=config.missing == "keep")
    origin, said = origin_of(found.rows, store or default_store())
    if any(why in UNFILLED for why in found.left_out):
        notes += filter(None, [stopped_short(frame.df)])
    return build(
        found.rows,
        student,
        strategy=strategy,
        config=config,
        notes=[*notes, *said],
        origin=origin,
        left_out=found.left_out,
    )


class _Builder:
    def __init__(
        self,
        rows: RowBuffer,
        chat: ChatFormat,
        notes: Sequence[str],
        origin: Origin | None,
        left_out: Mapping[str, Sequence[int]],
    ) -> None:
        self.rows = rows
        self.notes = tuple(notes)
        self.origin = origin
        self.chat = chat
        self.left_out = left_out
        self.dropped = DropCounts()
        self.without: dict[int, str] = {}  # row → why, as long as nothing of it is kept
        self.aligner = TokenAligner(chat.tokenizer)
        self.splits: dict[str, int] = {}
        growing = partial(GrowableArray, spill=rows.spill)
        self.arrays = ArraysWriter(spill=rows.spill)
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
        self.last_kept = -1
        self.careful = False

    def run(self) -> ChatDataset:
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
                texts = [item.rendered.text for item in items]
                waiting.append((items, worker.submit(self.aligner.encode, texts)))
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

    def _row(self, ordinal: int, row: ChatRow, split: int, items: list[_Pending]) -> None:
        chat = self.chat
        verify = ordinal < VERIFY_FIRST or ordinal % VERIFY_EVERY == 0
        before = len(items)
        try:
            for turn in turns_of(row, chat.strategy, chat.config, chat.markers):
                try:
                    rendered = self._render(turn, row, verify)
                except UnusableRowError as why:
                    self._drop(str(why), ordinal, row.position)
                    continue
                numbers = RowNumbers(ordinal, row.position, turn.number, int(turn.is_thought), split)
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
        if not rendered.text.isascii():
            _check_text(rendered.text)
        if rendered.rebuilt:
            self.count.rebuilt += 1
            self.careful = True  # the template has surprises: each row is held against it from here on
        return rendered

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
            mine = placed.ids
            size = len(mine)
            lengths.append(size)
            self.longest = max(self.longest, size)
            if size > self.chat.config.max_length:
                self._drop(TOO_LONG, item.numbers.row, item.numbers.position)
                self.count.cut += placed.answer >= self.chat.config.max_length
                continue
            row_runs = part_runs(item.rendered, placed, size)
            self.count.straddled += placed.straddles
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
        if item.has_thought and not reasoning and not self.masks_reasoning:
            return LOST
        if not stop and not self.masks_stops:
            return NO_STOP
        self.count.reasoning += item.has_thought
        self.count.learnt += item.has_thought and reasoning
        self.count.stops += stop
        return ""

    # -- the end -----------------------------------------------------------------------------------------
    def _finish(self) -> ChatDataset:
        names = tuple(self.splits)
        arrays = self.arrays.finish(names)
        report = self._report(names, arrays.split)
        return ChatDataset(
            self.chat,
            arrays,
            self.rows,
            report,
            self.arrays.fingerprint,
            origin=self.origin,
            set_aside=self.left_out,
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
            plain=len(split) - count.reasoning,
            plain_rows=count.plain_rows,
            stops_learnt=count.stops,
            max_length=config.max_length,
            longest=self.longest,
            cut_before_answer=count.cut / len(lengths) if len(lengths) else 0.0,
            histogram=histogram(lengths),
            duplicates=self._duplicates(names),
            verified=count.verified,
            straddled=count.straddled,
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


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnusableRowError(
            "it holds half a character (a lone surrogate), which no tokenizer takes"
        ) from error


def _plain(message: Message) -> bool:
    return isinstance(message.get("content"), str)
