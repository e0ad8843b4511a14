"""File dataset: rows of files in, the same rows with reasoning out, chunk by chunk, by the store of a frame."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...data.frame import Frame
from ...data.layout import Layout, detect
from ...data.sources import files_of
from ...data.typed_pandas import column_cells
from ...errors import LayoutError, ReasonbookError, TeacherError
from ...events import Stream
from ...html_card import card, clip, details, table
from ...job import Job, Status
from ...options import checked
from ...schema import Schema
from ...store import Store, default_store
from ...teachers import TeacherSpec, Usage, resolve
from ..augmentation import Augmentation
from ..config import AugmentConfig
from ..engine.job_journal import new_job_id
from ..methods import METHODS
from ..results import Progress
from .chunks import Chunk, ChunkedFiles, Piece, holds_turns
from .line_chunks import LineFiles
from .parquet_chunks import ParquetFiles

_ENDINGS = (".parquet", ".pq", ".jsonl", ".ndjson", ".csv", ".tsv")
_FINISHED = {"ok", "invalid"}  # what asking again would not change
_TICK = 0.2
_LOOK = 200  # rows that tell the layout
_NOTES = "_reasonbook.json"
_ONE_RUN = "A budget counts for one run; rb.store.cap(20.0) bounds all runs together."


@checked(
    TeacherError,
    'rb.augment_dataset("in.parquet", "out", schema, teacher="openai:MODEL")',
    configs=lambda: (AugmentConfig,),
)
def augment_dataset(
    path_in: str | Path,
    path_out: str | Path,
    schema: object,
    *,
    teacher: TeacherSpec,
    layout: Mapping[str, Any] | Layout | None = None,
    rows: int = 20_000,
    **config: Any,
) -> DatasetAugmentation:
    """Augments a Parquet, JSON Lines or CSV file, or a folder of such, into a folder of files; returns at once.

    One chunk is in memory at a time. A chunk's file is written whole when its rows are settled, with all columns
    of the input as they are, so that running the same line again goes on where it ended. Parquet comes out as
    Parquet, JSON Lines and CSV as JSON Lines; ``rb.frame(path_out)`` reads either. Where the rows are
    conversations, the column ``reasoning`` holds a list with one entry per assistant turn in every row, else a dict.

    Args:
        path_in: a file or a folder of files of one kind.
        path_out: a folder; it is made where it is missing.
        schema: a `Schema`, a preset's name, or anything that makes one.
        teacher: as for ``df.reason.augment``.
        layout: the columns, where the guess is not right: ``{"prompt": "question", "response": "answer"}``.
        rows: rows of a chunk.
        **config: any part of `AugmentConfig`; budget and limit count for the whole dataset.

    Raises:
        MissingPackage: Parquet without pyarrow.
        ReasonbookError: there is nothing to read, or ``path_out`` is a file or the input itself.

    Example:
        >>> df[["prompt", "response"]].to_parquet("refunds.parquet")
        >>> job = rb.augment_dataset("refunds.parquet", "filled", schema, teacher=rb.examples.refund_rules)
        >>> job.wait().progress.done
        40
    """
    named = Layout.named(layout) if isinstance(layout, Mapping) else layout
    options = AugmentConfig(**config)
    job = DatasetAugmentation(path_in, path_out, Schema.of(schema), teacher, options, layout=named, rows=rows)
    return job.start()


class DatasetAugmentation(Job):
    """A running or finished augmentation of a dataset on disk.

    Attributes:
        listed: whether reasoning is a list with an entry per assistant turn in every row; see `augment_dataset`.
        schema: a snapshot.
        config: budget and limit count for the whole dataset.

    Example:
        >>> rb.examples.refunds(30).to_parquet("refunds.parquet")
        >>> job = rb.augment_dataset("refunds.parquet", "filled", schema, teacher=rb.examples.refund_rules, rows=10)
        >>> job.wait().progress.total
        30
    """

    def __init__(
        self,
        path_in: str | Path,
        path_out: str | Path,
        schema: Schema,
        teacher: TeacherSpec,
        config: AugmentConfig | None = None,
        *,
        layout: Layout | None = None,
        rows: int = 20_000,
        store: Store | None = None,
    ) -> None:
        super().__init__(stream=Stream(keep=2000))
        if rows < 1:
            raise ReasonbookError(f"A chunk has at least 1 row, not {rows!r}.", "rows=20_000")
        found = files_of(Path(path_in), _ENDINGS)
        parquet = found[0].suffix.lower() in (".parquet", ".pq")
        self.source: ChunkedFiles = ParquetFiles(found) if parquet else LineFiles(found)
        self.path_out = Path(path_out)
        if self.path_out.is_file() or any(file.parent == self.path_out for file in found):
            raise ReasonbookError(
                f"The output {str(path_out)!r} must be a folder of its own.",
                'rb.augment_dataset(path_in, "augmented", schema, teacher=…)',
            )
        self.schema = schema.snapshot()
        self.config = config or AugmentConfig()
        self.teacher = resolve(teacher)
        self.store = store or default_store()
        self.layout = layout
        self.listed = False
        self.chunk_rows = rows
        self._named = repr(layout) if layout is not None else ""
        self._clear()

    def _clear(self) -> None:
        self._id = new_job_id()
        self._usage, self._cost = Usage(), 0.0
        self._counts: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._total = self._asked = 0
        self._told_earlier = False
        self._chunk: Augmentation | None = None

    # -- look --------------------------------------------------------------------------------------------
    @property
    def usage(self) -> Usage:
        """Tokens of every call so far."""
        return self._usage + (self._chunk.usage if self._chunk is not None else Usage())

    @property
    def cost(self) -> float | None:
        """Dollars so far; None when the price is not known."""
        now = self._chunk.cost if self._chunk is not None else 0.0
        return None if now is None else self._cost + now

    @property
    def progress(self) -> Progress:
        """How far it is, over all chunks."""
        now = self._chunk.progress if self._chunk is not None else Progress()
        done = self._counts["ok"] + now.done
        failed = self._counts["error"] + self._counts["invalid"] + now.failed
        left = max(0, self._total - done - failed)
        return Progress(
            total=self._total,
            done=done,
            failed=failed,
            cached=self._counts["cached"] + now.cached,
            in_flight=now.in_flight,
            brake=now.brake,
            rate=now.rate,
            eta=left / now.rate if now.rate and self.running and not now.paused else None,
            cost=self.cost,
            budget=self.config.budget,
            elsewhere=now.elsewhere,
            paused=now.paused,
        )

    @property
    def errors(self) -> dict[str, int]:
        """Why rows have no reasoning, and how many."""
        return dict(self._causes.most_common())

    def stop(self) -> DatasetAugmentation:
        """Stops soon; chunks that are written stay, and the same line again goes on from there."""
        super().stop()
        if self._chunk is not None:
            self._chunk.stop()
        return self

    # -- work, on the job's own thread, which is the owner of every chunk's frame -----------------------------
    def _work(self) -> Status:
        self._clear()
        self.path_out.mkdir(parents=True, exist_ok=True)
        chunks = list(self.source.chunks(self.chunk_rows))
        self._total = sum(chunk.rows for chunk in chunks)
        if self.config.limit is not None:
            self._total = min(self._total, self.config.limit)
        first = self.source.head(_LOOK)
        if first is not None:
            self.layout = self.layout or detect(first)
            self.listed = holds_turns(first, self.layout)
        self._begin()
        for chunk, piece in self.source.pieces(self.chunk_rows, self._is_finished):
            if self.stopping:
                return Status.CANCELLED
            if self.config.limit is not None and self._asked >= self.config.limit:
                break
            if piece is None:
                self._count(self.source.statuses(self.path_out / chunk.name), cached=True)
                continue
            ended = self._fill(chunk, piece)
            if ended is not None:
                return ended
        progress = self.progress
        return Status.PARTIAL if progress.failed or progress.done < progress.total else Status.COMPLETED

    def _fill(self, chunk: Chunk, piece: Piece) -> Status | None:
        """Augments one chunk and writes its file; a status when the whole job ends with it."""
        assert self.layout is not None, "there are rows"
        columns = list(self.layout.columns.values())
        for column in columns:
            if piece.columns.count(column) != 1:
                raise LayoutError(
                    f"The column {column!r} is not in every part of the dataset, or stands twice.",
                    f"layout={{'prompt': …}} with columns of {', '.join(piece.columns)}",
                )
        df = piece.frame(columns)
        job = Augmentation(
            Frame(df, self.layout),
            self.schema,
            self.teacher,
            self._share(),
            store=self.store,
            listed=self.listed,
            part_of=self._id,
        )
        self._chunk = job
        job.start()
        if self.stopping:
            job.stop()
        while job.running:
            try:
                job.wait(_TICK)
            except ReasonbookError:
                break
            self._hear(job)
            self.stream.emit("progress", **vars(self.progress))
        job.mailbox.drain()
        self._hear(job)
        self._chunk = None
        self._usage, self._cost = self._usage + job.usage, self._cost + (job.cost or 0.0)
        if job.status is Status.CANCELLED or (job.status is Status.FAILED and not _all_rows_failed(job)):
            self.error = job.error
            self._count(column_cells(df, "reasoning_status") if "reasoning_status" in df else [])
            return job.status
        path = self.path_out / chunk.name
        piece.write(df, self.schema, METHODS[self.config.method], path, listed=self.listed)
        self._count(column_cells(df, "reasoning_status"), cached=job.progress.cached)
        self._causes.update(error for error in column_cells(df, "reasoning_error") if isinstance(error, str))
        self._asked += job.progress.total
        progress = self.progress
        self.stream.emit("rows", count=len(df), done=progress.done, failed=progress.failed, chunk=chunk.name)
        spent = self.config.budget is not None and self._cost >= self.config.budget * 0.999
        if spent or (job.status is Status.PARTIAL and "pending" in column_cells(df, "reasoning_status")):
            gave_up = f"{job.gave_up}; run the line again to go on."
            self.stream.emit("note", text=gave_up if job.gave_up else self._stopped_by(job))
            return Status.PARTIAL
        return None

    def _hear(self, job: Augmentation) -> None:
        """Says once what earlier runs have spent, which the budget does not count."""
        if job.earlier and not self._told_earlier:
            self._told_earlier = True
            self.stream.emit(
                "note",
                text=f"Earlier runs have spent ${job.earlier:,.4f} on this dataset. {_ONE_RUN}",
            )

    def _stopped_by(self, job: Augmentation) -> str:
        """Why no further chunk is asked: the store's cap, or the budget of this run."""
        if job.refusal is not None:
            return str(job.refusal)
        return f"The budget of ${self.config.budget or 0:g} is used up; the same line goes on from here. {_ONE_RUN}"

    def _share(self) -> AugmentConfig:
        """The config of the next chunk: what is left of budget and limit."""
        config = self.config
        if config.budget is not None:
            config = replace(config, budget=max(config.budget - self._cost, 1e-9))
        if config.limit is not None:
            config = replace(config, limit=max(1, config.limit - self._asked))
        return config

    def _count(self, statuses: list[Any], cached: bool | int = False) -> None:
        counted = Counter(status for status in statuses if isinstance(status, str))
        self._counts.update(counted)
        self._counts["cached"] += counted["ok"] if cached is True else int(cached)
        if cached is True:
            self._asked += sum(counted[status] for status in ("ok", "invalid"))

    def _begin(self) -> None:
        """Says in the output for what it was made; files that were made for something else are made anew."""
        notes = self.path_out / _NOTES
        told = json.dumps(self._recipe(), indent=2, ensure_ascii=False)
        if not notes.is_file() or notes.read_text(encoding="utf-8") != told:
            for old in self.path_out.glob("part-*"):
                old.unlink()
            notes.write_text(told, encoding="utf-8")

    def _recipe(self) -> dict[str, Any]:
        config = self.config
        return {
            "files": [
                [file.name, file.stat().st_size, self.source.print_of(file)] for file in self.source.files
            ],
            "rows": self.chunk_rows,
            "schema": self.schema.to_dict(),
            "teacher": self.teacher.name,
            "method": config.method,
            "parameters": [config.instructions, config.temperature, config.reasoning_effort, config.samples],
            "layout": self._named,
            **({"turns": config.turns} if self.listed else {}),
        }

    def _is_finished(self, chunk: Chunk) -> bool:
        path = self.path_out / chunk.name
        if not path.is_file():
            return False
        statuses = self.source.statuses(path)
        return len(statuses) == chunk.rows and set(statuses) <= _FINISHED

    # -- shown -------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        progress = self.progress
        return f"DatasetAugmentation({self.status}, {progress.done} of {progress.total} rows, {str(self.path_out)!r})"

    def _repr_html_(self) -> str:
        progress = self.progress
        facts = {
            "status": self.status,
            "rows": f"{progress.done} of {progress.total}",
            "failed": progress.failed,
            "files": len(list(self.path_out.glob("part-*"))),
        }
        if self.cost:
            facts["cost"] = f"${self.cost:.4f}"
        if progress.elsewhere:
            facts["waiting"] = progress.waits
        rows = [(count, clip(reason, 200)) for reason, count in self._causes.most_common(8)]
        return card(
            f"Dataset augmentation by {self.teacher.name}",
            facts,
            notes=[event.data["text"] for event in self.stream if event.kind == "note"][-3:],
            body=details("rows without reasoning", table(("rows", "why"), rows)) if rows else "",
            next_verb="job.wait()   ·   job.stop()" if self.running else f'df = rb.frame("{self.path_out}")',
        )


def _all_rows_failed(job: Augmentation) -> bool:
    """A chunk in which every row was asked and none could be filled: told in its rows, not the job's end."""
    progress = job.progress
    return progress.total > 0 and progress.failed == progress.total
