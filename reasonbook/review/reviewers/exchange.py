"""Exchange: rows shared out among reviewers, and acts that go from one journal to another as a file."""

from __future__ import annotations

import contextlib
import math
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ...data.conversation import is_mapping
from ...decisions import reviewer
from ...decisions.acts import UnusableEventError, author_of
from ...decisions.assignment import ASSIGN, drawn
from ...decisions.author import named
from ...decisions.travel import KINDS, header, is_header, line, name_of, read, rows_of
from ...errors import ReviewError
from ...events import Event
from ...html_card import clip
from ..samples import ReviewedRows

_SAID = 3  # lines set aside that are said one by one


def assigned(rows: ReviewedRows, shares: Mapping[str, float], seed: int) -> list[str]:
    """Shares rows out by an event in the journal; returns what a person should know of it.

    Raises:
        ReviewError: a name or a share cannot be one.
    """
    example = 'review.assign({"ana": 0.6, "ben": 0.6})'
    if not shares:
        raise ReviewError("Nobody is named to look at the rows.", example)
    for name, share in shares.items():
        if not named(name):
            raise ReviewError(f"{name!r:.60} cannot be a reviewer's name.", example)
        if type(share) not in (int, float) or not 0 < share <= 1:  # what was typed may be anything
            raise ReviewError(
                f"{name}'s share is a part of the rows, from 0 to 1, not {share!r:.40}.", example
            )
    those = drawn(rows.roots, shares, seed)
    rows.decisions.assign(those, shares=dict(shares), seed=seed)
    times = Counter(Counter(root for given in those.values() for root in given).values())
    free = len(rows) - sum(times.values())
    told = f"{free} rows are assigned to nobody: the shares come to {math.fsum(shares.values()):g}."
    return [told] if free else []


def sent(rows: ReviewedRows, path: Path) -> str:
    """Writes one's own acts on these rows to a file; returns what was written, in words.

    Raises:
        ReviewError: nobody is named, there is no act, or the file cannot be written.
    """
    who = reviewer()
    if not who:
        raise ReviewError(
            "Nobody is named, so nobody's acts could be told from others'.", 'rb.reviewer("ana")'
        )
    here, mine = set(rows.roots), set[str]()
    chosen: list[tuple[str, Event]] = []
    for clock, event in rows.decisions.acts():
        if event.kind not in KINDS or not is_mapping(event.data) or author_of(event) != who:
            continue
        about = any(root in here for root in rows_of(event)) or event.data.get("id") in mine
        if about or event.kind == ASSIGN:
            mine.add(str(event.data.get("id")))
            chosen.append((line(clock, event), event))
    if not chosen:
        raise ReviewError(
            f"{who} has taken no act on these rows; what was decided before anyone was named stays here.",
            "review.accept(0)",
        )
    text = "\n".join([header(event for _, event in chosen), *(one for one, _ in chosen)]) + "\n"
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ReviewError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.", f'review.send("{who}.jsonl")'
        ) from error
    return f"{path.name}: {_acts(len(chosen))} of {who} on {len({r for _, e in chosen for r in rows_of(e)})} rows."


def merged(rows: ReviewedRows, path: Path) -> list[str]:
    """Takes in the acts of a file that the journal does not have; returns what came of it, in words.

    Raises:
        ReviewError: it cannot be read, is no file of acts, or is about other rows.
    """
    example = 'review.merge("ana.jsonl")'
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ReviewError(f"{str(path)!r} cannot be read: {error.strerror or error}.", example) from error
    events: list[Event] = []
    aside: list[str] = []
    headed = False
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            text = raw.decode("utf-8-sig")
            if not headed and not events and is_header(text):
                headed = True
                continue
            events.append(read(text))
        except UnicodeDecodeError:
            aside.append(f"line {number}: it is no text in UTF-8")
        except UnusableEventError as why:
            aside.append(f"line {number}: {why}")
    if not events and not headed:
        raise ReviewError(
            f"{path.name} holds no acts of a review.", f'review.send("{path.name}")   writes such a file'
        )
    about = {root for event in events for root in rows_of(event)}
    other = {name for event in events for name in event.data.get("aliases") or ()}
    known = about & set(rows.roots) or other & set(rows.names)
    if about and not known:
        raise ReviewError(
            f"{path.name} is about other data: none of its {len(about)} rows is in this frame. Nothing was taken in.",
            example,
        )
    have = {name_of(event) for _, event in rows.decisions.acts()}
    fresh = {name_of(event): event for event in events if name_of(event) not in have}
    if fresh:
        rows.decisions.merge(fresh.values())
    by = ", ".join(sorted({author_of(event) for event in fresh.values()}))
    told = f"{_acts(len(fresh))} of {by} came in" if fresh else "nothing new"
    old = len(events) - len(fresh)
    told += f"; {'its ' if not fresh else ''}{_acts(old)} {'is' if old == 1 else 'are'} known" if old else ""
    if about and (missing := len(about) - len(about & set(rows.roots))):
        told += f"; {missing} of {len(about)} rows are not in this frame"
    notes = [f"{path.name}: {told}."]
    notes += [f"Set aside, {path.name}, {clip(why, 200)}." for why in aside[:_SAID]]
    if len(aside) > _SAID:
        notes.append(f"And {len(aside) - _SAID} more lines of {path.name}.")
    return notes


def _acts(count: int) -> str:
    return f"{count} act{'' if count == 1 else 's'}"
