"""Mixing: several frames as one set of training data, each rendered by its own layout and reasoning."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any, Literal

import numpy as np

from ..chat import ChatConfig, ChatDataset, ChatRow, Strategy, build, thought
from ..chat.config import rendering_options
from ..chat.rendering import segments
from ..chat.to_chat import ChatRows, rows_of
from ..data.conversation import is_sequence
from ..data.frame import Frame
from ..data.frame_jobs import settle
from ..data.layout import layout_of
from ..data.reasoning_origin import Origin
from ..data.sources.mixture import Mixture, Source
from ..data.splits import assign
from ..data.training_rows import TrainingRows, training_rows
from ..data.typed_pandas import DataFrame
from ..errors import TrainingError, choices
from ..html_card import card, clip, details, table
from ..options import checked
from ..teachers.pricing.tokens import quick_count
from ..training import Run, TrainConfig, train
from .overlaps import Overlap, overlaps
from .weights import check_weights, passes_of

By = Literal["tokens", "rows"]
LOOKED_AT = 500  # rows of a source by which its tokens are estimated
_UNSPLIT = 0.8  # part of the rows that will train where no splits are made yet
_LINE = 'rb.mix({"refunds": df, "chat": (other, 0.25)})'


@checked(TrainingError, _LINE)
def mix(
    sources: Mapping[str, DataFrame | tuple[DataFrame, float]], *, by: By = "tokens", seed: int = 0
) -> Mix:
    """Several frames as one set of training data; a mixture of what they teach.

    Args:
        sources: name → frame, or frame and weight. A weight below 1 is the source's share of what an epoch teaches;
            from 1 on it says how often the source comes whole in each epoch. A frame without a weight comes whole
            once. Each keeps its own layout, reasoning and splits.
        by: what a share is of: ``tokens`` that carry loss, or ``rows``.
        seed: another one draws other rows of the sources that do not come whole; each epoch draws anew.

    Raises:
        TrainingError: there is no source, a weight is not above 0, or the shares leave nothing for the others.

    Example:
        >>> mix = rb.mix({"refunds": df, "support": (rb.examples.support(), 0.25)}, by="rows")
        >>> mix.to_frame()["share"].tolist()
        [0.75, 0.25]
        >>> mix.train(rb.examples.tiny_student(), max_steps=2).wait().card["sources"][1]["name"]
        'support'
    """
    if not sources:
        raise TrainingError("There is no source to mix.", _LINE)
    if by not in ("tokens", "rows"):
        raise TrainingError(f"by={by!r} is not known.", choices(str(by), ("tokens", "rows")))
    frames: dict[str, DataFrame] = {}
    weights: dict[str, float | None] = {}
    for name, given in sources.items():
        frame, weight = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
        _check_source(name, frame, weight)
        frames[name], weights[name] = frame, weight
    check_weights(weights)
    return Mix(frames, weights, by=by, seed=seed)


def _check_source(name: object, frame: object, weight: object) -> None:
    number = weight is None or (isinstance(weight, (int, float)) and not isinstance(weight, bool))
    if not isinstance(frame, DataFrame) or not number:
        raise TrainingError(
            f"The source {name!r} is neither a DataFrame nor a DataFrame with a weight.",
            f'{_LINE}   # rb.frame("rows.jsonl") makes one of a file or another library\'s rows',
        )
    if not isinstance(name, str) or not name.strip() or name == "step":
        raise TrainingError(f"A source cannot be called {name!r}.", _LINE)


class Mix:
    """Several frames, and how much each is to teach; made by `mix`.

    Its figures of tokens are an estimate until `to_chat` has rendered the rows for a student.

    Attributes:
        frames: name → frame, as it was given.
        weights: name → weight; None for a source that comes whole once.
        by: what shares are of.
        seed: of the draws.

    Example:
        >>> rb.mix({"a": df, "b": (df.head(4), 2)})
        Mix(a, b × 2 by tokens)
    """

    def __init__(
        self, frames: Mapping[str, DataFrame], weights: Mapping[str, float | None], *, by: By, seed: int
    ) -> None:
        self.frames, self.weights, self.by, self.seed = dict(frames), dict(weights), by, seed

    # -- what it shows -----------------------------------------------------------------------------------
    @property
    def mixture(self) -> Mixture:
        """The sources as their frames stand now, with estimated tokens."""
        return self._estimate(self._rows())

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Requests that two sources have in common, with the same answer or with another.

        Example:
            >>> rb.mix({"a": df, "b": df.head(4)}).overlaps[0].same
            4
        """
        return overlaps({name: found.rows for name, found in self._rows().items()})

    def to_frame(self) -> DataFrame:
        """One line per source: rows, estimated tokens, share, passes in an epoch, thinking and plain rows.

        Example:
            >>> rb.mix({"a": df, "b": (df.head(10), 0.5)}, by="rows").to_frame()["passes an epoch"].tolist()
            [1.0, 4.0]
        """
        return self.mixture.to_frame()

    # -- what it makes -----------------------------------------------------------------------------------
    @checked(TrainingError, 'mix.to_chat("STUDENT")', configs=lambda: (ChatConfig,))
    def to_chat(
        self,
        student: object,
        *,
        strategy: Strategy = "final_and_reasoning",
        max_length: int | None = None,
        config: ChatConfig | None = None,
        wait: bool = True,
        **options: Any,
    ) -> ChatDataset:
        """The token ids and labels of all sources for a student, and the mixture worked out in its own tokens.

        Rows are numbered through: ``chat.mixture.row(position)`` names a row's source and its place there. Where
        frames have no splits yet they are made for all sources together, so that no request of one's test rows trains
        in another.

        Args:
            student: as in `df.reason.to_chat`, and so are the others.
            strategy: for all sources.
            max_length: for all sources.
            config: for all sources.
            wait: for augmentations that are filling the frames.
            **options: single parts of `ChatConfig`.

        Raises:
            FormatError: the student cannot be found.
            ReasonbookError: an augmentation is running, and it is not to be waited for.

        Example:
            >>> chat = rb.mix({"a": df, "b": (df.head(10), 0.5)}).to_chat(rb.examples.tiny_student())
            >>> chat.mixture
            Mixture(a 50%, b 50% of the tokens)
        """
        if max_length is not None:
            options["max_length"] = max_length
        config = (config or ChatConfig()).replace(**options)
        frames = {name: Frame(df, layout_of(df)) for name, df in self.frames.items()}
        for df in self.frames.values():
            settle(df, wait=wait, purpose="to_chat")
        made = _split_together(list(frames.values()))
        found = {name: rows_of(frame, config, wait=wait) for name, frame in frames.items()}
        starts = dict(zip(frames, accumulate(map(len, frames.values()), initial=0), strict=False))
        left_out: dict[str, list[int]] = {}
        for name, each in found.items():
            for why, positions in each.left_out.items():
                left_out.setdefault(why, []).extend(starts[name] + at for at in positions)
        told = (f"{name}: {note}" for name, each in found.items() for note in each.notes)
        chat = build(
            [
                replace(row, position=starts[name] + row.position)
                for name, f in found.items()
                for row in f.rows
            ],
            student,
            strategy=strategy,
            config=config,
            notes=[*made, *told],
            origin=_one_origin(found),
            left_out=left_out,
        )
        chat.mixture = self._rendered(chat, found, starts)
        report = chat.report
        shared = overlaps({name: each.rows for name, each in found.items()})
        chat.report = replace(
            report,
            notes=(*report.notes, *_mask_rule(chat)),
            warnings=tuple(
                _own_verb(remark)
                for remark in (
                    *report.warnings,
                    *chat.mixture.warnings,
                    *(remark for each in shared for remark in each.remarks),
                )
            ),
            problems=tuple(map(_own_verb, report.problems)),
        )
        return chat

    @checked(TrainingError, 'mix.train("STUDENT")', configs=lambda: (ChatConfig, TrainConfig, train))
    def train(
        self,
        student: object,
        *,
        strategy: Strategy = "final_and_reasoning",
        max_length: int | None = None,
        chat: ChatConfig | None = None,
        config: TrainConfig | None = None,
        wait: bool = True,
        **options: Any,
    ) -> Run:
        """Fine-tunes a student on the mixture in the background; returns the live run.

        ``run.history["source"]`` has an eval loss per source, the run card's ``sources`` what each was.

        Args:
            student: as in `df.reason.train`, and so are the others.
            strategy: as in `to_chat`.
            max_length: as in `to_chat`.
            chat: how rows are rendered and what carries loss.
            config: how it is trained.
            wait: as in `to_chat`.
            **options: single parts of either, and ``name`` and ``score``, as in `reasonbook.train`.

        Raises:
            TrainingError: there is no such option, or nothing to learn from.
            FormatError: the student cannot be found, or its rows must not be trained.

        Example:
            >>> run = rb.mix({"a": df, "b": (df.head(10), 0.5)}).train(rb.examples.tiny_student(), max_steps=2)
            >>> print(run.wait().status)
            COMPLETED
        """
        rendering, training = rendering_options(options)
        data = self.to_chat(
            student, strategy=strategy, max_length=max_length, config=chat, wait=wait, **rendering
        )
        return train(data, config=config, **training)

    def __repr__(self) -> str:
        return f"Mix({', '.join(map(self._asked, self.frames))} by {self.by})"

    def _repr_html_(self) -> str:
        rows = self._rows()
        mixture = self._estimate(rows)
        shared = overlaps({name: found.rows for name, found in rows.items()})
        remarks = [*mixture.warnings, *(remark for each in shared for remark in each.remarks)]
        counts = ("same", "contradicting", "leaking")
        lines = [(e.first, e.second, *(getattr(e, name) for name in counts)) for e in shared]
        return card(
            "Mix",
            {"sources": ", ".join(map(self._asked, self.frames)), "by": self.by, "seed": self.seed},
            notes=["Tokens are an estimate; mix.to_chat(student) counts them.", *(w for w, _ in remarks)],
            body=mixture.table_html
            + (details("requests in two sources", table(("", "", *counts), lines)) if lines else "")
            + (table(("", "type"), [(clip(what, 60), line) for what, line in remarks]) if remarks else ""),
            next_verb='chat = mix.to_chat("STUDENT")   or   run = mix.train("STUDENT")',
        )

    # -- inside ------------------------------------------------------------------------------------------
    def _asked(self, name: str) -> str:
        weight = self.weights[name]
        return name if weight is None else f"{name} {weight:.0%}" if weight < 1 else f"{name} × {weight:g}"

    def _rows(self) -> dict[str, TrainingRows]:
        return {name: training_rows(Frame(df, layout_of(df))) for name, df in self.frames.items()}

    def _estimate(self, rows: Mapping[str, TrainingRows]) -> Mixture:
        return self._settled(
            [self._guessed(name, found) for name, found in rows.items()],
            list(map(len, self.frames.values())),
            True,
        )

    def _guessed(self, name: str, found: TrainingRows) -> Source:
        """A source as its frame stands, with tokens by a sample of its rows."""
        train_rows = [row for row in found.rows if row.split in (None, "train")]
        unsplit = sum(row.split != "train" for row in train_rows)
        some = train_rows[:: max(1, len(train_rows) // LOOKED_AT)]
        mean = sum(map(_learnt_tokens, some)) / max(1, len(some))
        examples = len(train_rows) - round((1 - _UNSPLIT) * unsplit)
        thinking = sum(map(bool, map(_thought, found.rows)))
        return Source(
            rows=len(self.frames[name]), rows_kept=len(found.rows),
            left_out={why: len(at) for why, at in found.left_out.items()}, name=name, start=0,
            weight=self.weights[name], examples=examples, tokens=round(mean * examples), thinking=thinking,
            plain=len(found.rows) - thinking,
        )  # fmt: skip

    def _rendered(
        self, chat: ChatDataset, found: Mapping[str, ChatRows], starts: Mapping[str, int]
    ) -> Mixture:
        """The sources as they were rendered."""
        arrays, sizes = chat.arrays, list(map(len, self.frames.values()))
        source = np.searchsorted(list(starts.values()), arrays.position, side="right") - 1
        learns = arrays.split == (arrays.splits.index("train") if "train" in arrays.splits else -1)
        tokens = np.array([int((e.labels != -100).sum()) for e in chat], dtype=np.int64)
        thinks = _thinking_rows(chat)
        dropped: dict[str, Counter[str]] = {name: Counter() for name in found}
        names = list(found)
        of_row = np.repeat(np.arange(len(names)), [len(each.rows) for each in found.values()])
        for row, why in chat.unusable.items():
            dropped[names[of_row[row]]][why] += 1
        sources: list[Source] = []
        for number, (name, each) in enumerate(found.items()):
            mine = source == number
            kept = set(arrays.row[mine].tolist())
            left_out = Counter({why: len(at) for why, at in each.left_out.items()}) + dropped[name]
            sources.append(
                Source(
                    rows=sizes[number], rows_kept=len(kept), left_out=dict(left_out), name=name, start=0,
                    weight=self.weights[name], examples=int((mine & learns).sum()),
                    tokens=int(tokens[mine & learns].sum()), thinking=len(kept & thinks),
                    plain=len(kept - thinks), rows_hash=_rows_hash(each.rows),
                    origin=None if each.origin is None else each.origin.to_dict(),
                )
            )  # fmt: skip
        return self._settled(sources, sizes, False)

    def _settled(self, sources: Sequence[Source], sizes: Sequence[int], estimated: bool) -> Mixture:
        """The mixture with the places of its sources, and how often each comes."""
        amounts = [each.tokens if self.by == "tokens" else each.examples for each in sources]
        passes = passes_of(amounts, [each.weight for each in sources])
        placed = [
            replace(each, start=start, passes=times)
            for each, start, times in zip(sources, accumulate(sizes, initial=0), passes, strict=False)
        ]
        return Mixture(tuple(placed), by=self.by, seed=self.seed, estimated=estimated)


def _split_together(frames: Sequence[Frame]) -> list[str]:
    """Makes the splits that are missing, by request over all frames; returns what a report has to say of it."""
    given = [name for frame in frames for name in frame.column("split")]
    if all(name is not None for name in given):
        return []
    names = iter(
        assign(
            [said.prompt_key for frame in frames for said in frame.layout.read(frame.df)],
            fractions={"test": 0.1, "validation": 0.1},
            strata=list(chain.from_iterable([number] * len(frame) for number, frame in enumerate(frames))),
            given=given,
        )
    )
    for frame in frames:
        frame.write("split", {i: next(names) for i in range(len(frame))})
    return ["Splits were made: 10 % test, 10 % validation of each source, seed 0 (column `split`)."]


def _one_origin(found: Mapping[str, ChatRows]) -> Origin | None:
    """Where all reasoning comes from, where that is one place."""
    thinking = [each for each in found.values() if any(map(_thought, each.rows))]
    first = thinking[0].origin if thinking else None
    return first if all(each.origin == first for each in thinking) else None


def _thinking_rows(chat: ChatDataset) -> set[int]:
    """Which of the dataset's rows have reasoning in any of their training rows."""
    codes = np.asarray(chat.arrays.codes)
    reasoned = np.array([segments.is_reasoning(code) for code in range(256)])[codes]
    per_row = np.add.reduceat(reasoned, chat.arrays.starts[:-1]) if len(codes) else np.zeros(0)
    return set(chat.arrays.row[per_row > 0].tolist())


def _thought(row: ChatRow) -> str:
    """The reasoning of a row as text, that of every turn together."""
    own = row.reasoning if row.reasoning is not None else row.conversation.reasoning
    return "\n".join(thought(entry).text for entry in (own if is_sequence(own) else [own]))  # type: ignore[list-item]


def _learnt_tokens(row: ChatRow) -> float:
    """About how many tokens of a row carry loss."""
    said = [str(m.get("content") or "") for m in row.conversation.messages if m.get("role") == "assistant"]
    return sum(quick_count(text) + 1 for text in [*said, _thought(row)] if text)


def _rows_hash(rows: Iterable[ChatRow]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for row in rows:
        told = json.dumps([row.key, row.split, row.reasoning], ensure_ascii=False, default=str)
        state.update(told.encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def _mask_rule(chat: ChatDataset) -> list[str]:
    """How plain rows are told from thinking ones, where there are both."""
    report, off = chat.report, chat.probe.off
    if not (report.plain and report.reasoning):
        return []
    if chat.probe.switch:
        asked = ", ".join(f"{name}={value!r}" for name, value in off.kwargs.items())
        return [
            f"Plain rows are asked with {asked}; what the template then writes before their answer carries no loss, "
            "and thinking rows are asked to think."
        ]
    learnt = "carries loss" if chat.format.renderer.learn_empty else "carries no loss"
    if off.empty:
        return [f"Plain rows have an empty thinking block before their answer, which {learnt}."]
    return [
        "The template has no switch for thinking: plain and thinking rows have the same prompt, and the student learns "
        "from the request alone when to think."
    ]


def _own_verb(remark: tuple[str, str]) -> tuple[str, str]:
    what, line = remark
    return what, line.replace("df.reason.to_chat", "mix.to_chat")
