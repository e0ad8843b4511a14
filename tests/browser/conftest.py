"""Fixtures for tests in a real browser. In a test:

    def test_it(open_notebook):            # JupyterLab
        nb = open_notebook(["import reasonbook as rb", "..."])
        nb.run_all()
        nb.output(1).get_by_role("button", name="Stop").click()
        assert nb.kernel_value("job.status.value") == "CANCELLED"

`open_anywhere` is the same, once in JupyterLab and once in Notebook 7. Every notebook has a folder of its
own, and with it a store of its own. A request that would leave this machine fails the test, and so does an
error that a widget throws in the page; a test that expects one clears `nb.outside` or `nb.widget_errors`.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.browser.servers import JupyterServer, Kind

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks this folder's tests and puts them last: Playwright keeps an event loop on the main thread."""
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.browser)
    items[:] = [item for item in items if item not in mine] + mine


def chromium(playwright: Any, profile: Path) -> Any:
    """Starts Chromium, headless, with one window for all pages; what it has compiled stays in the profile.

    JupyterLab's scripts cost as much as a third of what it takes to open a notebook.

    Raises:
        FileNotFoundError: there is none.
    """
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        raise FileNotFoundError("no Chromium here: apt-get install chromium, or set CHROMIUM=/path/to/it")
    return playwright.chromium.launch_persistent_context(
        profile, executable_path=path, args=ARGUMENTS, viewport={"width": 1280, "height": 900}
    )


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium's one window; without one the test is skipped with a word."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="browser tests need the package playwright")
    with sync_api.sync_playwright() as playwright:
        try:
            running = chromium(playwright, tmp_path_factory.mktemp("chromium"))
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield running
        running.close()


@pytest.fixture(scope="session")
def jupyter(browser, tmp_path_factory) -> Iterator[Callable[[Kind], JupyterServer]]:
    """Starts each kind of server once, when a test first wants it."""
    running: dict[Kind, JupyterServer] = {}

    def server(kind: Kind) -> JupyterServer:
        if kind not in running:
            pytest.importorskip("jupyterlab" if kind == "lab" else "notebook")
            running[kind] = JupyterServer(kind, tmp_path_factory.mktemp(kind)).start()
        return running[kind]

    yield server
    for each in running.values():
        each.stop()


@pytest.fixture
def _opener(browser, jupyter, request):
    """Opens notebooks for one test and afterwards looks at where their requests went."""
    from tests.browser.driver import NotebookPage, write_notebook

    opened: list[NotebookPage] = []
    numbers = itertools.count(1)

    def opener(kind: Kind, notebook: Sequence[str] | Path) -> NotebookPage:
        server = jupyter(kind)
        folder = server.root / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', request.node.name)}-{next(numbers)}"
        if isinstance(notebook, Path):
            folder.mkdir(parents=True)
            path = Path(shutil.copy(notebook, folder))
        else:
            path = write_notebook(folder / "notebook.ipynb", notebook)
            if any('"student"' in cell for cell in notebook):
                shutil.copytree(request.getfixturevalue("tiny_student"), folder / "student")
        page = NotebookPage(browser, server, path)
        if not opened:
            page.forget()
        opened.append(page)
        return page.open()

    yield opener
    failed = getattr(request.node, "failed_call", False)
    outside = [url for page in opened for url in page.outside]
    thrown = [error for page in opened for error in page.widget_errors]
    for number, page in enumerate(opened, start=1):
        if failed:
            page.screenshot(f"failed-{re.sub(r'[^A-Za-z0-9_-]+', '-', request.node.name)}-{number}")
        page.close()
    assert not outside, f"requests that leave this machine: {outside}"
    assert not thrown, "\n".join(thrown)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Lets the fixture know that its test failed, so that it keeps a picture."""
    outcome = yield
    if call.when == "call":
        item.failed_call = outcome.get_result().failed  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def open_notebook(_opener):
    """`open_notebook(cells or a path)`: the notebook in JupyterLab, its kernel ready."""
    return lambda notebook: _opener("lab", notebook)


@pytest.fixture(params=["lab", "notebook"])
def open_anywhere(_opener, request):
    """`open_notebook`, once in JupyterLab and once in Notebook 7."""
    return lambda notebook: _opener(request.param, notebook)
