"""The harness itself, with a plain anywidget: what it reports is what happened."""

from __future__ import annotations

import pytest

WIDGET = '''
import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = "count " + model.get("count"); };
      button.addEventListener("click", () => {
        model.set("count", model.get("count") + 1);
        model.save_changes();
      });
      model.on("change:count", show); show(); el.append(button);
    } };
    """
    count = traitlets.Int(0).tag(sync=True)
counter = Counter()
counter
'''


def test_a_click_reaches_the_kernel_and_the_kernel_the_page(open_anywhere):
    nb = open_anywhere(["#md # A widget", WIDGET, "6 * 7"])
    nb.run_all()
    button = nb.output(1).get_by_role("button", name="count 0")
    button.click()
    nb.output(1).get_by_role("button", name="count 1").wait_for()
    nb.wait_for_kernel("counter.count == 1", timeout=10)
    nb.kernel_run("counter.count = 5")
    nb.output(1).get_by_role("button", name="count 5").wait_for()
    assert nb.output(2).inner_text().strip() == "42"
    assert nb.kernel_value("[counter.count, 'x']") == [5, "x"]
    assert nb.kernel_eval("len(In)") == "3", "asking the kernel leaves no trace in its history"
    assert nb.screenshot(f"harness-{nb.server.kind}").stat().st_size > 10_000


def test_errors_are_not_overlooked(open_notebook):
    nb = open_notebook(["x = 1", "1 / 0", "x = 2"])
    with pytest.raises(AssertionError, match="cell 1: ZeroDivisionError"):
        nb.run_all()
    assert nb.kernel_value("x") == 1
    with pytest.raises(AssertionError, match="NameError"):
        nb.kernel_eval("nothing_here")
    nb.run_cell(2)
    assert nb.kernel_value("x") == 2
    nb.page.evaluate("fetch('http://example.invalid/').catch(() => {})")
    nb.page.wait_for_timeout(200)
    assert nb.outside == ["http://example.invalid/"], "a request that leaves the machine is seen"
    nb.outside.clear()


def test_what_a_widget_throws_is_not_overlooked(open_notebook):
    nb = open_notebook([WIDGET.replace("model.save_changes();", "throw new Error('from the widget');")])
    nb.run_all()
    assert nb.widget_errors == []
    nb.output(0).get_by_role("button").click()
    nb.page.wait_for_timeout(200)
    assert len(nb.widget_errors) == 1 and "from the widget" in nb.widget_errors[0]
    nb.widget_errors.clear()


def test_the_kernel_outlives_a_reload_and_a_save_reaches_the_disk(open_notebook):
    nb = open_notebook(["x = 1", "print('kept')"])
    nb.run_all()
    nb.kernel_run("x = 7")
    saved = nb.save()
    assert saved.cells[1].outputs[0].text == "kept\n" and "widgets" not in saved.metadata
    nb.reload()
    assert nb.kernel_value("x") == 7
    nb.theme("JupyterLab Dark")
