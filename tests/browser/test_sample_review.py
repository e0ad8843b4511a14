"""SampleReview at work: every act is asserted in Python, not only in the page."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.payloads import HOSTILE, PAYLOADS, nothing_ran

SETUP = """
%load_ext reasonbook
import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.review import Review
from reasonbook.store import default_store

def reviewed(n):
    df = rb.examples.refunds(n)
    df["reasoning"] = [dict(rb.examples.refund_rules(text)) for text in df["prompt"]]
    df["reasoning_status"] = "ok"
    df["reasoning_error"] = None
    return df

df = reviewed(300)
review = df.reason.review()
"""
SHOW = "review"


def widget(nb, cell: int = 1) -> Locator:
    found = nb.output(cell).locator(".rb-sample-review")
    expect(found.locator(".rb-field").first).to_be_visible(timeout=20_000)
    return found


def title(view: Locator) -> Locator:
    return view.locator(".rb-row-title")


def open_review(opener):
    nb = opener([SETUP, SHOW, "1 + 1"])
    nb.run_all()
    view = widget(nb)
    view.focus()
    return nb, view


def test_decisions_by_key_reach_the_frame_and_nothing_reaches_the_notebook(open_anywhere):
    nb, view = open_review(open_anywhere)
    cells = nb.page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("a", "r", "s", "4", "a"):
        nb.page.keyboard.press(key)
    expect(title(view)).to_contain_text("Row 4")
    nb.wait_for_kernel("review[3].decision.verdict == 'accepted'")
    assert nb.kernel_value("[review[i].decision.verdict for i in range(5)]") == [
        "accepted", "rejected", None, "accepted", None,
    ]  # fmt: skip
    assert nb.kernel_value("review[3].decision.rating") == 4
    nb.wait_for_kernel("df['verdict'].tolist()[:2] == ['accepted', 'rejected'] and df['rating'].iloc[3] == 4")

    for key in ("m", "b", "d", "d", "y", "Enter", "z", "i", "i", "0", "0"):
        nb.page.keyboard.press(key)
    assert nb.page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert nb.page.locator(".jp-Notebook .jp-MarkdownCell").count() == 0
    expect(view).to_be_visible()

    nb.page.keyboard.press("u")
    nb.page.keyboard.press("u")
    nb.page.keyboard.press("u")
    nb.wait_for_kernel("review[3].decision.verdict is None")
    nb.page.keyboard.press("U")
    nb.wait_for_kernel("review[3].decision.rating == 4 or review[3].decision.verdict == 'accepted'")


def test_edit_in_place_shows_the_difference_and_marks_stale(open_notebook):
    nb, view = open_review(open_notebook)
    before = nb.kernel_value("review[0].response")
    nb.page.keyboard.press("e")
    field = view.get_by_label("Response", exact=True).last
    field.fill("$1 and a letter")
    expect(view.locator(".rb-edit-note ins").first).to_contain_text("1")
    nb.page.keyboard.press("Control+Enter")
    nb.wait_for_kernel("review[0].response == '$1 and a letter'")
    nb.wait_for_kernel("df['response'].iloc[0] == '$1 and a letter'")
    assert nb.kernel_value("review[0].status") == "stale"
    expect(view.locator(".rb-answer del")).to_have_text(re.compile(r"\d+"))
    nb.page.keyboard.press("c")
    nb.wait_for_kernel("review[0].status == 'ok'")
    nb.page.keyboard.press("u")
    nb.page.keyboard.press("u")
    nb.wait_for_kernel(f"review[0].response == {before!r} and df['response'].iloc[0] == {before!r}")


def test_filters_search_and_bulk(open_notebook):
    nb, view = open_review(open_notebook)
    nb.kernel_run("review.reject([5, 9])")
    rejected = view.get_by_role("button", name=re.compile("Rejected"))
    expect(rejected).to_contain_text("2")
    rejected.click()
    expect(view.locator(".rb-side-head")).to_contain_text("2 rows")
    expect(title(view)).to_contain_text("Row 5")
    view.get_by_role("button", name="Bulk…").click()
    view.get_by_role("menuitem", name="Accept all").click()
    view.locator(".rb-toast").get_by_role("button", name="Accept").click()
    nb.wait_for_kernel("review.counts['accepted'] == 2 and review.counts['rejected'] == 0")
    view.get_by_role("button", name="Clear filters").click()
    expect(view.locator(".rb-side-head")).to_contain_text("300 rows")
    view.focus()
    nb.page.keyboard.press("/")
    nb.page.keyboard.type("frying pans")
    nb.page.keyboard.press("Enter")
    count = nb.kernel_value("len(review.where(text='frying pans'))")
    expect(view.locator(".rb-accept")).to_be_enabled()
    expect(view.locator(".rb-side-head")).to_contain_text(f"{count} rows")
    view.get_by_label("Search in request, reasoning and response").fill("stands nowhere")
    expect(view.get_by_text("No row matches.")).to_be_visible()
    expect(view.locator(".rb-accept")).to_be_disabled()


BLOCK = """() => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  kernel.requestExecute({code: 'import time; time.sleep(5)', store_history: false});
}"""
ONE_THREAD = """() => {
  jupyterapp.shell.currentWidget.sessionContext.session.kernel.commsOverSubshells = 'disabled';
}"""


def test_busy_kernel_queues_and_nothing_is_lost(open_notebook):
    nb = open_notebook([SETUP, SHOW])
    nb.page.evaluate(ONE_THREAD)
    nb.run_all()
    view = widget(nb)
    nb.page.wait_for_timeout(500)
    nb.page.evaluate(BLOCK)
    nb.page.wait_for_timeout(500)
    view.focus()
    for key in ("a", "r", "a"):
        nb.page.keyboard.press(key)
    expect(title(view)).to_contain_text("Row 3")
    expect(view.locator(".rb-badge")).to_have_text("Kernel busy · 3 edits queued")
    expect(view.locator(".rb-badge")).to_have_text("", timeout=10_000)
    assert nb.kernel_value("[review[i].decision.verdict for i in range(4)]") == [
        "accepted", "rejected", "accepted", None,
    ]  # fmt: skip


def test_beside_a_running_cell_decisions_count_at_once_and_reach_the_frame_after_it(open_anywhere):
    """With subshells a handler runs on another thread while the cell runs; the frame is not touched there."""
    nb, view = open_review(open_anywhere)
    nb.page.evaluate(BLOCK)
    nb.page.wait_for_timeout(500)
    view.focus()
    for key in ("a", "r"):
        nb.page.keyboard.press(key)
    expect(title(view)).to_contain_text("Row 2")
    nb.wait_for_kernel("df['verdict'].tolist()[:2] == ['accepted', 'rejected']")
    assert nb.kernel_value("[review[i].decision.verdict for i in range(2)]") == ["accepted", "rejected"]


def test_reload_and_restart_find_the_reader_where_they_were(open_anywhere):
    nb, view = open_review(open_anywhere)
    for _ in range(3):
        nb.page.keyboard.press("a")
    nb.page.keyboard.press("End")
    expect(title(view)).to_contain_text("Row 299")
    nb.wait_for_kernel("review.cursor == 299")
    nb.save()
    nb.reload()
    view = widget(nb)
    expect(title(view)).to_contain_text("Row 299")
    expect(view.locator(".rb-progress-words")).to_contain_text("3 of 300 decided")

    nb.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(view.locator(".rb-badge")).to_contain_text("Kernel gone", timeout=10_000)
    view.focus()
    nb.page.keyboard.press("r")
    expect(view.locator(".rb-badge")).to_contain_text("1 edit kept")
    nb.run_all()
    view = widget(nb)
    expect(title(view)).to_contain_text("Row 299")
    nb.wait_for_kernel("review[299].decision.verdict == 'rejected'")
    assert nb.kernel_value("df['verdict'].tolist()[:3]") == ["accepted"] * 3


def test_hostile_text_stays_text(open_notebook):
    nb = open_notebook(
        [
            SETUP
            + f"""
