"""Mixture: which sources the rows of a data set are of, and how often each source comes in an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...html_card import card, table
from ..row_account import RowAccount
from ..typed_pandas import DataFrame, new_frame

OFTEN = 4  # times in an epoch from which on a source is likely learnt by heart


@dataclass(frozen=True)
class Source(RowAccount):
    """One source of a mixture, every row of it accounted for.

    Attributes:
        rows: of its frame.
        rows_kept: of which something remains, for training, validation or test.
        left_out: reason → rows of which nothing remains.
        name: what the mixture calls it.
        start: position of its first row among those of all sources.
        weight: what was asked for: below 1 its share, from 1 on how often it comes whole; None for once.
        examples: training rows that train.
        tokens: of these that carry loss.
        thinking: rows kept that have reasoning.
        plain: rows kept that have none.
        passes: how often it comes whole in an epoch of the mixture; 0.25 is another quarter each epoch.
        rows_hash: of its rows, their reasoning and splits; "" before they were rendered.
        origin: where its reasoning is from, as `Origin.to_dict` gives it; None where that is not known.

    Example:
        >>> from reasonbook.data.sources.mixture import Source
        >>> Source(5, 4, {"plain": 1}, name="chat", start=0, weight=0.25).why_left_out
        'plain 1'
    """

    name: str
    start: int
    weight: float | None = None
    examples: int = 0
    tokens: int = 0
    thinking: int = 0
    plain: int = 0
    passes: float = 1.0
    rows_hash: str = ""
    origin: Mapping[str, Any] | None = None

    @property
    def epoch_examples(self) -> int:
        """Training rows that an epoch of the mixture takes of it, repeated ones counted each time."""
        return max(1, round(self.passes * self.examples)) if self.examples else 0


@dataclass(frozen=True)
class Mixture:
    """Several sources trained as one; which of their rows an epoch takes depends on the seed and the epoch alone.

    Attributes:
        sources: in the order of their rows.
        by: what the shares are of: ``tokens`` that carry loss, or ``rows``.
        seed: another one draws other rows.
        estimated: the tokens are a guess: no student has rendered the rows yet.

    Example:
        >>> from reasonbook.data.sources.mixture import Mixture, Source
        >>> Mixture((Source(3, 3, {}, name="a", start=0), Source(2, 2, {}, name="b", start=3))).numbers([0, 2, 3, 4])
        array([0, 0, 1, 1], dtype=int16)
    """

    sources: tuple[Source, ...]
    by: str = "tokens"
    seed: int = 0
    estimated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What the sources are called."""
        return tuple(source.name for source in self.sources)

    @property
    def shares(self) -> dict[str, float]:
        """Source → its part of what an epoch teaches, in learnt tokens or in rows."""
        sizes = [
            each.passes * (each.tokens if self.by == "tokens" else each.examples) for each in self.sources
        ]
        return {name: size / (sum(sizes) or 1) for name, size in zip(self.names, sizes, strict=True)}

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """Sources that come too often to teach anything new, each with the line to type."""
        return tuple(
            (
                f"The source {each.name!r} comes {each.passes:.3g} times over in every epoch: {each.examples} rows are "
                f"to make {self.shares[each.name]:.0%} of the {self.by}, and are likely learnt by heart.",
                f'rb.mix({{…, "{each.name}": (other, {self._bearable(each):.2g})}})   # or more rows in it',
            )
            for each in self.sources
            if each.passes > OFTEN
        )

    def _bearable(self, source: Source) -> float:
        """The weight under which a source comes `OFTEN` times in an epoch."""
        if source.weight is not None and source.weight >= 1:
            return OFTEN
        share = self.shares[source.name] * OFTEN / source.passes  # beside what the others make
        return share / (share + 1 - self.shares[source.name])

    def numbers(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """int16: the source of each row, by its position among the rows of all sources."""
        starts = [source.start for source in self.sources]
        return (np.searchsorted(starts, np.asarray(positions), side="right") - 1).astype(np.int16)

    def row(self, position: int) -> tuple[str, int]:
        """The source of a row, and its position there."""
        source = self.sources[int(self.numbers([position])[0])]
        return source.name, position - source.start

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the run card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Mixture:
        """What `to_dict` gave."""
        given: dict[str, Any] = {**plain, "sources": tuple(Source(**each) for each in plain["sources"])}
        return cls(**given)

    def to_frame(self) -> DataFrame:
        """One line per source: rows, tokens, share, epochs, thinking and plain rows, and why rows are left out."""
        return new_frame([dict(zip(_HEADER, line, strict=True)) for line in self._lines()])

    def _lines(self) -> list[tuple[Any, ...]]:
        shares = self.shares
        return [
            (
                each.name, each.rows, each.rows_kept, each.why_left_out, each.examples, each.tokens,
                each.epoch_examples, round(each.passes, 3), round(shares[each.name], 4), each.thinking, each.plain,
            )
            for each in self.sources
        ]  # fmt: skip

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items())
        return f"Mixture({'≈ ' if self.estimated else ''}{shares} of the {self.by})"

    def _repr_html_(self) -> str:
        return card(
            "Mixture",
            {
                "sources": len(self.sources),
                "rows": sum(each.rows for each in self.sources),
                "rows an epoch": sum(each.epoch_examples for each in self.sources),
                "seed": self.seed,
            },
            notes=[f"{what} → {line}" for what, line in self.warnings],
            body=self.table_html,
            next_verb="run.history['source']",
        )

    @property
    def table_html(self) -> str:
        """The lines of `to_frame` as HTML."""
        return table(_HEADER, self._lines())


_HEADER = (
    "source", "rows", "rows kept", "left out", "training rows", "learnt tokens", "rows an epoch",
    "passes an epoch", "share", "thinking", "plain",
)  # fmt: skip
