"""The curves in a real notebook: they draw while cells run, steer the run, and survive a reload."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.payloads import HOSTILE, nothing_ran

REPO = Path(__file__).parents[2]
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
from tests.widgets.paced_run import PacedRun, StepRow
from reasonbook.widgets import TrainingCurves
"""
LIVE = "run = PacedRun(steps=100_000, rate=100, name='thinking first').start()\nTrainingCurves(run)"


def step(view) -> int:
    return int(view.get_attribute("data-step") or 0)


def wait_for_step(nb, view, least: int) -> None:
    """Asks the locator anew each time: after a reload JupyterLab may put another element in its place."""
    for _ in range(300):
        if step(view) >= least:
            return
        nb.page.wait_for_timeout(200)
    raise AssertionError(f"the page stands at step {step(view)}, not at {least}")


def test_curves_draw_and_steer_the_run(open_anywhere):
    nb = open_anywhere([SETUP, LIVE, "import time; time.sleep(3)", "answered = 41 + 1"])
    nb.run_cell(0)
    nb.run_cell(1)
    view = nb.output(1).locator(".rb-training-curves")
    wait_for_step(nb, view, 30)
    assert view.locator(".uplot canvas").count() == 7

    nb.run_cell(3)
    assert nb.kernel_value("answered") == 42, "the kernel stays free"

    view.get_by_role("button", name="Pause").click()
    view.get_by_role("button", name="Resume").wait_for()
    assert nb.kernel_value("run.status.value") == "PAUSED"
    nb.page.wait_for_timeout(400)
    paused = step(view)
    nb.page.wait_for_timeout(300)
    assert step(view) == paused == nb.kernel_value("run.done")

    # A click on a point brings its rows; letters steer the view and never reach the notebook.
    box = view.locator(".u-over").first.bounding_box()
    nb.page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + 60)
    view.locator(".rb-tc-table tbody tr").first.wait_for()
    assert view.locator(".rb-tc-table tbody tr").count() == 4
    for key in "lmdd":
        nb.page.keyboard.press(key)
    assert view.get_by_role("button", name="log", exact=True).get_attribute("aria-pressed") == "true"
    assert nb.cell(1).get_attribute("class").count("jp-CodeCell") and nb.page.locator(".jp-Cell").count() == 4
    for key in ("ArrowLeft", "ArrowLeft", "Enter"):
        nb.page.keyboard.press(key)

    nb.page.mouse.move(box["x"] + 60, box["y"] + 60)
    nb.page.mouse.down()
    nb.page.mouse.move(box["x"] + 200, box["y"] + 60, steps=4)
    nb.page.mouse.up()
    view.get_by_role("button", name="whole run").wait_for()
    nb.page.keyboard.press("Escape")
    nb.page.wait_for_timeout(100)
    assert not view.get_by_role("button", name="whole run").is_visible()

    view.get_by_role("button", name="Resume").click()
    wait_for_step(nb, view, paused + 10)
    # A button pressed while a cell runs is heard when the kernel is free again, and once.
    nb.run_cell(2, wait=False)
    nb.page.wait_for_timeout(300)
    view.get_by_role("button", name="Stop").click()
    view.get_by_text("stopped").wait_for(timeout=10_000)
    assert nb.kernel_value("run.status.value") == "CANCELLED"
    assert view.get_by_role("button", name="Resume").is_visible()
    assert nb.screenshot(f"curves-{nb.server.kind}", of=view).stat().st_size > 10_000


def test_a_reload_in_mid_run_shows_the_whole_run(open_notebook):
    nb = open_notebook([SETUP, LIVE])
    nb.run_all()
    view = nb.output(1).locator(".rb-training-curves")
    wait_for_step(nb, view, 60)
    saved = nb.save()
    assert "widgets" not in saved.metadata and "refund" not in str(saved.cells[1].outputs).lower()
    nb.reload()
    view = nb.output(1).locator(".rb-training-curves")
    view.wait_for()
    wait_for_step(nb, view, 80)
    wait_for_step(nb, view, nb.kernel_value("run.done"))
    nb.theme("JupyterLab Dark")
    view.get_by_role("button", name="Stop").click()
    view.get_by_text("stopped").wait_for()
    assert view.get_attribute("data-rb-theme") == "dark"
    nb.screenshot("curves-dark", of=view)