payloads = {PAYLOADS!r}
hostile = {HOSTILE!r}
import pandas as pd
df = pd.DataFrame({{
    "messages": [[
        {{"role": "system", "content": p}}, {{"role": "user", "content": hostile}},
        {{"role": "user", "content": p + hostile}}, {{"role": "assistant", "content": hostile + p}},
    ] for p in payloads],
    "reasoning": [{{p: hostile, hostile: [p, hostile], "n" + p: None}} for p in payloads],
    "reasoning_status": (["ok", "error", "stale"] * len(payloads))[: len(payloads)],
    "reasoning_error": [hostile] * len(payloads),
}})
def teacher(request):
    return {{p: p + hostile for p in review[review.cursor].reasoning}}
review = Review(Frame(df, df.reason.layout()), default_store(), teacher=teacher)
""",
            SHOW,
        ]
    )
    nb.run_all()
    view = widget(nb)
    view.focus()
    for _ in range(3):
        nb.page.keyboard.press("e")
        expect(view.locator(".rb-edit").first).to_be_focused()
        nb.page.keyboard.type(PAYLOADS[0])
        nb.page.keyboard.press("Control+Enter")
        nb.page.keyboard.press("d")
        nb.page.keyboard.press("a")
    nb.page.keyboard.press("f")
    expect(view.get_by_label("Feedback to the teacher")).to_be_focused()
    nb.page.keyboard.type(HOSTILE[:200])
    nb.page.keyboard.press("Control+Enter")
    expect(view.locator(".rb-repair-result .rb-field, .rb-repair-result .rb-error").first).to_be_visible()
    nb.page.keyboard.press("Escape")
    nb.page.keyboard.press("/")
    nb.page.keyboard.type(PAYLOADS[1])
    nb.page.keyboard.press("Enter")
    expect(view.locator(".rb-side-head")).to_contain_text("row")
    nb.page.wait_for_timeout(500)
    assert nothing_ran(nb.page)
    nb.wait_for_kernel("review.counts['accepted'] == 3")


def test_keys_can_be_changed_and_dark_is_dark(open_notebook):
    nb, view = open_review(open_notebook)
    nb.page.keyboard.press("?")
    view.get_by_role("button", name=re.compile("^Key for accept")).click()
    nb.page.keyboard.press("y")
    expect(view.get_by_role("button", name="Key for accept: y")).to_be_focused()
    nb.page.keyboard.press("y")
    nb.page.keyboard.press("Escape")
    expect(view.locator(".rb-sheet")).to_have_count(0)
    assert nb.kernel_value("review.counts['accepted']") == 0, "no key acts under the sheet"
    expect(view.locator(".rb-accept kbd")).to_have_text("y")
    view.focus()
    nb.page.keyboard.press("a")
    nb.page.keyboard.press("y")
    nb.wait_for_kernel("review.counts['accepted'] == 1")
    nb.theme("JupyterLab Dark")
    expect(view).to_have_attribute("data-rb-theme", "dark")
    nb.screenshot("review-dark", of=view)
    nb.theme("JupyterLab Light")
    nb.page.set_viewport_size({"width": 760, "height": 900})
    expect(view.get_by_role("button", name="List")).to_be_visible()
    nb.screenshot("review-narrow", of=view)
    view.get_by_role("button", name="List").click()
    view.locator(".rb-list-row").nth(3).click()
    expect(title(view)).to_contain_text("Row 3")


def test_its_looks_are_its_own_whatever_comes_after_it(open_notebook):
    """Every widget brings the shared style sheet along; the one that is loaded last must not undo another's rules."""
    nb = open_notebook([SETUP, SHOW, "rb.examples.refund_schema().edit()"])
    nb.run_all()
    view = widget(nb)
    expect(nb.output(2).locator(".rb-schema-field").first).to_be_visible()
    expect(view.locator(".rb-only-narrow")).to_be_attached()
    expect(view.get_by_role("button", name="List", exact=True)).to_be_hidden()


