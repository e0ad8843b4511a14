"""Quality: the rows of a frame, cross-examined; it tags and sorts, and never takes a row away."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..cases import Cases
from ..data.frame import Frame
from ..data.typed_pandas import Series, series_of
from ..decisions import Decision, Decisions
from ..errors import ReasonbookError, ReviewError, TeacherError
from ..html_card import card, table
from ..options import checked
from ..schema import Schema
from ..store import Store, default_store
from ..training.answering.scoring import ScoreLike
from .audit import Audit, AuditConfig
from .audit.open_audit import audits_of, note_audits, open_audit
from .calibration import Calibration, as_it_was, calibrated
from .checks import Checks, Finding, Flags, WholeRow, cells_of, checked_row
from .coverage import Coverage, coverage_of
from .known_schemas import KnownSchemas
from .row_groups import RowGroups
from .same_cases import Conflicting, SameCases


class Quality:
    """What looks wrong with the rows of a frame as they stand now.

    Args:
        frame: the frame.
        store: what is on record about its rows; the default one when None.
        schema: the schema that filled it, where it is known.

    Example:
        >>> df.reason.quality()
        Quality(rows=40, flagged=0)
    """

    def __init__(self, frame: Frame, store: Store | None = None, *, schema: Schema | None = None) -> None:
        self.frame = frame
        self.store = store or default_store()
        self.schema = schema

    @cached_property
    def checks(self) -> Checks:
        """The free checks of all rows, with what audits have found of them."""
        cells = cells_of(self.frame)
        read = self.frame.layout.read(self.frame.df)
        rows = (checked_row(row, cells[i], row.response) for i, row in enumerate(read))
        schemas = KnownSchemas(self.store, self.schema)
        checks = Checks(rows, schemas.fitting, also={"conflict": self._conflicting.mask})
        note_audits(checks, self.frame, self.store)
        return checks

    @property
    def cases(self) -> Cases:
        """Which rows are one case, by the facts that their reasoning states; its card says what counts."""
        return self._same.cases

    @property
    def copies(self) -> RowGroups:
        """Rows in near-same words with the same facts and the same answer; ``.rows`` are all but the first of each.

        Example:
            >>> quality, review = df.reason.quality(), df.reason.review()
            >>> review.tag(quality.copies.rows, "copy").tags
            {}
        """
        return self._same.copies

    @property
    def conflicts(self) -> RowGroups:
        """Rows of one case with different answers: label noise, first in a review by suspicion.

        Example:
            >>> df.loc[1] = df.loc[0]
            >>> df.loc[1, "response"] = "$1"
            >>> list(df.reason.quality().conflicts)
            [(0, 1)]
        """
        return self._same.conflicts

    @property
    def minimal_pairs(self) -> RowGroups:
        """Pairs in near-same words whose facts differ; they are kept, and worth gold.

        Example:
            >>> df.loc[1] = rb.examples.refunds(1).loc[0]
            >>> df.loc[1, "prompt"] = df.loc[0, "prompt"].replace("$", "$1")
            >>> df.at[1, "reasoning"] = rb.examples.refund_rules(df.loc[1, "prompt"])
            >>> list(df.reason.quality().minimal_pairs)
            [(0, 1)]
        """
        return self._same.minimal_pairs

    @checked(ReasonbookError, 'quality.coverage("Policy", "Decision")')
    def coverage(self, first: str, second: str | None = None) -> Coverage:
        """How many rows there are for each value of a field or column, or for each pair of values of two.

        Args:
            first: a field of the reasoning, or a column, with few values; numbers are put into ranges.
            second: another one.

        Raises:
            ReasonbookError: there is no such field, or it has too many values.

        Example:
            >>> coverage = df.reason.quality().coverage("Decision")
            >>> coverage.counts
            {('refund less fees',): 29, ('full refund',): 9, ('no refund',): 2}
        """
        return coverage_of(self.frame, [first] if second is None else [first, second])

    @cached_property
    def _same(self) -> SameCases:
        return SameCases(self.frame)

    @cached_property
    def _conflicting(self) -> Conflicting:
        return Conflicting(self._same)

    @checked(
        TeacherError, 'df.reason.quality().audit(checker="openai:MODEL")', configs=lambda: (AuditConfig,)
    )
    def audit(
        self,
        checker: object,
        *,
        rows: int = 200,
        score: ScoreLike = "auto",
        budget: float | None = None,
        dry: bool = False,
        **config: Any,
    ) -> Audit:
        """Has a sample of rows answered blind, without their reasoning, with it and with it alone; returns at once.

        The same line again pays for nothing; a row that was edited since is asked anew, alone. Verdicts stand in
        ``counts``, ``rows("misleads")`` and ``to_frame()``, and are flags of the review.

        Args:
            checker: a teacher other than the one that wrote the reasoning, as in ``augment(teacher=…)``. Or a student
                as the meter, whose answers are weighed in nats and cost no call: a run, its id, a model's folder or
                name, or ``"student"`` for the newest run trained on these rows.
            rows: how many at most; a seeded sample, spread over the frame.
            score: how answers are compared with the responses, as in `compare`; ``"auto"`` says what it chose.
            budget: the most that this run may cost, in US dollars.
            dry: makes the audit without starting it; its card is the quote, ``.quote`` the estimate.
            **config: any other part of `AuditConfig`, such as ``fields=True`` for the strip that shows after which
                field the answer is known.

        Raises:
            TeacherError: there is no such checker, or free texts would be compared word for word.
            ReasonbookError: no row has reasoning and a response.

        Example:
            >>> audit = df.reason.quality().audit(checker=rb.examples.refund_checker, rows=10).wait()
            >>> audit.counts, audit.cost
            ({'not needed': 10}, 0.0)
        """
        options = AuditConfig(budget=budget, **config)
        flagged = (
            frozenset(self.checks.flagged("any").nonzero()[0].tolist()) if options.first == "flagged" else ()
        )
        audit = open_audit(self.frame, self.store, checker, options, rows=rows, score=score, flagged=flagged)
        return audit if dry else audit.start()

    def audits(self) -> list[Audit]:
        """The audits of these rows on record, oldest first, also of other kernels; nothing is asked.

        Example:
            >>> len(df.reason.quality().audits())
            0
        """
        return audits_of(self.frame, self.store)

    @property
    def flags(self) -> list[Flags]:
        """What the checks say of every row, by position."""
        return self.checks.flags

    @property
    def flagged(self) -> Series:
        """Which rows any check flags: bool, by the frame's own index.

        Example:
            >>> int(df.reason.quality().flagged.sum())
            0
        """
        return series_of(self.checks.flagged("any"), self.frame.df, "flagged")

    def as_many_at_random(self, seed: int = 0) -> Series:
        """As many rows as are flagged, drawn from all that could be: bool, by the frame's own index.

        The control of "does it pay to train without the flagged rows": fewer rows alone make a difference too.

        Example:
            >>> df.loc[3, "response"] = "$999"
            >>> quality = df.reason.quality()
            >>> len(df[~quality.flagged]), len(df[~quality.as_many_at_random(seed=1)])
            (39, 39)
        """
        flagged = self.checks.flagged("any")  # a conflict is one between rows without reasoning too
        drawn, rows = np.zeros(len(flagged), dtype=bool), np.flatnonzero(self.checks.reasoned | flagged)
        drawn[np.random.default_rng(seed).choice(rows, int(flagged.sum()), replace=False)] = True
        return series_of(drawn, self.frame.df, "at random")

    @property
    def findings(self) -> dict[str, int]:
        """How many rows have each flag, the most frequent first."""
        return self.checks.counts

    def why(self, row: int) -> tuple[Finding, ...]:
        """What the checks see in one row, in words and with its place.

        Args:
            row: its position.

        Example:
            >>> df["reasoning"][0]["Subtotal"] = "2 x 54 = 110"
            >>> [str(finding) for finding in df.reason.quality().why(0)]
            ['sum wrong: 2 x 54 = 108, not 110']
        """
        try:
            at = range(len(self.checks))[operator.index(row)]
        except (IndexError, TypeError):
            raise ReviewError(f"There is no row {row!r:.40}.", "quality.why(0)") from None
        return (*self._conflicting.finding(at), *self.checks.findings(self._row(at)))

    @property
    def checked(self) -> dict[str, str]:
        """What each flag was held against, or why its check is off.

        Example:
            >>> df.reason.quality().checked["contradicted"]
            'Amount states the response (its last number) in 40 of 40 rows'
        """
        return self.checks.checked

    @property
    def calibration(self) -> Calibration:
        """How far to trust each flag, by what people have decided so far.

        An edited row counts with the flags that it had before.

        Example:
            >>> df.reason.quality().calibration
            Calibration(decided=0, wrong=0)
        """
        return calibrated(
            self.checks.bits,
            self._decisions(),
            lambda at, decision: self.checks.bits_of(as_it_was(self._row(at), decision)),
        )

    def __repr__(self) -> str:
        return f"Quality(rows={len(self.checks)}, flagged={int(self.checks.flagged('any').sum())})"

    def _repr_html_(self) -> str:
        trust = self.calibration
        rows = [(flag, n, trust[flag].figures if flag in trust else "–") for flag, n in self.findings.items()]
        found = table(("flag", "rows", "rejected or edited, of those decided"), rows) if rows else ""
        facts = {"rows": len(self.checks), "flagged": int(self.checks.flagged("any").sum())}
        off = [f"{flag}: {words}" for flag, words in self.checked.items() if words.startswith("off")]
        notes = [*off, *([f"{trust['any']}.".capitalize()] if "any" in trust else [])]
        return card("Quality", facts, notes=notes, body=found, next_verb="df.reason.review()")

    def _row(self, at: int) -> WholeRow:
        [read] = self.frame.layout.read(self.frame.df, [at])
        return checked_row(read, cells_of(self.frame)[at], read.response)

    def _decisions(self) -> Mapping[int, Decision]:
        decisions = Decisions(self.store)
        known = decisions.roots
        roots = decisions.roots_of(self.frame.fresh_keys) if known else []
        return {at: decisions.of(root) for at, root in enumerate(roots) if root in known}
