// The upper bar: search, verdicts with their counts, status, flag, rating and order.

import { fill, h, setText } from "../lib/dom.ts";
import { compact } from "../lib/format.ts";
import { Condition, namedOptions } from "./condition.ts";
import type { ReviewStore } from "./store.ts";
import { NO_QUERY, type Query } from "./types.ts";

const VERDICTS: [verdict: string | null, label: string][] = [
  [null, "All"],
  ["undecided", "Open"],
  ["accepted", "Accepted"],
  ["rejected", "Rejected"],
  ["conflict", "Conflict"],
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
  readonly order: HTMLElement; // stands beside the number of rows
  private readonly way: HTMLButtonElement;
  private readonly marks: HTMLSelectElement;
  private readonly whose: HTMLSelectElement; // shown where rows are assigned to reviewers
  private readonly condition: Condition;
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
          const more = name === "sort" ? { descending: null } : {};
          this.ask({ [name]: value === "" ? null : name === "rating" ? Number(value) : value, ...more });
        },
      });
    this.selects = {
      status: select("status", "Status"),
      flag: select("flag", "Flag"),
      rating: select("rating", "Rating"),
      sort: select("sort", "Order"),
    };
    this.selects.flag.addEventListener("pointerenter", () => this.store.needTrust());
    this.selects.flag.addEventListener("focus", () => this.store.needTrust());
    this.way = h("button", {
      class: "rb-button rb-quiet",
      "aria-label": "Turn the order round",
      onclick: () => this.ask({ descending: !falling(this.store.query) }),
    });
    this.order = h("span", { class: "rb-order" }, this.selects.sort, this.way);
    this.marks = h("select", {
      class: "rb-input rb-select",
      "aria-label": "Notes, tags, later",
      onchange: () => this.ask({ ...UNMARKED, ...MARKS[this.marks.value], ...tagged(this.marks.value) }),
    });
    this.whose = h("select", {
      class: "rb-input rb-select",
      "aria-label": "Whose rows",
      hidden: true,
      onchange: () => this.ask({ assigned: this.whose.value || null }),
    });
    this.condition = new Condition(store, leave);
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
      this.marks,
      this.whose,
      this.condition.element,
      this.clear,
    );
  }

  reset(): void {
    this.search.value = "";
    this.condition.reset();
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
    const { sort } = this.selects;
    if (sort.options.length === 0)
      fill(
        sort,
        ...options.sort.map((s) => h("option", { value: s }, SORTS[s] ?? s)),
        ...namedOptions(options, (name) => `by ${name}`),
      );
    sort.value = query.sort;
    sort.dataset.set = String(query.sort !== NO_QUERY.sort);
    setText(this.way, falling(query) ? "↓" : "↑");
    this.way.title = falling(query) ? "Largest first" : "Smallest first";
    this.condition.paint(query);
    this.clear.style.visibility = differs({ ...query, sort: NO_QUERY.sort, descending: null }) ? "visible" : "hidden";
    this.counts();
  }

  /** Says on each flag how far to trust it. */
  trust(): void {
    const { flag } = this.selects;
    for (const option of flag.options) option.title = this.store.trust[option.value] ?? "";
    flag.title = this.store.trust[flag.value || "any"] ?? "";
  }

  /** Whose rows are shown: one's own where some are assigned to whoever reviews, else all. */
  private paintWhose({ assigned }: Query): void {
    const { reviewer, assigned: given } = this.store.state;
    const mine = reviewer in given;
    const count = (name: string) => `(${compact(given[name] ?? 0)})`;
    const others = Object.keys(given).filter((name) => !mine || name !== reviewer);
    this.whose.hidden = Object.keys(given).length === 0;
    fill(
      this.whose,
      h("option", { value: "" }, mine ? `mine ${count(reviewer)}` : "all rows"),
      mine ? h("option", { value: "all" }, "all rows") : null,
      ...others.map((name) => h("option", { value: name }, `rows of ${name} ${count(name)}`)),
    );
    this.whose.value = assigned ?? "";
    this.whose.dataset.set = String(assigned !== null);
  }

  counts(): void {
    const { counts, later, proposed, tags } = this.store.state;
    const { query } = this.store;
    this.paintWhose(query);
    const option = (value: string, words: string) => h("option", { value }, words);
    fill(
      this.marks,
      option("", "any marks"),
      option("later", `later (${later})`),
      option("noted", "with a note"),
      ...(proposed > 0 || query.proposed ? [option("proposed", `proposed (${proposed})`)] : []),
      ...Object.entries(tags).map(([tag, count]) => option(`tag:${tag}`, `${tag} (${count})`)),
    );
    const marked = query.later ? "later" : query.note ? "noted" : query.proposed ? "proposed" : "";
    this.marks.value = query.tag !== null ? `tag:${query.tag}` : marked;
    this.marks.dataset.set = String(this.marks.value !== "");
    VERDICTS.forEach(([verdict], i) => {
      const button = this.verdicts[i] as HTMLButtonElement;
      const number = verdict === null ? counts.rows : (counts[verdict as "accepted"] ?? 0);
      button.hidden = verdict === "conflict" && number === 0 && query.verdict !== verdict;
      setText(button.lastElementChild as Element, compact(number));
      button.title = `${number.toLocaleString("en")} rows`;
      button.setAttribute("aria-pressed", String(this.store.query.verdict === verdict));
    });
  }

  private ask(parts: Partial<Query>): void {
    void this.store.choose(parts);
  }
}

const UNMARKED: Partial<Query> = { tag: null, note: null, later: null, proposed: null };
const MARKS: Record<string, Partial<Query>> = {
  later: { later: true },
  noted: { note: true },
  proposed: { proposed: true },
};

function tagged(value: string): Partial<Query> {
  return value.startsWith("tag:") ? { tag: value.slice(4) } : {};
}

/** Whether the largest come first; see Python's `Query.falling`. */
function falling({ sort, descending }: Query): boolean {
  return descending ?? !(sort === "position" || sort.includes(":"));
}

export function differs(query: Query): boolean {
  return (Object.keys(NO_QUERY) as (keyof Query)[]).some((name) => query[name] !== NO_QUERY[name]);
}