def test_saved_notebook_keeps_a_card_and_no_rows(open_notebook):
    nb, _view = open_review(open_notebook)
    saved = nb.save()
    output = saved.cells[1].outputs[0]["data"]
    assert "Review" in output["text/html"] and "rb-card" in output["text/html"]
    text = nb.kernel_value("df['prompt'].iloc[0]")
    assert text not in str(saved.cells[1].outputs)
    assert "widgets" not in saved.metadata


TURNS = """
%load_ext reasonbook
import reasonbook as rb
from tests.augment.talks import single, talk, talks

def rules(request):
    last = request.splitlines()[-1]
    aim = "As the response says: " if "ROW-000011" in last else "to answer: "
    return {"Aim": aim + last[-40:], "Next": "look the order up"}

df = talks(talk(10), talk(20), single(5))
df.reason.augment(rb.Schema({"Aim": "What is wanted?", "Next": "What to do?"}), teacher=rules).wait()
review = df.reason.review()
"""


def test_every_turn_shows_its_reasoning_and_is_edited_and_repaired_by_itself(open_notebook):
    nb = open_notebook([TURNS, SHOW, "1 + 1"])
    nb.run_all()
    view = widget(nb)
    view.focus()
    blocks = view.locator(".rb-turn-reasoning")
    expect(blocks).to_have_count(2)
    expect(blocks.nth(0)).to_contain_text("reasoning of turn 1 of 3")
    expect(blocks.nth(1)).to_contain_text("As the response says")
    flags = blocks.nth(1).locator(".rb-turn-flags")
    expect(flags).to_contain_text("leaked", timeout=10_000)
    expect(flags).to_have_attribute("title", "“As the response” tells of the response")
    nb.screenshot("review-turns")
    view.get_by_role("button", name="Edit of turn 2 of 3").click()
    aim = view.get_by_label("Aim", exact=True)
    aim.fill("to find the order")
    expect(view.locator(".rb-detail .rb-edit-bar")).to_contain_text("it stays as it is")
    nb.screenshot("review-turns-editing")
    aim.press("Escape")
    expect(blocks).to_have_count(2)
    blocks.nth(1).locator(".rb-field-value").first.dblclick()
    view.get_by_label("Aim", exact=True).fill("to find the order")
    nb.page.keyboard.press("Control+Enter")
    nb.wait_for_kernel("df['reasoning'][0][1]['Aim'] == 'to find the order'")
    assert nb.kernel_value(
        "df['reasoning'][0][2] == review[0].reasoning and review[0].decision.reasoning is None"
    )
    expect(blocks.nth(1).locator("ins").first).to_be_visible()
    expect(blocks.nth(1).locator(".rb-turn-flags")).to_have_count(0, timeout=10_000)
    view.get_by_role("button", name="Repair of turn 1 of 3").click()
    expect(view.locator(".rb-repair")).to_contain_text("rewrites the reasoning of turn 1 of 3")
    view.get_by_label("Feedback to the teacher").fill("Shorter.")
    nb.page.keyboard.press("Control+Enter")
    expect(view.locator(".rb-repair-result")).to_contain_text("nothing", timeout=20_000)
    nb.page.keyboard.press("Escape")
    view.focus()
    nb.page.keyboard.press("u")
    nb.wait_for_kernel("df['reasoning'][0][1]['Aim'].startswith('As the response')")
    nb.page.keyboard.press("j")
    nb.page.keyboard.press("j")
    expect(title(view)).to_contain_text("Row 2")
    expect(blocks).to_have_count(0)


