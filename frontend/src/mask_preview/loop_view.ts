// The closed loop of the row that is shown: what the student would write, where it stops, how it is read back.
import { fill, h } from "../lib/dom.ts";
import { type Link, Superseded } from "../lib/rpc.ts";
import { ASKS, brokenStep, MARKS, type ReadBack, readBack, type Written, writtenOf } from "./played.ts";
import type { PlayedRow } from "./played_row.gen.ts";
import { shown } from "./row_view.ts";
import type { Row } from "./tokens.ts";

export class LoopView {
  readonly element = h("div", {
    class: "rb-pane rb-mp-loop",
    tabindex: 0,
    role: "group",
    "aria-label": "Closed loop",
    hidden: true,
  });
  private shown = "";

  constructor(
    private readonly link: Link,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Plays the row, if the pane is open. */
  async show(row: Row): Promise<void> {
    if (this.element.hidden || row.hash === this.shown) return;
    this.shown = row.hash;
    fill(this.element, h("div", { class: "rb-dim" }, "A perfect student plays the row…"));
    try {
      const played = await this.link.call<PlayedRow>("loop", { index: row.index }, { lane: "loop" });
      if (this.shown !== row.hash) return;
      this.paint(row, played);
      this.element.scrollTop = 0;
    } catch (error) {
      if (error instanceof Superseded) return;
      this.shown = "";
      fill(this.element);
      this.fail(error);
    }
  }

  private paint(row: Row, played: PlayedRow): void {
    const broken = brokenStep(played);
    const verdict = broken ? `A perfect student fails: ${broken.step}.` : "A perfect student gets this row right.";
    fill(
      this.element,
      h("div", {}, h("b", { class: broken ? "rb-mp-fails" : "rb-mp-passes" }, verdict), ` ${played.story}`),
      broken && h("div", { class: "rb-mp-fails rb-text" }, broken.said),
      broken?.fix ? h("div", { class: "rb-dim rb-mono" }, broken.fix) : null,
      h(
        "ol",
        { class: "rb-mp-steps", "aria-label": "Steps" },
        ...played.steps.map(({ step, state }) =>
          h(
            "li",
            { class: `rb-mp-${state.replace(" ", "-")}`, title: `${ASKS[step]}: ${state}` },
            `${MARKS[state]} ${step}`,
          ),
        ),
      ),
      h("div", { class: "rb-label" }, "it writes"),
      h("div", { class: "rb-mp-written" }, ...writtenOf(row, played).map(token)),
      ...readBack(played).flatMap(pair),
    );
  }
}

const token = ({ text, id, as }: Written) =>
  h(
    "span",
    { class: `rb-mp-wrote ${as === "stop" ? "rb-mp-stop rb-mp-special" : `rb-mp-${as}`}`, title: `id ${id}` },
    ...shown(text),
  );

const pair = ({ label, read, row, same }: ReadBack) => [
  h("div", { class: "rb-label" }, `${label}, read back: ${same ? "✓ as in the row" : "✗ not what the row has"}`),
  h(
    "div",
    { class: same ? "rb-mp-read-back" : "rb-mp-read-back rb-mp-two" },
    h("div", { class: "rb-text" }, read || "nothing"),
    same ? null : h("div", { class: "rb-text" }, h("span", { class: "rb-label" }, "in the row "), row || "nothing"),
  ),
];
