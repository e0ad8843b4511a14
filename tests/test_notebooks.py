"""The walkthroughs: clean as committed, and each one runs from top to bottom on its own small setting.

A notebook names its small setting in its metadata: `"reasonbook": {"small": {"rows": 120}}`, values for the
cell that is tagged `parameters`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from reasonbook.demo import html_page, notebooks

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@each_notebook
def test_as_committed_it_is_clean(path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata, (
        "saved widget state is code that runs when the notebook is opened"
    )
    assert notebook.metadata["kernelspec"]["name"] == "python3", "else JupyterLab asks for a kernel"
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))
    assert path.stat().st_size < 200_000


@each_notebook
def test_it_is_told_in_words_before_code(path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    untold = [
        number
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and not any(before.cell_type == "markdown" for before in notebook.cells[max(0, number - 2) : number])
    ]
    assert untold == [], "a code cell has words above it, or above the one before it"
    assert len(code_cells(notebook)) <= 20 + 1, "twenty, and the one that installs what is missing"


@each_notebook
def test_it_begins_by_installing_what_is_missing_and_nothing_where_all_is_there(path, monkeypatch):
    """A badge opens the notebook alone, on a machine that has never heard of this package."""
    import nbformat

    set_up = code_cells(nbformat.read(path, as_version=4))[0]
    assert "set-up" in set_up.metadata["tags"] and "://" not in set_up.source
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_kind="line", magic_name="pip")
    assert shell.run_cell(set_up.source).success and asked == []
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "reasonbook" else there(name)
    )
    assert shell.run_cell(set_up.source).success
    [line] = asked
    extra = line.split('"reasonbook[')[1].removesuffix(']"')
    assert f"\n{extra} = [" in (FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.train
@pytest.mark.slow
@each_notebook
def test_it_runs_on_its_small_setting(path, tmp_path):
    import nbformat

    small = nbformat.read(path, as_version=4).metadata.get("reasonbook", {}).get("small", {})
    executed = notebooks.execute(path, target=tmp_path / path.name, parameters=small)
    html = html_page.to_html(executed, title=path.stem)
    assert html_page.outside_sources(html) == []
    (tmp_path / f"{path.stem}.html").write_text(html, encoding="utf-8")
    assert (tmp_path / path.name).stat().st_size < 3_000_000


def test_the_quickstart_shows_its_comparison():
    """`make demo` prints what the cell tagged `comparison` shows."""
    import nbformat

    quickstart = FOLDER / f"{notebooks.QUICKSTART}.ipynb"
    if not quickstart.exists():
        pytest.fail("notebooks/00_quickstart.ipynb is missing")
    tags = [
        tag for cell in nbformat.read(quickstart, as_version=4).cells for tag in cell.metadata.get("tags", [])
    ]
    assert "comparison" in tags and "parameters" in tags
