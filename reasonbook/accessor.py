"""``df.reason``: the verbs on a DataFrame; each one hands on to the room that does the work."""

from __future__ import annotations

import weakref
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .data.frame import Frame
from .data.layout import Layout, detect
from .data.splits import assign
from .data.training_rows import training_rows
from .errors import LayoutError, choices
from .schema import Schema
from .store import default_store

if TYPE_CHECKING:
    from .augment import Augmentation, CostEstimate
    from .augment.config import MethodName
    from .chat import ChatDataset, Strategy
    from .review import Review
    from .training import Run

_PARTS = tuple(part.name for part in fields(Layout) if part.name != "guessed")
_VERBS = ("layout", "estimate", "augment", "review", "split", "to_chat", "train")


@pd.api.extensions.register_dataframe_accessor("reason")
class ReasonAccessor:
    """Reasoning for the rows of this frame, written in place.

    Example:
        >>> import reasonbook as rb
        >>> df = rb.examples.refunds(20)
        >>> job = df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
        >>> df["reasoning_status"].unique().tolist()
        ['ok']
    """

    def __init__(self, df: pd.DataFrame) -> None:
        self._df = df
        self._kept = _kept_for(df)

    def __dir__(self) -> list[str]:
        return list(_VERBS)

    def layout(self, **columns: Any) -> Layout:
        """Where requests and responses stand: the guess, or the columns that you name.

        Args:
            **columns: prompt, response, messages, system, context or reasoning, each a column name. What
                is named is kept for this frame; a copy of the frame starts from the guess again.

        Raises:
            LayoutError: the guess is unclear, or a named column is not there.

        Example:
            >>> df.reason.layout()
            Layout(prompt='prompt', response='response')
        """
        if columns:
            for unknown in set(columns) - set(_PARTS):
                raise LayoutError(f"A layout has no part {unknown!r}.", choices(unknown, _PARTS))
            self._kept["layout"] = Layout(**columns).check(self._df)
        named = self._kept.get("layout")
        return named.check(self._df) if named is not None else detect(self._df)

    def estimate(
        self, schema: Any, *, teacher: Any, method: MethodName = "extract", pilot: int = 0, **config: Any
    ) -> CostEstimate:
        """Tokens, money and minutes that `augment` would take; nothing is sent without a pilot.

        Args:
            schema: as in `augment`.
            teacher: as in `augment`.
            method: as in `augment`.
            pilot: ask so many rows for real and measure them; they are paid for, and kept like any others.
            **config: any other part of `reasonbook.augment.AugmentConfig`.

        Example:
            >>> df.reason.estimate(schema, teacher="openai:gpt-4o-mini").calls
            40
        """
        from .augment import AugmentConfig, estimate

        options = AugmentConfig(method=method, **config)
        return estimate(self._frame(), _schema(schema), teacher, options, store=default_store(), pilot=pilot)

    def augment(
        self,
        schema: Any,
        *,
        teacher: Any,
        method: MethodName = "extract",
        budget: float | None = None,
        limit: int | None = None,
        **config: Any,
    ) -> Augmentation:
        """Has a teacher fill the schema for every row, in this very frame; returns at once.

        Args:
            schema: a `Schema`, or anything that makes one.
            teacher: ``"openai:MODEL"``, ``"openai:MODEL@https://host/v1"``, ``"anthropic:MODEL"``, a Python
                function from the request text to a dict, or a teacher object.
            method: ``extract`` (the teacher sees the request), ``rationalize`` (the response too),
                ``native`` (its own thinking is kept) or ``chain_of_thought`` (your ``instructions``).
            budget: the most that this call may cost, in US dollars.
            limit: only so many rows, as a preview.
            **config: any other part of `reasonbook.augment.AugmentConfig`.

        Example:
            >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
            >>> df["reasoning"][0]["Amount"]
            '108 - 4 = 104'
        """
        from .augment import Augmentation, AugmentConfig

        options = AugmentConfig(method=method, budget=budget, limit=limit, **config)
        schema = _schema(schema)
        job = Augmentation(self._frame(), schema, teacher, options, store=default_store())
        self._kept |= {"schema": schema, "teacher": teacher, "origin": job.origin}
        return job.start()

    def review(self) -> Review:
        """Opens the review of this frame; earlier decisions on its rows come back.

        Example:
            >>> df.reason.review().accept_all().counts["accepted"]
            40
        """
        from .review import Review
        from .training.runs.row_losses import row_losses

        frame, store = self._frame(), default_store()
        last = {name: self._kept.get(name) for name in ("schema", "teacher")}
        return Review(frame, store, losses=row_losses(store, frame.keys), **last)

    def split(
        self,
        *,
        test: float = 0.1,
        validation: float = 0.1,
        seed: int = 0,
        stratify: Any = None,
        group: Any = None,
    ) -> pd.Series:
        """Writes ``train``, ``validation`` or ``test`` into the column ``split``; returns how many of each.

        Rows that have a split keep it. Rows with the same request always share one.

        Args:
            test: the part that tests, from 0 to 1.
            validation: the part that validates.
            seed: another seed gives another draw.
            stratify: a column whose classes are split alike.
            group: a column whose equal values stay together, instead of equal requests.

        Example:
            >>> df.reason.split(test=0.2, validation=0.1).to_dict()
            {'train': 28, 'test': 8, 'validation': 4}
        """
        frame = self._frame()
        groups = (
            [str(value) for value in self._column(group)]
            if group is not None
            else [conversation.prompt_key for conversation in frame.layout.read(self._df)]
        )
        names = assign(
            groups,
            fractions={"test": test, "validation": validation},
            seed=seed,
            strata=None if stratify is None else self._column(stratify),
            given=frame.column("split"),
        )
        frame.write("split", dict(enumerate(names)))
        return self._df["split"].value_counts()

    def to_chat(
        self,
        student: Any,
        *,
        strategy: Strategy = "final_and_reasoning",
        max_length: int | None = None,
        **config: Any,
    ) -> ChatDataset:
        """The token ids and labels that a student would train on, checked.

        Rows whose reasoning is ok and that are not rejected take part. Where the frame has no splits yet,
        they are made (a tenth for test, a tenth for validation), and the report says so.

        Args:
            student: a model's name or folder, or its tokenizer.
            strategy: ``final_and_reasoning``, ``final_only`` or ``two_message_cot``.
            max_length: most tokens of a row; longer ones are left out and counted, never cut.
            **config: any other part of `reasonbook.chat.ChatConfig`.

        Example:
            >>> df.reason.to_chat(rb.examples.tiny_student()).report
            Preflight(ok, rows=40, kept=40, examples=40)
        """
        from .chat import ChatConfig, build

        frame = self._frame()
        notes = []
        if any(name is None for name in frame.column("split")):
            notes.append("Splits were made: 10 % test, 10 % validation, seed 0 (column `split`).")
            self.split()
        options = ChatConfig(**config) if max_length is None else ChatConfig(max_length=max_length, **config)
        return build(training_rows(frame), student, strategy=strategy, config=options, notes=notes)

    def train(
        self,
        student: Any,
        *,
        strategy: Strategy = "final_and_reasoning",
        max_length: int | None = None,
        **config: Any,
    ) -> Run:
        """Fine-tunes a student on this frame in the background; returns the live run at once.

        Args:
            student: a model's name or folder.
            strategy: as in `to_chat`.
            max_length: as in `to_chat`.
            **config: epochs, learning_rate and any other part of `reasonbook.train.TrainConfig`.

        Example:
            >>> run = df.reason.train(rb.examples.tiny_student(), max_steps=2).wait()
            >>> print(run.status)
            COMPLETED
        """
        from .training import train

        chat = self.to_chat(student, strategy=strategy, max_length=max_length)
        return train(chat, origin=self._kept.get("origin"), **config)

    def _frame(self) -> Frame:
        return Frame(self._df, self.layout())

    def _column(self, name: Any) -> list[Any]:
        if name not in self._df.columns:
            raise LayoutError(
                f"The frame has no column {name!r}.", f"columns: {', '.join(map(repr, self._df.columns))}"
            )
        return self._df[name].tolist()

    def __repr__(self) -> str:
        return f"df.reason on {len(self._df)} rows: {', '.join(_VERBS)}"

    def _repr_html_(self) -> str:
        return self.layout()._repr_html_()


_kept: dict[int, tuple[weakref.ref[pd.DataFrame], dict[str, Any]]] = {}


def _kept_for(df: pd.DataFrame) -> dict[str, Any]:
    """What was said about this very frame, as long as it lives: pandas makes a new accessor at each use."""
    number = id(df)
    found = _kept.get(number)
    if found is None or found[0]() is not df:
        found = _kept[number] = (weakref.ref(df, lambda _: _kept.pop(number, None)), {})
    return found[1]


def _schema(source: Any) -> Schema:
    if isinstance(source, (str, Path)):
        return Schema.load(source) if Path(source).suffix == ".json" else Schema.preset(str(source))
    return source if isinstance(source, Schema) else Schema(source)
