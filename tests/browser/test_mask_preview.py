"""The tokens of a row in a real notebook."""

from __future__ import annotations

from pathlib import Path

from tests.browser.payloads import PAYLOADS, nothing_ran

REPO = Path(__file__).parents[2]
DATA = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
from reasonbook.chat import ChatConfig, ChatRow, build
from reasonbook.data.conversation import Conversation
from reasonbook.examples.small_student import tiny_student
from reasonbook.widgets import MaskPreview
def row(i, *, text="", thought=True):
    messages = ({{"role": "user", "content": f"I bought a chair for ${{i}}. Refund it. {{text}}"}},
                {{"role": "assistant", "content": f"${{i}} {{text}}"}})
    reasoning = {{"Policy": f"gold, {{i}} days {{text}}", "Amount": str(i)}} if thought else None
    return ChatRow(i, f"key{{i}}", "train", Conversation(messages=messages), reasoning)
student = tiny_student("student")
chat = build([row(i, thought=i != 9) for i in range(20)], student)
"""


def test_rows_are_stepped_through_by_key_and_match_the_arrays(open_anywhere):
    nb = open_anywhere([DATA, "view = MaskPreview(chat.preview(3)); view"])
    nb.run_all()
    view = nb.output(1).locator(".rb-mask-preview")
    view.get_by_text("Row 3", exact=True).wait_for()
    assert view.locator(".rb-mp-boundary").count() == 1
    token = view.locator(".rb-mp-token")

    def shown():
        texts = token.evaluate_all("spans => spans.map(span => span.textContent)")
        index = int(view.locator(".rb-mp-index").input_value()) - 1
        assert len(texts) == nb.kernel_value(f"len(chat[{index}].input_ids)")
        whole = nb.kernel_value(f"chat.tokenizer.decode(chat[{index}].input_ids, skip_special_tokens=False)")
        assert "".join(texts) == whole, "blanks included"
        return index

    assert shown() == 3
    view.focus()
    for key in ("j", "j", "k", "b", "ArrowRight", "e", "w", "m"):
        nb.page.keyboard.press(key)
    view.get_by_text("Row 4", exact=True).wait_for()
    assert shown() == 4
    assert nb.cell(1).get_attribute("class").count("jp-CodeCell"), "m stayed in the widget"

    # The readout names the token under the cursor as the arrays have it.
    nb.page.keyboard.press("b")
    first = nb.kernel_value("int((chat[4].labels != -100).argmax())")
    readout = view.locator(".rb-mp-readout")
    readout.get_by_text(f"token {first + 1}").wait_for()
    nb.page.keyboard.press("ArrowRight")
    readout.get_by_text(
        f"id {nb.kernel_value(f'int(chat[4].input_ids[{first + 1}])')}", exact=True
    ).wait_for()

    # The closed loop is folded until it is asked for; it shows what carries loss, and where that stops.
    loop = view.locator(".rb-mp-loop")
    assert loop.is_hidden()
    nb.page.keyboard.press("l")
    loop.get_by_text("A perfect student gets this row right.").wait_for()
    written = loop.locator(".rb-mp-wrote").evaluate_all("spans => spans.map(span => span.title)")
    learnt = nb.kernel_value("[int(i) for i in chat[4].labels if i != -100]")
    assert written == [f"id {i}" for i in learnt] and learnt[-1] in nb.kernel_value("list(chat.stop_ids)")
    assert loop.locator(".rb-mp-stop").count() == 1 and loop.get_by_text("✓ as in the row").count() == 2
    nb.screenshot(f"mask-loop-{nb.server.kind}", of=view)

    nb.page.keyboard.press("u")
    view.get_by_text("Row 9", exact=True).wait_for()
    view.get_by_text("learns no reasoning, while other rows do").wait_for()
    assert shown() == 9
    view.locator(".rb-mp-index").fill("20")
    view.locator(".rb-mp-index").press("Enter")
    view.get_by_text("Row 19", exact=True).wait_for()
    nb.screenshot(f"mask-{nb.server.kind}", of=view)
    assert "widgets" not in nb.save().metadata


def test_hostile_tokens_stay_text(open_notebook):
    hostile = f"""
bad = {PAYLOADS!r}
data = build([row(i, text=text) for i, text in enumerate(bad)], student, config=ChatConfig(markers="escape"))
MaskPreview(data)
"""
    nb = open_notebook([DATA, hostile, "MaskPreview(chat.split('validation'))"])
    nb.run_all()
    view = nb.output(1).locator(".rb-mask-preview")
    view.locator(".rb-mp-token").first.wait_for()
    view.focus()
    nb.page.keyboard.press("l")
    assert nb.kernel_value("len(data)") == len(PAYLOADS)
    for number in range(len(PAYLOADS)):
        view.get_by_text(f"Row {number}", exact=True).wait_for()
        view.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "j"):
            nb.page.keyboard.press(key)
    view.locator(".rb-mp-chip").first.hover()
    view.locator(".rb-mp-wrote").first.wait_for()
    assert nothing_ran(nb.page)
    assert PAYLOADS[-1][:20] in view.locator(".rb-mp-text").text_content()
    nb.output(2).get_by_text("There is no training row here").wait_for()
