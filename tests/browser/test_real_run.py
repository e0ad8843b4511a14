"""The live views on the real thing: a row's tokens, a training, a comparison, a chat, by `%load_ext` alone."""

from __future__ import annotations

import pytest

SETUP = """
%load_ext reasonbook
import reasonbook as rb
df = rb.examples.refunds(120)
df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
chat = df.reason.to_chat(rb.examples.tiny_student("student"))
chat.preview(0)
"""
TRAIN = """
run = rb.train(chat, max_steps=40, name="thinking first")
run
"""
COMPARE = """
run.wait()
plain = df.reason.to_chat("student", strategy="final_only")
other = rb.train(plain, max_steps=5, name="answers only").wait()
compared = rb.compare([other, run], split="test")
compared
"""


@pytest.mark.slow
@pytest.mark.train
def test_from_tokens_to_a_chat_with_the_student(open_notebook):
    nb = open_notebook([SETUP, TRAIN, COMPARE, "session = run.chat()\nsession"])
    nb.run_cell(0, timeout=120)
    mask = nb.output(0).locator(".rb-mask-preview")
    mask.locator(".rb-mp-boundary").wait_for()

    nb.run_cell(1)
    curves = nb.output(1).locator(".rb-training-curves")
    curves.scroll_into_view_if_needed()  # what is out of sight is not drawn
    done = "([element, least]) => Number(element.dataset.step ?? 0) >= least"
    nb.page.wait_for_function(done, arg=[curves.element_handle(), 5], timeout=90_000)
    curves.get_by_role("button", name="Pause").click()
    curves.get_by_role("button", name="Resume").wait_for(timeout=30_000)
    nb.wait_for_kernel("run.status.value == 'PAUSED'")
    box = curves.locator(".u-over").first
    box.click(position={"x": 30, "y": 60})
    rows = curves.locator(".rb-tc-table tbody tr")
    rows.first.wait_for()
    assert rows.count() == nb.kernel_value("len(run.rows_at(1))")
    curves.get_by_role("button", name="Resume").click()
    curves.get_by_role("button", name="Stop").click(timeout=30_000)
    nb.wait_for_kernel("run.status.value == 'CANCELLED'", timeout=60)
    curves.get_by_role("button", name="Resume").click(timeout=30_000)
    curves.locator(".rb-tc-state", has_text="done").wait_for(timeout=120_000)
    curves.scroll_into_view_if_needed()
    nb.page.wait_for_function(done, arg=[curves.element_handle(), 40], timeout=10_000)
    assert int(curves.get_attribute("data-step")) == nb.kernel_value("run.step") == 40
    curves.get_by_role("tab", name="Samples").click()
    curves.locator(".rb-tc-sample").first.wait_for()
    nb.screenshot("real-run", of=curves)

    nb.run_cell(2, timeout=240)
    comparison = nb.output(2).locator(".rb-comparison")
    comparison.locator(".rb-co-table tbody tr").nth(1).wait_for(timeout=30_000)
    assert comparison.get_by_text("thinking first").first.is_visible()
    nb.screenshot("real-comparison", of=comparison)

    nb.run_cell(3)
    chat = nb.output(3).locator(".rb-chat-box")
    chat.get_by_role("textbox", name="Question").fill(nb.kernel_value("chat.tasks[0].prompt[-1]['content']"))
    chat.get_by_role("button", name="Ask").click()
    chat.locator(".rb-cb-answer[data-state=done]").wait_for(timeout=60_000)
    assert nb.kernel_value("session.turns[0].answers[0].tokens") > 0

    outputs = [cell.outputs for cell in nb.save().cells]
    for place, word in ((0, "What row"), (1, "Run "), (2, "Comparison"), (3, "Chat with")):
        [shown] = [output for output in outputs[place] if "data" in output]
        assert word in shown.data["text/html"] and shown.data["text/plain"], "a saved notebook shows a card"
