"""HTML card: the small static picture with which every object shows itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from operator import methodcaller
from typing import Any

_BOX = (
    "border:1px solid rgba(128,128,128,.35);border-radius:8px;padding:10px 14px;margin:4px 0;"
    "max-width:760px;font:13px/1.45 system-ui,sans-serif"
)
_DIM = "opacity:.65"
_WORD = re.compile(r"\s+|\w+|[^\w\s]")
# A notebook sets the formulas that it finds in HTML: two prices in dollars are none.
_CLASSES = "rb-card mathjax_ignore tex2jax_ignore"


def card(
    title: str,
    facts: Mapping[str, Any] | None = None,
    *,
    next_verb: str = "",
    notes: Sequence[str] = (),
    body: str = "",
) -> str:
    """A card: what the thing is, a few figures, what to type next.

    Everything but ``body`` is escaped here; ``body`` is HTML that the caller has escaped already.
    """
    parts = [f'<div class="{_CLASSES}" style="{_BOX}"><div><b>{escape(title)}</b></div>']
    if facts:
        cells = "".join(
            f'<span style="margin-right:18px"><span style="{_DIM}">{escape(name)}</span> '
            f"<b>{escape(_show(value))}</b></span>"
            for name, value in facts.items()
        )
        parts.append(f'<div style="margin-top:4px">{cells}</div>')
    parts.extend(f'<div style="margin-top:4px">{escape(note)}</div>' for note in notes)
    if body:
        parts.append(f'<div style="margin-top:6px;overflow-x:auto">{body}</div>')
    if next_verb:
        parts.append(f'<div style="margin-top:6px;{_DIM}">next: <code>{escape(next_verb)}</code></div>')
    return "".join([*parts, "</div>"])


class Html(str):
    """HTML whose texts are escaped already, as a cell of a `table`."""

    __slots__ = ()


def marked_diff(before: object, after: object) -> Html:
    """Two values as one text, word by word: what went is struck through, what came is tinted; escaped."""
    from difflib import SequenceMatcher

    old, new = (_WORD.findall(_show(value)) for value in (before, after))
    parts: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = escape("".join(old[a:b])), escape("".join(new[c:d]))
        if kind == "equal":
            parts.append(come)
            continue
        if gone.strip():
            parts.append(f'<del style="background:rgba(220,60,60,.16)">{gone}</del>')
        if come:
            parts.append(f'<ins style="background:rgba(60,170,90,.2);text-decoration:none">{come}</ins>')
    return Html("".join(parts))


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A small HTML table; every cell that is no `Html` is escaped, and keeps its line breaks."""
    cell = "padding:2px 10px 2px 0;text-align:left;vertical-align:top;white-space:pre-wrap"
    head = "".join(f'<th style="{cell};{_DIM};font-weight:normal">{escape(str(h))}</th>' for h in header)
    lines = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{_cell(value)}</td>' for value in row) + "</tr>" for row in rows
    )
    opening = '<table style="border-collapse:collapse"><thead><tr>'
    return f"{opening}{head}</tr></thead><tbody>{lines}</tbody></table>"


def html_of(shown: object) -> str:
    """The HTML by which a notebook shows an object of ours."""
    return str(methodcaller("_repr_html_")(shown))


def details(summary: str, body: str) -> str:
    """A folded part; ``body`` is HTML that the caller has escaped already."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def clip(text: str, length: int = 160) -> str:
    """The beginning of a long text."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def duration(seconds: float) -> str:
    """Seconds for people: ``42 s``, ``3:05``, ``1:02:03``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes.removeprefix("0")


def _cell(value: Any) -> str:
    return value if isinstance(value, Html) else escape(_show(value))


def _show(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
