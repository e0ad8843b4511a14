// What the student wrote at each evaluation: the same prompts every time, thinking folded away, newest first shown.
import { fill, h, setText } from "../lib/dom.ts";
import type { SampledAnswer } from "../lib/events.gen.ts";
import { type Link, Superseded } from "../lib/rpc.ts";
import type { RunInfo } from "./runs.ts";

export type SampleRow = Omit<SampledAnswer, "tokens" | "score" | "position">;

const HEALTH: Record<string, string> = {
  valid: "thought, then answered",
  empty: "empty thinking",
  unfinished: "thinking not finished",
  missing: "no thinking",
};

export class Samples {
  readonly root: HTMLElement;
  private readonly list = h("div", { class: "rb-tc-list" });
  private readonly where = h("span", { class: "rb-tc-where" });
  private readonly older = h("button", { class: "rb-button rb-tc-small", "aria-label": "Older samples" }, "‹");
  private readonly newer = h("button", { class: "rb-button rb-tc-small", "aria-label": "Newer samples" }, "›");
  private run: RunInfo | null = null;
  private index = -1; // -1 follows the newest
  private shown = "";
  private open = new Set<number>(); // prompts whose thinking is unfolded, kept from one evaluation to the next

  constructor(
    private readonly link: Link,
    private readonly fail: (error: unknown) => void,
  ) {
    this.older.addEventListener("click", () => this.move(-1));
    this.newer.addEventListener("click", () => this.move(1));
    this.root = h(
      "div",
      { class: "rb-tc-samples" },
      h("div", { class: "rb-tc-bar" }, this.older, this.newer, this.where),
      this.list,
    );
    this.update(null);
  }

  /** Shows the samples of a run; asks Python for the texts when they are not the ones on show. */
  update(run: RunInfo | null): void {
    if (run?.id !== this.run?.id) this.index = -1;
    this.run = run;
    const steps = run?.samples ?? [];
    const at = this.index < 0 ? steps.length - 1 : Math.min(this.index, steps.length - 1);
    this.older.disabled = at <= 0;
    this.newer.disabled = at >= steps.length - 1;
    if (run === null || at < 0) {
      setText(this.where, "");
      this.shown = "";
      fill(this.list, h("div", { class: "rb-tc-none" }, "What the student writes at each evaluation appears here."));
      return;
    }
    const newest = at === steps.length - 1 ? "  newest" : "";
    setText(this.where, `step ${steps[at]} · ${at + 1} of ${steps.length}${newest}`);
    const key = `${run.id}:${at}:${steps[at]}`;
    if (key === this.shown) return;
    this.shown = key;
    this.link
      .call<{ rows: SampleRow[] }>("samples", { run: run.id, index: at }, { lane: "samples" })
      .then(({ rows }) => key === this.shown && this.paint(rows))
      .catch((error) => error instanceof Superseded || this.fail(error));
  }

  private move(by: number): void {
    const count = this.run?.samples.length ?? 0;
    const at = (this.index < 0 ? count - 1 : this.index) + by;
    this.index = at >= count - 1 ? -1 : Math.max(0, at);
    this.update(this.run);
  }

  private paint(rows: SampleRow[]): void {
    fill(this.list, ...rows.map((row, number) => this.card(row, number)));
  }

  private card(row: SampleRow, number: number): HTMLElement {
    const right = row.correct === null ? "" : row.correct ? "rb-tc-right" : "rb-tc-wrong";
    const verdict = row.correct === null ? "" : row.correct ? "✓ right" : "✗ wrong";
    const thinking = h(
      "details",
      { class: "rb-tc-thinking", open: this.open.has(number) },
      h("summary", {}, row.thinking ? `Thinking · ${row.thinking.length} characters` : "No thinking"),
      h("div", { class: "rb-tc-text" }, row.thinking),
    );
    thinking.addEventListener("toggle", () => {
      if (thinking.open) this.open.add(number);
      else this.open.delete(number);
    });
    return h(
      "article",
      { class: "rb-tc-sample" },
      h("div", { class: "rb-tc-prompt", title: row.prompt }, row.prompt),
      h(
        "div",
        { class: "rb-tc-answer" },
        h("span", { class: `rb-tc-verdict ${right}` }, verdict),
        h(
          "span",
          { class: "rb-tc-text" },
          row.answer || (row.thinking ? "(no answer)" : row.text) || "(nothing written)",
        ),
        row.correct === false && row.expected ? h("span", { class: "rb-tc-dim" }, `expected ${row.expected}`) : null,
        h("span", { class: `rb-tc-health rb-tc-${row.health}` }, HEALTH[row.health] ?? row.health),
      ),
      row.thinking ? thinking : null,
    );
  }
}
