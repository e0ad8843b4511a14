"""Variations: the job that makes new rows of rows that are there, proves each, and fills a frame of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from ...data.frame import Frame
from ...data.layout import name_layout
from ...data.reasoning_origin import RecordedOrigins
from ...data.turn_reasoning import last_of
from ...data.typed_pandas import DataFrame, object_frame
from ...errors import ReasonbookError, SchemaError, TeacherError
from ...html_card import Html, card, clip, marked_diff, table
from ...job import Status
from ...schema import Schema
from ...schema.agreement import says_the_same
from ...store import Store, default_store
from ...teachers import TeacherSpec, resolve
from ...waiting import WatchedJob
from .config import VaryConfig
from .making import Making
from .new_rows import varied_cells
from .plan import origins_in, wanted
from .proof import REASONS, Kept

_FIRST = 8  # variations that are made first, to learn what one costs,
_AT_A_TIME = 64  # and later on


class Variations(WatchedJob):
    """Variations of the rows of a frame.

    For each one the teacher writes a new request; a reader who sees that alone fills the schema; kept is what has
    exactly the typed fields that were wanted. The answer of a flip is worked out anew, twice. Everything is paid once:
    the same line again goes on from here, also in another kernel.

    Args:
        frame: the rows; it is not changed.
        schema: the schema of their reasoning.
        teacher: who writes, and answers.
        config: see `VaryConfig`.
        store: the default store when None.

    Attributes:
        wanted: the variations that are asked for, in their order.

    Example:
        >>> _ = df.reason.split()
        >>> def greet(request, change): return "Good day. " + request
        >>> more = df.reason.vary(schema, teacher=greet, checker=rb.examples.refund_rules, limit=20).wait()
        >>> list(more.frame.columns[-3:]), more.frame["split"].unique().tolist()
        (['split', 'origin', 'variation'], ['train'])
    """

    def __init__(
        self,
        frame: Frame,
        schema: Schema | None,
        teacher: TeacherSpec,
        config: VaryConfig | None = None,
        *,
        store: Store | None = None,
    ) -> None:
        super().__init__()
        self.config = config or VaryConfig()
        self.store = store or default_store()
        self.layout = frame.layout
        self.schema = (schema or _schema_of(frame, self.store)).snapshot()
        self.teacher = resolve(teacher)
        self.checker = self.teacher if self.config.checker is None else resolve(self.config.checker)
        self.config.check_fields(self.schema)
        options = self.config
        self._origins = origins_in(frame, self.schema, options.splits, options.seed)
        self.wanted = wanted(
            self._origins,
            self.schema,
            options.kind,
            along=options.along,
            n=options.n,
            below=options.below,
            seed=options.seed,
        )[: options.limit]
        if not self.wanted:
            raise ReasonbookError(
                "There is nothing to vary: every combination has enough rows.", f"below={options.below + 10}"
            )
        self._frame = frame
        self._clear()

    def _clear(self) -> None:
        self._making = Making(
            self._frame,
            self.schema,
            self.teacher,
            self.checker,
            self.config,
            self.store,
            origins=self._origins,
            stopping=lambda: self.stopping,
        )
        self._made: tuple[int, DataFrame] | None = None

    # -- look --------------------------------------------------------------------------------------------
    @property
    def kept(self) -> list[Kept]:
        """Those that are proven, so far."""
        return self._making.kept

    @property
    def frame(self) -> DataFrame:
        """The kept variations as rows: the columns of the origin's layout, reasoning, ``split``, and two of their own.

        ``origin`` is the key of the row that each comes from, ``variation`` says what was changed.
        ``pd.concat([df, more.frame])`` puts them beside their origins.

        Raises:
            TeacherError: the job is over, and none was kept.
        """
        if not self.kept and self.status.final:
            raise self._nothing()
        if self._made is None or self._made[0] != len(self.kept):
            columns = dict.fromkeys(str(name) for name in self.layout.columns.values())
            own = ("reasoning", "reasoning_status", "reasoning_error", "split", "origin", "variation")
            rows = [self._row(one) for one in list(self.kept)]
            made = object_frame(rows, [*(name for name in columns if name not in own), *own])
            if not self.layout.guessed:
                name_layout(made, replace(self.layout, account=None, reasoning=None))
            self._made = len(rows), made
        return self._made[1]

    @property
    def dropped(self) -> DataFrame:
        """What was not kept: the origin's position, what was wanted, the reason, what was seen, the new request."""
        columns = ("row", "variation", "reason", "detail", "request")
        rows: list[dict[str, Any]] = []
        for one in list(self._making.dropped):
            wanted = one.wanted
            seen = (wanted.origin.position, wanted.change, one.reason, one.detail, one.request)
            rows.append(dict(zip(columns, seen, strict=True)))
        return object_frame(rows, columns)

    @property
    def reasons(self) -> dict[str, int]:
        """How many were not kept, by reason."""
        counted = Counter(one.reason for one in list(self._making.dropped))
        return {reason: counted[reason] for reason in REASONS if counted[reason]}

    @property
    def settled(self) -> int:
        """How many are kept or dropped."""
        return len(self.kept) + len(self._making.dropped)

    @property
    def cost(self) -> float | None:
        """Dollars so far; None when nobody knows the price."""
        return self._making.spent if self._making.priced else None

    @property
    def how_far(self) -> str:
        """How many are settled, and how many of these are kept."""
        money = f", ${self.cost:.4f}" if self.cost else ""
        return f"variations: {self.settled} of {self._aim} made, {len(self.kept)} kept{money}"

    def show(self, number: int = 0) -> Html:
        """One kept variation beside its origin, changed words tinted.

        Args:
            number: which one, from 0.

        Example:
            >>> _ = df.reason.split()
            >>> def greet(request, change): return "Good day. " + request
            >>> more = df.reason.vary(schema, teacher=greet, checker=rb.examples.refund_rules, limit=20).wait()
            >>> "<ins" in more.show(0)
            True
        """
        if not -len(self.kept) <= number < len(self.kept):
            raise ReasonbookError(
                f"{len(self.kept)} variations are kept; there is no {number}.", "more.show(0)"
            )
        one = self.kept[number]
        origin = one.wanted.origin
        lines = [("request", marked_diff(origin.request, one.request))]
        lines += [
            (name, marked_diff(origin.reasoning.get(name), value))
            for name, value in one.reasoning.items()
            if not says_the_same(origin.reasoning.get(name), value)
        ]
        if one.response is not None:
            lines.append(("response", marked_diff(origin.conversation.response, one.response)))
        return Html(
            card(
                f"Variation of row {origin.position}",
                {"variation": one.wanted.change, "split": origin.split},
                body=table(("", "origin → variation"), lines),
            )
        )

    def go_on(self) -> Variations:
        """All that was wanted, after a pilot; what that has paid for costs nothing."""
        self.config = replace(self.config, pilot=0)
        return self.start()

    # -- work --------------------------------------------------------------------------------------------
    def _work(self) -> Status:
        self._clear()
        at = 0
        while at < self._aim and not self.stopping and not self._making.over:
            size = min(self._next_size(), self._aim - at)
            self._making.several(self.wanted[at : at + size])
            at += size
            self.stream.emit(
                "progress", settled=self.settled, kept=len(self.kept), of=self._aim, cost=self.cost
            )
        if self.stopping:
            return Status.CANCELLED
        if not self.kept and self.settled:
            raise self._nothing()
        return Status.COMPLETED if self.settled == self._aim else Status.PARTIAL

    @property
    def _aim(self) -> int:
        return min(self.config.pilot, len(self.wanted)) if self.config.pilot else len(self.wanted)

    def _next_size(self) -> int:
        """How many are made next: as many as what one has cost allows, where there is a budget."""
        if not self.settled:
            return self.config.pilot or _FIRST
        left, each = self._making.left, self._making.spent / self.settled
        return _AT_A_TIME if left is None or not each else max(1, min(_AT_A_TIME, int(left / each)))

    def _row(self, one: Kept) -> dict[str, Any]:
        origin = one.wanted.origin
        cells = varied_cells(
            self.layout,
            origin.given,
            origin.conversation,
            one.request,
            one.response if one.wanted.flipped is not None else None,
        )
        names = self.layout.columns
        return {
            **{str(names[role]): cell for role, cell in cells.items()},
            "reasoning": dict(one.reasoning),
            "reasoning_status": "ok",
            "split": origin.split,
            "origin": origin.key,
            "variation": one.wanted.change,
        }

    def _nothing(self) -> TeacherError:
        told = ", ".join(f"{count} x {reason}" for reason, count in self.reasons.items())
        return TeacherError(f"None of {self.settled} variations was kept: {told}.", "more.dropped")

    # -- shown -------------------------------------------------------------------------------------------
    @property
    def words(self) -> str:
        """The keep rate and what a kept row costs, in a sentence."""
        said = f"{len(self.kept)} of {self.settled} kept"
        if self.cost and self.kept:
            said += f" → ${self.cost / len(self.kept):.3g} per kept row"
            rest = len(self.wanted) - self.settled
            if rest:
                said += f"; the other {rest} would cost about ${rest * self.cost / self.settled:.2f}"
        return said

    def __repr__(self) -> str:
        return f"Variations({self.status}, {self.config.kind}, {self.words})"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {
            "status": self.status,
            "made": f"{self.settled} of {self._aim}",
            "kept": len(self.kept),
        }
        if self.cost:
            facts["cost"] = f"${self.cost:.4f}"
        notes = [f"{self.words}."]
        if self._making.over:
            notes.append(
                f"The budget of ${self.config.budget or 0:g} is used up; the same line goes on from here."
            )
        details = [
            (count, reason, clip(next(d.detail for d in self._making.dropped if d.reason == reason), 120))
            for reason, count in self.reasons.items()
        ]
        body = table(("dropped", "why", "for example"), details) if details else ""
        if self.kept:
            body += self.show(0)
        verb = "pd.concat([df, more.frame])   ·   more.show(0)"
        if self.running:
            verb = "more.wait()   ·   more.stop()"
        elif self._aim < len(self.wanted):
            verb = f"more.go_on()   # all {len(self.wanted)}"
        elif not self.kept:
            verb = "more.dropped"
        return card(
            f"Variations by {self.teacher.name}: {self.config.kind}",
            facts,
            notes=notes,
            body=body,
            next_verb=verb,
        )


def _schema_of(frame: Frame, store: Store) -> Schema:
    """The newest schema on record whose fields are those of the rows.

    Raises:
        SchemaError: there is none, or no reasoning.
    """
    names = next((set(found) for cell in frame.column("reasoning") if (found := last_of(cell))), None)
    if names is None:
        raise SchemaError(
            "These rows have no reasoning yet by which a variation could be proven.",
            "df.reason.augment(schema, teacher=…)",
        )
    for origin in reversed(RecordedOrigins(store).all):
        try:
            schema = Schema.from_dict(origin.schema or {})
        except (ReasonbookError, KeyError, TypeError):
            continue
        if set(schema.names) == names:
            return schema
    raise SchemaError("The schema of these rows is not known.", "df.reason.vary(schema, teacher=…)")
