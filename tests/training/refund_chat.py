"""Chat data of the refund example, made without a frame: few rows, so that a test trains for seconds."""

from __future__ import annotations

from reasonbook.chat import ChatConfig, ChatDataset, ChatRow, Origin, build
from reasonbook.data.conversation import Conversation
from reasonbook.examples import refund_rules, refunds


def refund_chat(
    student,
    n: int = 60,
    *,
    strategy: str = "final_and_reasoning",
    held_out: int = 12,
    seed: int = 0,
    repeat: bool = False,
    origin: Origin | None = None,
    **config,
) -> ChatDataset:
    """``n`` rows; the last ``held_out`` of them are half validation, half test.

    With ``repeat`` the request of the first training row comes again as a test row, with another answer.
    """
    frame = refunds(n, seed=seed)
    rows = []
    for i, (prompt, response) in enumerate(zip(frame["prompt"], frame["response"], strict=True)):
        late = i - (n - held_out)
        split = "train" if late < 0 else "validation" if late < held_out // 2 else "test"
        talk = Conversation(({"role": "user", "content": prompt}, {"role": "assistant", "content": response}))
        rows.append(ChatRow(i, talk.key, split, talk, refund_rules(prompt)))
    if repeat:
        talk = rows[0].conversation.with_response("$1")
        rows.append(ChatRow(n, talk.key, "test", talk, rows[0].reasoning))
    choices = ChatConfig(**config) if config else None
    return build(rows, student, strategy=strategy, config=choices, origin=origin)
