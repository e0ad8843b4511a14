"""``df.reason``: the verbs on a DataFrame; each one hands on to the room that does the work."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

from .data.frame import Frame
from .data.frame_jobs import settle
from .data.frame_metadata import Remembered
from .data.layout import Layout, layout_of, name_layout
from .data.splits import write_splits
from .data.typed_pandas import DataFrame, Series, column_cells, value_counts
from .errors import FormatError, LayoutError, ReviewError, StoreError, TeacherError, TrainingError
from .html_card import html_of
from .options import checked
from .schema import Schema
from .schema.schema import writes_prompts

if TYPE_CHECKING:
    from .augment import Augmentation, CostEstimate
    from .augment.config import MethodName
    from .augment.prompts.preview import SentPrompt
    from .chat import ChatConfig, ChatDataset, Strategy
    from .history import FrameHistory, RowLife
    from .quality import Quality
    from .quality.variations import Variations
    from .quality.variations.plan import Kind
    from .review import Review
    from .training import Run, TrainConfig
    from .versions import Version, Versions

_VERBS = (
    "layout", "estimate", "augment", "quality", "vary", "review", "split", "history", "use", "version", "versions",
    "to_chat", "train",
)  # fmt: skip


def _augment_options() -> tuple[type, ...]:
    from .augment import AugmentConfig

    return (AugmentConfig,)


def _vary_options() -> tuple[type, ...]:
    from .quality.variations.config import VaryConfig

    return (VaryConfig,)


def _chat_options() -> tuple[type, ...]:
    from .chat import ChatConfig

    return (ChatConfig,)


def _train_options() -> tuple[Callable[..., Any], ...]:
    from .training import TrainConfig, train

    return (*_chat_options(), TrainConfig, train)


@writes_prompts
def _prompt_of(
    schema: Schema, teacher: Any, df: DataFrame | None, row: int, config: Mapping[str, Any]
) -> SentPrompt:
    from .augment.prompts.preview import sent

    return sent(schema, teacher, df, row, config)


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

    def __init__(self, df: DataFrame) -> None:
        self._df = df

    def __dir__(self) -> list[str]:
        return list(_VERBS)

    def layout(self, **columns: Any) -> Layout:
        """Where requests and responses stand: the guess, or the columns that you name.

        Its card says what it takes, what it converts and what it leaves over, down to the row.

        Args:
            **columns: prompt, response, messages, system, context or reasoning, each a column name. What
                is named is kept for this frame, its slices and its copies.

        Raises:
            LayoutError: the guess is unclear, or a named column is not there.

        Example:
            >>> df.reason.layout()
            Layout(prompt='prompt', response='response')
        """
        if columns:
            return name_layout(self._df, Layout.named(columns)).accounted(self._df)
        return layout_of(self._df).accounted(self._df)

    @checked(TeacherError, 'df.reason.estimate(schema, teacher="openai:MODEL")', configs=_augment_options)
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
        return estimate(self._frame(), Schema.of(schema), teacher, options, pilot=pilot)

    @checked(TeacherError, 'df.reason.augment(schema, teacher="openai:MODEL")', configs=_augment_options)
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
            budget: the most that this one run may cost, in US dollars; the same line again may cost as much again.
                `rb.store.cap` bounds all runs together.
            limit: only so many rows, as a preview.
            **config: any other part of `reasonbook.augment.AugmentConfig`.

        Example:
            >>> job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
            >>> df["reasoning"][0]["Amount"]
            '108 - 4 = 104'
        """
        from .augment import Augmentation, AugmentConfig

        options = AugmentConfig(method=method, budget=budget, limit=limit, **config)
        schema = Schema.of(schema)
        job = Augmentation(self._frame(), schema, teacher, options)
        _last.set(self._df, (schema, teacher))
        return job.start()

    def quality(self) -> Quality:
        """What looks wrong with the rows as they stand now, found without asking anybody.

        Example:
            >>> df.reason.quality().findings
            {}
        """
        from .quality import Quality

        schema, _ = _last.get(self._df) or (None, None)
        return Quality(self._frame(), schema=schema)

    def review(self) -> Review:
        """Opens the review of this frame; earlier decisions on its rows come back.

        Example:
            >>> df.reason.review().accept_all().counts["accepted"]
            40
        """
        from .review import Review
        from .training.runs.row_losses import row_losses

        frame = self._frame()
        schema, teacher = _last.get(self._df) or (None, None)
        return Review(frame, losses=row_losses(frame.keys), schema=schema, teacher=teacher)

    @checked(
        TeacherError,
        'df.reason.vary(teacher="openai:MODEL", kind="flip", along=["Policy"])',
        configs=_vary_options,
    )
    def vary(
        self,
        schema: Any = None,
        *,
        teacher: Any,
        kind: Kind = "reword",
        along: Sequence[str] = (),
        n: int = 1,
        budget: float | None = None,
        **config: Any,
    ) -> Variations:
        """Has a teacher write variations of these rows, each proven by a blind reader; returns at once.

        They come in a frame of their own, ``job.frame``, with their origin's split; this frame is not changed.

        Args:
            schema: the schema of the rows' reasoning; the one that filled them when None.
            teacher: as in `augment`; a Python function is called with the request and with what shall change.
            kind: ``reword`` (other words), ``flip`` (one field of ``along`` changed) or ``fill`` (thin combinations).
            along: the choice, number or boolean fields that are changed.
            n: variations of each row.
            budget: the most that this run may cost, in dollars.
            **config: any other part of `reasonbook.quality.variations.config.VaryConfig`, such as ``pilot``,
                ``guidance``, ``derived`` or ``splits``.

        Raises:
            SchemaError: no typed field can prove a variation, or ``along`` names none.
            LayoutError: the rows have no splits, or none of them can be varied.

        Example:
            >>> _ = df.reason.split()
            >>> def greet(request, change): return "Good day. " + request
            >>> df.reason.vary(teacher=greet, checker=rb.examples.refund_rules, limit=20).wait().words
            '20 of 20 kept'
        """
        from .quality.variations import Variations
        from .quality.variations.config import VaryConfig

        known, _ = _last.get(self._df) or (None, None)
        options = VaryConfig(kind=kind, along=tuple(along), n=n, budget=budget, **config)
        wanted = known if schema is None else Schema.of(schema)
        return Variations(self._frame(), wanted, teacher, options).start()

    @checked(LayoutError, "df.reason.split(test=0.1, validation=0.1)")
    def split(
        self,
        *,
        test: float = 0.1,
        validation: float = 0.1,
        seed: int = 0,
        stratify: Hashable = None,
        group: Hashable = None,
        by: Literal["request", "case"] = "request",
        wait: bool = True,
    ) -> Series:
        """Writes ``train``, ``validation`` or ``test`` into the column ``split``; returns how many of each.

        Rows that have a split keep it. Rows with the same request, or of the same case, always share one. A running
        augmentation of the frame is waited for.

        Args:
            test: the part that tests, from 0 to 1.
            validation: the part that validates.
            seed: another seed gives another draw.
            stratify: a column whose classes are split alike.
            group: a column whose equal values stay together, instead of equal requests.
            by: what stays together where no column is named: equal requests, or a ``case``, which is the facts that the
                reasoning states, whatever the words; see `reasonbook.quality.Quality.cases`.
            wait: for an augmentation that is filling the frame; it is an error otherwise.

        Example:
            >>> df.reason.split(test=0.2, validation=0.1).to_dict()
            {'train': 28, 'test': 8, 'validation': 4}
            >>> df.drop(columns="split").reason.split(by="case").sum().item()
            40
        """
        settle(self._df, wait=wait, purpose="split")
        frame = self._frame()
        groups = None if group is None else self._column(group)
        if by == "case" and group is None:
            from .cases import groups_of

            groups = groups_of(frame)
        write_splits(
            frame,
            test=test,
            validation=validation,
            seed=seed,
            strata=None if stratify is None else self._column(stratify),
            groups=groups,
        )
        return value_counts(self._df, "split")

    @checked(ReviewError, "df.reason.history(17)")
    def history(self, row: int | None = None) -> FrameHistory | RowLife:
        """What has happened to these rows: the augmentations of the frame, or the life of one row.

        Args:
            row: its position; the augmentations without it.

        Returns:
            A `FrameHistory` (a sequence with ``.view(number)``, ``.use(number)`` and ``.to_frame()``), or the row's
            `RowLife`: asked, repaired, edited, accepted, trained, right or wrong.

        Raises:
            ReviewError: there is no such row.

        Example:
            >>> df.reason.history()[0].rows
            {'ok': 40}
            >>> df.reason.history(17).steps[0].what
            'asked'
        """
        from .history import FrameHistory, RowLife
        from .store import default_store

        if row is None:
            return FrameHistory(self._frame(), default_store())
        return RowLife(self._frame(), int(row), default_store())

    @checked(ReviewError, "df.reason.use(0)")
    def use(self, which: int | str | Schema, *, replace: bool = False, wait: bool = True) -> FrameHistory:
        """Brings the reasoning of a past augmentation into the column ``reasoning``, in place and unpaid.

        Of several schemas side by side this chooses the one that is trained. Edits that a person made of this
        augmentation's reasoning come with it; those of others stay in the journal until theirs is used again.

        Args:
            which: its number in ``df.reason.history()``, its id, or its schema where only one has it.
            replace: also where a row holds reasoning that is on no record and could not be brought back.
            wait: as in `to_chat`.

        Raises:
            ReviewError: there is no such augmentation, or reasoning would be lost.

        Example:
            >>> short = rb.Schema({"Amount": "Work the refund out."})
            >>> job = df.reason.augment(short, teacher=rb.examples.refund_rules).wait()
            >>> list(df["reasoning"][0]), [past.standing for past in df.reason.use(0)]
            (['Amount'], [40, 0])
            >>> list(df["reasoning"][0])[:2]
            ['Intent', 'Timeline']
        """
        from .history import FrameHistory
        from .store import default_store

        settle(self._df, wait=wait, purpose="use")
        history = FrameHistory(self._frame(), default_store())
        chosen = history.find(which)
        after = history.use(which, replace=replace)
        _, teacher = _last.get(self._df) or (None, None)
        _last.set(self._df, (chosen.schema, teacher))
        return after

    @checked(StoreError, 'df.reason.version("before repairs")')
    def version(self, name: str) -> Version:
        """Keeps, under a name, what each row has now: response, reasoning, verdict and split.

        Args:
            name: any text; of several versions with one name the newest counts.

        Example:
            >>> df.reason.version("before repairs")
            Version('before repairs', rows=40)
        """
        from .store import default_store
        from .versions import keep_version

        return keep_version(self._frame(), default_store(), name)

    def versions(self) -> Versions:
        """The versions of these rows, oldest first; `rb.diff` holds two of them against each other.

        Example:
            >>> version = df.reason.version("before repairs")
            >>> df.reason.versions()
            Versions('before repairs')
        """
        from .store import default_store
        from .versions import versions_of

        return versions_of(self._frame(), default_store())

    @checked(FormatError, 'df.reason.to_chat("STUDENT")', configs=_chat_options)
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
        """The token ids and labels that a student would train on, checked.

        A running augmentation of the frame is waited for. Rows whose reasoning is ok and that are not rejected take
        part; the report accounts for every row of the frame, and refuses a set in which rows still wait for the
        reasoning that they were to get. Where the frame has no splits yet, they are made (a tenth for test, a tenth
        for validation), and the report says so.

        Args:
            student: a model's name or folder, or its tokenizer.
            strategy: ``final_and_reasoning``, ``final_only`` or ``two_message_cot``.
            max_length: most tokens of a row; longer ones are left out and counted, never cut.
            config: how rows are rendered and what carries loss; see `reasonbook.chat.ChatConfig`.
            wait: for an augmentation that is filling the frame; it is an error otherwise.
            **options: single parts of `ChatConfig`, such as ``plain``, ``missing`` or ``mask_reasoning``; they win
                over ``config``.

        Example:
            >>> df.reason.to_chat(rb.examples.tiny_student()).report
            Preflight(ok, rows=40, kept=40, examples=40)

        Raises:
            FormatError: the student cannot be found, or there is no such option.
            ReasonbookError: an augmentation is running, and it is not to be waited for.
        """
        from .chat import ChatConfig, build_from_frame

        if max_length is not None:
            options["max_length"] = max_length
        config = (config or ChatConfig()).replace(**options)
        return build_from_frame(self._frame(), student, strategy=strategy, config=config, wait=wait)

    @checked(TrainingError, 'df.reason.train("STUDENT")', configs=_train_options)
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
        """Fine-tunes a student on this frame in the background; returns the live run.

        A running augmentation of the frame is waited for. While another run trains, this one waits its turn.

        Args:
            student: a model's name or folder.
            strategy: as in `to_chat`.
            max_length: as in `to_chat`.
            chat: how rows are rendered and what carries loss; see `reasonbook.chat.ChatConfig`.
            config: how it is trained; see `reasonbook.training.TrainConfig`.
            wait: for an augmentation that is filling the frame; it is an error otherwise.
            **options: single parts of either, such as ``mask_reasoning``, ``epochs`` or ``learning_rate``,
                which win over the two; and ``name`` and ``score``, as in `reasonbook.train`.

        Example:
            >>> run = df.reason.train(rb.examples.tiny_student(), max_steps=2).wait()
            >>> print(run.status)
            COMPLETED

        Raises:
            TrainingError: there is no such option, or nothing to learn from.
            FormatError: the student cannot be found, or its rows must not be trained.
            ReasonbookError: an augmentation is running, and it is not to be waited for.
        """
        from .chat.config import rendering_options
        from .training import train

        rendering, training = rendering_options(options)
        data = self.to_chat(
            student, strategy=strategy, max_length=max_length, config=chat, wait=wait, **rendering
        )
        return train(data, config=config, **training)

    def _frame(self) -> Frame:
        return Frame(self._df, layout_of(self._df))

    def _column(self, name: Hashable) -> list[Any]:
        if name not in self._df.columns:
            raise LayoutError(
                f"The frame has no column {name!r}.", f"columns: {', '.join(map(repr, self._df.columns))}"
            )
        return column_cells(self._df, name)

    def __repr__(self) -> str:
        return f"df.reason on {len(self._df)} rows: {', '.join(_VERBS)}"

    def _repr_html_(self) -> str:
        return html_of(layout_of(self._df))


# What was last asked of a frame, and of whom: a review's repair asks the same again.
_last: Remembered[tuple[Schema, Any]] = Remembered()
