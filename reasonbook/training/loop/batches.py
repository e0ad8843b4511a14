"""Batches: the chat dataset's own arrays, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.sources.mixture import Mixture
from .draws import Draws

if TYPE_CHECKING:
    from torch import Tensor

    from ...chat import ChatDataset
    from ...chat.rendering.token_weights import TokenWeights

IGNORED = -100


@dataclass(frozen=True)
class Examples:
    """Arrays that a model learns from.

    Attributes:
        input_ids: one int32 array per example.
        labels: same shapes; -100 where a token carries no loss.
        rows: each example's row, for per-row figures.
        weights: how much the loss of each token counts; None where all count the same, which costs nothing.
        mixture: the sources that the rows are of; None for those of one frame, each of which comes once an epoch.
    """

    input_ids: Sequence[np.ndarray]
    labels: Sequence[np.ndarray]
    rows: Sequence[int]
    weights: TokenWeights | None = None
    mixture: Mixture | None = None

    def __len__(self) -> int:
        return len(self.input_ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """An example; a negative index is a blank, one token that carries no loss."""
        example = {"input_ids": self.input_ids[index], "labels": self.labels[index]}
        if self.weights is not None:
            example["weights"] = self.weights[index]
        if index < 0:
            example = {name: np.zeros_like(values[:1]) for name, values in example.items()}
            example["labels"] += IGNORED
        return {"index": index, **example}

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per example."""
        return np.array([len(ids) for ids in self.input_ids], dtype=np.int64)

    @cached_property
    def draws(self) -> Draws | None:
        """Which of them each epoch takes; None where it takes all."""
        return None if self.mixture is None else Draws(self.mixture, self.rows)

    def parts(self, most: int) -> dict[str, np.ndarray]:
        """Source → numbers of its examples, longest first; all are one part where there is no mixture.

        Args:
            most: of all together; each source has the same room.
        """
        order = self.lengths.argsort()[::-1]
        if self.mixture is None:
            return {"": order[:most]}
        numbers, names = self.mixture.numbers(self.rows)[order], self.mixture.names
        return {name: order[numbers == i][: max(1, most // len(names))] for i, name in enumerate(names)}

    @property
    def per_epoch(self) -> int:
        """How many an epoch takes."""
        return len(self if self.draws is None else self.draws)

    @classmethod
    def of(cls, chat: ChatDataset) -> Examples:
        """The examples of a `ChatDataset`, as they are."""
        items = [chat[i] for i in range(len(chat))]
        ids, labels = [e.input_ids for e in items], [e.labels for e in items]
        return cls(ids, labels, [e.position for e in items], chat.weights, chat.mixture)


class LengthOrder:
    """A sampler that shuffles, then puts rows of similar length into the same batch.

    Padding costs as much as text, so batches are cut from pools of fifty batches sorted by length; the order
    of the batches is shuffled again, so that no epoch runs from short to long.

    Args:
        lengths: tokens per example.
        batch_size: rows per optimizer step.
        seed: with the epoch, all that the order depends on.
        processes: that share each batch; the last short one is filled up with blanks, so that every process
            has rows in every step and none is trained on twice.
        draws: which examples an epoch takes; all of them, each once, without it.
    """

    POOL = 50

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        *,
        seed: int = 0,
        processes: int = 1,
        draws: Draws | None = None,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.draws = draws
        self.examples = len(self.lengths if draws is None else draws)  # in an epoch
        share = -(-batch_size // processes) * processes
        self.blanks = -self.examples % share if processes > 1 else 0

    def __len__(self) -> int:
        return self.examples + self.blanks

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch that the next pass over the rows is in."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        yield from self.order(self.epoch).tolist()
        yield from [-1] * self.blanks

    def order(self, epoch: int) -> np.ndarray:
        """Positions of the examples in the order of one epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(self.examples)
        if self.draws is not None:
            order = self.draws.of(epoch)[order]
        pool = self.batch_size * self.POOL
        batches: list[np.ndarray] = []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            part = part[np.argsort(-self.lengths[part], kind="stable")]
            batches.extend(part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size))
        short = [b for b in batches if len(b) < self.batch_size]  # at most one: it must come last
        whole = [b for b in batches if len(b) == self.batch_size]
        rng.shuffle(whole)
        return np.concatenate([*whole, *short]) if batches else order


class Collator:
    """Pads on the right: ``pad_id`` for tokens, -100 for labels, 0 for the attention mask and the weights."""

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """A batch as tensors, with each example's number under ``index``."""
        import torch

        width = max(len(e["input_ids"]) for e in examples)
        shape = (len(examples), width)
        ids = np.full(shape, self.pad_id, dtype=np.int64)
        labels = np.full(shape, IGNORED, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        weights = np.zeros(shape, dtype=np.float32) if "weights" in examples[0] else None
        for i, example in enumerate(examples):
            n = len(example["input_ids"])
            ids[i, :n] = example["input_ids"]
            labels[i, :n] = example["labels"]
            mask[i, :n] = 1
            if weights is not None:
                weights[i, :n] = example["weights"]
        return {
            "input_ids": torch.as_tensor(ids),
            "attention_mask": torch.as_tensor(mask),
            "labels": torch.as_tensor(labels),
            "index": torch.tensor([e["index"] for e in examples]),
            **({} if weights is None else {"weights": torch.as_tensor(weights)}),
        }


def cut(batch: dict[str, Tensor], size: int) -> Iterator[dict[str, Tensor]]:
    """Micro-batches of at most ``size`` rows, the longest first, each no wider than its longest row."""
    lengths = batch["attention_mask"].sum(1)
    order = lengths.argsort(descending=True, stable=True)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        width = int(lengths[rows[0]])
        yield {
            name: values[rows][:, :width] if values.dim() == 2 else values[rows]
            for name, values in batch.items()
        }
