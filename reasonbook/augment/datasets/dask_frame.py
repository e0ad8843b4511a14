"""Dask frame: the same augmentation over a Dask DataFrame, on as many workers as there are."""

# Neither Dask nor pandas brings types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...data.frame import Frame
from ...data.layout import Layout, detect
from ...data.typed_pandas import DataFrame
from ...errors import MissingPackage, ReasonbookError
from ...schema import Schema
from ...teachers import TeacherSpec
from ..augmentation import Augmentation
from ..config import AugmentConfig
from .chunks import COLUMNS, holds_turns

if TYPE_CHECKING:
    from dask.dataframe import DataFrame as DaskFrame


def augment_partitions(
    ddf: DaskFrame,
    schema: object,
    *,
    teacher: TeacherSpec,
    workers: int = 1,
    layout: Mapping[str, Any] | Layout | None = None,
    **config: Any,
) -> DaskFrame:
    """A Dask DataFrame with the reasoning columns; nothing is asked until it is computed.

    Each partition is augmented where it lies, by position, so that any index comes out as it went in. Rate,
    concurrency and budget are divided, because the workers do not know of each other. Each worker uses the
    store of its own machine's ``REASONBOOK_HOME``; workers of one machine share it.

    Args:
        ddf: a ``dask.dataframe.DataFrame``.
        schema: a `Schema`, or anything that makes one.
        teacher: a text such as ``"openai:MODEL"`` or a Python function; a client object cannot travel.
        workers: how many partitions are worked on at the same time in the whole cluster.
        layout: the columns, where the guess is not right.
        **config: any part of `AugmentConfig`, for the whole cluster.

    Raises:
        MissingPackage: dask is not installed.

    Example:
        >>> import dask.dataframe
        >>> from reasonbook.augment import augment_partitions
        >>> partitions = dask.dataframe.from_pandas(rb.examples.refunds(20), npartitions=2)
        >>> filled = augment_partitions(partitions, schema, teacher=rb.examples.refund_rules).compute()
        >>> filled["reasoning_status"].unique().tolist()
        ['ok']
    """
    if not isinstance(ddf, _dask_frame()):
        raise ReasonbookError(
            f"This takes a Dask DataFrame, not {type(ddf).__name__}.",
            "dask.dataframe.from_pandas(df, npartitions=8)   or   df.reason.augment(…)",
        )
    made = Schema.of(schema)
    options = share(AugmentConfig(**config), workers, ddf.npartitions)
    named = Layout.named(layout) if isinstance(layout, Mapping) else layout
    first = ddf.head(50, npartitions=-1)
    named = named or detect(first)
    listed = holds_turns(first, named)
    empty = import_module("dask.dataframe.dispatch").make_meta(ddf)
    meta = empty.assign(**{name: None for name in COLUMNS}).astype(dict.fromkeys(COLUMNS, object))
    return ddf.map_partitions(
        fill, made.to_dict()["fields"], teacher, named, options, listed, meta=meta, enforce_metadata=False
    )


def _dask_frame() -> type[Any]:
    try:
        return import_module("dask.dataframe").DataFrame
    except ImportError as error:
        raise MissingPackage("dask", feature="Augmenting over a cluster", extra="dask") from error


def share(config: AugmentConfig, workers: int, partitions: int) -> AugmentConfig:
    """One worker's part of the rates, and one partition's part of the budget."""
    if workers < 1:
        raise ReasonbookError(f"There is at least 1 worker, not {workers!r}.", "workers=4")
    return replace(
        config,
        concurrency=max(1, config.concurrency // workers),
        rpm=config.rpm / workers if config.rpm else None,
        tpm=config.tpm / workers if config.tpm else None,
        budget=config.budget / max(1, partitions) if config.budget else None,
    )


def fill(
    df: DataFrame,
    fields: list[dict[str, Any]],
    teacher: TeacherSpec,
    layout: Layout,
    config: AugmentConfig,
    listed: bool,
) -> DataFrame:
    """One partition, on the worker: a copy with the reasoning columns; rows that fail say why in their status."""
    df = df.copy()
    if len(df) == 0:
        return df.assign(**{name: [] for name in COLUMNS}).astype(dict.fromkeys(COLUMNS, object))
    job = Augmentation(Frame(df, layout), Schema(fields), teacher, config, listed=listed).start()
    try:
        job.wait()
    except ReasonbookError:
        progress = job.progress
        if progress.failed < progress.total:  # not the rows' fault: the whole computation must hear of it
            raise
    return df