AUDITED = """
df = rb.examples.refunds(12)
df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
df.at[0, "reasoning"] = {**df["reasoning"][0], "Intent": "wants " + df["response"][0]}
df.at[1, "reasoning"] = {**df["reasoning"][1], "Amount": "3 + 4 = 7"}

import re
def reader(question):
    told = re.findall(r"(?:Amount: .*?|wants [$])([0-9]+)$", question, re.MULTILINE)
    return {"Answer": f"${told[-1]}" if told else "<img src=x onerror=alert(1)>"}

df.reason.quality().audit(reader, fields=True).wait()
review = df.reason.review()
"""


def test_an_audit_shows_where_the_answer_becomes_known(open_notebook):
    nb = open_notebook([SETUP + AUDITED, "review"])
    nb.run_all()
    view = widget(nb)
    audit = view.get_by_role("region", name="Audit")
    steps = audit.get_by_role("listitem")
    expect(steps).to_have_count(9)
    expect(steps.nth(1)).to_have_attribute("aria-label", re.compile("known from here on"))
    expect(steps.nth(1)).to_have_attribute("data-known", "leak")
    expect(steps.nth(8)).to_have_attribute("aria-label", re.compile("works the answer out"))
    expect(audit.locator(".rb-blind")).to_have_count(3)
    expect(audit.locator('.rb-blind[data-right="false"]')).to_contain_text("<img src=x onerror=alert(1)>")
    expect(view.locator(".rb-chip:not(.rb-finding-flag)", has_text="leaks early")).to_be_visible()
    audit.scroll_into_view_if_needed()
    nb.screenshot("review-audit", of=audit)
    view.focus()
    nb.page.keyboard.press("j")
    expect(audit).to_contain_text("undetermined")
    nb.page.keyboard.press("e")
    view.get_by_label("Amount", exact=True).last.fill("104")
    nb.page.keyboard.press("Control+Enter")
    expect(audit).to_have_count(0)  # what was found was of the old text
    assert nothing_ran(nb.page)


