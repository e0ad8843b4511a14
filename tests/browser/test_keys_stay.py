"""A key that is pressed in a widget never reaches the notebook, whatever in the widget has the focus or was clicked."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.test_keyboard import TEACH
from tests.browser.test_saved import SETUP, SHOW, VIEWS

KEYS = ("a", "b", "d", "d", "x")  # above, below, cut: what the notebook would do with them
CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(
  (cell) => [cell.id, cell.cell_type, cell.getSource(), cell.execution_count ?? null])"""
FOCUS = """(root, index) => {
  const all = [root, ...root.querySelectorAll('*')].filter((element) => element.tabIndex >= 0
    || element.hasAttribute('tabindex')).filter((element) => !element.disabled
    && element.checkVisibility({visibilityProperty: true}));
  const element = all[index];
  if (element === undefined) return '';
  element.focus({preventScroll: true});
  return document.activeElement === element ? element.outerHTML.slice(0, 100) : 'moved';
}"""
# Places that show text and are no control: the middle of each, as far as it is in the window and nothing lies over it.
PLAIN = """(root) => {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const places = [];
  for (let node = walker.nextNode(); node !== null && places.length < 60; node = walker.nextNode()) {
    if (node.data.trim() === '' || node.parentElement.closest('button, input, select, textarea, summary, a, label'))
      continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getClientRects()[0];
    if (box === undefined) continue;
    const [x, y] = [box.left + Math.min(box.width / 2, 40), box.top + box.height / 2];
    const over = document.elementFromPoint(x, y);
    if (over !== null && root.contains(over)) places.push([x, y]);
  }
  return places;
}"""


def test_keys_stay_in_the_widget_and_saving_is_still_the_hosts(open_anywhere):
    nb = open_anywhere([SETUP, TEACH, *SHOW, "1 + 1"])
    nb.run_all()
    for number, name in enumerate(VIEWS, start=1):
        expect(nb.output(number).locator(f".rb-{name}")).to_be_visible(timeout=20_000)
    nb.page.wait_for_timeout(1000)
    a_clicked_row_is_judged_and_saved(nb)
    before = nb.page.evaluate(CELLS)
    tried = 0
    for number, name in enumerate(VIEWS, start=1):
        at = nb.output(number).locator(f".rb-{name}")
        at.scroll_into_view_if_needed()
        clicked(nb, at, name, before)
        tried += focused(nb, at, name, before)
    assert tried > 60


def press(nb, name: str, before: list, where: str) -> None:
    """Presses the notebook's own keys, then Escape, for whatever a key has opened."""
    for key in KEYS:
        nb.page.keyboard.press(key)
    assert nb.page.evaluate(CELLS) == before, f"{name}: {where}"
    nb.page.keyboard.press("Escape")


def focused(nb, at: Locator, name: str, before: list) -> int:
    """Every element of a widget that can hold the focus; returns how many."""
    for index in range(90):
        element = at.evaluate(FOCUS, index)
        if element == "":
            return index
        press(nb, name, before, element)
    return 90


def clicked(nb, at: Locator, name: str, before: list) -> None:
    """A dozen places of a widget that show text and are no control."""
    places = at.evaluate(PLAIN)
    assert places, name
    for x, y in places[:: max(1, len(places) // 12)]:
        nb.page.mouse.click(x, y)
        where = f"a click on its text at {x:.0f}, {y:.0f}"
        assert at.evaluate("(root) => root.contains(document.activeElement)"), (
            f"{name}: focus is lost by {where}"
        )
        press(nb, name, before, where)


def a_clicked_row_is_judged_and_saved(nb) -> None:
    at = nb.output(3).locator(".rb-sample-review")
    at.locator(".rb-detail .rb-text").first.click()
    nb.page.keyboard.press("a")
    expect(at.locator(".rb-row-title")).to_contain_text("Row 1")
    stamp = nb.path.stat().st_mtime_ns
    nb.page.keyboard.press("Control+s")
    for _ in range(100):
        if nb.path.stat().st_mtime_ns != stamp:
            break
        nb.page.wait_for_timeout(100)
    assert nb.path.stat().st_mtime_ns != stamp, "Ctrl+S saves the notebook"
    nb.page.keyboard.press("r")
    expect(at.locator(".rb-row-title")).to_contain_text("Row 2")
    at.focus()
    nb.page.keyboard.press("Shift+Tab")
    assert not at.evaluate("(root) => root.contains(document.activeElement)"), "Shift+Tab leads out of it"
