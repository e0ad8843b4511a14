"""What the measurements in a browser share: a JupyterLab of its own, Chromium to open it with, and quantiles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.conftest import chromium
from tests.browser.servers import JupyterServer


@contextmanager
def lab() -> Iterator[tuple[Any, JupyterServer]]:
    """A browser context and a server with nothing of anybody's settings; both end with the block."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = chromium(playwright, Path(folder) / "chromium")
        server = JupyterServer("lab", Path(folder) / "lab").start()
        try:
            yield browser, server
        finally:
            server.stop()
            browser.close()


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else float("nan")
