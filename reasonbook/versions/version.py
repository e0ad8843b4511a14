"""Version: a name for what each row of a frame has now, kept in the store."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload
from uuid import uuid4

import numpy as np

from ..data.frame import Frame
from ..data.typed_pandas import DataFrame, new_frame
from ..decisions import Decisions
from ..errors import StoreError
from ..events import Event
from ..html_card import card, table
from ..store import Store, row_print
from .snapshot import Snapshot, snapshot_of_frame

_SUBJECT = "version:"


@dataclass(frozen=True)
class Version:
    """What the rows of a frame had at one time.

    Attributes:
        id: its name in the store.
        name: what somebody called it.
        at: when, in seconds since the epoch.
        rows: how many rows it has.

    Example:
        >>> df.reason.version("before repairs")
        Version('before repairs', rows=40)
    """

    id: str
    name: str
    at: float
    rows: int
    store: Store = field(repr=False)

    @property
    def snapshot(self) -> Snapshot:
        """The rows, read from the store.

        Raises:
            StoreError: it is damaged.
        """
        events = self.store.events(_SUBJECT + self.id, kind="rows")
        chunks = [event.data["data"] for event in events if "data" in event.data]
        try:
            found = Snapshot.of_chunks(self.name, chunks)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"The version {self.name!r} is damaged.", "rb.store.check()") from error
        if len(found) != self.rows:
            raise StoreError(
                f"Of the version {self.name!r} only {len(found)} of {self.rows} rows can be read.",
                "rb.store.check()",
            )
        return found

    def __repr__(self) -> str:
        return f"Version({self.name!r}, rows={self.rows})"

    def _repr_html_(self) -> str:
        facts = {"rows": self.rows, "at": _moment(self.at)}
        return card(f"Version: {self.name}", facts, next_verb=f"rb.diff({self.name!r}, df)")


class Versions(Sequence[Version]):
    """The versions of a frame's rows, oldest first.

    Args:
        versions: with how many of the frame's rows each has.
        others: how many versions of other data the store has.
    """

    def __init__(self, versions: Sequence[tuple[Version, int]], others: int) -> None:
        self._versions, self.others = tuple(versions), others

    def __len__(self) -> int:
        return len(self._versions)

    @overload
    def __getitem__(self, number: int) -> Version: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Version]: ...
    def __getitem__(self, number: int | slice) -> Version | Sequence[Version]:
        versions = [version for version, _ in self._versions]
        return versions[number]

    def __iter__(self) -> Iterator[Version]:
        return (version for version, _ in self._versions)

    def to_frame(self) -> DataFrame:
        """One line a version: name, time, rows, and how many of them the frame has."""
        return new_frame(
            [
                {"name": v.name, "at": _moment(v.at), "rows": v.rows, "in this frame": common}
                for v, common in self._versions
            ]
        )

    def __repr__(self) -> str:
        return f"Versions({', '.join(repr(version.name) for version in self)})"

    def _repr_html_(self) -> str:
        lines = [(v.name, _moment(v.at), v.rows, common) for v, common in self._versions]
        body = table(("version", "at", "rows", "in this frame"), lines) if lines else ""
        notes = [f"The store has {self.others} versions of other data."] if self.others else []
        verb = f"rb.diff({self[-1].name!r}, df)" if lines else 'df.reason.version("before repairs")'
        return card("Versions of these rows", {"versions": len(self)}, notes=notes, body=body, next_verb=verb)


def keep_version(frame: Frame, store: Store, name: str) -> Version:
    """Keeps what the rows of a frame have now.

    Raises:
        StoreError: it has no name, or the store cannot be written.
    """
    name = name.strip()
    if not name:
        raise StoreError("A version needs a name.", 'df.reason.version("before repairs")')
    found = snapshot_of_frame(frame, Decisions(store), name)
    prints = base64.b64encode(b"".join(map(row_print, found.roots))).decode()
    id, at = uuid4().hex[:12], time.time()
    events = [Event("version", {"name": name, "rows": len(found), "prints": prints}, at)]
    store.append(_SUBJECT + id, [*events, *(Event("rows", {"data": chunk}, at) for chunk in found.chunks())])
    return Version(id, name, at, len(found), store)


def versions_of(frame: Frame, store: Store) -> Versions:
    """The versions that have rows of a frame, oldest first."""
    mine = np.frombuffer(
        b"".join(map(row_print, Decisions(store).roots_of(frame.fresh_keys))), dtype=np.uint64
    )
    found: list[tuple[Version, int]] = []
    others = 0
    for version, prints in recorded(store):
        common = int(np.isin(np.frombuffer(base64.b64decode(prints), dtype=np.uint64), mine).sum())
        if common:
            found.append((version, common))
        others += not common
    return Versions(found, others)


def recorded(store: Store) -> Iterator[tuple[Version, str]]:
    """Every version of a store with the prints of its rows, oldest first."""
    for subject in store.subjects(_SUBJECT):
        for event in store.events(subject, kind="version"):
            told = event.data
            if "prints" in told:
                version = Version(subject.removeprefix(_SUBJECT), told["name"], event.at, told["rows"], store)
                yield version, told["prints"]


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
