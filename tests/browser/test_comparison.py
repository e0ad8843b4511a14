"""A comparison in a real notebook."""

from __future__ import annotations

from pathlib import Path

from tests.browser.payloads import HOSTILE, nothing_ran

REPO = Path(__file__).parents[2]
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
from tests.widgets.compared import compared, comparison, plain, task, thinking
from reasonbook.training.answering.generate import Reply
from reasonbook.widgets import Comparison
"""


def test_rows_are_filtered_paged_and_unfolded_by_key(open_anywhere):
    nb = open_anywhere([SETUP, "core = compared(60); Comparison(core)"])
    nb.run_all()
    view = nb.output(1).locator(".rb-comparison")
    view.locator(".rb-co-row").first.wait_for()
    assert view.locator(".rb-co-table tbody tr").count() == 2
    differ = nb.kernel_value("sum(len({r.correct for r in row.replies}) > 1 for row in core.rows)")
    view.get_by_text(f"1–12 of {differ}").wait_for()

    view.focus()
    nb.page.keyboard.press("Enter")
    assert view.locator(".rb-co-row").first.locator("details[open]").count() == 1
    nb.page.keyboard.press("t")
    assert view.locator("details[open]").count() == 12
    nb.page.keyboard.press("n")
    view.get_by_text(f"13–24 of {differ}").wait_for()
    nb.page.keyboard.press("k")
    view.get_by_text(f"1–12 of {differ}").wait_for()
    assert "rb-co-current" in view.locator(".rb-co-row").last.get_attribute("class"), "up, onto the last one"

    view.get_by_role("radio", name="thinking first alone right").click()
    alone = nb.kernel_value("sum(b.correct and not a.correct for a, b in (row.replies for row in core.rows))")
    view.get_by_text(f"1–12 of {alone}").wait_for()
    view.get_by_role("radio", name="all, 60 rows").click()
    view.focus()
    nb.page.keyboard.press("/")
    nb.page.keyboard.type("17 days ago")
    view.get_by_text("1–1 of 1", exact=True).wait_for()
    assert "17 days ago" in view.locator(".rb-co-prompt").inner_text()
    nb.page.keyboard.type(" nowhere")
    view.get_by_text("No row holds").wait_for()
    assert nb.page.locator(".jp-Cell").count() == 2
    nb.screenshot(f"comparison-{nb.server.kind}", of=view)


def test_grades_are_judged_by_key_and_the_score_is_corrected(open_notebook):
    nb = open_notebook([SETUP, "core = compared(60); Comparison(core)", "1 + 1"])
    nb.run_all()
    view = nb.output(1).locator(".rb-comparison")
    view.get_by_role("radio", name="to judge, 60 rows").click()
    view.get_by_text("1–12 of 60").wait_for()
    view.focus()
    for key in ("a", "a", "a", "2", "j"):
        nb.page.keyboard.press(key)
    view.get_by_text("corrected by 4 judged rows").wait_for()
    nb.wait_for_kernel("[len(core.judged(run)) for run in (0, 1)] == [3, 4]")
    assert nb.kernel_value("sorted(said.agree for said in core.judged(1).values())") == [
        False,
        True,
        True,
        True,
    ]
    fifth = view.locator(".rb-co-row").nth(4)
    for button in fifth.locator(".rb-co-judge button").all():
        button.focus()
        nb.page.keyboard.press("b")
    fifth.get_by_role("button", name="The grade is right: answers only").click()
    nb.wait_for_kernel("len(core.judged(0)) == 4")
    assert nb.page.locator(".jp-Notebook .jp-Cell").count() == 3, "keys stay"
    nb.screenshot("comparison-judged", of=view)
    nb.kernel_run("core.judge(core.to_judge(1)[0])")
    view.get_by_text("corrected by 5 judged rows").first.wait_for()


def test_hostile_answers_stay_text(open_notebook):
    hostile = f"""
bad = {HOSTILE!r}
tasks = [*(task(i, "asked", "$0") for i in range(3)), task(9, bad, bad)]
replies = [Reply(bad, bad, bad, "unfinished", 1, False, 0.0), Reply(bad, bad, bad, bad, 1, True, 1.0)]
core = comparison(tasks, [*map(plain, range(3)), replies[0]], [*map(thinking, range(3)), replies[1]])
core.measure = bad
object.__setattr__(core.scores[0], "label", bad)
Comparison(core)
"""
    nb = open_notebook([SETUP, hostile])
    nb.run_all()
    view = nb.output(1).locator(".rb-comparison")
    view.locator(".rb-co-row").first.wait_for()
    view.get_by_role("radio", name="all, 4 rows").click()
    view.locator(".rb-co-row").nth(3).wait_for()
    view.focus()
    nb.page.keyboard.press("t")
    assert nothing_ran(nb.page)
    assert "window.__ran='img'" in view.locator(".rb-co-row").nth(3).text_content()
