"""Open audit: the audit that a checker asks for, and those that are on record."""

from __future__ import annotations

from collections.abc import Collection

from ...data.frame import Frame
from ...decisions import Decisions
from ...errors import TeacherError
from ...store import Store
from ...training.answering.scoring import ScoreLike
from ..checks import Checks, cells_of
from .audit import Audit
from .blind import BlindAudit
from .config import AuditConfig
from .records import AUDIT_FLAGS, RowAudits, about, flags_of, read
from .student import StudentAudit, student_of


def open_audit(
    frame: Frame,
    store: Store,
    checker: object,
    config: AuditConfig,
    *,
    rows: int,
    score: ScoreLike,
    flagged: Collection[int],
) -> Audit:
    """An audit by a teacher or by a student, not started yet."""
    if rows < 1:
        raise TeacherError(f"{rows} rows cannot be audited.", "rows=200")
    student = student_of(checker, frame, store)
    if student is not None:
        return StudentAudit(frame, store, student, config, rows=rows, flagged=flagged)
    return BlindAudit(frame, store, checker, config, rows=rows, score=score, flagged=flagged)


def audits_of(frame: Frame, store: Store) -> list[Audit]:
    """The audits on record that looked at rows of a frame, oldest first."""
    roots = Decisions(store).roots_of(frame.fresh_keys)
    return [Audit(frame, store, record) for record in about(read(store), roots)]


def note_audits(checks: Checks, frame: Frame, store: Store) -> None:
    """Adds to the checks of a frame's rows what audits have found of them as they stand now."""
    audits = RowAudits(store)
    if not audits.rows:
        return
    roots, cells = Decisions(store).roots_of(frame.fresh_keys), cells_of(frame)
    places = [i for i, root in enumerate(roots) if root in audits.rows]
    for i, row in zip(places, frame.layout.read(frame.df, places), strict=True):
        checks.note(i, flags_of(audits.of(roots[i], row, cells[i], row.response)), among=AUDIT_FLAGS)
