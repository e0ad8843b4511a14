"""Overlaps: requests that two sources of a mixture have in common, with the same answer or with another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..data.training_rows import ChatRow

_NAMED = 3  # pairs of rows that are named


@dataclass(frozen=True)
class Overlap:
    """What two sources have in common, by exact request.

    Attributes:
        first: a source.
        second: another one.
        same: requests with the same answers in both.
        contradicting: requests with another answer in the second.
        leaking: requests that train in one source, and validate or test in the other.
        rows: row of the first, row of the second: the first pairs that contradict each other.
    """

    first: str
    second: str
    same: int
    contradicting: int
    leaking: int
    rows: tuple[tuple[int, int], ...] = ()

    @property
    def remarks(self) -> tuple[tuple[str, str], ...]:
        """What is worth knowing of it, each with the line to type."""
        both = f"in {self.first!r} and {self.second!r}"
        found: list[tuple[str, str]] = []
        if self.contradicting:
            at = ", ".join(f"{a} and {b}" for a, b in self.rows)
            found.append((
                f"{self.contradicting} requests stand {both} with different answers (first at rows {at}).",
                "mix.overlaps   # then reject the wrong one: df.reason.review().reject(0)",
            ))  # fmt: skip
        if self.same:
            found.append((
                f"{self.same} requests stand {both} with the same answer: they are learnt twice.",
                "mix.overlaps   # a lower weight, or df.reason.review().reject(0) in one of them",
            ))  # fmt: skip
        if self.leaking:
            found.append((
                f"{self.leaking} requests {both} train in one and validate or test in the other; "
                "rb.compare refuses such rows.",
                'df["split"] = None; other["split"] = None   # mix.to_chat then splits both alike',
            ))  # fmt: skip
        return tuple(found)


class _Request:
    """What one source says to one request."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}  # → the first row that says so
        self.splits: set[bool] = set()  # whether it trains


def overlaps(sources: Mapping[str, Sequence[ChatRow]]) -> tuple[Overlap, ...]:
    """What every two sources have in common, where that is anything.

    Args:
        sources: name → rows, by their positions in their own frame.
    """
    known = {name: _requests(rows) for name, rows in sources.items()}
    found = (_overlap(a, known[a], b, known[b]) for a, b in combinations(known, 2))
    return tuple(each for each in found if each.same or each.contradicting)


def _requests(rows: Iterable[ChatRow]) -> dict[str, _Request]:
    found: dict[str, _Request] = {}
    for row in rows:
        request = found.setdefault(row.conversation.prompt_key, _Request())
        request.answers.setdefault((row.conversation.response or "").strip(), row.position)
        request.splits.add(row.split in (None, "train"))
    return found


def _overlap(first: str, ours: dict[str, _Request], second: str, theirs: dict[str, _Request]) -> Overlap:
    same = leaking = 0
    pairs: list[tuple[int, int]] = []
    for key in ours.keys() & theirs.keys():
        a, b = ours[key], theirs[key]
        if a.answers.keys() == b.answers.keys():
            same += 1
        else:
            pairs.append((min(a.answers.values()), min(b.answers.values())))
        leaking += len(a.splits | b.splits) > 1
    return Overlap(first, second, same, len(pairs), leaking, tuple(sorted(pairs)[:_NAMED]))
