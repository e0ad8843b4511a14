"""Preview: the tokens of one training row and what each teaches, from the trainer's own arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from ..errors import ReasonbookError
from ..html_card import card, details, table
from .loop_report import STEP_MARKS, PlayedRow

_COLOURS = {
    "prompt": "transparent",
    "context": "rgba(90,90,200,.25)",
    "tags": "rgba(150,120,40,.32)",
    "answer": "rgba(40,150,80,.30)",
    "stop": "rgba(200,60,60,.35)",
    "trailer": "transparent",
    "empty thinking": "transparent",
    "reasoning": "rgba(60,120,220,.28)",
}
_MONO = "font:12px/1.9 ui-monospace,monospace;white-space:pre-wrap;margin-top:6px"
_FIELD_HUES = (210, 265, 185, 310, 235, 160, 285, 200)


@dataclass(frozen=True)
class PreviewToken:
    """One token.

    Attributes:
        text: what it stands for; "" for the later tokens of a character that takes several.
        id: its id.
        label: the id again where it carries loss, else -100.
        part: ``prompt``, ``tags``, ``reasoning:<field>``, ``reasoning``, ``answer``, ``stop``, ``trailer``,
            ``context`` or ``empty thinking``.
        special: a special or reserved token.
        weight: how much its loss counts; 0 where it carries none.

    Example:
        >>> chat.preview(0).tokens[1]
        PreviewToken(text='user', id=362, label=-100, part='prompt', special=False)
    """

    text: str
    id: int
    label: int
    part: str
    special: bool
    weight: float = field(default=1.0, repr=False)

    @property
    def learnt(self) -> bool:
        """Whether it carries loss."""
        return self.label != -100


@dataclass(frozen=True)
class Preview:
    """One training row, token by token.

    Attributes:
        tokens: in the order in which the model sees them.
        index: which row of the dataset.
        position: which row of the frame.
        turn: which assistant turn of it.
        split: where it belongs.
        hash: of this row's ids and labels, and of its weights where they are not all 1.
        fingerprint: the same of all rows of the dataset.
        dataset: where the row comes from, so that the live view can step through the others.

    Example:
        >>> chat.preview(0).parts["answer"]
        4
    """

    tokens: tuple[PreviewToken, ...]
    index: int
    position: int
    turn: int
    split: str
    hash: str
    fingerprint: str
    dataset: Any = field(default=None, repr=False, compare=False)

    @property
    def parts(self) -> dict[str, int]:
        """Part → tokens that carry loss; parts without loss are not named."""
        counts: dict[str, int] = {}
        for token in self.tokens:
            if token.learnt:
                counts[token.part] = counts.get(token.part, 0) + 1
        return counts

    @property
    def weights(self) -> dict[str, float]:
        """Part → how much the loss of its tokens counts; empty where all count 1."""
        found = {token.part: token.weight for token in self.tokens if token.learnt}
        return found if any(weight != 1 for weight in found.values()) else {}

    @cached_property
    def loop(self) -> PlayedRow:
        """What a perfect student makes of the row; it is played when this is asked for.

        Raises:
            FormatError: the rows behind the dataset have changed.
        """
        return self.dataset.play(self.index)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the live view."""
        return {
            "index": self.index,
            "position": self.position,
            "turn": self.turn,
            "split": self.split,
            "hash": self.hash,
            "fingerprint": self.fingerprint,
            "parts": self.parts,
            "weights": self.weights,
            "tokens": [[t.text, t.id, t.label, t.part, t.special] for t in self.tokens],
        }

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        learnt = sum(token.learnt for token in self.tokens)
        return f"Preview(row={self.position}, tokens={len(self.tokens)}, learnt={learnt}, hash={self.hash!r})"

    def _repr_html_(self) -> str:
        learnt = sum(token.learnt for token in self.tokens)
        painted = "".join(map(_paint, self.tokens))
        weights = self.weights
        legend = " ".join(
            f'<span style="background:{_colour(part)};padding:0 4px">{escape(part)} {count}'
            f"{times(weights.get(part, 1))}</span>"
            for part, count in self.parts.items()
        )
        body = (
            f"<div>{legend}</div>"
            f'<div style="{_MONO};max-height:420px;overflow-y:auto">{painted}</div>'
            f"{self._loop_html()}"
        )
        return card(
            f"What row {self.position} teaches",
            {"tokens": len(self.tokens), "carry loss": learnt, "split": self.split, "hash": self.hash},
            body=body,
            next_verb="run = rb.train(chat)",
        )

    def _loop_html(self) -> str:
        """The closed loop of the row, folded; "" for a preview without its dataset, or whose rows have changed."""
        if self.dataset is None:
            return ""
        try:
            played = self.loop
        except ReasonbookError:
            return ""
        stop = played.end if played.stop < 0 else played.stop
        written, last, behind = (
            "│".join(map(_shown, self.tokens[a:b]))
            for a, b in ((played.start, stop), (stop, min(stop + 1, played.end)), (stop + 1, played.end))
        )
        steps = [
            (f"{STEP_MARKS[step.state]} {step.step}", step.state, step.said, step.fix)
            for step in played.steps
        ]
        back = [(what, read, "✓ the same" if read == row else row) for what, read, row in played.read_back]
        body = (
            f'<div style="{_MONO}">{written}│<b style="background:{_COLOURS["stop"]}">{last}</b><s>{behind}</s></div>'
            + table(("", "read back", "in the row"), back)
            + table(("step", "", "", ""), steps)
        )
        return details(f"{'✓' if played.ok else '✗'} closed loop: {played.story}", body)


def _paint(token: PreviewToken) -> str:
    style = f"background:{_colour(token.part)}" if token.learnt else "opacity:.55"
    if token.special:
        style += ";border:1px solid rgba(128,128,128,.6);border-radius:3px"
    learnt = f"learnt{times(token.weight)}" if token.learnt else "read only"
    title = f"{token.part} · id {token.id} · {learnt}"
    return f'<span title="{escape(title, quote=True)}" style="{style}">{_shown(token)}</span>'


def _shown(token: PreviewToken) -> str:
    return escape(token.text).replace("\n", "⏎\n") if token.text else "·"


def times(weight: float) -> str:
    """A weight behind what it multiplies; nothing for 1."""
    return "" if weight == 1 else f" × {weight:g}"


def _colour(part: str) -> str:
    if part.startswith("reasoning:"):
        hue = _FIELD_HUES[sum(map(ord, part)) % len(_FIELD_HUES)]
        return f"hsla({hue},70%,55%,.30)"
    return _COLOURS.get(part, "transparent")
