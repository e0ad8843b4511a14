"""HTML page: an executed notebook as one file that needs no network, and its tables as text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackage

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PLOTLY = "application/vnd.plotly.v1+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"

# nbconvert's own page, less the scripts that it would fetch from elsewhere.
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


def to_html(notebook: NotebookNode, *, title: str) -> str:
    """The notebook as one HTML page: live figures with their script inline, widgets as their static cards.

    The page carries plotly.js (about 5 MB) only when there is a figure, and then once.
    """
    try:
        from nbconvert import HTMLExporter
    except ImportError as error:
        raise MissingPackage(error.name or "nbconvert", feature="Writing a page", extra="lab") from error
    from copy import deepcopy

    shown = deepcopy(notebook)
    shown.metadata["title"] = title
    shown.metadata.pop("widgets", None)
    with_script = True
    for cell in shown.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(_WIDGET, None)
            figure = data.pop(_PLOTLY, None)
            if figure is not None:
                data["text/html"] = _figure_html(figure, with_script=with_script)
                with_script = False
    exporter = HTMLExporter(raw_template=_TEMPLATE, embed_images=True)
    body, _ = exporter.from_notebook_node(shown)
    return body


def _figure_html(figure: dict[str, Any], *, with_script: bool) -> str:
    spec = {name: figure[name] for name in ("data", "layout", "frames") if name in figure}
    return _plotly_io().to_html(
        spec,
        config={**figure.get("config", {}), "displaylogo": False},
        include_plotlyjs=with_script,
        include_mathjax=False,
        full_html=False,
        validate=False,
    )


def _plotly_io() -> Any:
    """plotly's writers, which bear no types."""
    import plotly.io  # pyright: ignore[reportMissingTypeStubs]

    return plotly.io


def tagged_text(notebook: NotebookNode, tag: str) -> str:
    """What the cells with this tag show, as plain text; a table in HTML is laid out in columns."""
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or tag not in cell.metadata.get("tags", []):
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            text = _join(data.get("text/plain", output.get("text", ""))).strip()
            table = table_text(_join(data.get("text/html", "")))
            if table and "\n" in text:  # the text is the same table, as pandas prints it
                text = ""
            parts += [part for part in (text, table) if part]
    return "\n\n".join(parts)


def table_text(html: str) -> str:
    """The first table of some HTML in aligned columns, numbers to the right; empty where there is none.

    Example:
        >>> from reasonbook.demo.html_page import table_text
        >>> print(table_text("<table><tr><th>run</th><th>right</th></tr><tr><td>plain</td><td>12</td></tr></table>"))
        run    right
        ─────  ─────
        plain     12
    """
    reader = _TableReader()
    reader.feed(html)
    rows = [row for row in reader.rows if row]
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    rows = [row + [""] * (width - len(row)) for row in rows]
    columns = list(zip(*rows, strict=True))
    sizes = [max(map(len, column)) for column in columns]
    right = [all(not cell or cell[0] in "+-−.0123456789" for cell in column[1:]) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(size) if to_right else cell.ljust(size)
            for cell, size, to_right in zip(row, sizes, right, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("─" * size for size in sizes), *lines[1:]])


class _TableReader(HTMLParser):
    """Collects the cells of the first table."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._depth = 0
        self._finished = False
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._finished:
            return
        if tag == "table":
            self._depth += 1
        elif self._depth == 1 and tag == "tr":
            self.rows.append([])
        elif self._depth == 1 and tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._depth:
            self._depth -= 1
            self._finished = self._depth == 0
        elif tag in ("td", "th") and self._depth == 1 and self._cell is not None:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


def _join(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


class _Sources(HTMLParser):
    """Collects what a browser would load while it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        wanted = values.get("href") if tag == "link" else values.get("src") or values.get("poster")
        if wanted and tag != "a" and wanted.lower().startswith(("http:", "https:", "//")):
            self.found.append(f"<{tag}> {wanted}")


def outside_sources(html: str) -> list[str]:
    """The scripts, sheets, images and frames that a page would fetch from another machine; a link is none."""
    reader = _Sources()
    reader.feed(html)
    return reader.found
