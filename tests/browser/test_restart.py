"""A kernel that ends under an open widget: it says so, refuses aloud, and finds its place when the cell runs again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

REPO = Path(__file__).parents[2]
HERE = f"import sys; sys.path.insert(0, {str(REPO)!r})\n"
RESTART = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"


@dataclass(frozen=True)
class Case:
    """One widget: the cells that show it, what a person does before the restart and after it."""

    name: str
    setup: str
    show: str
    before: Callable[..., None]
    click: Callable[[Locator], None]
    after: Callable[..., None]


def press(name: str) -> Callable[[Locator], None]:
    return lambda view: view.get_by_role("button", name=name).first.click()


# -- schema ----------------------------------------------------------------------------------------------------
def schema_before(nb, view):
    view.get_by_label("Instruction").first.fill("Typed before the end.")
    nb.wait_for_kernel("schema.fields[0].instruction == 'Typed before the end.'")
    nb.kernel_run("schema.save('schema.json')")


def schema_after(nb, view):
    expect(view.get_by_label("Instruction").first).to_have_value("Typed before the end.")
    view.get_by_role("button", name="+ Add field").click()
    nb.wait_for_kernel("len(schema) == 4")


# -- augment ---------------------------------------------------------------------------------------------------
def augment_before(nb, view):
    nb.wait_for_kernel("job.progress.done >= 10")


def augment_after(nb, view):
    nb.wait_for_kernel(
        "job.status.value == 'COMPLETED' and (df['reasoning_status'] == 'ok').all()", timeout=60
    )
    expect(view.locator(".rb-status")).to_have_text("Complete")
    asked = len((nb.path.parent / "asked.txt").read_text().splitlines())
    assert asked <= 120 + 2, "what was paid for before the restart is not asked again"
    assert nb.kernel_value("job.progress.cached") >= 10
    expect(view.locator('.rb-key [data-part="cached"], [data-part="cached"]').first).to_be_attached()


# -- curves ----------------------------------------------------------------------------------------------------
def curves_before(nb, view):
    assert int(view.get_attribute("data-step") or 0) == 8


def curves_after(nb, view):
    curves_before(nb, view)
    assert nb.kernel_value("len(run.history['step']['loss'])") == 8
    view.locator(".u-over").first.click(position={"x": 40, "y": 60})
    expect(view.locator(".rb-tc-table tbody tr").first).to_be_visible()


# -- comparison, chat, tokens ----------------------------------------------------------------------------------
def comparison_shows(nb, view):
    view.get_by_role("radio", name="all, 60 rows").click()
    expect(view.get_by_text("1–12 of 60")).to_be_visible()


def chat_answers(nb, view):
    view.get_by_role("textbox", name="Question").fill("Refund my chair?")
    view.get_by_role("button", name="Ask").click()
    expect(view.locator(".rb-cb-answer[data-state=done] .rb-cb-said")).to_have_text("$55", timeout=20_000)


def ask_again(view):
    view.get_by_role("textbox", name="Question").fill("And the table?")
    view.get_by_role("button", name="Ask").click()


def tokens_step(nb, view):
    expect(view.get_by_text("Row 3", exact=True)).to_be_visible()
    view.get_by_role("button", name="Next row").click()
    expect(view.get_by_text("Row 4", exact=True)).to_be_visible()


CASES = [
    Case(
        "schema-editor",
        "%load_ext reasonbook\nimport reasonbook as rb\nfrom pathlib import Path",
        'schema = rb.Schema.load("schema.json") if Path("schema.json").exists()'
        ' else rb.Schema.preset("customer_support")\nschema.edit()',
        schema_before,
        press("+ Add field"),
        schema_after,
    ),
    Case(
        "augment-progress",
        """
%load_ext reasonbook
import time, reasonbook as rb
df = rb.examples.refunds(120)
def teacher(request):
    time.sleep(0.05)
    with open("asked.txt", "a") as asked:
        asked.write("1\\n")
    return rb.examples.refund_rules(request)
""",
        "job = df.reason.augment(rb.examples.refund_schema(), teacher=teacher, concurrency=2)\njob",
        augment_before,
        press("Stop"),
        augment_after,
    ),
    Case(
        "training-curves",
        """
%load_ext reasonbook
import reasonbook as rb
from pathlib import Path
kept = Path("run.txt")
if not kept.exists():
    df = rb.examples.refunds(60)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    run = df.reason.train(rb.examples.tiny_student("student"), max_steps=8).wait()
    kept.write_text(run.id)
run = rb.Run.load(kept.read_text())
""",
        "run",
        curves_before,
        lambda view: view.locator(".u-over").first.click(position={"x": 40, "y": 60}),
        curves_after,
    ),
    Case(
        "comparison",
        f"{HERE}from tests.widgets.compared import compared\nfrom reasonbook.widgets import Comparison",
        "Comparison(compared(60))",
        comparison_shows,
        press("Next"),
        comparison_shows,
    ),
    Case(
        "chat-box",
        f"""{HERE}
from reasonbook.examples.small_student import tiny_student
from reasonbook.training.chat_session import ChatSession
from reasonbook.widgets import ChatBox
from tests.training.scripted_student import THOUGHT, Scripted
student = tiny_student("student")
""",
        "ChatBox(ChatSession([Scripted(student, THOUGHT)]))",
        chat_answers,
        ask_again,
        chat_answers,
    ),
    Case(
        "mask-preview",
        """
%load_ext reasonbook
import reasonbook as rb
df = rb.examples.refunds(20)
df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
df["split"] = "train"
chat = df.reason.to_chat(rb.examples.tiny_student("student"))
""",
        "chat.preview(3)",
        tokens_step,
        press("Next row"),
        tokens_step,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_dead_kernel_is_said_and_the_cell_brings_it_back(open_notebook, case):
    nb = open_notebook([case.setup, case.show])
    nb.run_all()
    view = nb.output(1).locator(f".rb-{case.name}")
    expect(view).to_be_visible(timeout=20_000)
    view.scroll_into_view_if_needed()
    case.before(nb, view)

    nb.page.evaluate(RESTART)
    badge = view.locator(".rb-badge")
    expect(badge).to_have_text("Kernel gone · run the cell again to go on", timeout=10_000)
    if case.name == "augment-progress":
        expect(view.locator(".rb-status")).to_have_text("Interrupted")
    case.click(view)
    expect(view.get_by_text("Kernel gone · this was not sent → run the cell again").first).to_be_visible()
    nb.screenshot(f"restart-{case.name}", of=view)

    nb.run_all()
    view = nb.output(1).locator(f".rb-{case.name}")
    expect(view.locator(".rb-badge")).to_have_text("", timeout=20_000)
    case.after(nb, view)
