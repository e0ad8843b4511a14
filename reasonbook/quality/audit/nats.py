"""Nats: how hard a row's answer is to a student, given request, reasoning or both; no API is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...chat.builder import DatasetBuilder
from ...chat.rendering.growable_arrays import RowBuffer
from ...data.conversation import Conversation
from ...data.training_rows import ChatRow
from ...training.loop.batches import IGNORED, Collator, Examples
from .rows import AuditedRow
from .verdicts import HURTS

if TYPE_CHECKING:
    from ...chat import ChatDataset, ChatFormat
    from ...training.planning.language_model import LanguageModel

HELPS, KNOWN, SAME = "helps", "known before", "no difference"
MEANINGS = {
    HURTS: "the answer is less than half as likely with the reasoning",
    HELPS: "the answer is at least twice as likely with the reasoning",
    KNOWN: "the student answers so from the request alone, more likely than not",
    SAME: "the reasoning changes little, and the student does not know the answer",
}
HALF = math.log(2)
_HIDDEN = "…"  # what stands in the place of a request that is not shown
_TOKENS = 16_384  # of one forward pass


def verdict_of(nats: dict[str, float]) -> str | None:
    """What the reasoning does for the student; None where one of the two was not weighed."""
    if not {"without", "with"} <= nats.keys():
        return None
    gained = nats["without"] - nats["with"]
    if abs(gained) >= HALF:
        return HELPS if gained > 0 else HURTS
    return KNOWN if nats["without"] <= HALF else SAME


def weighed(row: AuditedRow, condition: str, number: int) -> ChatRow:
    """A row as the student is shown it under a condition: as in training, with part of it left out."""
    said, fields = row.conversation, row.fields
    if condition == "only":
        shown = {"role": "user", "content": _HIDDEN}
        said = Conversation((shown, {"role": "assistant", "content": row.response}))
    count = {"without": 0, "with": len(fields), "only": len(fields)}.get(condition)
    kept = fields[: int(condition) if count is None else count]
    said = said if condition == "only" else said.with_reasoning(None)
    return ChatRow(number, row.root, "audit", said, {name: row.reasoning[name] for name in kept} or None)


@dataclass(frozen=True)
class AnswerTokens:
    """The arrays of rows whose answers alone carry loss.

    Attributes:
        chat: the dataset that `chat` made of them.
        examples: which of its rows is the answer of which number.
    """

    chat: ChatDataset
    examples: dict[int, int]

    @classmethod
    def of(cls, rows: Sequence[ChatRow], form: ChatFormat) -> AnswerTokens:
        """Renders rows as training would; one that it would leave out is not among them."""
        chat = DatasetBuilder(RowBuffer(rows), form).run()
        found: dict[int, int] = {}
        for i, example in enumerate(chat):  # of several turns the last one stays
            if any(span.part == "answer" for span in example.spans):
                found[example.position] = i
        return cls(chat, found)

    def example(self, number: int) -> dict[str, object]:
        """Ids and labels of one row; answer and end carry loss, the reasoning is given."""
        example = self.chat[self.examples[number]]
        labels = np.full_like(example.labels, IGNORED)
        for span in example.spans:
            if span.part in ("answer", "stop"):
                labels[span.start : span.stop] = example.input_ids[span.start : span.stop]
        learnt = np.flatnonzero(example.labels != IGNORED)
        labels[: learnt[0] if len(learnt) else 0] = IGNORED
        return {
            "index": number,
            "input_ids": example.input_ids,
            "labels": labels,
            "weights": labels != IGNORED,
        }

    @property
    def plan_examples(self) -> Examples:
        """The same for whoever decides how a model is loaded."""
        return Examples.of(self.chat)


def answer_nats(
    model: LanguageModel,
    tokens: AnswerTokens,
    *,
    pad_id: int,
    tail: bool = False,
    told: Callable[[int], bool] = lambda done: True,
) -> dict[int, float]:
    """Nats of each row's answer and its end, by number.

    Args:
        model: the student.
        tokens: what it is shown.
        pad_id: the token that fills short rows.
        tail: see `weighted_losses`.
        told: called with how many are done; False ends it there.
    """
    import torch

    from ...training.loop.loss import weighted_losses
    from ...training.planning.device import free, out_of_memory

    device = next(model.parameters()).device
    order = sorted(tokens.examples, key=lambda n: -len(tokens.chat[tokens.examples[n]].input_ids))
    found: dict[int, float] = {}
    training, most = model.training, len(order)
    model.eval()
    try:
        while len(found) < len(order) and told(len(found)):
            first = tokens.example(order[len(found)])
            size = max(1, min(most, _TOKENS // len(first["input_ids"])))  # type: ignore[arg-type]
            part = order[len(found) : len(found) + size]
            batch = Collator(pad_id)([first, *map(tokens.example, part[1:])])
            try:
                with torch.no_grad():
                    moved = {name: values.to(device) for name, values in batch.items()}
                    _, losses, _ = weighted_losses(model, moved, tail=tail)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or size == 1:
                    raise
                most = size // 2
                free()
                continue
            found.update(zip(part, cast(Any, losses.double().cpu()).tolist(), strict=True))
    finally:
        model.train(training)
    return found
