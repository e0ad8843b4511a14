"""A page with all seven widgets open in a real JupyterLab: bundle bytes, bytes received, time to interactive.

    python -m benchmarks.widgets.page [--rows 2000]

Interactive is the moment at which the last of the seven shows its data, counted from the one at which the cells
that show them were sent; reload is the same after a reload of the page, from the first byte of the page on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from reasonbook.widgets.base import STATIC
from tests.browser.driver import NotebookPage, write_notebook

from .lab import lab

REPO = Path(__file__).parents[2]
SETUP = f"""
import sys; sys.path.insert(0, {str(REPO)!r})
%load_ext reasonbook
import reasonbook as rb
from reasonbook import widgets
from reasonbook.chat import ChatRow, build
from reasonbook.data.conversation import Conversation
from reasonbook.examples.small_student import tiny_student
from reasonbook.training.chat_session import ChatSession
from tests.training.scripted_student import THOUGHT, Scripted
from tests.widgets.compared import compared
from tests.widgets.paced_run import PacedRun
schema = rb.examples.refund_schema()
df = rb.examples.refunds(ROWS)
job = df.reason.augment(schema, teacher=rb.examples.refund_rules).wait()
review = df.reason.review()
student = tiny_student("student")
rows = [ChatRow(i, str(i), "train", Conversation(messages=({{"role": "user", "content": df["prompt"][i]}},
        {{"role": "assistant", "content": df["response"][i]}})), dict(df["reasoning"][i])) for i in range(20)]
preview = build(rows, student).preview(0)
run = PacedRun(steps=2000, rate=0)
for step in range(1, 2001): run.one_step(step)
"""
SHOW = """
from IPython.display import display
shown = [widgets.SchemaEditor(schema), widgets.AugmentProgress(job), widgets.SampleReview(review),
         widgets.MaskPreview(preview), widgets.TrainingCurves(run), widgets.Comparison(compared(60)),
         widgets.ChatBox(ChatSession([Scripted(student, THOUGHT)]))]
for view in shown: display(view)
"""
SIGNS = {
    "schema_editor": ".rb-schema-editor .rb-schema-field",
    "augment_progress": ".rb-augment-progress .rb-new",
    "sample_review": ".rb-sample-review .rb-field",
    "mask_preview": ".rb-mask-preview .rb-mp-token",
    "training_curves": ".rb-training-curves .uplot canvas",
    "comparison": ".rb-comparison .rb-co-row",
    "chat_box": ".rb-chat-box textarea",
}
WATCH = """(signs) => {
  const state = window.__bench = {begun: performance.now(), seen: {}};
  const look = () => {
    for (const [name, sign] of Object.entries(signs))
      if (!(name in state.seen) && document.querySelector(sign)) state.seen[name] = performance.now() - state.begun;
    if (Object.keys(state.seen).length < Object.keys(signs).length) requestAnimationFrame(look);
  };
  look();
}"""
SEEN = "(count) => window.__bench && Object.keys(window.__bench.seen).length === count"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    asked = parser.parse_args()

    bundles = {name: sum(f.stat().st_size for f in STATIC.glob(f"{name}.*")) for name in SIGNS}
    found: dict[str, Any] = {
        "bundle kB (script and style)": {name: round(size / 1000, 1) for name, size in bundles.items()},
        "bundles together kB": round(sum(bundles.values()) / 1000, 1),
    }
    with lab() as (context, server):
        cells = [SETUP.replace("ROWS", str(asked.rows)), SHOW]
        nb = NotebookPage(context, server, write_notebook(server.root / "page" / "all.ipynb", cells))
        received = 0

        def note(frame: Any) -> None:
            nonlocal received
            received += len(frame) if isinstance(frame, bytes) else len(str(frame).encode())

        nb.page.on("websocket", lambda socket: socket.on("framereceived", note))
        nb.open()
        nb.run_cell(0, timeout=300)
        nb.page.wait_for_timeout(1000)
        received = 0
        nb.page.evaluate(WATCH, SIGNS)
        nb.run_cell(1)
        try:
            nb.page.wait_for_function(SEEN, arg=len(SIGNS), timeout=60_000)
        except Exception:
            raise SystemExit(f"only these showed: {nb.page.evaluate('() => window.__bench.seen')}") from None
        nb.page.wait_for_timeout(1000)
        seen = nb.page.evaluate("() => window.__bench.seen")
        found["data shown after ms"] = {name: round(at) for name, at in seen.items()}
        found["interactive ms"] = round(max(seen.values()))
        found["received kB"] = round(received / 1000, 1)
        nb.screenshot("bench-page")
        nb.save()
        received = 0
        nb.page.add_init_script(f"({WATCH})({json.dumps(SIGNS)})")
        nb.reload()
        nb.page.wait_for_function(SEEN, arg=len(SIGNS), timeout=60_000)
        nb.page.wait_for_timeout(1000)
        again = nb.page.evaluate("() => window.__bench.seen")
        found["reload: interactive ms, JupyterLab's own start included"] = round(max(again.values()))
        found["reload: received kB"] = round(received / 1000, 1)
        nb.close()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
