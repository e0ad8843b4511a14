// How much of the frame is decided: a bar over the whole width, and words below.

import { h, setText } from "../lib/dom.ts";
import type { State } from "./types.ts";

export class Progress {
  private readonly filled = h("span", { class: "rb-progress-in" });
  readonly bar = h(
    "div",
    {
      class: "rb-progress",
      role: "progressbar",
      "aria-label": "Rows decided",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    this.filled,
  );
  readonly words = h("span", { class: "rb-dim rb-progress-words" });

  paint({ accepted, rejected, stale, rows }: State["counts"]): void {
    const decided = accepted + rejected;
    const percent = rows > 0 ? (100 * decided) / rows : 0;
    this.filled.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.floor(percent)));
    const words = `${decided.toLocaleString("en")} of ${rows.toLocaleString("en")} decided`;
    setText(this.words, stale > 0 ? `${words} · ${stale} stale` : words);
  }
}
