"""To chat: the rows of a frame become a dataset that a perfect student has been played over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..cases import BY_FACTS, Cases, cases_of
from ..data.frame import Frame
from ..data.frame_jobs import settle, stopped_short
from ..data.reasoning_origin import Origin, origin_of
from ..data.row_account import UNFILLED
from ..data.splits import write_splits
from ..data.training_rows import ChatRow, training_rows
from ..store import Store, default_store
from .builder import DatasetBuilder
from .closed_loop.loop import check_dataset, check_format, player_of
from .config import ChatConfig
from .dataset import ChatDataset
from .format import ChatFormat
from .loop_report import ClosedLoop
from .rendering.growable_arrays import RowBuffer


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
    builder = DatasetBuilder(RowBuffer(rows), chat, notes, origin, left_out)
    dataset = builder.run()
    dataset.report = dataset.report.proven(check_dataset(dataset, builder.kinds))
    dataset.make_player = player_of
    return dataset


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
    found = rows_of(frame, config, store=store, wait=wait)
    dataset = build(
        found.rows,
        student,
        strategy=strategy,
        config=config,
        notes=found.notes,
        origin=found.origin,
        left_out=found.left_out,
    )
    cases = cases_of(frame, wording=False)
    if cases.by == BY_FACTS:
        dataset.cases = cases
        dataset.report = dataset.report.with_twins(_twins(dataset, cases))
    return dataset


@dataclass(frozen=True)
class ChatRows:
    """The rows of a frame that train, and what a report has to say of them.

    Attributes:
        rows: that take part, of all splits.
        left_out: why the others do not: reason → their positions.
        origin: where their reasoning comes from; None where nobody or several were asked for it.
        notes: what was done on the way, and whatever is worth knowing.
    """

    rows: Sequence[ChatRow]
    left_out: Mapping[str, Sequence[int]]
    origin: Origin | None
    notes: Sequence[str]


def rows_of(frame: Frame, config: ChatConfig, *, store: Store | None = None, wait: bool = True) -> ChatRows:
    """The rows of a frame that train, as `build_from_frame` takes them."""
    settle(frame.df, wait=wait, purpose="to_chat")
    notes: list[str] = []
    if any(name is None for name in frame.column("split")):
        notes.append("Splits were made: 10 % test, 10 % validation, seed 0 (column `split`).")
        write_splits(frame)
    found = training_rows(frame, plain=config.plain, unfilled=config.missing == "keep")
    origin, said = origin_of(found.rows, store or default_store())
    if any(why in UNFILLED for why in found.left_out):
        notes += filter(None, [stopped_short(frame.df)])
    return ChatRows(found.rows, found.left_out, origin, (*notes, *said))


def _twins(dataset: ChatDataset, cases: Cases) -> dict[str, int]:
    """Held-out rows of a dataset whose case its training rows have too, by split."""
    arrays = dataset.arrays
    splits = np.full(len(cases.codes), None, dtype=object)
    splits[arrays.position] = np.array(arrays.splits, dtype=object)[arrays.split]
    return {name: len(positions) for name, positions in cases.twins(splits.tolist()).items()}


def check(
    student: object, *, strategy: str = "final_and_reasoning", config: ChatConfig | None = None
) -> ClosedLoop:
    """Plays a perfect student over canonical conversations of every kind, without any data.

    Args:
        student: as in `build`.
        strategy: as in `build`.
        config: as in `build`.

    Raises:
        FormatError: the student cannot be found, or its template cannot be used at all.

    Example:
        >>> from reasonbook.chat import check
        >>> check(rb.examples.tiny_student()).ok
        True
    """
    return check_format(ChatFormat(student, strategy=strategy, config=config))
