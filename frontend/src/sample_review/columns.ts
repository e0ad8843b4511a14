// The other columns of the row: folded away until one wants them, then fetched for each row one comes to.

import { fill, h } from "../lib/dom.ts";
import { folded, isLong } from "../lib/reading.ts";
import { Superseded } from "../lib/rpc.ts";
import { failureText } from "../lib/widget.ts";
import type { ReviewStore } from "./store.ts";
import type { Full } from "./types.ts";

export class Columns {
  readonly element: HTMLDetailsElement;
  private readonly body = h("div", { class: "rb-fields" });
  private row: Full | undefined;
  private readonly known = new Map<string, [name: string, text: string][]>(); // by key

  constructor(private readonly store: ReviewStore) {
    const summary = h("summary", {}, "Other columns", h("kbd", {}, "o"));
    this.element = h("details", { class: "rb-section rb-columns" }, summary, this.body);
    this.element.addEventListener("toggle", () => this.fetch());
  }

  toggle(): void {
    this.element.open = !this.element.open;
    if (this.element.open) this.element.scrollIntoView({ block: "nearest" });
  }

  /** To be called for each row that is shown. */
  show(row: Full): void {
    if (row.key !== this.row?.key) fill(this.body);
    this.row = row;
    this.fetch();
  }

  /** Forgets what the columns held: the frame was looked at anew. */
  forget(): void {
    this.known.clear();
  }

  private fetch(): void {
    const { row } = this;
    if (row === undefined || !this.element.open) return;
    const held = this.known.get(row.key);
    if (held !== undefined) {
      this.paint(held);
      return;
    }
    this.store.questions
      .columns(row)
      .then((columns) => {
        if (this.known.size > 200) this.known.clear();
        this.known.set(row.key, columns);
        if (this.row?.key === row.key) this.paint(columns);
      })
      .catch((error: unknown) => {
        if (error instanceof Superseded || this.row?.key !== row.key) return;
        fill(this.body, h("div", { class: "rb-error" }, failureText(error)));
      });
  }

  private paint(columns: [name: string, text: string][]): void {
    const line = ([name, text]: [string, string]) =>
      h(
        "div",
        { class: "rb-field" },
        h("div", { class: "rb-field-name" }, name),
        h(
          "div",
          { class: "rb-field-value" },
          text === ""
            ? h("div", { class: "rb-faint" }, "no value")
            : folded(h("div", { class: "rb-text" }, text), isLong(text)),
        ),
      );
    fill(this.body, ...(columns.length > 0 ? columns.map(line) : [h("div", { class: "rb-faint" }, "There are none.")]));
  }
}
