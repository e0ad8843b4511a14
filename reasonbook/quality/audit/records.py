"""Records: what audits have found of each row, kept in the store, for a review and a new kernel."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ...data.conversation import Conversation
from ...events import Event
from ...store import Store
from .rows import print_of, reasoning_of
from .verdicts import HURTS, LEAKS, MISLEADS, SUSPECT

SUBJECT = "audit"
FLAGS = {MISLEADS: MISLEADS, HURTS: MISLEADS, SUSPECT: SUSPECT}  # verdict → what a review flags
AUDIT_FLAGS = (*dict.fromkeys(FLAGS.values()), LEAKS)
_CHUNK = 500  # rows in one event


@dataclass(frozen=True)
class RowAudit:
    """What an audit has found of one row.

    Attributes:
        row: the row's name in the journal.
        print: of the text that was looked at; see `rows.print_of`.
        verdict: in words; see `verdicts.MEANINGS` and `nats.MEANINGS`.
        fields: the fields of its reasoning that have a value, in order.
        answers: condition → what the checker answered; ``without``, ``with``, ``only``, or a number of fields.
        right: condition → whether that is the response.
        nats: condition → nats of the response by a student; empty where a teacher was asked.
        known: after how many fields the answer is known; None where it is not, or was not asked.
        derived: after how many it is worked out; None where no field does.
        leaks: whether it is known too early.
        checker: who answered.
    """

    row: str
    print: str
    verdict: str
    fields: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict[str, str])
    right: Mapping[str, bool] = field(default_factory=dict[str, bool])
    nats: Mapping[str, float] = field(default_factory=dict[str, float])
    known: int | None = None
    derived: int | None = None
    leaks: bool = False
    checker: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What a review flags of it."""
        found = [FLAGS[self.verdict]] if self.verdict in FLAGS else []
        return (*found, LEAKS) if self.leaks else tuple(found)


@dataclass(frozen=True)
class AuditRecord:
    """One audit on record.

    Attributes:
        id: sorts by time.
        checker: who answered.
        measure: how answers were compared.
        ask: the conditions, ``fields`` among them where the strip was asked for.
        seed: of the sample.
        first: ``spread`` or ``flagged``.
        form: how the checker was told that answers look.
        notes: sentences for its card.
        at: when it began, in seconds since the epoch.
        status: how it ended; "" where nobody heard.
        cost: dollars; None when nobody knows.
        calls: that were made for it, those from the store left out.
        findings: one per row.
    """

    id: str
    checker: str
    measure: str
    ask: tuple[str, ...]
    seed: int = 0
    first: str = "spread"
    form: str = ""
    notes: tuple[str, ...] = ()
    at: float = 0.0
    status: str = ""
    cost: float | None = None
    calls: int = 0
    findings: tuple[RowAudit, ...] = ()


def new_id() -> str:
    """Sorts by time; two in the same second differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"


def same(one: AuditRecord, other: AuditRecord) -> bool:
    """Whether two audits asked the same and found the same."""
    return replace(one, id="", at=0.0, status="", cost=None, calls=0) == replace(
        other, id="", at=0.0, status="", cost=None, calls=0
    )


def write(store: Store, record: AuditRecord) -> None:
    """Puts an audit on record, with all that it has found."""
    told = {name: value for name, value in asdict(record).items() if name not in ("findings", "at")}
    found = record.findings
    events = [
        Event("found", {"audit": record.id, "rows": [asdict(one) for one in found[i : i + _CHUNK]]})
        for i in range(0, len(found), _CHUNK)
    ]
    store.append(SUBJECT, [Event("audited", told, record.at), *events])


def read(store: Store) -> list[AuditRecord]:
    """Every audit on record, oldest first; an event that cannot be read is passed over."""
    audits: dict[str, AuditRecord] = {}
    for event in store.events(SUBJECT):
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            data = event.data
            if event.kind == "audited":
                known = {part.name for part in fields(AuditRecord)}
                told = {name: value for name, value in data.items() if name in known}
                told |= {"ask": tuple(data["ask"]), "notes": tuple(data["notes"]), "at": event.at}
                audits[data["id"]] = AuditRecord(**told)
            elif event.kind == "found":
                audit = audits[data["audit"]]
                rows = tuple(_row_audit(row, audit.checker) for row in data["rows"])
                audits[audit.id] = replace(audit, findings=audit.findings + rows)
    return list(audits.values())


def about(records: Iterable[AuditRecord], roots: Sequence[str]) -> list[AuditRecord]:
    """Those of them that looked at rows of a frame, by the names of its rows."""
    known = set(roots)
    return [one for one in records if any(finding.row in known for finding in one.findings)]


class RowAudits:
    """What audits have found of every row, by its name in the journal."""

    def __init__(self, store: Store) -> None:
        self._found: dict[str, list[RowAudit]] = {}
        for record in read(store):
            for finding in record.findings:
                self._found.setdefault(finding.row, []).insert(0, finding)

    @property
    def rows(self) -> Collection[str]:
        """The rows that were looked at, by name."""
        return self._found.keys()

    def of(self, row: str, conversation: Conversation, cell: object, response: str | None) -> list[RowAudit]:
        """What was found of a row as it stands now, the newest first, once for each checker.

        Args:
            row: its name in the journal.
            conversation: its messages.
            cell: its reasoning, as the column has it.
            response: its response.
        """
        if row not in self._found:
            return []
        text = print_of(conversation, reasoning_of(cell, conversation), response)
        newest: dict[str, RowAudit] = {}
        for found in self._found[row]:
            if found.print == text:
                newest.setdefault(found.checker, found)
        return list(newest.values())


def flags_of(found: Iterable[RowAudit]) -> tuple[str, ...]:
    """What a review flags of what was found of one row."""
    return tuple(dict.fromkeys(flag for one in found for flag in one.flags))


def _row_audit(plain: Mapping[str, Any], checker: str) -> RowAudit:
    known = {part.name for part in fields(RowAudit)}
    told = {name: value for name, value in plain.items() if name in known}
    told |= {"fields": tuple(plain["fields"]), "checker": checker}
    return RowAudit(**told)
