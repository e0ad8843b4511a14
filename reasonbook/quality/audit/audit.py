"""Audit: rows cross-examined by answering them blind; what came of it, whoever answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ...data.frame import Frame
from ...decisions import Decisions
from ...errors import ReasonbookError, choices
from ...html_card import card, clip, details, table
from ...job import Job, Status
from ...options import checked
from ...store import Store
from ...training.evaluation.statistics import Interval, share
from .nats import MEANINGS as BY_NATS
from .records import AuditRecord, RowAudit, read, same, write
from .verdicts import (
    LEAKS,
    MEANINGS,
    MISLEADS,
    OPEN,
    SUSPECT,
    answer_field,
    derived_by,
    early,
    leaks,
    stating_fields,
)

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

    from ...training.answering.scoring import Score
    from .rows import AuditedRow

_MEANINGS = {**MEANINGS, **BY_NATS, LEAKS: "known before the field that derives the answer"}
_SHOWN = 8  # rows of a verdict that the card unfolds


class Audit(Job):
    """An audit of a frame's rows: running, finished, or read back from the store.

    It tags and sorts, and never takes a row away: `rows` gives positions, the review has its flags.

    Args:
        frame: the frame.
        store: where its rows' decisions stand, and what it finds is put on record.
        record: what is known of it so far.

    Example:
        >>> audit = df.reason.quality().audit(checker=rb.examples.refund_checker).wait()
        >>> audit.counts
        {'not needed': 40}
    """

    def __init__(self, frame: Frame, store: Store, record: AuditRecord) -> None:
        super().__init__()
        self.frame, self.store, self.record = frame, store, record
        self.decisions = Decisions(store)
        if record.status:
            self._status = Status(record.status)

    # -- look --------------------------------------------------------------------------------------------
    @property
    def findings(self) -> Sequence[RowAudit]:
        """What was found, a row each, in the order in which they were asked."""
        return self.record.findings

    @property
    def cost(self) -> float | None:
        """Dollars; None when nobody knows the price."""
        return self.record.cost

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have which verdict, what should be looked at first at the top; then those that leak early."""
        found = Counter(finding.verdict for finding in self.findings)
        early = sum(finding.leaks for finding in self.findings)
        counts = {verdict: found[verdict] for verdict in _MEANINGS if found[verdict]}
        return counts | ({LEAKS: early} if early else {})

    @checked(ReasonbookError, 'audit.rows("misleads")')
    def rows(self, verdict: str) -> list[int]:
        """Positions of the rows with a verdict, as the frame stands now; ``leaks early`` is one too.

        Example:
            >>> df.reason.quality().audit(checker=rb.examples.refund_checker).wait().rows("misleads")
            []
        """
        if verdict not in _MEANINGS:
            raise ReasonbookError(f"There is no verdict {verdict!r}.", choices(verdict, _MEANINGS))
        found = [f for f in self.findings if f.verdict == verdict or (verdict == LEAKS and f.leaks)]
        return sorted(self._places[f.row] for f in found if f.row in self._places)

    def to_frame(self) -> pd.DataFrame:
        """A row per audited row: position, verdict, what was answered, and after how many fields it is known."""
        import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

        said = {name for finding in self.findings for name in finding.answers}
        lines = [
            {
                "position": self._places.get(finding.row),
                "verdict": finding.verdict,
                **{name: finding.answers.get(name) for name in self.record.ask if name in said},
                **{f"nats {name}": value for name, value in finding.nats.items()},
                "known after": finding.known,
                "derived by": finding.derived,
                "leaks": finding.leaks,
            }
            for finding in self.findings
        ]
        return pd.DataFrame(lines)

    @property
    def accuracy(self) -> Interval | None:
        """How many of the rows that a person accepted as they stood the checker answers right, from the request alone.

        With its 95 % interval; None where none of them was accepted, or a student was the meter.
        """
        decisions = [
            (found, self.decisions.of(found.row)) for found in self.findings if "without" in found.right
        ]
        graded = [
            float(found.right["without"])
            for found, decision in decisions
            if decision.verdict == "accepted" and decision.response is None
        ]
        return share(graded) if graded else None

    @property
    def notes(self) -> list[str]:
        """What a person should know: how far to trust the checker, and what became of the rows it pointed at."""
        self.decisions.refresh()
        return [
            *self.record.notes,
            *self._trust(),
            *filter(None, map(self._calibrated, (MISLEADS, SUSPECT))),
            *self._strip(),
        ]

    # -- inside ------------------------------------------------------------------------------------------
    def _work(self) -> Status:
        raise ReasonbookError(
            "This audit was read back from the store.",
            'df.reason.quality().audit(checker="openai:MODEL")   # asks only what is new',
        )

    def _leaks(
        self,
        rows: Sequence[AuditedRow],
        all_rows: Sequence[AuditedRow],
        rule: Score,
        known: Mapping[int, int | None],
    ) -> Iterator[RowAudit]:
        """Where the answer to each row becomes known, and whether that is too early; no verdict yet.

        Args:
            rows: that were asked.
            all_rows: from which it is learnt which field works the answer out.
            rule: by which a field's value is held against the response.
            known: position → after how many fields the answer is known.
        """
        stating = stating_fields(all_rows, rule)
        deriving, before = answer_field(stating), early(known.values())
        for row in rows:
            at, derived = known[row.position], derived_by(row, deriving)
            stated = bool(at) and row.fields[at - 1] in stating[row.position]
            yield RowAudit(
                row=row.root,
                print=row.print,
                verdict=OPEN,
                fields=row.fields,
                known=at,
                derived=derived,
                leaks=leaks(at, derived, stated=stated, before=before),
                checker=self.record.checker,
            )

    def _keep(self, **found: object) -> None:
        """Puts on record what has been found; the same once more adds nothing."""
        self.record = replace(self.record, **found)
        if not any(same(self.record, one) for one in read(self.store)):
            write(self.store, self.record)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {root: i for i, root in enumerate(self.decisions.roots_of(self.frame.fresh_keys))}

    def _trust(self) -> list[str]:
        if not any(f.right for f in self.findings):
            return []
        accuracy = self.accuracy
        if accuracy is None:
            return [
                "None of these rows was accepted yet, so nothing says how far to trust the checker: df.reason.review()"
            ]
        return [f"It answers {_percent(accuracy)} of your accepted rows right, from the request alone."]

    def _calibrated(self, verdict: str) -> str:
        """Of the rows with a verdict that a person decided, how many were rejected or edited."""
        decisions = [self.decisions.of(found.row) for found in self.findings if found.verdict == verdict]
        edited = [d.reasoning is not None or d.response is not None for d in decisions]
        changed = [
            float(was or d.verdict == "rejected")
            for d, was in zip(decisions, edited, strict=True)
            if was or d.verdict is not None
        ]
        if not changed:
            return ""
        return (
            f"Rows called “{verdict}” that you have decided: {len(changed)}, of which {round(sum(changed))} were "
            f"rejected or edited: {_percent(share(changed))}."
        )

    def _strip(self) -> list[str]:
        """Where the answer becomes known, over all rows."""
        asked = [f for f in self.findings if f.known is not None]
        if "fields" not in self.record.ask or not asked:
            return []
        at = Counter(
            "from the request alone" if not f.known else f"after “{f.fields[f.known - 1]}”" for f in asked
        )
        places = ", ".join(f"{count} {place}" for place, count in at.most_common(4))
        derived = next((f.fields[f.derived - 1] for f in asked if f.derived), None)
        by = (
            f"“{derived}” works the answer out. "
            if derived
            else "No field was found that works the answer out. "
        )
        return [f"{by}It is known in {places}."]

    # -- shown -------------------------------------------------------------------------------------------
    @property
    def how_far(self) -> str:
        """Whose audit, and how far it is."""
        return f"the audit by {self.record.checker}: {str(self.status).lower()}"

    def __repr__(self) -> str:
        counts = ", ".join(f"{verdict}={count}" for verdict, count in self.counts.items())
        return f"Audit({self.status}, checker={self.record.checker!r}{', ' if counts else ''}{counts})"

    def _facts(self) -> dict[str, object]:
        record = self.record
        facts: dict[str, object] = {"status": self.status, "rows": len(self.findings)}
        facts |= {"compared by": record.measure} | ({"calls": record.calls} if record.calls else {})
        return facts | ({"cost": f"${self.cost:.4f}"} if self.cost else {})

    def _next(self) -> str:
        if self.status is Status.CREATED:
            return "audit.start()"
        if self.running:
            return "audit.wait()   ·   audit.stop()"
        first = next((flag for flag in (MISLEADS, SUSPECT, LEAKS) if flag in self.counts), None)
        return f'audit.rows("{first}")   ·   df.reason.review()' if first else "df.reason.review()"

    def _repr_html_(self) -> str:
        total = len(self.findings)
        lines = [
            (verdict, count, _percent(share([1.0] * count + [0.0] * (total - count))), _MEANINGS[verdict])
            for verdict, count in self.counts.items()
        ]
        body = table(("verdict", "rows", "95 %", "in words"), lines) if lines else ""
        for verdict in (MISLEADS, SUSPECT):
            rows = [
                (
                    self._places.get(found.row),
                    *(clip(found.answers.get(c, ""), 80) for c in ("without", "with")),
                )
                for found in self.findings
                if found.verdict == verdict
            ][:_SHOWN]
            body += details(f"{verdict}: first rows", table(("row", "without", "with"), rows)) if rows else ""
        return card(
            f"Audit by {self.record.checker}",
            self._facts(),
            notes=self.notes,
            body=body,
            next_verb=self._next(),
        )


def _percent(value: Interval) -> str:
    return f"{value.value:.0%} ({100 * value.low:.0f}–{100 * value.high:.0f})"
