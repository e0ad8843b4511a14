"""Training rows: which rows of a frame a student may learn from."""

from __future__ import annotations

from dataclasses import dataclass

from .conversation import Conversation
from .frame import Frame
from .turn_reasoning import RowReasoning, of_row


def training_rows(frame: Frame) -> list[ChatRow]:
    """The rows that may take part: reasoning ok where there is a status, and not rejected."""
    statuses, verdicts = frame.column("reasoning_status"), frame.column("verdict")
    reasonings, splits = frame.column("reasoning"), frame.column("split")
    augmented = "reasoning_status" in frame.df.columns
    unmask = frame.column(frame.layout.unmask) if frame.layout.unmask is not None else None
    rows: list[ChatRow] = []
    for i, conversation in enumerate(frame.layout.read(frame.df)):
        if verdicts[i] == "rejected" or (augmented and statuses[i] != "ok"):
            continue
        reasoning = of_row(reasonings[i], conversation) if augmented else conversation.reasoning
        rows.append(
            ChatRow(
                position=i,
                key=frame.keys[i],
                split=splits[i],
                conversation=conversation,
                reasoning=reasoning,
                unmask=bool(unmask and unmask[i]),
            )
        )
    return rows


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
