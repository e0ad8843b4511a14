// The line above a row: its verdict and number, what is known of it, its rating, and the way to its neighbours.

import { fill, h, setText } from "../lib/dom.ts";
import { glyph, mark } from "./list_row.ts";
import type { Summary } from "./types.ts";

interface Ways {
  step(by: number): void;
  rate(rating: number): void;
  openList(): void;
}

export class RowHeader {
  readonly element: HTMLElement;
  private readonly title = h("span", { class: "rb-row-title" });
  private readonly chips = h("span", { class: "rb-chips" });
  private readonly place = h("span", { class: "rb-dim rb-place" });
  private readonly stars: HTMLButtonElement[];

  constructor(ways: Ways) {
    const quiet = (text: string, label: string, run: () => void, more = "") =>
      h("button", { class: `rb-button rb-quiet ${more}`, "aria-label": label, onclick: run }, text);
    this.stars = [1, 2, 3, 4, 5].map((n) =>
      h("button", { class: "rb-star", "aria-label": `Rate ${n} of 5`, onclick: () => ways.rate(n) }, "★"),
    );
    this.element = h(
      "div",
      { class: "rb-row-head" },
      quiet("List", "List", () => ways.openList(), "rb-only-narrow"),
      this.title,
      this.chips,
      h("span", { class: "rb-grow" }),
      h("span", { class: "rb-stars", role: "group", "aria-label": "Rating" }, ...this.stars),
      h(
        "span",
        { class: "rb-steps" },
        quiet("‹", "Previous row", () => ways.step(-1)),
        this.place,
        quiet("›", "Next row", () => ways.step(1)),
      ),
    );
  }

  paint(row: Summary | undefined, at: number, count: number): void {
    setText(this.place, `${(at + 1).toLocaleString("en")} / ${count.toLocaleString("en")}`);
    if (row === undefined) return;
    const { kind, words } = mark(row);
    fill(this.title, glyph(kind), `Row ${row.position}`);
    const chip = (text: string, look = "plain") => h("span", { class: "rb-chip", "data-kind": look }, text);
    fill(
      this.chips,
      kind === "open" ? null : chip(words, kind),
      row.edited ? chip("edited") : null,
      row.later ? chip("later") : null,
      ...row.flags.map((flag) => chip(`⚑ ${flag}`)),
    );
    for (const [i, star] of this.stars.entries()) star.setAttribute("aria-pressed", String(i < (row.rating ?? 0)));
  }
}
