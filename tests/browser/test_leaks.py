"""Thousands of updates and dozens of displays leave page and kernel as large as they were."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_sample_review import SETUP

MORE = """
import gc, os, psutil
from reasonbook import ipython
schema = rb.Schema.preset("customer_support")
def resident():
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 2**20
def updates(view, touch, count):
    import time
    for i in range(count):
        touch(i)
        view._flush()
        if i % 20 == 19: time.sleep(0.03)  # below the server's limit of messages
"""


class Meter:
    """Heap (MB), DOM nodes and listeners of the page, after a collection."""

    def __init__(self, page) -> None:
        self.page = page
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable")

    def __call__(self) -> dict[str, float]:
        self.page.wait_for_timeout(300)
        for _ in range(3):
            self.session.send("HeapProfiler.collectGarbage")
            self.page.wait_for_timeout(150)
        found = {m["name"]: m["value"] for m in self.session.send("Performance.getMetrics")["metrics"]}
        return {
            "heap": found["JSHeapUsedSize"] / 2**20,
            "nodes": found["Nodes"],
            "listeners": found["JSEventListeners"],
        }


@pytest.mark.slow
def test_ten_thousand_updates_and_fifty_displays_leave_no_trace(open_notebook):
    pytest.importorskip("psutil")
    # Both in one cell: JupyterLab itself leaves a toolbar behind whenever another cell becomes the active one.
    nb = open_notebook([SETUP + MORE, "display(review, schema)"])
    nb.run_all()
    expect(nb.output(1).locator(".rb-field").first).to_be_visible(timeout=20_000)
    expect(nb.output(1).locator(".rb-schema-code")).to_contain_text("customer_intent")
    meter = Meter(nb.page)

    def review_updates(count):
        nb.kernel_run(f"updates(ipython.view(review), lambda i: review.rate(i % 300, 1 + i % 5), {count})")

    def schema_updates(count):
        nb.kernel_run(
            "updates(ipython.view(schema), lambda i: schema.update('Urgency', instruction=f'Version {i}.'), "
            f"{count})"
        )

    def displays(count):
        for _ in range(count):
            nb.run_cell(1)
        expect(nb.output(1).locator(".rb-field").first).to_be_visible()

    review_updates(300)  # warm: caches fill once
    schema_updates(300)
    displays(5)
    before, kernel = meter(), nb.kernel_value("resident()")
    review_updates(3_000)
    schema_updates(7_000)
    between = meter()
    displays(50)
    after, kernel_after = meter(), nb.kernel_value("resident()")
    assert nb.output(1).locator(".rb-sample-review").count() == 1
    report = f"before {before}, after updates {between}, after displays {after}; kernel {kernel} → {kernel_after} MB"
    print(report)
    assert between["heap"] - before["heap"] < 3, report
    assert between["nodes"] - before["nodes"] < 1_500, report
    assert after["heap"] - before["heap"] < 3, report
    assert after["nodes"] - before["nodes"] < 500, report
    assert after["listeners"] - before["listeners"] < 200, report
    assert kernel_after - kernel < 25, report
