"""Token weights: how much the loss of each token counts, by its part and by its turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import overload

import numpy as np

from ...errors import FormatError, choices
from ..config import WEIGHTED_PARTS
from . import segments
from .segments import FieldCodes

_FIELD = "reasoning:"  # before a field's name where it is called like a part


def field_of(name: str) -> str:
    """The field that a key of ``ChatConfig.weights`` names; "" for a part."""
    return "" if name in WEIGHTED_PARTS else name.removeprefix(_FIELD)


def part_weights(weights: Mapping[str, float], fields: FieldCodes) -> np.ndarray:
    """float32, the weight of every part code with its trained bit; 0 where no loss is carried.

    Args:
        weights: of parts and of fields, as in `ChatConfig`.
        fields: which know the code of each of these fields.
    """
    table = np.ones(256, dtype=np.float32)
    table[: segments.TRAINED] = 0
    if "reasoning" in weights:  # all fields, those that are yet to be met too
        table[segments.TRAINED | segments.REASONING :] = weights["reasoning"]
    for name, weight in weights.items():
        code = fields.code(field) if (field := field_of(name)) else segments.code_of(name)
        if field and code == segments.REASONING:
            raise FormatError(
                f"weights names more than the {segments.MOST_FIELDS} fields that can be told apart.",
                'ChatConfig(weights={"reasoning": 0.5})',
            )
        table[segments.TRAINED | code] = weight
    return table


def check_fields(weights: Mapping[str, float], fields: FieldCodes, met: Set[int]) -> None:
    """Refuses weights of fields that no row has.

    Args:
        weights: as in `part_weights`.
        fields: as in `part_weights`.
        met: codes of all parts that rows were rendered with; nothing is said where these are no fields at all.

    Raises:
        FormatError: with the nearest name.
    """
    parts = [fields.part(code) for code in sorted(met) if code >= segments.FIELDS]
    known = {part.removeprefix(_FIELD): part for part in parts}
    for name in weights if known else ():
        if (field := field_of(name)) and field not in known:
            keys = [part if field in WEIGHTED_PARTS else field for field, part in known.items()]
            raise FormatError(
                f"weights={{{name!r}: {weights[name]:g}}}: no row's reasoning has a field {field!r}.",
                choices(name, (*keys, *WEIGHTED_PARTS)),
            )


@dataclass(frozen=True)
class TokenWeights(Sequence[np.ndarray]):
    """The weights of rows of tokens, float32, made when they are looked at.

    A part code is there for every token anyway, so a table of the parts and one number per row say it all.

    Attributes:
        codes: one uint8 array per row, see `segments`.
        parts: float32, as `part_weights` gives them.
        turns: float32, one per row.
    """

    codes: Sequence[np.ndarray]
    parts: np.ndarray
    turns: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> TokenWeights: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | TokenWeights:
        if isinstance(index, slice):
            return TokenWeights(self.codes[index], self.parts, self.turns[index])
        return self.parts[self.codes[index]] * self.turns[index]
