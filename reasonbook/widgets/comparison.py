"""Comparison: runs side by side on held-out rows, with the thinking folded out on demand."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import Any

from ..errors import ReasonbookError
from ..training.answering.generate import Reply
from ..training.evaluation.comparison import ComparedRow, RunScore
from ..training.evaluation.comparison import Comparison as Compared
from ..training.evaluation.judgements import data_of
from .base import View, verb
from .messages import shown_messages

MOST = 50  # rows in one page of the list


class Comparison(View):
    """The table of a comparison with its intervals, and the rows behind it.

    Rows come a page at a time; filters tell where the runs differ.

    Args:
        comparison: what `rb.compare` returned.

    Example:
        >>> view = rb.widgets.Comparison(rb.compare([thinking, plain]))
    """

    _name = "comparison"

    core: Compared

    def __init__(self, comparison: Compared) -> None:
        super().__init__(comparison)

    def snapshot(self) -> dict[str, Any]:
        """The scores, and how many rows each filter picks; the page asks for the rows."""
        core = self.core
        return {
            "split": core.split,
            "measure": core.measure,
            "rows": len(core.rows),
            "notes": list(core.notes),
            "scores": self._scores(),
            "filters": [
                {"id": name, "label": label, "count": len(self._picked[name]), "run": _run(name)}
                for name, label in self._labels.items()
            ],
        }

    def _scores(self) -> list[dict[str, Any]]:
        return [_score(score) for score in self.core.scores]

    def collect(self, topics: set[str]) -> dict[str, Any]:
        """The scores, which what is judged by hand corrects."""
        return {"scores": self._scores()}

    @verb(once=True)
    def judge(self, row: int, run: int | None, agree: bool | None) -> dict[str, Any]:
        """Says whether a grade is right, that of one run or of all; what was said of the row since."""
        self.core.judge(row, agree, run=run)
        return {"scores": self._scores(), "judged": self._said(row)}

    def _said(self, row: int) -> list[bool | None]:
        """Of each run whether a person agrees with the grade of a row."""
        judged = [self.core.judged(run).get(row) for run in range(len(self.core.runs))]
        return [None if said is None else said.agree for said in judged]

    @verb()
    def rows(self, start: int, count: int, filter: str = "all", query: str = "") -> dict[str, Any]:
        """A page of the rows that a filter and a search leave."""
        if filter not in self._picked:
            raise ReasonbookError(f"There is no filter {filter!r}.", "run the cell again")
        chosen = self._picked[filter]
        if query.strip():
            chosen = [index for index in chosen if _holds(self.core.rows[index], query.strip().lower())]
        start = max(0, start)
        page = chosen[start : start + min(count, MOST)]
        judged = [self.core.judged(run) for run in range(len(self.core.runs))]
        return {
            "total": len(chosen),
            "start": start,
            "rows": [
                {
                    "index": index,
                    "messages": self._messages(index),
                    "judged": [None if (of := said.get(index)) is None else of.agree for said in judged],
                    **_row(self.core.rows[index]),
                }
                for index in page
            ],
        }

    def _messages(self, index: int) -> list[dict[str, Any]]:
        """What was said up to the answer; the prompt is the last of it."""
        return shown_messages(self.core.evaluations[0].tasks[index].prompt)

    @cached_property
    def _labels(self) -> dict[str, str]:
        scores = self.core.scores
        labels = {"all": "all"}
        if len(scores) > 1:
            labels["differ"] = "runs differ"
            labels |= {f"only:{i}": "alone right" for i in range(len(scores))}
            labels |= {"none": "all wrong", "every": "all right"}
        else:
            labels |= {"none": "wrong", "every": "right"}
        labels["sick"] = "thinking broken"
        if self.core.contaminated:
            labels["twins"] = "twin case in train"
        labels["judge"] = "to judge"
        return labels

    @cached_property
    def _picked(self) -> dict[str, list[int]]:
        """Filter → indices of its rows; looked through once."""
        picked: dict[str, list[int]] = {name: [] for name in self._labels}
        twins = set(self.core.contaminated)
        for index, row in enumerate(self.core.rows):
            right = [bool(reply is not None and _right(reply)) for reply in row.replies]
            names = ["all"]
            if len(set(right)) > 1:
                names.append("differ")
            if sum(right) == 1 and len(right) > 1:
                names.append(f"only:{right.index(True)}")
            if not any(right):
                names.append("none")
            if all(right):
                names.append("every")
            if any(reply is not None and reply.health in ("empty", "unfinished") for reply in row.replies):
                names.append("sick")
            if row.position in twins:
                names.append("twins")
            for name in names:
                picked[name].append(index)
        picked["judge"] = self.core.to_judge(len(self.core.rows))  # by chance, as it has to be
        return picked


def _run(name: str) -> int | None:
    """The run that a filter is about."""
    return int(name.removeprefix("only:")) if name.startswith("only:") else None


def _right(reply: Reply) -> bool:
    """Whether a reply counts as right; with a graded score, from one half on."""
    if reply.correct is not None:
        return reply.correct
    return reply.score is not None and reply.score >= 0.5


def _score(score: RunScore) -> dict[str, Any]:
    return {
        "label": score.label,
        "rows": score.rows,
        "share": score.share,
        "low": score.low,
        "high": score.high,
        "difference": score.difference,
        "differenceLow": score.difference_low,
        "differenceHigh": score.difference_high,
        "tokens": score.tokens,
        "health": score.health,
        "corrected": data_of(score.corrected),
    }


def _row(row: ComparedRow) -> dict[str, Any]:
    return {
        "position": row.position,
        "prompt": row.prompt,
        "expected": row.expected,
        "replies": [None if reply is None else asdict(reply) for reply in row.replies],
    }


def _holds(row: ComparedRow, query: str) -> bool:
    texts = [row.prompt, row.expected]
    for reply in row.replies:
        if reply is not None:
            texts += [reply.answer, reply.thinking]
    return any(query in text.lower() for text in texts)
