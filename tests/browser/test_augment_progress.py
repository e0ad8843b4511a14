"""AugmentProgress at work: it follows a job beside running cells, stops it, goes on, and survives a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.payloads import HOSTILE, PAYLOADS, nothing_ran

SETUP = """
%load_ext reasonbook
import time, pandas as pd, reasonbook as rb
df = rb.examples.refunds(400)
asked = []
def teacher(request):
    time.sleep(0.05)
    asked.append(request)
    if len(asked) % 40 == 7 and not mended:
        raise ValueError("The rules do not say.")
    return rb.examples.refund_rules(request)
mended = False
"""
START = """
from reasonbook.augment import AugmentConfig
job = df.reason.augment(rb.examples.refund_schema(), teacher=teacher, concurrency=4, max_retries=0)
job
"""


def progress(nb):
    view = nb.output(1).locator(".rb-augment-progress")
    expect(view.locator(".rb-status")).to_be_visible(timeout=20_000)
    return view


def test_follows_stops_goes_on_and_retries(open_anywhere):
    nb = open_anywhere([SETUP, START, "time.sleep(1.5)"])
    nb.run_cell(0)
    nb.run_cell(1)
    view = progress(nb)
    nb.run_cell(2, wait=False)
    expect(view.locator(".rb-status")).to_have_text("Running")
    expect(view.locator(".rb-new").nth(7)).to_be_visible()
    stop = view.get_by_role("button", name="Stop")
    stop.click()
    expect(view.locator(".rb-status")).to_have_text("Stopped")
    nb.wait_for_kernel("str(job.status) == 'CANCELLED'")
    done = nb.kernel_value("job.progress.done")
    assert 0 < done < 400

    nb.save()
    nb.reload()
    view = progress(nb)
    expect(view.locator(".rb-status")).to_have_text("Stopped")
    view.get_by_role("button", name="Go on").click()
    expect(view.locator(".rb-status")).to_have_text("Done, with failures", timeout=40_000)
    assert nb.kernel_value("job.progress.done + job.progress.failed") == 400
    assert nb.kernel_value("len(asked)") <= 400 + 2 * 4, "only calls in flight were asked twice"
    expect(view.locator(".rb-cause")).to_contain_text("The rules do not say.")
    nb.kernel_run("mended = True")
    view.get_by_role("button", name="Retry").click()
    expect(view.locator(".rb-status")).to_have_text("Complete")
    nb.wait_for_kernel("(df['reasoning_status'] == 'ok').all()")


def test_says_that_the_provider_is_down_and_that_it_is_back(open_notebook):
    outage = """
from reasonbook.teachers import CallError
df = rb.examples.refunds(40)
down = True
def teacher(request):
    if down:
        raise CallError("server", "Overloaded.", status=503)
    return rb.examples.refund_rules(request)
"""
    nb = open_notebook([SETUP + outage, START.replace("max_retries=0", "max_retries=8")])
    nb.run_all()
    view = progress(nb)
    expect(view.locator(".rb-status")).to_have_text("Paused", timeout=20_000)
    expect(view.locator(".rb-dot")).to_have_attribute("data-status", "PAUSED")
    expect(view.locator(".rb-message")).to_contain_text("the provider is down since")
    expect(view.locator(".rb-message")).to_contain_text("Overloaded")
    nb.screenshot("progress-paused", of=view)
    nb.kernel_run("down = False")
    expect(view.locator(".rb-status")).to_have_text("Complete", timeout=40_000)
    expect(view.locator(".rb-message")).to_be_empty()


def test_hostile_text_stays_text(open_notebook):
    nb = open_notebook(
        [
            f"""
%load_ext reasonbook
import pandas as pd, reasonbook as rb
payloads = {PAYLOADS!r}
hostile = {HOSTILE!r}
def teacher(request):
    if request.startswith(payloads[1]):
        raise ValueError(hostile)
    return {{payloads[0]: hostile, "b": request}}
df = pd.DataFrame({{"prompt": [p + hostile for p in payloads], "response": payloads}})
schema = rb.Schema({{payloads[0]: hostile, "b": hostile}})
""",
            "job = df.reason.augment(schema, teacher=teacher, max_retries=0)\njob",
        ]
    )
    nb.run_all()
    view = progress(nb)
    expect(view.locator(".rb-status")).to_have_text("Done, with failures", timeout=20_000)
    expect(view.locator(".rb-cause")).to_contain_text("onerror")
    nb.page.wait_for_timeout(300)
    assert nothing_ran(nb.page)
    nb.screenshot("progress-hostile", of=view)
