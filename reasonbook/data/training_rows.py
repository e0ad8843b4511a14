"""Training rows: which rows of a frame a student may learn from, and why the others do not take part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from .conversation import Conversation, is_mapping, is_sequence, missing
from .frame import Frame
from .row_account import CONFLICT, EMPTY, PLAIN, REJECTED, UNFILLED
from .turn_reasoning import RowReasoning, of_row

Plain = Literal["keep", "drop"]


def training_rows(frame: Frame, *, plain: Plain | None = None, unfilled: bool = False) -> TrainingRows:
    """The rows that may take part, and the positions of the others by reason; every row is in one of them.

    Args:
        frame: the user's frame with its layout.
        plain: whether rows that nobody asked reasoning for take part beside rows that have it. None: no, where an
            augmentation has filled the others; yes, where the data brought the reasoning.
        unfilled: whether rows take part that a teacher was to fill and did not.
    """
    statuses, verdicts = frame.column("reasoning_status"), frame.column("verdict")
    reasonings, splits = frame.column("reasoning"), frame.column("split")
    augmented = any(status is not None for status in statuses)
    unmask = frame.column(frame.layout.unmask) if frame.layout.unmask is not None else None
    found = TrainingRows()
    for i, conversation in enumerate(frame.layout.read(frame.df)):
        status = statuses[i]
        reasoning = of_row(reasonings[i], conversation) if augmented else conversation.reasoning
        why = ""
        if verdicts[i] in (REJECTED, CONFLICT):
            why = str(verdicts[i])
        elif augmented and status is None:
            why = "" if plain == "keep" else PLAIN
        elif augmented and (status != "ok" or _empty(reasoning, conversation)):
            why = EMPTY if status == "ok" else str(status)
            why = "" if unfilled and why in UNFILLED else why
        if why:
            found.leave_out(i, why)
            continue
        found.rows.append(
            ChatRow(
                position=i,
                key=frame.keys[i],
                split=splits[i],
                conversation=conversation,
                reasoning=reasoning,
                unmask=bool(unmask and unmask[i]),
            )
        )
    if plain == "drop" and not augmented:
        found.leave_out_plain()
    return found


@dataclass
class TrainingRows:
    """The rows of a frame that take part, and the positions of those that do not.

    Attributes:
        rows: that take part, of all splits.
        left_out: reason → positions.
    """

    rows: list[ChatRow] = field(default_factory=lambda: [])
    left_out: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def leave_out(self, position: int, why: str) -> None:
        """One more row that does not take part."""
        self.left_out.setdefault(why, []).append(position)

    def leave_out_plain(self) -> None:
        """Leaves out rows whose data brought no reasoning, where others' did."""
        reasoned = [row for row in self.rows if not missing(row.conversation.reasoning)]
        if reasoned:
            kept = {row.position for row in reasoned}
            for row in self.rows:
                if row.position not in kept:
                    self.leave_out(row.position, PLAIN)
            self.rows = reasoned


@dataclass(frozen=True)
class ChatRow:
    """One row of the frame on its way to tokens.

    Attributes:
        position: where it stands in the frame.
        key: its identity in the journal.
        split: ``train``, ``validation`` or ``test``.
        conversation: request and response; earlier turns may carry their own reasoning.
        reasoning: field name → value, or a text, for the last response, or a list of these with an entry for every
            assistant turn; None takes what the conversation has.
        unmask: every message but the system's carries loss in this row (InstructLab's flag).

    Example:
        >>> from reasonbook.chat import ChatRow
        >>> from reasonbook.data.conversation import Conversation
        >>> said = Conversation(({"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": "42"}))
        >>> ChatRow(position=0, key="a", split="train", conversation=said).conversation.response
        '42'
    """

    position: int
    key: str
    split: str
    conversation: Conversation
    reasoning: RowReasoning | None = None
    unmask: bool = False


def _empty(reasoning: object, conversation: Conversation) -> bool:
    """Whether a row that was filled has nothing to think; also a list of one reasoning per assistant turn."""
    return _nothing(reasoning) and missing(conversation.reasoning)


def _nothing(reasoning: object) -> bool:
    parts: Sequence[object]
    if is_mapping(reasoning):
        parts = list(reasoning.values())
    elif is_sequence(reasoning):
        parts = reasoning
    else:
        return missing(reasoning)
    return all(_nothing(part) for part in parts)
