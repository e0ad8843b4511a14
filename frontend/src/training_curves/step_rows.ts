// The rows that the optimizer saw at one step: where a spike in the loss came from.

import { fill, h } from "../lib/dom.ts";
import { brief } from "../lib/plot/ticks.ts";
import { type Link, Superseded } from "../lib/rpc.ts";

interface StepRow {
  position: number | null;
  prompt: string;
  response: string;
  loss: number | null;
}

interface StepAnswer {
  step: number;
  loss: number | null;
  rows: StepRow[];
  why: string;
}

export class StepRows {
  readonly root = h("div", { class: "rb-tc-step" });
  private asked = "";

  constructor(
    private readonly link: Link,
    private readonly fail: (error: unknown) => void,
  ) {
    this.hint();
  }

  show(run: string, label: string, step: number): void {
    const key = `${run}:${step}`;
    this.asked = key;
    fill(this.root, h("div", { class: "rb-tc-none" }, `Fetching the rows of step ${Math.round(step)}…`));
    this.link
      .call<StepAnswer>("step_rows", { run, step }, { lane: "rows" })
      .then((answer) => key === this.asked && this.paint(label, answer))
      .catch((error) => {
        if (error instanceof Superseded) return;
        this.hint();
        this.fail(error);
      });
  }

  private hint(): void {
    fill(this.root, h("div", { class: "rb-tc-none" }, "Click a point of a curve to see the rows behind that step."));
  }

  private paint(label: string, { step, loss, rows, why }: StepAnswer): void {
    const lossText = loss === null ? "" : ` · loss ${brief(loss, 4)}`;
    const sorted = [...rows].sort((a, b) => (b.loss ?? -1) - (a.loss ?? -1));
    const head = h(
      "div",
      { class: "rb-tc-bar" },
      h("b", {}, `Step ${step}`),
      h("span", { class: "rb-tc-dim" }, `${label}${lossText}`),
    );
    if (rows.length === 0) {
      fill(this.root, head, h("div", { class: "rb-tc-none" }, why || "This run kept no rows for that step."));
      return;
    }
    const line = (row: StepRow) =>
      h(
        "tr",
        {},
        h("td", { class: "rb-tc-number" }, row.position === null ? "–" : String(row.position)),
        h("td", { class: "rb-tc-number" }, row.loss === null ? "–" : brief(row.loss)),
        h("td", {}, h("div", { class: "rb-tc-clip", tabindex: 0, title: row.prompt }, row.prompt)),
        h("td", {}, h("div", { class: "rb-tc-clip", tabindex: 0, title: row.response }, row.response)),
      );
    const names = ["row", "loss", "prompt", "response"];
    fill(
      this.root,
      head,
      h(
        "table",
        { class: "rb-tc-table" },
        h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, ...sorted.map(line)),
      ),
    );
  }
}
