"""Notebooks: where the bundled ones lie, how to copy them, how to run one without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import MissingPackage, ReasonbookError, choices

if TYPE_CHECKING:
    from nbformat import NotebookNode

QUICKSTART = "00_quickstart"

# A kernel of ours shows figures as data (the page makes them live) and says nothing of frozen modules.
KERNEL_ENV = {"PLOTLY_RENDERER": "plotly_mimetype", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}

_SHOWING = ("stream", "display_data", "update_display_data", "execute_result")


class WalkthroughError(ReasonbookError):
    """A cell of a walkthrough raised; what ran before it is in the executed notebook."""


@dataclass(frozen=True)
class NotebookProgress:
    """Where a run stands: code cell `cell` of `cells`, under which heading, and the cell's last words."""

    cell: int
    cells: int
    heading: str
    seconds: float
    detail: str = ""

    def __str__(self) -> str:
        minutes, rest = divmod(int(self.seconds), 60)
        words = [f"[{self.cell:2d}/{self.cells}] {minutes}:{rest:02d}", self.heading, self.detail]
        return "  ".join(word for word in words if word)


def folder() -> Path:
    """Where the bundled notebooks lie: beside the package in a clone, inside it in an installed wheel."""
    package = Path(__file__).parents[1]
    for place in (package / "examples" / "notebooks", package.parent / "notebooks"):
        if any(place.glob("*.ipynb")):
            return place
    raise ReasonbookError(
        "The bundled notebooks are not in this installation.",
        "pip install --force-reinstall --no-deps reasonbook",
    )


def find(name: str = QUICKSTART) -> Path:
    """The bundled notebook of that name, with or without `.ipynb`."""
    path = folder() / f"{name.removesuffix('.ipynb')}.ipynb"
    if not path.is_file():
        names = sorted(each.stem for each in folder().glob("*.ipynb"))
        raise ReasonbookError(f'There is no walkthrough "{name}".', choices(name, names))
    return path


def copy_to(target: str | Path) -> tuple[list[Path], list[Path]]:
    """Copies the bundled notebooks into a folder and returns (new, kept); nothing is ever overwritten."""
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    new: list[Path] = []
    kept: list[Path] = []
    for source in sorted(folder().glob("*.ipynb")):
        copy = target / source.name
        if copy.exists():
            kept.append(copy)
        else:
            shutil.copyfile(source, copy)
            new.append(copy)
    return new, kept


def execute(
    path: str | Path,
    *,
    target: str | Path,
    parameters: Mapping[str, Any] | None = None,
    report: Callable[[NotebookProgress], None] | None = None,
) -> NotebookNode:
    """Runs a notebook top to bottom in a kernel of its own, in the folder of `target`, and writes it there.

    Args:
        path: the notebook; it is not changed.
        target: where the executed notebook goes, without widget state. Written too when a cell fails.
        parameters: values set right after the cell that is tagged `parameters`.
        report: called about twice a second with where the run stands.

    Raises:
        WalkthroughError: a cell raised; names the cell and the error.
    """
    try:
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        raise MissingPackage(error.name or "nbclient", feature="Running a notebook", extra="lab") from error

    nbformat = _nbformat()
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    if parameters:
        _set_parameters(notebook, parameters)
    try:
        asyncio.run(_run(notebook, target.parent, report))
    except CellExecutionError as error:
        raise WalkthroughError(
            f"{Path(path).name} stopped at {_place_of_error(notebook)}: {error.ename}: {error.evalue}",
            f"look at the executed cells: {target}",
        ) from error
    finally:
        notebook.metadata.pop("widgets", None)
        nbformat.write(notebook, target)
    return notebook


async def _run(notebook: NotebookNode, cwd: Path, report: Callable[[NotebookProgress], None] | None) -> None:
    from nbclient import NotebookClient

    numbers = {index: number for number, (index, _) in enumerate(_code_cells(notebook), start=1)}
    began = time.monotonic()
    now = NotebookProgress(0, len(numbers), "starting the kernel", 0.0)

    def tell() -> None:
        if report is not None:
            report(replace(now, seconds=time.monotonic() - began))

    def started(cell: NotebookNode, cell_index: int) -> None:
        nonlocal now
        if cell_index in numbers:
            heading = _heading_above(notebook, cell_index)
            now = replace(now, cell=numbers[cell_index], heading=heading, detail="")
            tell()

    class Client(NotebookClient):
        def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
            nonlocal now
            now = replace(now, detail=_last_words(msg) or now.detail)
            return super().process_message(msg, cell, cell_index)

    client = Client(
        notebook,
        timeout=None,
        kernel_name="python3",
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(cwd)}},
        on_cell_start=started,
    )

    async def ticker() -> None:
        while True:
            tell()
            await asyncio.sleep(0.5)

    ticking = asyncio.ensure_future(ticker())
    try:
        await client.async_execute(env={**KERNEL_ENV, **os.environ})
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
    tell()


def _code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.source.strip():
            yield index, cell


def _heading_above(notebook: NotebookNode, index: int) -> str:
    for cell in reversed(notebook.cells[:index]):
        if cell.cell_type == "markdown":
            for line in reversed(cell.source.splitlines()):
                if line.startswith("#"):
                    return line.lstrip("# ").strip()
    return ""


def _last_words(msg: Mapping[str, Any]) -> str:
    """The last line of what a cell printed or showed: our objects have a one-line repr."""
    content = msg["content"]
    text = content.get("text") or content.get("data", {}).get("text/plain") or ""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1] if lines and msg["msg_type"] in _SHOWING else ""


def _place_of_error(notebook: NotebookNode) -> str:
    for number, (index, cell) in enumerate(_code_cells(notebook), start=1):
        if any(output.output_type == "error" for output in cell.outputs):
            heading = _heading_above(notebook, index)
            return f"code cell {number}" + (f" ({heading})" if heading else "")
    return "a cell"


def _set_parameters(notebook: NotebookNode, parameters: Mapping[str, Any]) -> None:
    for index, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", []):
            lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
            notebook.cells.insert(index + 1, _nbformat().v4.new_code_cell(lines))
            return
    raise ReasonbookError(
        "This notebook has no cell tagged `parameters`, so nothing can be set in it.", "run it without --set"
    )


def _nbformat() -> Any:
    """nbformat, whose functions bear no types."""
    import nbformat

    return nbformat


class ProgressLine:
    """Shows `NotebookProgress` as one line drawn over itself; in a log, as a line per cell and half-minute."""

    def __init__(self, out: TextIO | None = None, *, every: float = 30.0) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._every = every
        self._last: tuple[int, float] = (-1, 0.0)

    def __call__(self, progress: NotebookProgress) -> None:
        """Shows how far a notebook is."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._out.write(f"\r\033[K{str(progress)[:width]}")
        else:
            cell, said = self._last
            if progress.cell == cell and progress.seconds - said < self._every:
                return
            self._last = (progress.cell, progress.seconds)
            self._out.write(f"{str(progress)[:150]}\n")
        self._out.flush()

    def done(self) -> None:
        """Ends the line."""
        if self._live:
            self._out.write("\n")
            self._out.flush()
