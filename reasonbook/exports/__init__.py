"""Exports: rows with their reasoning in the layouts that trainers and data sets on the Hub use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from ..chat import ChatFormat
from ..chat.config import STRATEGIES, check_strategy
from ..data.frame import Frame
from ..data.frame_jobs import settle
from ..data.layout import layout_of
from ..data.row_account import SPLIT, RowAccount
from ..data.training_rows import ChatRow, Plain, TrainingRows, training_rows
from ..data.typed_pandas import DataFrame, new_frame
from ..errors import FormatError, choices
from ..options import checked
from ..store import default_store
from . import kiln
from . import layouts as out
from .exported import ExportedFile
from .files import save
from .pairs import PREFERENCES, PreferenceLayout, pairs_of, refused
from .preferences import preferences_of
from .rows import ExportRow, UnsupportedRowError, row_of


@dataclass(frozen=True)
class ExportLayout:
    """One layout out.

    Attributes:
        name: what `export` takes.
        write: a row as a flat record.
        strategies: which strategies it can express.
        openai: it takes what OpenAI's files may hold besides: the ``tools`` that a row offers, and the ``weight``
            of assistant turns, of which OpenAI itself reads 0 and 1 alone.
        source: who reads it.
    """

    name: str
    write: Callable[[ExportRow], dict[str, Any]]
    source: str
    strategies: tuple[str, ...] = STRATEGIES
    openai: bool = False


@overload
def export(
    source: DataFrame | Iterable[ChatRow],
    path: None = None,
    *,
    layout: str = "messages",
    strategy: str = "final_and_reasoning",
    split: str | None = None,
    plain: Plain | None = None,
    student: object = None,
    wait: bool = True,
) -> DataFrame: ...
@overload
def export(
    source: DataFrame | Iterable[ChatRow],
    path: str | Path,
    *,
    layout: str = "messages",
    strategy: str = "final_and_reasoning",
    split: str | None = None,
    plain: Plain | None = None,
    student: object = None,
    wait: bool = True,
) -> ExportedFile: ...
@checked(FormatError, 'rb.export(df, "train.jsonl")')
def export(
    source: DataFrame | Iterable[ChatRow],
    path: str | Path | None = None,
    *,
    layout: str = "messages",
    strategy: str = "final_and_reasoning",
    split: str | None = None,
    plain: Plain | None = None,
    student: object = None,
    wait: bool = True,
) -> ExportedFile | DataFrame:
    """Writes the rows that train, with their reasoning, in a layout that others read; says what became of each row.

    A running augmentation of the frame is waited for. Rows without the reasoning that they were to get are left out.

    Args:
        source: a frame, or chat rows.
        path: a file ending in ``.jsonl``, ``.json``, ``.csv`` or ``.parquet``; without it the records come
            back as a DataFrame.
        layout: see `reasonbook.exports.LAYOUTS`; e.g. ``messages``, ``openai``, ``sharegpt``, ``kiln_chat``. Or one of
            `reasonbook.exports.PREFERENCES`: ``dpo`` writes pairs of what a person made of an answer and what the
            teacher had written, and of the sample that was kept and those that the user's check refused; ``kto`` the
            same one by one, and the rows that were accepted or rejected.
        strategy: as in `df.reason.to_chat`.
        split: only the rows of this split; those of the others count as left out. Of preferences, those that train
            when None.
        plain: as in `reasonbook.chat.ChatConfig`.
        student: of preferences, whose messages they are: a model's name or folder, or its tokenizer. Reasoning stands
            where its chat template reads it, and both sides of every pair have the prompt ids of training.
        wait: for an augmentation that is filling the frame; it is an error otherwise.

    Returns:
        The path of the file with ``rows``, ``rows_kept`` and ``left_out`` (reason → rows); or a DataFrame, which has
        the three in ``attrs["rows"]``, ``attrs["rows_kept"]`` and ``attrs["left_out"]``. Preferences have a
        `PairReport` besides, as ``preferences``: by source, and how the two sides differ.

    Raises:
        ReasonbookError: an augmentation is running, and it is not to be waited for.
        FormatError: a row cannot be expressed in the layout, with its place; the file is not written.

    Example:
        >>> rb.export(df, layout="sharegpt").columns.tolist()
        ['conversations']
        >>> rb.export(df, "train.jsonl", layout="openai").name
        'train.jsonl'
        >>> review = df.reason.review().edit(0, {"Amount": "$108 - $4 = $104"})
        >>> rb.export(df, "pairs.jsonl", layout="dpo", student=rb.examples.tiny_student()).preferences.records
        {'edit': 1}
    """
    if layout in PREFERENCES:
        return _preferences(source, path, PREFERENCES[layout], strategy, split, student, wait)
    if student is not None:
        raise FormatError(
            f"layout={layout!r} writes the same for every student.", 'student=None   or   layout="dpo"'
        )
    chosen = _layout(layout, check_strategy(strategy))
    found = _rows(source, plain, wait)
    if split is not None:
        for row in found.rows:
            if row.split != split:
                found.leave_out(row.position, SPLIT)
        found.rows = [row for row in found.rows if row.split == split]
    made = list(records(found.rows, layout=chosen, strategy=strategy))
    left_out = {reason: len(positions) for reason, positions in found.left_out.items()}
    account = RowAccount(len(made) + sum(left_out.values()), len(made), left_out)
    if not made:
        raise FormatError(
            f"There is no row to export{f' in the split {split!r}' if split else ''} of {account.rows}: "
            + (f"left out are {account.why_left_out}." if left_out else "none came in."),
            'df["reasoning_status"].value_counts()   ·   df["split"].value_counts()',
        )
    if path is not None:
        return ExportedFile.of(save(made, Path(path)), account)
    frame = new_frame(made)
    frame.attrs.update(account.account)
    return frame


def _preferences(
    source: DataFrame | Iterable[ChatRow],
    path: str | Path | None,
    layout: PreferenceLayout,
    strategy: str,
    split: str | None,
    student: object,
    wait: bool,
) -> ExportedFile | DataFrame:
    if not isinstance(source, DataFrame):
        raise FormatError(
            "Preferences stand in the journal of a frame's review; rows alone have none.",
            f'rb.export(df, "pairs.jsonl", layout="{layout.name}")',
        )
    if check_strategy(strategy) == "two_message_cot":
        raise FormatError(
            f"The layout {layout.name!r} cannot express strategy={strategy!r}.",
            choices(strategy, ("final_only", "final_and_reasoning")),
        )
    settle(source, wait=wait, purpose="export")
    form = None if student is None else ChatFormat(student, strategy=strategy)
    found = preferences_of(
        Frame(source, layout_of(source)),
        default_store(),
        strategy=strategy,
        split=split,
        verdicts=not layout.paired,
    )
    made, account, report = pairs_of(found, layout, form, len(source))
    if not made:
        raise refused(account)
    if path is not None:
        return ExportedFile.of(save(made, Path(path)), account, report)
    frame = new_frame(made)
    frame.attrs.update({**account.account, "preferences": report})
    return frame


def records(
    rows: Iterable[ChatRow], *, layout: str | ExportLayout = "messages", strategy: str = "final_and_reasoning"
) -> Iterator[dict[str, Any]]:
    """The records of rows, one by one; see `export`."""
    chosen = layout if isinstance(layout, ExportLayout) else _layout(layout, strategy)
    for row in rows:
        try:
            yield _record(chosen, row_of(row, strategy))
        except UnsupportedRowError as why:
            raise FormatError(
                f"Row {row.position} does not fit the layout {chosen.name!r}: {why}.",
                'rb.export(df[df["reasoning_status"] == "ok"], …)   or   rb.export(df, …, layout="messages")',
            ) from None


def _record(layout: ExportLayout, row: ExportRow) -> dict[str, Any]:
    if not row.tools and not row.weights:
        return layout.write(row)
    strict = layout.name == "openai" and any(row.weights)
    if strict or not layout.openai:
        turns = f"some of its assistant turns have weight {max(row.weights, default=0)}"
        what = "it offers tools" if row.tools and not strict else turns
        raise UnsupportedRowError(f"{what}, which this form has no place for")
    made = layout.write(row)
    return {**made, "tools": list(row.tools)} if row.tools else made


def _layout(name: str, strategy: str) -> ExportLayout:
    if name not in LAYOUTS:
        raise FormatError(f"layout={name!r} is not known.", choices(name, [*LAYOUTS, *PREFERENCES]))
    chosen = LAYOUTS[name]
    if strategy not in chosen.strategies:
        raise FormatError(
            f"The layout {name!r} cannot express strategy={strategy!r}.", choices(strategy, chosen.strategies)
        )
    return chosen


def _rows(source: DataFrame | Iterable[ChatRow], plain: Plain | None, wait: bool) -> TrainingRows:
    if isinstance(source, DataFrame):
        settle(source, wait=wait, purpose="export")
        return training_rows(Frame(source, layout_of(source)), plain=plain)
    return TrainingRows(list(source))


_NO_R1 = ("final_only", "two_message_cot")
LAYOUTS: dict[str, ExportLayout] = {
    entry.name: entry
    for entry in (
        ExportLayout(
            "messages",
            out.messages,
            "Qwen3, GLM, Axolotl, vLLM, TRL: messages with reasoning_content",
            openai=True,
        ),
        ExportLayout("instructlab", out.instructlab, "InstructLab: the same with the unmask flag"),
        ExportLayout("harmony", out.harmony, "gpt-oss, LFM2.5: messages with thinking", openai=True),
        ExportLayout(
            "openrouter", out.openrouter, "OpenRouter, ThinkPack: messages with reasoning", openai=True
        ),
        ExportLayout("openai", out.openai, "OpenAI's chat files: thinking inside the content", openai=True),
        ExportLayout("sharegpt", out.sharegpt, "ShareGPT: from and value"),
        ExportLayout("openthoughts", out.openthoughts, "open-thoughts/OpenThoughts-114k, default subset"),
        ExportLayout(
            "prompt_completion", out.prompt_completion, "TRL: prompt and completion as messages", openai=True
        ),
        ExportLayout("prompt_response", out.text_pair("prompt", "response"), "two columns of text"),
        ExportLayout("alpaca", out.text_pair("instruction", "output"), "Alpaca: instruction and output"),
        ExportLayout("openmath", out.text_pair("problem", "generated_solution"), "nvidia/OpenMathReasoning"),
        ExportLayout(
            "openthoughts_metadata",
            out.split_pair("problem", "deepseek_solution", "deepseek_reasoning"),
            "open-thoughts/OpenThoughts-114k, metadata subset",
        ),
        ExportLayout(
            "s1k", out.split_pair("question", "attempt", "thinking_trajectories", True), "simplescaling/s1K"
        ),
        ExportLayout(
            "s1k_1_1",
            out.split_pair("question", "deepseek_attempt", "deepseek_thinking_trajectory"),
            "simplescaling/s1K-1.1",
        ),
        ExportLayout("openr1", out.openr1, "open-r1/OpenR1-Math-220k"),
        ExportLayout(
            "data_designer",
            out.split_pair("question", "answer", "answer__reasoning_content"),
            "Data Designer: a column's reasoning beside it",
        ),
        ExportLayout("kiln", kiln.run, "Kiln's task runs", ("final_only", "final_and_reasoning")),
        ExportLayout("kiln_csv", kiln.csv, "Kiln's CSV import", ("final_only", "final_and_reasoning")),
        ExportLayout("kiln_chat", kiln.chat, "Kiln: OpenAI chat", openai=True),
        ExportLayout("kiln_chat_json_schema", kiln.schema, "Kiln: OpenAI chat with a JSON answer"),
        ExportLayout("kiln_chat_toolcall", kiln.toolcall, "Kiln: OpenAI chat with a tool call", _NO_R1),
        ExportLayout("kiln_huggingface", kiln.huggingface, "Kiln: Hugging Face chat template"),
        ExportLayout(
            "kiln_huggingface_toolcall", kiln.huggingface_toolcall, "Kiln: the same with a tool call", _NO_R1
        ),
        ExportLayout("kiln_gemini", kiln.gemini, "Kiln: Vertex Gemini", _NO_R1),
        ExportLayout(
            "everything", out.everything, "messages, split, row key and fields; for Parquet", openai=True
        ),
    )
}
