"""A chat in a real notebook: answers stream in while the kernel stays free."""

from __future__ import annotations

from pathlib import Path

from tests.browser.payloads import HOSTILE, nothing_ran

REPO = Path(__file__).parents[2]
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
from reasonbook.examples.small_student import tiny_student
from reasonbook.training.chat_session import ChatSession
from reasonbook.widgets import ChatBox
from tests.training.scripted_student import THOUGHT, Scripted
student = tiny_student("student")
"""
TWO = """
slow = Scripted(student, THOUGHT, name="thinking first", pause=0.05)
session = ChatSession([slow, Scripted(student, "$0<|im_end|>", name="answers only", strategy="final_only")])
ChatBox(session)
"""


def test_a_question_is_answered_by_both_stopped_and_kept_over_a_reload(open_anywhere):
    nb = open_anywhere([SETUP, TWO])
    nb.run_all()
    view = nb.output(1).locator(".rb-chat-box")
    field = view.get_by_role("textbox", name="Question")
    field.click()
    nb.page.keyboard.type("Refund my chair?")
    nb.page.keyboard.press("Shift+Enter")
    nb.page.keyboard.type("It is damaged.")
    nb.page.keyboard.press("Enter")
    answers = view.locator(".rb-cb-answer")
    view.locator(".rb-cb-answer[data-state=writing]").wait_for()
    view.get_by_text("waiting for its turn…").wait_for()
    view.locator(".rb-cb-answer[data-state=done]").nth(1).wait_for()
    assert nb.kernel_value("session.turns[0].question") == "Refund my chair?\nIt is damaged."
    assert answers.nth(0).locator(".rb-cb-said").inner_text() == "$55"
    assert answers.nth(0).locator("details[open]").count() == 0, "thinking comes folded"
    answers.nth(0).locator("summary").click()
    assert "Amount: 55" in answers.nth(0).locator(".rb-cb-thinking").inner_text()
    assert answers.nth(1).locator(".rb-cb-said").inner_text() == "$0"

    answers.nth(0).get_by_role("button", name="exact prompt").click()
    exact = answers.nth(0).locator("pre")
    exact.wait_for()
    assert exact.text_content() == nb.kernel_value("session.prompt(0, 0)[0]")

    field.fill("And now?")
    field.press("Enter")
    view.locator(".rb-cb-answer[data-state=writing]").wait_for()
    view.get_by_role("button", name="Stop").click()
    view.locator(".rb-cb-answer[data-state=stopped]").nth(1).wait_for()
    assert nb.kernel_value("[a.state for a in session.turns[1].answers]") == ["stopped", "stopped"]
    nb.screenshot(f"chat-{nb.server.kind}", of=view)

    assert "chair" not in str(nb.save().metadata)
    nb.reload()
    view = nb.output(1).locator(".rb-chat-box")
    view.locator(".rb-cb-question").nth(1).wait_for()
    assert view.locator(".rb-cb-said").first.inner_text() == "$55"


def test_hostile_questions_and_answers_stay_text(open_notebook):
    hostile = f"""
bad = {HOSTILE!r}
session = ChatSession([Scripted(student, "<think>\\n" + bad + "\\n</think>\\n\\n" + bad, name=bad),
                       Scripted(student, RuntimeError(bad), name="x")])
session.ask(bad)
ChatBox(session)
"""
    nb = open_notebook([SETUP, hostile])
    nb.run_all()
    view = nb.output(1).locator(".rb-chat-box")
    view.locator(".rb-cb-answer[data-state=failed]").wait_for()
    view.locator("summary").first.click()
    view.get_by_role("button", name="exact prompt").first.click()
    view.locator("pre").wait_for()
    assert nothing_ran(nb.page)
    assert "window.__ran='img'" in view.locator(".rb-cb-said").first.text_content()
    assert "window.__ran='img'" in view.locator(".rb-error").last.text_content()
