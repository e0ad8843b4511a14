"""Loss: cross-entropy over the tokens that carry loss, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ..planning.language_model import LanguageModel


def target_losses(model: LanguageModel, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Summed loss and number of target tokens per row.

    Logits are made only for the columns where some row has a target: with a large vocabulary they are what
    fills the memory. Rows are padded on the right, where a causal model never looks, so no mask is needed.
    """
    from torch.nn import functional as F

    targets = batch["labels"][:, 1:]
    columns = (targets != -100).any(0).nonzero()[:, 0]
    targets = targets[:, columns]
    logits = model(input_ids=batch["input_ids"], logits_to_keep=columns, use_cache=False).logits
    each = F.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="none"
    ).view(targets.shape)
    return each.sum(1), (targets != -100).sum(1)


def model_losses(model: LanguageModel, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The model's own loss, summed over the batch's target tokens, and their number; one value each."""
    count = (batch["labels"][:, 1:] != -100).sum().reshape(1)
    return (model(**inputs_of(batch)).loss * count).reshape(1), count


def inputs_of(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What goes into the model."""
    return {name: values for name, values in batch.items() if name != "index"}
