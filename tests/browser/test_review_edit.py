"""Editing in the review: a control for each type, errors at their fields, notes, tags, later, columns, conditions."""

from __future__ import annotations

import re

from playwright.sync_api import expect

SETUP = """
%load_ext reasonbook
import reasonbook as rb, pandas as pd
from reasonbook.data.frame import Frame
from reasonbook.review import Review
schema = rb.Schema([
    rb.Field("Intent", "Say what is asked for.", required=True),
    rb.Field("Urgency", "Judge it.", type="choice", options=["low", "normal", "high"], required=True),
    rb.Field("Amount", "Give the amount.", type="number", minimum=0, maximum=500, required=True),
    rb.Field("Damaged", "Say whether it is damaged.", type="boolean", required=True),
    rb.Field("Steps", "List the steps.", type="list", required=True),
    rb.Field("Hint", "Anything else.", optional=True),
])
N = 60
df = pd.DataFrame({
    "prompt": [f"Please refund order {i}, it is {'urgent' if i % 3 == 0 else 'fine to wait'}." for i in range(N)],
    "response": [f"${i}" for i in range(N)],
    "customer": [["Ana", "Bo", "Cy"][i % 3] for i in range(N)],
    "score": [i / 10 for i in range(N)],
    "raw": [{"id": i, "more": ["x", "<b>y</b>"]} for i in range(N)],
})
def teacher(prompt):
    i = int("".join(c for c in prompt if c.isdigit()))
    return {"Intent": f"refund of order {i}", "Urgency": ["low", "normal", "high"][i % 3], "Amount": i,
            "Damaged": i % 2 == 0, "Steps": ["look", f"pay {i}"], "Hint": None}
job = df.reason.augment(schema, teacher=teacher).wait()
df = df.copy()  # nothing but the store knows the schema now
review = df.reason.review()
"""


def opened(opener, more=""):
    nb = opener([SETUP + more, "review"])
    nb.run_all()
    view = nb.output(1).locator(".rb-sample-review")
    expect(view.locator(".rb-field").first).to_be_visible(timeout=20_000)
    view.focus()
    return nb, view


def test_every_type_has_its_control_and_an_error_stands_at_its_field(open_notebook):
    nb, view = opened(open_notebook)
    nb.page.keyboard.press("e")
    urgency = view.get_by_role("combobox", name="Urgency")
    urgency.focus()
    nb.page.keyboard.press("3")
    expect(urgency).to_have_value("high")
    view.get_by_role("switch", name="Damaged").click()
    amount = view.get_by_role("spinbutton", name="Amount")
    amount.fill("501")
    view.get_by_label("Steps, item 2").press("Enter")
    nb.page.keyboard.type("call Ana")
    expect(view.get_by_label("Steps, item 3")).to_have_value("call Ana")

    bar = view.locator(".rb-edit-bar.rb-sticky")
    view.locator(".rb-detail").evaluate("(pane) => { pane.scrollTop = 0; }")
    pane, save = view.locator(".rb-detail").bounding_box(), bar.bounding_box()
    assert save["y"] + save["height"] <= pane["y"] + pane["height"] + 1, "Save stays in sight"

    bar.get_by_role("button", name=re.compile("Save")).click()
    wrong = view.locator(".rb-wrong")
    expect(wrong).to_have_count(1)
    expect(wrong.locator(".rb-field-error")).to_have_text("Amount must be at most 500.")
    expect(amount).to_be_focused()
    nb.screenshot("review-edit", of=view)
    amount.fill("12")
    expect(view.locator(".rb-wrong")).to_have_count(0)
    nb.page.keyboard.press("Control+Enter")
    nb.wait_for_kernel("review[0].reasoning['Amount'] == 12")
    assert nb.kernel_value("review[0].reasoning") == {
        "Intent": "refund of order 0", "Urgency": "high", "Amount": 12, "Damaged": False,
        "Steps": ["look", "pay 0", "call Ana"], "Hint": None,
    }  # fmt: skip
    nb.wait_for_kernel("df['reasoning'].iloc[0]['Urgency'] == 'high'")

    nb.page.keyboard.press("j")
    nb.page.keyboard.press("e")
    view.get_by_label("Intent", exact=True).fill("   ")
    nb.page.keyboard.press("Control+Enter")
    expect(view.locator(".rb-wrong .rb-field-error")).to_have_text("Intent is empty.")
    nb.page.keyboard.press("Escape")
    assert nb.kernel_value("review[1].decision.reasoning") is None


def test_what_python_refuses_comes_back_to_its_field_with_what_was_typed(open_notebook):
    """The page has the fields of the schema as it was; the schema was narrowed since."""
    nb, view = opened(open_notebook)
    nb.page.keyboard.press("e")
    nb.kernel_run("review._edits._schemas._named = rb.Schema(schema).update('Amount', maximum=5)")
    view.get_by_role("spinbutton", name="Amount").fill("300")
    nb.page.keyboard.press("Control+Enter")
    expect(view.locator(".rb-wrong .rb-field-error")).to_have_text("Amount must be at most 5, not 300.")
    expect(view.get_by_role("spinbutton", name="Amount")).to_have_value("300")
    assert nb.kernel_value("review[0].reasoning['Amount']") == 0


