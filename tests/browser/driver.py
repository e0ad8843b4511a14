"""Drives one notebook in a real browser: run cells, ask the kernel, look at the outputs, take pictures."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Locator, Page

from tests.browser.servers import JupyterServer

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"

# Waiting for the notebook to say "idle" is not enough: cells run then are lost while the kernel still starts.
READY = """async (patience) => {
  const ready = async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.revealed;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    return true;
  };
  return Promise.race([ready(), new Promise((late) => setTimeout(() => late(false), patience))]);
}"""

START = """([command, index]) => {
  const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
  if (index !== null) { notebook.activeCellIndex = index; notebook.deselectAll(); }
  window.__run = 'going';
  const ended = (word) => () => { window.__run = word; };
  app.commands.execute(command).then(ended('done'), ended('failed'));
}"""

ASK = """async ([code, expression]) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const content = {code, silent: true, store_history: false, stop_on_error: false};
  if (expression !== null) content.user_expressions = {value: expression};
  const reply = await kernel.requestExecute(content).done;
  return reply.content;
}"""

ERRORS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
  return cells.flatMap((cell, index) => (cell.toJSON().outputs ?? [])
    .filter((output) => output.output_type === 'error')
    .map((output) => `cell ${index}: ${output.ename}: ${output.evalue}`));
}"""


def local(url: str) -> bool:
    """Whether a request stays on this machine (or in the page itself)."""
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about", "chrome") or parts.hostname == "127.0.0.1"


class NotebookPage:
    """One open notebook; cells are counted from 0, Markdown cells included."""

    def __init__(self, context: BrowserContext, server: JupyterServer, path: Path) -> None:
        self.server = server
        self.path = path
        self.page: Page = context.new_page()
        self.outside: list[str] = []
        self.widget_errors: list[str] = []
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))
        self.page.on("pageerror", lambda error: self._blame(error.stack or str(error)))
        self.page.on("console", lambda line: self._blame(line.text) if line.type == "error" else None)

    def _note(self, url: str) -> None:
        if not local(url):
            self.outside.append(url)

    def _blame(self, error: str) -> None:
        # A widget's module runs from a blob URL; errors of the hosts themselves are not ours to mend.
        if "blob:" in error or "[anywidget]" in error:
            self.widget_errors.append(error)

    def forget(self) -> None:
        """Takes out what pages before this one have left in the browser, but what is fetched and compiled."""
        left = {"origin": self.server.base, "storageTypes": "cookies,local_storage,indexeddb,service_workers"}
        session = self.page.context.new_cdp_session(self.page)
        session.send("Storage.clearDataForOrigin", left)
        session.detach()

    def open(self, *, timeout: float = 90.0) -> NotebookPage:
        """Goes to the notebook and waits until its kernel answers."""
        self.page.goto(self.server.url(self.path.relative_to(self.server.root).as_posix()))
        return self._settle(timeout)

    def reload(self, *, timeout: float = 90.0) -> NotebookPage:
        """Reloads the page; the kernel lives on."""
        self.page.reload()
        return self._settle(timeout)

    def _settle(self, timeout: float) -> NotebookPage:
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.sessionContext !== undefined",
            timeout=timeout * 1000,
        )
        assert self.page.evaluate(READY, timeout * 1000), f"the kernel did not answer within {timeout} s"
        return self

    def run_all(self, *, timeout: float = 120.0, allow_errors: bool = False) -> None:
        """Runs every cell and waits for the last one; an error in a cell fails the test."""
        self._run("notebook:run-all-cells", None, timeout)
        errors = self.page.evaluate(ERRORS)
        assert allow_errors or not errors, "\n".join(errors)

    def run_cell(self, index: int, *, timeout: float = 60.0, wait: bool = True) -> None:
        """Runs one cell; with `wait=False` returns at once, for a cell that blocks."""
        self._run("notebook:run-cell", index, timeout if wait else None)

    def _run(self, command: str, index: int | None, timeout: float | None) -> None:
        self.page.evaluate(START, [command, index])
        if timeout is not None:
            self.page.wait_for_function("() => window.__run !== 'going'", timeout=timeout * 1000)
            assert self.page.evaluate("() => window.__run") == "done"

    def kernel_eval(self, expression: str) -> str:
        """The repr of an expression in the kernel, with no trace in its history or in the notebook.

        Waits for its turn behind a running cell.
        """
        content = self.page.evaluate(ASK, ["", expression])
        value = content.get("user_expressions", {}).get("value", content)
        assert value["status"] == "ok", f"{expression}: {value.get('ename')}: {value.get('evalue')}"
        return value["data"]["text/plain"]

    def kernel_value(self, expression: str) -> Any:
        """Like `kernel_eval`, for numbers, strings, lists and the like, which come back as such."""
        return ast.literal_eval(self.kernel_eval(expression))

    def kernel_run(self, code: str) -> None:
        """Runs statements in the kernel without a cell."""
        content = self.page.evaluate(ASK, [code, None])
        assert content["status"] == "ok", f"{content.get('ename')}: {content.get('evalue')}"

    def wait_for_kernel(self, expression: str, *, timeout: float = 30.0) -> None:
        """Waits until an expression in the kernel is true."""
        waited = 0.0
        while self.kernel_eval(f"bool({expression})") != "True":
            assert waited < timeout, (
                f"not within {timeout} s: {expression} (is {self.kernel_eval(expression)})"
            )
            self.page.wait_for_timeout(200)
            waited += 0.2

    def cell(self, index: int) -> Locator:
        """A cell, input and outputs."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """What a cell shows below its input."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def theme(self, name: str) -> None:
        """Switches the theme: "JupyterLab Dark" or "JupyterLab Light"."""
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")

    def save(self) -> dict[str, Any]:
        """Saves the notebook and returns what is on disk."""
        import nbformat

        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
        return nbformat.read(self.path, as_version=4)

    def screenshot(self, name: str, *, of: Locator | None = None) -> Path:
        """A picture under build/screenshots, of the window or of one element."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        target = SCREENSHOTS / f"{name}.png"
        (of or self.page).screenshot(path=target)
        return target

    def close(self) -> None:
        """Ends the kernel, so that kernels do not pile up, and closes the page."""
        try:
            self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        finally:
            self.page.close()


def write_notebook(path: Path, cells: Sequence[str]) -> Path:
    """A notebook of code cells; one that begins with `#md ` becomes Markdown."""
    import nbformat

    made = [
        nbformat.v4.new_markdown_cell(text.removeprefix("#md "))
        if text.startswith("#md ")
        else nbformat.v4.new_code_cell(text)
        for text in cells
    ]
    notebook = nbformat.v4.new_notebook(cells=made)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path
