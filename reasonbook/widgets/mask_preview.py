"""Mask preview: the tokens of any training row, tinted by what they teach."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ..chat import ChatDataset, Preview
from .base import View, verb
from .messages import shown_messages


class MaskPreview(View):
    """A row's tokens in the order in which the student sees them: read, learnt, and as what.

    The view paints the very arrays that are trained. It steps through the rows of the dataset and can keep
    to those that stand out.

    Args:
        core: the preview of a row, or the dataset itself.
        index: which training row first, for a dataset.

    Example:
        >>> view = rb.widgets.MaskPreview(chat, index=3)
    """

    _name = "mask_preview"

    core: Preview | ChatDataset

    def __init__(self, core: Preview | ChatDataset, *, index: int = 0) -> None:
        self._dataset: ChatDataset = core.dataset if isinstance(core, Preview) else core
        self._first = core.index if isinstance(core, Preview) else index
        super().__init__(core, subject=f"mask:{core.fingerprint}")

    def snapshot(self) -> dict[str, Any]:
        """The first row with its tokens; the page asks for the others."""
        dataset, rows = self._dataset, len(self._dataset)
        first = min(max(self._first, 0), max(rows - 1, 0))
        return {
            "rows": rows,
            "first": first,
            "student": dataset.student,
            "strategy": dataset.strategy,
            "splits": dataset.splits,
            "row": self.row(first) if rows else None,
        }

    @verb()
    def row(self, index: int) -> dict[str, Any]:
        """One row: texts and ids of its tokens, and runs of neighbouring tokens of one part."""
        shown = self._dataset.preview(index)
        runs: list[list[Any]] = []
        special: list[int] = []
        for at, token in enumerate(shown.tokens):
            if token.special:
                special.append(at)
            if runs and runs[-1][0] == token.part and runs[-1][1] == token.learnt:
                runs[-1][2] += 1
            else:
                runs.append([token.part, token.learnt, 1])
        return {
            "index": index,
            "position": shown.position,
            "turn": shown.turn,
            "split": shown.split,
            "hash": shown.hash,
            "fingerprint": shown.fingerprint,
            "texts": [token.text for token in shown.tokens],
            "ids": [token.id for token in shown.tokens],
            "runs": runs,
            "weights": shown.weights,
            "special": special,
            "odd": list(self._odd.get(index, ())) if "_odd" in self.__dict__ else [],
        }

    @verb()
    def messages(self, index: int) -> dict[str, Any]:
        """What a row's tokens say, to read: its messages, of which the last is the response, and its reasoning."""
        dataset = self._dataset
        task = dataset.tasks[index]
        row = dataset.rows[int(dataset.arrays.row[dataset.chosen[index]])]
        messages = row.conversation.messages[: len(task.prompt) + 1]
        return {"messages": shown_messages(messages), "reasoning": task.reasoning}

    @verb()
    def loop(self, index: int) -> dict[str, Any]:
        """What a perfect student makes of a row."""
        return self._dataset.play(index).to_dict()

    @verb(background=True)
    def unusual(self) -> dict[str, Any]:
        """The rows that stand out, each with its reasons; looked for once."""
        return {"rows": [[index, list(reasons)] for index, reasons in self._odd.items()]}

    @cached_property
    def _odd(self) -> dict[int, tuple[str, ...]]:
        from ..chat.outliers import find_outliers

        return find_outliers(self._dataset)
