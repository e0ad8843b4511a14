"""What a hostile model, row or file holds is shown and never run, in Markdown, LaTeX, JSON and tool calls as in HTML.

Every payload goes through every field of the review, the comparison, the chat, the messages of a training row, and the
static cards; nothing runs, and nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.payloads import BLOCKS, PAYLOADS, nothing_ran

REPO = Path(__file__).parents[2]
HARMLESS = "**read** $x = \\frac{1}{2}$"  # shows that the renderers were at work
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
import pandas as pd
import reasonbook as rb
from reasonbook.chat import Task
from reasonbook.training.answering.generate import Reply
from tests.widgets.compared import comparison
payloads = {PAYLOADS!r}
blocks, harmless = {BLOCKS!r}, {HARMLESS!r}

def conversation(p):
    call = {{"id": p, "type": "function", "function": {{"name": p, "arguments": {{p: [p, {{p: p}}]}}}}}}
    odd = {{"function": {{"name": p, "arguments": p}}}}
    return [{{"role": "system", "content": p}}, {{"role": "user", "content": p + "\\n\\n" + harmless}},
            {{"role": "assistant", "content": p, "tool_calls": [call, odd]}},
            {{"role": "tool", "tool_call_id": p, "name": p, "content": p}},
            {{"role": "assistant", "content": p, "tool_calls": [call]}}]

df = pd.DataFrame({{"messages": [conversation(p) for p in [*payloads, blocks]]}})
df["reasoning"] = [{{p[:60]: p, "list": [p, p], "tree": {{p: p}}, "read": harmless}} for p in [*payloads, blocks]]
df["reasoning_status"], df["reasoning_error"], df["split"] = "ok", [*payloads, blocks], "train"
"""
COMPARE = """
tasks = [Task(str(i), i, 0, "test", tuple(conversation(p)[:-1]), p) for i, p in enumerate([*payloads, blocks])]
replies = [Reply(f"{t.expected}\\n\\n{harmless}", t.expected, t.expected, t.expected, 1, True, 1.0) for t in tasks]
compared = comparison(tasks, replies, replies)
rb.widgets.Comparison(compared)
"""
CHAT = """
from reasonbook.examples.small_student import tiny_student
from reasonbook.training.chat_session import ChatSession
from tests.training.scripted_student import Scripted
student = tiny_student("student")
session = ChatSession([Scripted(student, f"<think>\\n{blocks}\\n</think>\\n\\n{blocks}\\n\\n{harmless}<|im_end|>")])
session.ask(blocks)
session
"""
MASK = """
asked = [harmless + "\\n\\n" + p for p in payloads]
plain = pd.DataFrame({"prompt": asked, "response": list(payloads), "split": "train",
                      "reasoning": [{"a": p} for p in payloads], "reasoning_status": "ok", "reasoning_error": None})
chat = plain.reason.to_chat(student, markers="escape")
chat.preview(0)
"""
CARDS = """
from IPython.display import HTML, display
schema = rb.Schema({p[:60]: p for p in payloads})
for thing in (review, schema, compared, session, chat.preview(1), chat, chat.report):
    html = getattr(thing, "_repr_html_", None)
    display(HTML(html() if html else repr(thing)))
"""


def test_nothing_runs_and_nothing_is_fetched(open_notebook):
    nb = open_notebook([SETUP, "review = df.reason.review()\nreview", COMPARE, CHAT, MASK, CARDS])
    fetched: list[str] = []
    nb.page.on("request", lambda request: fetched.append(request.url) if "canary" in request.url else None)
    nb.run_cell(0)

    nb.run_cell(1)
    view = nb.output(1).locator(".rb-sample-review")
    expect(view.locator(".rb-field").first).to_be_visible(timeout=20_000)
    view.focus()
    for number in range(len(PAYLOADS) + 1):
        expect(view.locator(".rb-row-title")).to_have_text(f"Row {number}")
        expect(view.locator(".rb-field .rb-tex math").last).to_be_attached()
        assert view.locator(".rb-detail .rb-tool").count() >= 4, number
        touch_everything(view)
        assert nothing_ran(nb.page), f"row {number}: {(*PAYLOADS, 'all of them')[number]}"
        nb.page.keyboard.press("j")
    nb.page.keyboard.press("m")
    nb.page.keyboard.press("k")
    assert nothing_ran(nb.page)

    nb.run_cell(2)
    view = nb.output(2).locator(".rb-comparison")
    view.locator(".rb-co-row").first.wait_for()
    view.focus()
    nb.page.keyboard.press("t")
    for page in range(len(PAYLOADS) // 12 + 1):
        view.get_by_text(f"{12 * page + 1}–").wait_for()
        expect(view.locator(".rb-co-reply .rb-tex math").last).to_be_attached()
        touch_everything(view)
        assert nothing_ran(nb.page), f"page {page} of the comparison"
        nb.page.keyboard.press("n")

    nb.run_cell(3)
    view = nb.output(3).locator(".rb-chat-box")
    expect(view.locator(".rb-cb-said .rb-tex math").last).to_be_attached(timeout=60_000)
    touch_everything(view)
    assert nothing_ran(nb.page), "the chat"

    nb.run_cell(4)
    view = nb.output(4).locator(".rb-mask-preview")
    view.locator(".rb-mp-token").first.wait_for()
    view.focus()
    nb.page.keyboard.press("t")
    for number in range(len(PAYLOADS)):
        expect(view.locator(".rb-title")).to_have_text(f"Row {number}")
        expect(view.locator(".rb-mp-messages .rb-tex math").first).to_be_attached()
        touch_everything(view)
        assert nothing_ran(nb.page), f"messages of row {number}: {PAYLOADS[number]}"
        nb.page.keyboard.press("j")

    nb.run_cell(5)
    expect(nb.output(5).last).to_be_visible()
    nb.page.wait_for_timeout(500)
    assert nothing_ran(nb.page), "the static cards"
    assert fetched == [] and nb.outside == []


def touch_everything(view) -> None:
    """Unfolds what is folded, and has the pointer and the focus on every element, without a click on a link."""
    view.evaluate(
        """(view) => {
          for (const fold of view.querySelectorAll('details')) fold.open = true;
          const at = document.activeElement;
          for (const element of view.querySelectorAll('.rb-read *, .rb-tool *')) {
            for (const kind of ['mouseover', 'mouseenter', 'mousemove', 'pointerover', 'animationstart'])
              element.dispatchEvent(new Event(kind, {bubbles: true}));
            element.focus?.({preventScroll: true});
          }
          at?.focus({preventScroll: true});
        }"""
    )