def test_a_question_that_nobody_heard_is_asked_until_it_is_answered(open_notebook):
    nb = open_notebook([SETUP, "run = PacedRun(steps=100_000).start()\nshown = TrainingCurves(run)\nshown"])
    nb.run_all()
    view = nb.output(1).locator(".rb-training-curves")
    wait_for_step(nb, view, 1)
    nb.save()
    nb.kernel_run("shown.comm.on_msg(None)")
    nb.reload()
    view = nb.output(1).locator(".rb-training-curves")
    badge = view.locator(".rb-badge")
    expect(badge).to_have_text("No answer yet · asking again")
    nb.page.wait_for_timeout(2000)
    expect(badge).to_have_text("No answer yet · asking again")
    nb.screenshot("curves-unanswered", of=view)
    nb.kernel_run("shown.comm.on_msg(shown._handle_msg)")
    expect(badge).to_have_text("", timeout=10_000)
    wait_for_step(nb, view, nb.kernel_value("run.done"))

    nb.kernel_run("shown.comm.on_msg(None)")
    view.get_by_role("button", name="Pause").click()
    expect(badge).to_have_text("No answer yet · sending 1 edit again")
    assert nb.kernel_value("run.status.value") == "RUNNING"
    nb.kernel_run("shown.comm.on_msg(shown._handle_msg)")
    view.get_by_role("button", name="Resume").wait_for()
    expect(badge).to_have_text("", timeout=10_000)
    assert nb.kernel_value("run.status.value") == "PAUSED"


def test_hostile_text_stays_text(open_notebook):
    emit = f"""
bad = {HOSTILE!r}
run = PacedRun(steps=40, rate=0, name=bad)
run.rows_at = lambda step: [StepRow(1, bad, bad, bad, 1.0)]
run.start().wait()
run.stream.emit("alarm", alarm=bad, text=bad, step=3)
run.stream.emit("note", text=bad)
run.stream.emit("samples", step=41, rows=[dict(prompt=bad, thinking=bad, answer=bad, text=bad, health=bad,
                                               expected=bad, correct=False)])
view = TrainingCurves(run)
view
"""
    nb = open_notebook([SETUP, emit])
    nb.run_all()
    view = nb.output(1).locator(".rb-training-curves")
    view.locator(".rb-tc-sample").first.wait_for()
    view.locator(".rb-tc-sample summary").first.click()
    view.get_by_role("tab", name="Log").click()
    view.locator(".rb-tc-entry").first.wait_for()
    view.locator(".u-over").first.click(position={"x": 100, "y": 60})
    view.locator(".rb-tc-table tbody tr").first.wait_for()
    assert nothing_ran(nb.page)
    assert "window.__ran='img'" in view.inner_text(), "it is shown as it is"


def test_each_source_of_a_mixture_has_a_line_of_its_own(open_notebook):
    nb = open_notebook([
        SETUP,
        "run = PacedRun(steps=200, rate=0, sources=('refunds', 'chat')).start().wait()\nTrainingCurves(run)",
    ])  # fmt: skip
    nb.run_all()
    view = nb.output(1).locator(".rb-training-curves")
    wait_for_step(nb, view, 200)
    read = view.locator(".rb-tc-main .rb-tc-value")
    expect(read).to_have_count(4)
    assert [each.get_attribute("title") for each in read.all()] == ["train", "eval", "refunds", "chat"]
    colours = [each.locator("i").evaluate("i => getComputedStyle(i).borderTopColor") for each in read.all()]
    assert len(set(colours)) == 3, "train and eval have the run's colour, each source its own"
    apart = nb.kernel_value("float(run.history['source']['chat'][-1])")
    assert abs(float(read.last.locator("b").inner_text()) - apart) < 0.01
    assert nb.screenshot("curves-sources", of=view).stat().st_size > 10_000
