"""Language model: what is asked of a student in memory, whichever library holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class ModelOutput(Protocol):
    """What a forward pass gives.

    Attributes:
        loss: mean over the labels, where there were any.
        logits: batch × positions × vocabulary.
    """

    loss: Tensor
    logits: Tensor


class Embedding(Protocol):
    """A table of token vectors.

    Attributes:
        weight: vocabulary × width.
    """

    weight: Tensor


class LanguageModel(Protocol):
    """A causal language model of transformers, with an adapter of PEFT or without one.

    Attributes:
        config: the transformers config, whose names depend on the family.
        training: whether dropout is on.
    """

    config: Any
    training: bool

    def __call__(self, **inputs: Any) -> ModelOutput:
        """One forward pass."""
        ...

    def generate(self, **options: Any) -> Tensor:
        """Ids of prompts and answers, batch × positions."""
        ...

    def eval(self) -> object:
        """Switches dropout off."""
        ...

    def train(self, mode: bool = True) -> object:
        """Switches dropout on, or off."""
        ...

    def parameters(self) -> Iterator[Tensor]:
        """All weights."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """All weights with their names."""
        ...

    def state_dict(self) -> Mapping[str, Tensor]:
        """All weights and buffers by name."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients."""
        ...

    def get_input_embeddings(self) -> Embedding:
        """The table that token ids are looked up in."""
        ...

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: dict[str, Any]) -> None:
        """Trades time for memory from here on."""
        ...

    def gradient_checkpointing_disable(self) -> None:
        """Keeps all activations from here on."""
        ...

    def disable_adapter(self) -> AbstractContextManager[object]:
        """The model without its adapter while the context lasts; only where there is one."""
        ...

    def save_pretrained(self, save_directory: str | Path) -> object:
        """Writes the weights, of the adapter alone where there is one, into a folder."""
        ...
