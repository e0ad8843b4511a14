"""What is reviewed can be read: tool calls, code, formulas, JSON, long texts, any script; on a key as it is written."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

REPO = Path(__file__).parents[2]
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
import pandas as pd
import reasonbook as rb
from tests.browser.reading_rows import frame
df = frame()
"""
COMPARE = """
from tests.widgets.compared import comparison, task
from reasonbook.training.answering.generate import Reply
from tests.browser.reading_rows import CODE, CONVERSATION, THOUGHT
from reasonbook.chat import Task
rows = [Task("k", 0, 0, "test", tuple(CONVERSATION[:-1]), CONVERSATION[-1]["content"])]
answer = '<tool_call>{"name": "refund", "arguments": {"order": "A-17", "amount": 104.50}}</tool_call>'
rb.widgets.Comparison(comparison(rows, [Reply(CODE, "", correct=False)], [Reply(answer, THOUGHT, correct=True)]))
"""
CHAT = """
from tests.training.scripted_student import Scripted
from reasonbook.training.chat_session import ChatSession
from reasonbook.examples.small_student import tiny_student
from tests.browser.reading_rows import CODE, THOUGHT
session = ChatSession([Scripted(tiny_student("student"), f"<think>\\n{THOUGHT}\\n</think>\\n\\n{CODE}<|im_end|>")])
session.ask("**Which** rows are open?")
session
"""

MASK = """
from reasonbook.format_matrix.known_templates import known_templates
shows_tools = known_templates()["trl:qwen3"].source
chat_data = df.assign(split="train").reason.to_chat("student", chat_template=shows_tools)
chat_data.preview(1)
"""


def goto(nb, view, row: int):
    view.focus()
    while (at := int(view.locator(".rb-row-title").inner_text().split()[-1])) != row:
        nb.page.keyboard.press("j" if at < row else "k")
        expect(view.locator(".rb-row-title")).to_contain_text(f"Row {at + (1 if at < row else -1)}")
    return view.locator(".rb-detail")


def test_a_review_reads_as_it_is_meant(open_notebook):
    nb = open_notebook([SETUP, "df.reason.review()"])
    nb.run_all()
    view = nb.output(1).locator(".rb-sample-review")
    expect(view.locator(".rb-field").first).to_be_visible(timeout=20_000)

    tools = goto(nb, view, 0)
    expect(tools.locator(".rb-tool-name")).to_have_text(["lookup_order", "lookup_order", "refund"])
    expect(tools.locator(".rb-tool").first.locator(".rb-json-leaf")).to_have_text(
        ["order_idA-17", "deeptrue"]
    )
    expect(tools.locator(".rb-tool").nth(1)).to_contain_text("12345678901234567890")
    expect(tools.locator(".rb-tool").nth(1)).to_contain_text("104.50")
    expect(tools.locator(".rb-answer .rb-tool-name")).to_have_text("refund")
    expect(view.locator(".rb-list-row .rb-row-response").first).to_contain_text("calls the tool refund")
    nb.screenshot("reading-tools", of=view)

    code = goto(nb, view, 1)
    expect(code.locator("pre.rb-code .hljs-keyword").first).to_have_text("def")
    expect(code.locator("table td").first).to_have_text("1")
    expect(code.locator("strong").first).to_be_visible()
    link = code.locator("a").first
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(code.get_by_text("[picture: a chart]")).to_be_visible()
    nb.screenshot("reading-code", of=view)
    nb.page.keyboard.press("m")
    expect(code.locator("pre, table, strong, a")).to_have_count(0)
    expect(code).to_contain_text("```python")
    nb.page.keyboard.press("m")
    expect(code.locator("pre.rb-code")).to_be_visible()

    math = goto(nb, view, 2)
    expect(math.locator(".rb-tex math").first).to_be_visible()
    expect(math.locator("math mfrac").first).to_be_attached()
    expect(math.locator(".rb-turn").first).to_contain_text("$5 and $10")
    nb.screenshot("reading-math", of=view)

    data = goto(nb, view, 3)
    expect(data.locator(".rb-answer .rb-json summary").first).to_be_visible()
    folded = data.locator(".rb-answer details").nth(1)
    folded.locator("summary").first.focus()
    opened = folded.evaluate("(fold) => fold.open")
    nb.page.keyboard.press("Enter")
    assert folded.evaluate("(fold) => fold.open") is not opened, "a fold opens by key"
    nb.screenshot("reading-json", of=view)

    scripts = goto(nb, view, 4)
    arabic, chinese = (
        scripts.locator(".rb-field-value .rb-read").nth(0),
        scripts.locator(".rb-answer .rb-read"),
    )
    assert arabic.evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    assert chinese.evaluate("(e) => getComputedStyle(e).direction") == "ltr"
    nb.screenshot("reading-scripts", of=view)

    long = goto(nb, view, 5)
    more = long.get_by_role("button", name="Show all").first
    clip = long.locator(".rb-clip").first
    height = clip.bounding_box()["height"]
    more.click()
    expect(long.get_by_role("button", name="Show less").first).to_be_visible()
    assert long.locator(".rb-read").first.bounding_box()["height"] > 2 * height

    nb.theme("JupyterLab Dark")
    for row, name in ((0, "tools"), (1, "code"), (2, "math"), (3, "json"), (4, "scripts")):
        goto(nb, view, row)
        nb.page.wait_for_timeout(150)
        nb.screenshot(f"reading-{name}-dark", of=view)


