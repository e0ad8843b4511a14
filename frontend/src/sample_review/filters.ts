// The upper bar: search, verdicts with their counts, status, flag, rating and order.

import { fill, h, setText } from "../lib/dom.ts";
import { compact } from "../lib/format.ts";
import type { ReviewStore } from "./store.ts";
import { NO_QUERY, type Query } from "./types.ts";

const VERDICTS: [verdict: string | null, label: string][] = [
  [null, "All"],
  ["undecided", "Open"],
  ["accepted", "Accepted"],
  ["rejected", "Rejected"],
];
const SORTS: Record<string, string> = {
  position: "in order",
  suspicion: "suspicious",
  rating: "best rated",
  length: "longest",
  loss: "highest loss",
};
const STATUSES: Record<string, string> = { none: "no status" };

export class Filters {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  private readonly verdicts: HTMLButtonElement[];
  private readonly selects: Record<"status" | "flag" | "rating" | "sort", HTMLSelectElement>;
  readonly order: HTMLSelectElement; // stands beside the number of rows
  private readonly clear: HTMLButtonElement;
  private typing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: ReviewStore,
    leave: () => void,
  ) {
    this.search = h("input", {
      class: "rb-input rb-search",
      type: "search",
      placeholder: "Search request, reasoning, response",
      "aria-label": "Search in request, reasoning and response",
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.ask({ text: this.search.value }), 250);
      },
      onkeydown: (event) => {
        if (event.key !== "Escape" && event.key !== "Enter") return;
        event.preventDefault();
        clearTimeout(this.typing);
        if (event.key === "Escape") this.search.value = "";
        if (this.search.value !== this.store.query.text) this.ask({ text: this.search.value });
        leave();
      },
    });
    this.verdicts = VERDICTS.map(([verdict, label]) =>
      h(
        "button",
        { class: "rb-seg", onclick: () => this.ask({ verdict }) },
        h("span", {}, label),
        h("span", { class: "rb-seg-n" }),
      ),
    );
    const select = (name: "status" | "flag" | "rating" | "sort", label: string) =>
      h("select", {
        class: "rb-input rb-select",
        "aria-label": label,
        onchange: () => {
          const value = this.selects[name].value;
          this.ask({ [name]: value === "" ? null : name === "rating" ? Number(value) : value });
        },
      });
    this.selects = {
      status: select("status", "Status"),
      flag: select("flag", "Flag"),
      rating: select("rating", "Rating"),
      sort: select("sort", "Order"),
    };
    this.order = this.selects.sort;
    this.clear = h(
      "button",
      {
        class: "rb-button rb-quiet",
        title: "Clear filters",
        "aria-label": "Clear filters",
        onclick: () => this.reset(),
      },
      "✕",
    );
    this.element = h(
      "div",
      { class: "rb-bar rb-filters", role: "search" },
      this.search,
      h("div", { class: "rb-segs", role: "group", "aria-label": "Verdict" }, ...this.verdicts),
      this.selects.status,
      this.selects.flag,
      this.selects.rating,
      this.clear,
    );
  }

  reset(): void {
    this.search.value = "";
    this.ask({ ...NO_QUERY });
  }

  /** Shows the query; the options are known once the review is open. */
  paint(): void {
    const { query, options } = this.store;
    if (document.activeElement !== this.search) this.search.value = query.text;
    const set = (name: keyof typeof this.selects, any: string, values: [string, string][]) => {
      const select = this.selects[name];
      const first = any === "" ? [] : [h("option", { value: "" }, any)];
      if (select.options.length === 0)
        fill(select, ...first, ...values.map(([v, text]) => h("option", { value: v }, text)));
      select.value = String(query[name] ?? "");
      select.dataset.set = String(query[name] !== NO_QUERY[name]);
    };
    set(
      "status",
      "any status",
      options.status.map((s) => [s, STATUSES[s] ?? s]),
    );
    set(
      "flag",
      "any flags",
      options.flag.map((f) => [f, f === "any" ? "flagged" : f]),
    );
    set(
      "rating",
      "any rating",
      [1, 2, 3, 4, 5].map((n) => [String(n), n === 5 ? "★ 5" : `★ ${n} and up`]),
    );
    set(
      "sort",
      "",
      options.sort.map((s) => [s, SORTS[s] ?? s]),
    );
    this.clear.style.visibility = differs({ ...query, sort: NO_QUERY.sort }) ? "visible" : "hidden";
    this.counts();
  }

  counts(): void {
    const { counts } = this.store.state;
    VERDICTS.forEach(([verdict], i) => {
      const button = this.verdicts[i] as HTMLButtonElement;
      const number = verdict === null ? counts.rows : counts[verdict as "accepted"];
      setText(button.lastElementChild as Element, compact(number));
      button.title = `${number.toLocaleString("en")} rows`;
      button.setAttribute("aria-pressed", String(this.store.query.verdict === verdict));
    });
  }

  private ask(parts: Partial<Query>): void {
    void this.store.choose(parts);
  }
}

export function differs(query: Query): boolean {
  return (Object.keys(NO_QUERY) as (keyof Query)[]).some((name) => query[name] !== NO_QUERY[name]);
}
