"""What a notebook keeps of the seven widgets when it is saved: valid, readable without us, no data set and no key."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import expect

from tests.servers.provider import KEY, Provider

REPO = Path(__file__).parents[2]
ROWS = 300
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
%load_ext reasonbook
import reasonbook as rb
from reasonbook import widgets
from reasonbook.examples.small_student import tiny_student
from reasonbook.training.chat_session import ChatSession
from tests.training.scripted_student import THOUGHT, Scripted
from tests.widgets.compared import compared
from tests.widgets.paced_run import PacedRun
df = rb.examples.refunds({ROWS})
df["prompt"] = [f"{{text}} Order row-canary-{{i}}." for i, text in enumerate(df["prompt"])]
schema = rb.examples.refund_schema()
"""
TEACH = "job = df.reason.augment(schema, teacher=teacher).wait()\njob"
SHOW = [
    "schema.edit(df, teacher=teacher)",
    "df.reason.review()",
    'df["split"] = "train"\nchat = df.reason.to_chat(tiny_student("student"))\nchat.preview(0)',
    "run = PacedRun(steps=40, rate=0)\nfor step in range(1, 41): run.one_step(step)\nwidgets.TrainingCurves(run)",
    "widgets.Comparison(compared(60))",
    'widgets.ChatBox(ChatSession([Scripted("student", THOUGHT)]))',
]
VIEWS = (
    "augment-progress", "schema-editor", "sample-review", "mask-preview", "training-curves", "comparison", "chat-box",
)  # fmt: skip


def test_a_saved_notebook_is_valid_and_holds_neither_data_nor_keys(open_notebook):
    with Provider(key=KEY) as provider:
        nb = open_notebook([SETUP, TEACH, *SHOW])
        nb.run_cell(0)
        nb.kernel_run(  # as a person does it who has the key from elsewhere; it stands in no cell
            "from reasonbook.teachers.openai import OpenAI\n"
            f"teacher = OpenAI('canary-model', base_url={provider.url!r}, api_key={KEY!r})"
        )
        for number in range(1, len(SHOW) + 2):
            nb.run_cell(number)
        for number, name in enumerate(VIEWS, start=1):
            expect(nb.output(number).locator(f".rb-{name}")).to_be_visible(timeout=20_000)
        editor = nb.output(2).locator(".rb-schema-editor")
        editor.get_by_role("tab", name="Try on 3 rows").click()
        editor.get_by_role("button", name="Try", exact=True).click()
        expect(editor.locator(".rb-trial-row")).to_have_count(3, timeout=20_000)
        review = nb.output(3).locator(".rb-sample-review")
        review.focus()
        nb.page.keyboard.press("a")
        nb.page.keyboard.press("f")
        review.get_by_label("Feedback to the teacher").fill("Say it shorter.")
        nb.page.keyboard.press("Control+Enter")
        expect(
            review.locator(".rb-repair-result .rb-field, .rb-repair-result .rb-error").first
        ).to_be_visible()
        assert provider.requests > ROWS and set(provider.statuses) == {200}, "the key was really used"

        provider.set(key="another")  # and one that is refused, whose error is shown too
        nb.kernel_run("df.drop(columns=['reasoning', 'reasoning_status', 'reasoning_error'], inplace=True)")
        nb.kernel_run("df['prompt'] = df['prompt'] + ' Thanks.'")
        nb.run_cell(1)
        expect(nb.output(1).last).to_contain_text("refused the API key")
        saved = nb.save()

    nbformat.validate(saved)
    assert "widgets" not in saved.metadata
    whole = nb.path.read_text()
    kept = sum(f"row-canary-{i}." in whole for i in range(ROWS))
    assert kept <= 8, f"{kept} of {ROWS} rows stand in the notebook"
    assert nb.path.stat().st_size < 300_000
    for number in range(2, len(SHOW) + 2):
        [output] = saved.cells[number].outputs
        assert output["data"]["text/plain"], "readable where no widget runs"
        assert "text/html" in output["data"] or VIEWS[number - 1] == "comparison", "which is a stand-in here"
    files = [path for path in nb.server.root.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in files) and nb.server.log in files
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
