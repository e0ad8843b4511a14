"""Dask frame: the same augmentation over a Dask DataFrame, on as many workers as there are."""

# Neither Dask nor pandas brings types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...data.frame import Frame
from ...data.layout import Layout, detect
from ...data.typed_pandas import DataFrame
from ...errors import MissingPackage, ReasonbookError
from ...schema import Schema
from ...teachers import TeacherSpec
from ..augmentation import Augmentation
from ..config import AugmentConfig
from ..engine.job_journal import new_job_id
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

    Each partition is augmented where it lies, by position, so that any index comes out as it went in. Each worker
    uses the store of its own machine's ``REASONBOOK_HOME``; by it, the workers of one machine pay for equal rows
    once, keep the provider's limits together and spend one budget. Machines do not know of each other: where the
    cluster has several, rates and budget are divided among them.

    Args:
        ddf: a ``dask.dataframe.DataFrame``.
        schema: a `Schema`, or anything that makes one.
        teacher: a text such as ``"openai:MODEL"`` or a Python function; a client object cannot travel.
        workers: how many partitions are worked on at the same time in the whole cluster.
        layout: the columns, where the guess is not right.
        **config: any part of `AugmentConfig`, for the whole cluster; each worker has its part of the concurrency.

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
    options = share(AugmentConfig(**config), workers, _machines(workers))
    named = Layout.named(layout) if isinstance(layout, Mapping) else layout
    first = ddf.head(50, npartitions=-1)
    named = named or detect(first)
    listed = holds_turns(first, named)
    empty = import_module("dask.dataframe.dispatch").make_meta(ddf)
    meta = empty.assign(**{name: None for name in COLUMNS}).astype(dict.fromkeys(COLUMNS, object))
    return ddf.map_partitions(
        fill, made.to_dict()["fields"], teacher, named, options, listed, new_job_id(),
        meta=meta, enforce_metadata=False,
    )  # fmt: skip


def _dask_frame() -> type[Any]:
    try:
        return import_module("dask.dataframe").DataFrame
    except ImportError as error:
        raise MissingPackage("dask", feature="Augmenting over a cluster", extra="dask") from error


def _machines(workers: int) -> int:
    """How many machines the cluster of this process has by now; as many as workers where that cannot be asked."""
    distributed = sys.modules.get("distributed")
    try:
        client = distributed.default_client() if distributed is not None else None
    except ValueError:
        client = None
    if client is None:  # this machine alone
        return 1
    if client.asynchronous:
        return workers
    return max(1, len({urlsplit(address).hostname for address in client.nthreads()}))


def share(config: AugmentConfig, workers: int, machines: int = 1) -> AugmentConfig:
    """One worker's part of the concurrency, and one machine's part of rates and budget."""
    if workers < 1:
        raise ReasonbookError(f"There is at least 1 worker, not {workers!r}.", "workers=4")
    return replace(
        config,
        concurrency=max(1, config.concurrency // workers),
        rpm=config.rpm / machines if config.rpm else None,
        tpm=config.tpm / machines if config.tpm else None,
        budget=config.budget / machines if config.budget is not None else None,
    )


def fill(
    df: DataFrame,
    fields: list[dict[str, Any]],
    teacher: TeacherSpec,
    layout: Layout,
    config: AugmentConfig,
    listed: bool,
    part_of: str = "",
) -> DataFrame:
    """One partition, on the worker: a copy with the reasoning columns; rows that fail say why in their status."""
    df = df.copy()
    if len(df) == 0:
        return df.assign(**{name: [] for name in COLUMNS}).astype(dict.fromkeys(COLUMNS, object))
    job = Augmentation(
        Frame(df, layout), Schema(fields), teacher, config, listed=listed, part_of=part_of, shared=True
    ).start()
    try:
        job.wait()
    except ReasonbookError:
        progress = job.progress
        if progress.failed < progress.total:  # not the rows' fault: the whole computation must hear of it
            raise
    return df