REVIEWERS = """
for name, act in (("ana", lambda r: r.accept([0, 1, 2]).note(1, "the fee is right").edit(2, {"Intent": "a refund"})),
                  ("ben", lambda r: r.accept(0).reject(1).edit(2, {"Intent": "a return"}))):
    rb.reviewer(name)
    act(review)
review.assign({"ana": 0.6, "ben": 1.0})
"""


def test_a_conflict_shows_both_versions_and_one_key_settles_it(open_notebook):
    nb = open_notebook([SETUP + REVIEWERS, SHOW, "1 + 1"])
    nb.run_all()
    view = widget(nb)
    expect(view.get_by_label("Whose rows")).to_have_value("")
    expect(view.get_by_label("Whose rows").locator("option").first).to_contain_text("mine (300)")
    conflict = view.get_by_role("button", name=re.compile("Conflict"))
    expect(conflict).to_contain_text("1")
    conflict.click()
    expect(title(view)).to_contain_text("Row 1")
    versions = view.locator(".rb-version")
    expect(versions).to_have_count(2)
    expect(versions.nth(0)).to_contain_text("the fee is right")
    nb.screenshot("review-conflict", of=view)
    for control in [*versions.get_by_role("button").all(), view.get_by_label("Whose rows")]:
        control.focus()
        nb.page.keyboard.press("b")
    assert nb.page.locator(".jp-Notebook .jp-Cell").count() == 3, "keys stay"
    view.focus()
    nb.page.keyboard.press("q")
    nb.wait_for_kernel("df['verdict'].iloc[1] == 'accepted' and review.counts.get('conflict') is None")
    assert nb.kernel_value("df.reason.history(1).steps[-1].who") == "ben"
    nb.page.keyboard.press("u")
    nb.wait_for_kernel("df['verdict'].iloc[1] == 'conflict'")
    view.get_by_role("button", name="Clear filters").click()
    expect(view.locator(".rb-side-head")).to_contain_text("300 rows")
    view.focus()
    nb.page.keyboard.press("Home")
    for _ in range(2):
        nb.page.keyboard.press("j")
    expect(title(view)).to_contain_text("Row 2")
    nb.page.keyboard.press("a")
    nb.wait_for_kernel("review[2].conflict is not None")
    nb.page.keyboard.press("k")
    expect(versions.nth(1).locator("ins").first).to_be_visible()
    nb.screenshot("review-conflict-edits", of=view)
    nb.page.keyboard.press("w")
    nb.wait_for_kernel("df['reasoning'].iloc[2]['Intent'] == 'a return'")


