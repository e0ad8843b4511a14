"""Loss: cross-entropy over the tokens that carry loss, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ..planning.language_model import LanguageModel


def target_losses(model: LanguageModel, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Summed loss and number of target tokens per row."""
    columns = _columns(batch)
    each = _token_losses(model, batch, columns)
    return each.sum(1), _counts(batch)


def weighted_losses(
    model: LanguageModel, batch: dict[str, Tensor], *, tail: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Summed loss per row with the weights of its tokens, then without them, and its number of target tokens.

    Args:
        model: what learns.
        batch: with ``weights``; their sum over the rows of a step makes a mean of the first of these.
        tail: ask the model for the last logits of each row: unsloth's does not choose among them.
    """
    columns = _columns(batch)
    each = _token_losses(model, batch, columns, tail=tail)
    return (each * batch["weights"][:, 1:][:, columns]).sum(1), each.detach().sum(1), _counts(batch)


def _columns(batch: dict[str, Tensor]) -> Tensor:
    """Where some row has a target in the next place."""
    return (batch["labels"][:, 1:] != -100).any(0).nonzero()[:, 0]


def _counts(batch: dict[str, Tensor]) -> Tensor:
    return (batch["labels"][:, 1:] != -100).sum(1)


def _token_losses(
    model: LanguageModel, batch: dict[str, Tensor], columns: Tensor, *, tail: bool = False
) -> Tensor:
    """The loss of every target token, rows × columns; 0 where a row has no target.

    Logits are made only for the columns where some row has a target: with a large vocabulary they are what
    fills the memory. Rows are padded on the right, where a causal model never looks, so no mask is needed.
    """
    from torch.nn import functional as F

    targets = batch["labels"][:, 1:][:, columns]
    first = int(columns[0]) if tail and len(columns) else 0
    kept = batch["labels"].shape[1] - first if tail else columns
    logits = model(input_ids=batch["input_ids"], logits_to_keep=kept, use_cache=False).logits
    if tail:
        logits = logits[:, columns - first]
    return F.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="none"
    ).view(targets.shape)


def model_losses(model: LanguageModel, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The model's own loss, summed over the batch's target tokens, and their number; one value each."""
    count = (batch["labels"][:, 1:] != -100).sum().reshape(1)
    return (model(**inputs_of(batch)).loss * count).reshape(1), count


def inputs_of(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What goes into the model."""
    return {name: values for name, values in batch.items() if name not in ("index", "weights")}
