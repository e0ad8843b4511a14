"""The notebook runner and the page: a real kernel, a real export, read back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from reasonbook import cli
from reasonbook.demo import html_page, notebooks
from reasonbook.errors import ReasonbookError

FIGURE = "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a'], y=[3]), {'title': 'bars'})"


def notebook(*cells: tuple[str, ...]):
    """Cells as ("md", text) or ("code", source, tag…)."""
    import nbformat

    made = []
    for kind, text, *tags in cells:
        if kind == "md":
            made.append(nbformat.v4.new_markdown_cell(text))
        else:
            made.append(nbformat.v4.new_code_cell(text, metadata={"tags": tags} if tags else {}))
    return nbformat.v4.new_notebook(cells=made)


def written(folder: Path, *cells: tuple[str, ...]) -> Path:
    import nbformat

    path = folder / "source.ipynb"
    nbformat.write(notebook(*cells), path)
    return path


@pytest.mark.slow
def test_a_run_reports_headings_and_writes_outputs_without_widget_state(tmp_path):
    import nbformat

    source = written(
        tmp_path,
        ("md", "# One\nwords"),
        ("code", "rows = 5", "parameters"),
        ("md", "## Two"),
        ("code", "import ipywidgets\nprint('half way')\nipywidgets.IntSlider(rows)"),
        ("code", "import os; open('here.txt', 'w').close(); rows"),
    )
    seen: list[notebooks.NotebookProgress] = []
    target = tmp_path / "out" / "run.ipynb"
    notebooks.execute(source, target=target, parameters={"rows": 7}, report=seen.append)
    executed = nbformat.read(target, as_version=4)
    assert executed.cells[-1].outputs[0].data["text/plain"] == "7"
    assert (target.parent / "here.txt").exists(), "the kernel runs in the folder of the result"
    assert "widgets" not in executed.metadata
    assert nbformat.read(source, as_version=4).cells[1].source == "rows = 5", "the source is left alone"
    assert seen[-1].cell == seen[-1].cells == 4 and seen[-1].heading == "Two" and seen[-1].detail == "7"


@pytest.mark.slow
def test_a_failing_cell_is_named_and_what_ran_is_kept(tmp_path):
    import nbformat

    source = written(
        tmp_path, ("md", "# Start"), ("code", "1 + 1"), ("md", "# Trouble"), ("code", "{}['key']")
    )
    target = tmp_path / "run.ipynb"
    with pytest.raises(notebooks.WalkthroughError) as caught:
        notebooks.execute(source, target=target)
    assert "code cell 2 (Trouble)" in str(caught.value) and "KeyError" in str(caught.value)
    assert str(target) in caught.value.fix
    assert nbformat.read(target, as_version=4).cells[1].outputs[0].data["text/plain"] == "2"


def test_parameters_need_a_tagged_cell(tmp_path):
    source = written(tmp_path, ("code", "1"))
    with pytest.raises(ReasonbookError, match="parameters"):
        notebooks.execute(source, target=tmp_path / "run.ipynb", parameters={"rows": 1})


@pytest.mark.slow
def test_the_page_needs_no_network_and_shows_cards_and_figures(tmp_path):
    source = written(
        tmp_path,
        ("md", "# Sums\n$x^2$ and a [link](https://example.org)"),
        ("code", FIGURE),
        ("code", FIGURE.replace("bars", "more bars")),
        ("code", "import ipywidgets\nipywidgets.Label('hello')"),
        ("code", "from IPython.display import HTML\nHTML('<b class=card>static card</b>')"),
    )
    executed = notebooks.execute(source, target=tmp_path / "run.ipynb")
    html = html_page.to_html(executed, title="sums")
    assert html_page.outside_sources(html) == []
    assert "<title>sums</title>" in html
    assert '<b class="card">static card</b>' in html
    assert html.count("Plotly.newPlot(") >= 2 and "more bars" in html
    assert 4_000_000 < len(html) < 9_000_000, "plotly.js once, not twice"
    assert "widget-view+json" not in html


@pytest.mark.slow
def test_a_page_without_figures_is_small(tmp_path):
    executed = notebooks.execute(written(tmp_path, ("code", "1")), target=tmp_path / "run.ipynb")
    assert len(html_page.to_html(executed, title="one")) < 1_000_000


def test_outside_sources_sees_every_way_out():
    html = (
        '<script src="https://a/x.js"></script><link rel=stylesheet href="//b/x.css"><img src="http://c/x.png">'
        '<a href="https://fine">link</a><img src="data:image/png;base64,AA"><script>var u="https://fine"</script>'
    )
    assert [each.split()[0] for each in html_page.outside_sources(html)] == ["<script>", "<link>", "<img>"]


def test_tables_come_out_as_aligned_text():
    html = (
        "<div><table><thead><tr><th>run</th><th>exact</th></tr></thead><tbody>"
        "<tr><td>answers &amp; only</td><td>12.0 %</td></tr><tr><td>thinking</td><td>9 %</td></tr>"
        "</tbody></table>"
        "<table><tr><td>second</td></tr></table></div>"
    )
    assert html_page.table_text(html).splitlines() == [
        "run              exact",
        "──────────────  ──────",
        "answers & only  12.0 %",
        "thinking           9 %",
    ]
    assert html_page.table_text("<p>none</p>") == ""


@pytest.mark.slow
def test_tagged_text_takes_the_table_once(tmp_path):
    source = written(
        tmp_path,
        ("code", "import pandas as pd\npd.DataFrame({'run': ['a', 'b'], 'exact': [1, 2]})", "comparison"),
    )
    executed = notebooks.execute(source, target=tmp_path / "run.ipynb")
    text = html_page.tagged_text(executed, "comparison")
    assert text.count("exact") == 1 and text.count("\n") == 3
    assert html_page.tagged_text(executed, "other") == ""


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """A bundle of one small notebook in place of the real one."""
    place = tmp_path / "bundle"
    place.mkdir()
    written(
        place,
        ("md", "# The proof"),
        ("code", "rows = 2", "parameters"),
        (
            "code",
            "import pandas as pd\npd.DataFrame({'run': ['plain', 'thinking'], 'exact': [rows, 99]})",
            "comparison",
        ),
    ).rename(place / "00_quickstart.ipynb")
    monkeypatch.setattr(notebooks, "folder", lambda: place)
    return place


@pytest.mark.slow
def test_demo_writes_both_files_and_prints_progress_and_the_table(bundled, tmp_path, capsys):
    out = tmp_path / "build"
    assert cli.main(["demo", "--out", str(out), "--set", "rows=41"]) == 0
    said = capsys.readouterr().out
    assert "[ 2/3]" in said and "The proof" in said
    assert "thinking     99" in said and "41" in said
    assert (out / "quickstart.ipynb").is_file()
    assert html_page.outside_sources((out / "quickstart.html").read_text(encoding="utf-8")) == []


def test_examples_never_overwrites(bundled, tmp_path, capsys):
    target = tmp_path / "mine"
    assert cli.main(["examples", str(target)]) == 0
    (target / "00_quickstart.ipynb").write_text("my own work")
    assert cli.main(["examples", str(target)]) == 0
    assert (target / "00_quickstart.ipynb").read_text() == "my own work"
    assert "kept" in capsys.readouterr().out


@pytest.mark.slow
def test_lab_opens_a_copy_and_hands_options_on(bundled, tmp_path, monkeypatch):
    """The real command, stopped at the door: JupyterLab only says its version."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab", "--", "--version"]) == 0
    assert (tmp_path / "reasonbook-notebooks" / "00_quickstart.ipynb").is_file()


def test_an_unknown_walkthrough_names_the_known_ones(bundled, tmp_path, capsys):
    assert cli.main(["demo", "00_quikstart", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert 'Did you mean "00_quickstart"?' in said and "Traceback" not in said


def test_a_bad_setting_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["demo", "--set", "rows"])
    assert "NAME=VALUE" in capsys.readouterr().err


def test_the_progress_line_in_a_log_says_each_cell_once_and_then_each_half_minute():
    out = io.StringIO()
    line = notebooks.ProgressLine(out)
    for cell, seconds in [(0, 0.0), (1, 1.0), (1, 2.0), (1, 29.0), (1, 31.5), (2, 32.0)]:
        line(notebooks.NotebookProgress(cell, 2, "Train", seconds))
    assert [text.split("]")[0] for text in out.getvalue().splitlines()] == [
        "[ 0/2",
        "[ 1/2",
        "[ 1/2",
        "[ 2/2",
    ]