FINDINGS = """
def put(row, **values):
    df.at[row, "reasoning"] = {**df["reasoning"][row], **values}

put(0, Intent="As the response says, the customer wants back what was paid, for the goods have been returned by now",
    Timeline="Bought long ago.\\n3 + 4 = 7 days\\nand then 3 + 4 = 8\\nin all. <img src=x onerror=alert(1)>")
put(1, Policy="\\n".join(["the rules say so"] * 2 + ["see the next line"] * 28) + "\\n2 x 6 = 13")
df.at[2, "response"] = "$9999"
review = df.reason.review()
review.reject(2);
"""
# The texts that are underlined, and whether they are in sight: not folded away, and in the part that is scrolled to.
UNDERLINED = """(detail) => [...(CSS.highlights.get('rb-finding') ?? [])].map((place) => {
  const at = place.getBoundingClientRect();
  const inside = (box) => at.height > 0 && at.top >= box.top && at.bottom <= box.bottom;
  const text = place.startContainer.parentElement.closest('.rb-read');
  return [place.toString(), inside(detail.getBoundingClientRect()) && inside(text.getBoundingClientRect())];
})"""


def test_a_flagged_row_says_what_was_seen_where_and_how_far_to_trust_it(open_notebook):
    nb = open_notebook([SETUP + FINDINGS, SHOW, "1 + 1"])
    nb.run_all()
    view = widget(nb)
    view.focus()
    detail, notes = view.locator(".rb-detail"), view.locator('.rb-note[data-kind="flag"]')
    seen = nb.kernel_value("[(f.flag, f.words) for f in df.reason.quality().why(0)]")
    assert ("sum wrong", "3 + 4 = 7, not 8") in seen
    expect(notes).to_have_text([f"⚑ {flag}{words}show" for flag, words in seen], timeout=10_000)
    assert [text for text, _ in detail.evaluate(UNDERLINED)] == ["As the response", "8", "3", "4"]
    nb.screenshot("review-findings", of=view)
    expect(notes.last).to_have_attribute("title", re.compile("^of 1 .*unsupported.* was rejected or edited"))

    nb.page.keyboard.press("j")
    expect(notes.first).to_contain_text("2 x 6 = 12, not 13")
    assert ["13", False] in detail.evaluate(UNDERLINED), "it is folded away"
    notes.first.get_by_role("button", name="Show where").click()
    nb.page.wait_for_timeout(200)
    assert ["13", True] in detail.evaluate(UNDERLINED)
    nb.screenshot("review-findings-place", of=view)
    for key in ("b", "d", "d", "x"):
        nb.page.keyboard.press(key)
    assert nb.page.locator(".jp-Notebook .jp-Cell").count() == 3, "keys stay"

    flag = view.get_by_label("Flag", exact=True)
    flag.focus()
    trusted = flag.locator('option[value="contradicted"]')
    expect(trusted).to_have_attribute("title", re.compile("1 was rejected or edited: 100 %"))
    view.get_by_role("button", name="Bulk…").click()
    view.get_by_role("menuitem", name="Accept all").click()
    asked = view.locator(".rb-toast")
    expect(asked).to_contain_text(
        re.compile(r"Accept 300 rows\?.* 3 of them are flagged\. Checked: .*sum wrong")
    )
    expect(asked).to_contain_text(
        "Not checked: off schema (no schema on record has the fields of these rows)."
    )
    expect(asked).not_to_contain_text("label suspect")  # nobody made an audit
    nb.screenshot("review-findings-accept", of=view)
    nb.theme("JupyterLab Dark")
    nb.screenshot("review-findings-dark", of=view)
    asked.get_by_role("button", name="Cancel").click()
    assert nb.kernel_value("review.counts['accepted']") == 0 and nothing_ran(nb.page)