def test_notes_tags_and_later_are_decisions(open_anywhere):
    nb, view = opened(open_anywhere)
    cells = nb.page.locator(".jp-Notebook .jp-Cell").count()
    nb.page.keyboard.press("n")
    nb.page.keyboard.type("ask Ana a b d d")
    nb.page.keyboard.press("Enter")
    expect(view.locator(".rb-note-text")).to_have_text("ask Ana a b d d")
    nb.page.keyboard.press("t")
    nb.page.keyboard.type("odd")
    nb.page.keyboard.press("Enter")
    expect(view.locator(".rb-tag")).to_contain_text("odd")
    nb.page.keyboard.press("l")
    expect(view.locator(".rb-row-title")).to_contain_text("Row 1")
    nb.wait_for_kernel("review[0].decision.later")
    assert nb.kernel_value("(review[0].decision.note, review[0].decision.tags)") == (
        "ask Ana a b d d",
        ("odd",),
    )
    assert "note" not in nb.kernel_value("list(df.columns)")
    assert nb.page.locator(".jp-Notebook .jp-Cell").count() == cells
    view.get_by_label("Notes, tags, later").select_option("tag:odd")
    expect(view.locator(".rb-side-head")).to_contain_text("1 row")
    expect(view.locator(".rb-note-text")).to_be_visible()
    nb.screenshot("review-notes", of=view)
    view.get_by_role("button", name="Clear filters").click()
    expect(view.locator(".rb-side-head")).to_contain_text("60 rows")
    view.focus()
    for _ in range(3):
        nb.page.keyboard.press("u")
    nb.wait_for_kernel("review[0].decision.note is None and not review[0].decision.tags")


def test_other_columns_unfold_and_rows_are_found_and_ordered_by_them(open_notebook):
    nb, view = opened(open_notebook)
    nb.page.keyboard.press("o")
    columns = view.locator(".rb-columns")
    expect(columns).to_contain_text("customer")
    expect(columns).to_contain_text("<b>y</b>")
    nb.page.keyboard.press("j")
    expect(columns.locator(".rb-field", has_text="customer")).to_contain_text("Bo")
    view.locator(".rb-detail").evaluate("(pane) => { pane.scrollTop = pane.scrollHeight; }")
    nb.screenshot("review-columns", of=view)

    which = view.get_by_label("Field or column")
    which.select_option("field:Urgency")
    view.get_by_label("Value", exact=True).select_option("=high")
    expect(view.locator(".rb-side-head")).to_contain_text("20 rows")
    which.select_option("column:score")
    view.get_by_label("What it has to be").fill(">= 5")
    expect(view.locator(".rb-side-head")).to_contain_text("10 rows")
    view.get_by_label("Order", exact=True).select_option("column:score")
    expect(view.locator(".rb-row-title")).to_contain_text("Row 50")
    view.get_by_role("button", name="Turn the order round").click()
    expect(view.locator(".rb-row-title")).to_contain_text("Row 59")
    nb.screenshot("review-conditions", of=view)
    view.get_by_role("button", name="Bulk…").click()
    view.get_by_role("menuitem", name="Accept all").click()
    expect(view.locator(".rb-toast")).to_contain_text("Accept 10 rows?")
    view.locator(".rb-toast").get_by_role("button", name="Accept").click()
    expect(view.locator(".rb-toast")).to_contain_text("Accept: 10 rows, 10 changed.")
    nb.wait_for_kernel("review.counts['accepted'] == 10")


HITS = "() => [...(CSS.highlights.get('rb-hit') ?? [])].map((range) => range.toString())"


def test_hits_are_marked_in_the_text(open_notebook):
    nb, view = opened(open_notebook)
    nb.page.keyboard.press("/")
    nb.page.keyboard.type("URGENT")
    nb.page.keyboard.press("Enter")
    expect(view.locator(".rb-side-head")).to_contain_text("20 rows")
    nb.page.wait_for_function(f"() => ({HITS})().length > 10")
    assert set(nb.page.evaluate(HITS)) == {"urgent"}
    nb.screenshot("review-hits", of=view)
    view.get_by_role("button", name="Clear filters").click()
    nb.page.wait_for_function(f"() => ({HITS})().length === 0")


def test_what_is_proposed_stands_beside_the_row_and_is_taken_or_left(open_notebook):
    more = 'other = lambda prompt: {**teacher(prompt), "Intent": "<b>paid back</b>"}\n'
    more += 'job = review.repair_all([2, 5], "Say how it ends.", teacher=other).wait()'
    nb, view = opened(open_notebook, more)
    view.get_by_label("Notes, tags, later").select_option(label="proposed (2)")
    proposal = view.get_by_role("region", name="Proposal")
    expect(proposal).to_contain_text("“Say how it ends.”")
    expect(proposal.locator(".rb-field")).to_have_count(1)
    expect(proposal.locator("ins")).to_contain_text("<b>paid back</b>")
    nb.screenshot("review-proposal", of=view)
    proposal.get_by_role("button", name="Take it").click()
    expect(proposal).to_have_count(0)
    expect(view.get_by_role("region", name="Reasoning")).to_contain_text("<b>paid back</b>")
    nb.page.keyboard.press("u")
    expect(proposal).to_be_visible()
    proposal.get_by_role("button", name="Leave it").click()
    expect(proposal).to_have_count(0)
    expect(view.get_by_label("Notes, tags, later")).to_contain_text("proposed (1)")


def test_a_repair_that_changes_nothing_is_not_offered(open_notebook):
    nb, view = opened(open_notebook, "review.teacher = teacher")
    nb.page.keyboard.press("f")
    nb.page.keyboard.type("look again")
    nb.page.keyboard.press("Control+Enter")
    expect(view.locator(".rb-repair-result")).to_contain_text("The teacher changed nothing.")
    expect(view.get_by_role("button", name=re.compile("Use it"))).to_be_hidden()