def test_comparison_chat_and_training_row_read_the_same_way(open_anywhere):
    nb = open_anywhere([SETUP, COMPARE, CHAT, MASK])
    nb.run_all()
    comparison = nb.output(1).locator(".rb-comparison")
    expect(comparison.locator(".rb-co-reply .rb-tool-name")).to_have_text("refund")
    expect(comparison.locator(".rb-co-reply .rb-tool")).to_contain_text("104.50")
    expect(comparison.locator("pre.rb-code .hljs-keyword").first).to_be_visible()
    comparison.locator(".rb-co-earlier summary").click()
    expect(comparison.locator(".rb-co-earlier .rb-tool-name")).to_have_text(["lookup_order"])
    nb.screenshot(f"reading-comparison-{nb.server.kind}", of=comparison)

    chat = nb.output(2).locator(".rb-chat-box")
    expect(chat.locator(".rb-cb-question strong")).to_have_text("Which")
    expect(chat.locator(".rb-cb-said pre.rb-code .hljs-keyword").first).to_be_visible(timeout=20_000)
    chat.locator(".rb-cb-fold summary").click()
    expect(chat.locator(".rb-cb-thinking math").first).to_be_attached()
    chat.focus()
    nb.page.keyboard.press("m")
    expect(chat.locator("pre.rb-code")).to_have_count(0)
    nb.page.keyboard.press("m")
    nb.screenshot(f"reading-chat-{nb.server.kind}", of=chat)

    mask = nb.output(3).locator(".rb-mask-preview")
    mask.locator(".rb-mp-token").first.wait_for()
    mask.focus()
    nb.page.keyboard.press("t")
    expect(mask.locator(".rb-tool-name")).to_have_text(["lookup_order", "lookup_order", "refund"])
    expect(mask.locator(".rb-mp-token").first).to_be_hidden()
    nb.page.keyboard.press("j")
    expect(mask.locator("pre.rb-code .hljs-keyword").first).to_be_visible()
    nb.screenshot(f"reading-mask-{nb.server.kind}", of=mask)
    nb.page.keyboard.press("t")
    expect(mask.locator(".rb-mp-token").first).to_be_visible()


def test_plain_rows_fetch_no_renderer(open_notebook):
    """Its size is what the first paint would pay for; the frames over the socket tell that nobody asked."""
    frames: list[str] = []
    nb = open_notebook(
        [
            "import reasonbook as rb\ndf = rb.examples.refunds(50)\ndf.reason.augment("
            "rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait();",
            "df.reason.review()",
        ]
    )
    nb.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(str(frame))))
    nb.reload()
    nb.run_all()
    view = nb.output(1).locator(".rb-sample-review")
    expect(view.locator(".rb-field").first).to_be_visible(timeout=20_000)
    goto(nb, view, 4)
    assert any("samples" in frame for frame in frames)
    assert not [frame for frame in frames if "late_module" in frame]
