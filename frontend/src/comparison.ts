// Runs side by side on held-out rows: who is right how often, and what each of them wrote.
import "./comparison.css";
import { paintJudged, type Row, rowCard } from "./comparison/rows.ts";
import { type Score, scoreTable } from "./comparison/scores.ts";
import { fill, h, setText } from "./lib/dom.ts";
import { keySheetCommand } from "./lib/key_sheet.ts";
import { Keys } from "./lib/keys.ts";
import { Reader } from "./lib/reading.ts";
import { Superseded } from "./lib/rpc.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";

interface Filter {
  id: string;
  label: string;
  count: number;
  /** The run that it is about; its colour stands before the label. */
  run: number | null;
}

interface Snapshot {
  split: string;
  rows: number;
  measure: string;
  scores: Score[];
  notes: string[];
  filters: Filter[];
}

interface Page {
  total: number;
  start: number;
  rows: Row[];
}

const SIZE = 12;

class Comparison {
  private shot: Snapshot | null = null;
  private filter = "all";
  private start = 0;
  private total = 0;
  private query = "";
  private open = false;
  private current = 0;
  private shown: Row[] = [];
  private readonly reader: Reader;

  private readonly title = h("span", { class: "rb-title" }, "Comparison");
  private readonly facts = h("span", { class: "rb-dim" });
  private readonly scores = h("div", { class: "rb-co-scores" });
  private readonly notes = h("div", { class: "rb-dim rb-co-notes" });
  private readonly filters = h("div", { class: "rb-co-filters", role: "radiogroup", "aria-label": "Which rows" });
  private readonly search = h("input", {
    class: "rb-input rb-co-search",
    type: "search",
    placeholder: "Search",
    "aria-label": "Search in prompts, answers and thinking",
  });
  private readonly fold = h("button", { class: "rb-button", "aria-pressed": "false" }, "thinking");
  private readonly list = h("div", { class: "rb-pane rb-co-list", tabindex: 0, role: "feed", "aria-label": "Rows" });
  private readonly where = h("span", { class: "rb-dim", role: "status" });
  private readonly back = h("button", { class: "rb-button", "aria-label": "Previous page" }, "‹");
  private readonly on = h("button", { class: "rb-button", "aria-label": "Next page" }, "›");

  constructor(private readonly stage: Stage) {
    this.reader = new Reader(stage.link, stage.root);
    const keys = this.keys();
    stage.root.append(
      h("div", { class: "rb-bar" }, this.title, this.facts, h("span", { class: "rb-grow" }), stage.badge),
      this.scores,
      this.notes,
      h(
        "div",
        { class: "rb-bar rb-rule rb-co-tools" },
        this.filters,
        h("span", { class: "rb-grow" }),
        this.search,
        this.fold,
      ),
      this.list,
      h(
        "div",
        { class: "rb-bar rb-rule" },
        keys.hints,
        h("span", { class: "rb-grow" }),
        this.where,
        this.back,
        this.on,
      ),
    );
    keys.attach(stage.root, stage.signal);
    this.back.addEventListener("click", () => this.turn(-1));
    this.on.addEventListener("click", () => this.turn(1));
    this.fold.addEventListener("click", () => this.setOpen(!this.open));
    let wait = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(wait);
      wait = window.setTimeout(() => {
        this.query = this.search.value;
        this.fetch(0);
      }, 150);
    });
    this.list.addEventListener("click", (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>(".rb-co-row");
      if (row !== null) this.select([...this.list.children].indexOf(row), false);
    });
    fill(this.scores, h("div", { class: "rb-empty" }, "Fetching the comparison…"));
    stage.link.onPush(({ scores }: { scores: Score[] }) => this.shot !== null && this.paintScores(scores));
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      this.shot = await this.stage.link.call<Snapshot>("snapshot");
    } catch (error) {
      fill(this.scores, h("div", { class: "rb-empty" }, "The comparison could not be fetched."));
      this.stage.fail(error);
      return;
    }
    const { split, rows, scores, notes } = this.shot;
    setText(
      this.facts,
      `${rows.toLocaleString("en-US").replaceAll(",", "\u202f")} ${split} ${rows === 1 ? "row" : "rows"}`,
    );
    this.paintScores(scores);
    fill(this.notes, ...notes.map((note) => h("div", { dir: "auto" }, note)));
    this.stage.root.style.setProperty("--co-runs", String(Math.max(1, scores.length)));
    this.paintFilters();
    // Where runs differ there is most to learn.
    const differ = this.shot.filters.find((filter) => filter.id === "differ");
    if (scores.length > 1 && differ !== undefined && differ.count > 0) this.choose("differ");
    else this.choose("all");
  }

  private paintFilters(): void {
    const held = this.filters.contains(document.activeElement);
    fill(
      this.filters,
      ...this.usable().map(({ id, label, count, run }) => {
        const chosen = String(id === this.filter);
        const name = run === null ? label : `${this.shot?.scores[run]?.label} ${label}`;
        const button = h(
          "button",
          {
            class: "rb-button rb-quiet rb-co-filter",
            role: "radio",
            "aria-checked": chosen,
            "aria-pressed": chosen,
            "aria-label": `${name}, ${count} rows`,
            title: name,
          },
          run === null ? null : h("i", { class: "rb-co-dot", style: `--run:var(--rb-run-${run % 6})` }),
          label,
          h("span", { class: "rb-faint" }, String(count)),
        );
        button.addEventListener("click", () => this.choose(id));
        return button;
      }),
    );
    // The button that was clicked has been made anew: without the focus its keys would be the notebook's.
    if (held) this.filters.querySelector<HTMLElement>('[aria-checked="true"]')?.focus({ preventScroll: true });
  }

  private usable(): Filter[] {
    return (this.shot?.filters ?? []).filter((filter) => filter.count > 0 || filter.id === "all");
  }

  private choose(id: string): void {
    this.filter = id;
    this.paintFilters();
    this.fetch(0);
  }

  private fetch(start: number, current = 0): void {
    this.stage.link
      .call<Page>("rows", { start, count: SIZE, filter: this.filter, query: this.query }, { lane: "rows" })
      .then((page) => this.paint(page, current))
      .catch((error) => error instanceof Superseded || this.stage.fail(error));
  }

  private paint(page: Page, current: number): void {
    this.shown = page.rows;
    this.start = page.start;
    this.total = page.total;
    const labels = this.shot?.scores.map((score) => score.label) ?? [];
    const held = this.list.contains(document.activeElement);
    if (page.rows.length === 0) {
      const why = this.query ? `No row holds “${this.query}”.` : "No row of this kind.";
      fill(this.list, h("div", { class: "rb-empty" }, why));
    } else {
      const judge = (row: number, run: number, agree: boolean | null) => this.judge(row, run, agree);
      fill(this.list, ...page.rows.map((row) => rowCard(row, labels, this.open, this.reader, judge)));
    }
    if (held) this.list.focus({ preventScroll: true }); // the row that had the focus is gone, its keys go on
    this.list.scrollTop = 0;
    const last = page.start + page.rows.length;
    setText(this.where, page.total === 0 ? "" : `${page.start + 1}–${last} of ${page.total}`);
    this.back.disabled = page.start === 0;
    this.on.disabled = last >= page.total;
    this.select(current < 0 ? page.rows.length - 1 : current, current !== 0);
  }

  /** Says of a grade, or of all grades of a row, whether it is right. */
  private judge(row: number, run: number | null, agree: boolean | null): void {
    this.stage.link
      .call<{ scores: Score[]; judged: (boolean | null)[] }>("judge", { row, run, agree }, { once: true })
      .then(({ scores, judged }) => {
        this.paintScores(scores);
        const held = this.shown.find((each) => each.index === row);
        if (held !== undefined) held.judged = judged;
        const card = this.list.querySelector(`.rb-co-row[data-index="${row}"]`);
        for (const [at, element] of [...(card?.querySelectorAll(".rb-co-judge") ?? [])].entries())
          paintJudged(element, judged[at] ?? null);
      })
      .catch((error) => this.stage.fail(error));
  }

  private judgeCurrent(run: number | null, agree: boolean | null): void {
    const row = this.shown[this.current];
    if (row === undefined || (run !== null && run >= row.replies.length)) return;
    this.judge(row.index, run, run !== null && row.judged[run] === agree ? null : agree);
    if (run === null && agree) this.select(this.current + 1, true);
  }

  private paintScores(scores: Score[]): void {
    fill(this.scores, scoreTable(scores, this.shot?.measure ?? ""));
  }

  private turn(by: number): void {
    const start = this.start + by * SIZE;
    if (start < 0 || start >= this.total) return;
    this.fetch(start, by < 0 ? -1 : 0);
  }

  private select(index: number, scroll: boolean): void {
    const rows = [...this.list.children].filter((child) => child.classList.contains("rb-co-row"));
    if (rows.length === 0) return;
    if (index < 0 || index >= rows.length) {
      this.turn(index < 0 ? -1 : 1);
      return;
    }
    rows[this.current]?.classList.remove("rb-co-current");
    this.current = index;
    const row = rows[index] as HTMLElement;
    row.classList.add("rb-co-current");
    if (scroll) row.scrollIntoView({ block: "nearest" });
  }

  private setOpen(open: boolean): void {
    this.open = open;
    this.fold.setAttribute("aria-pressed", String(open));
    for (const details of this.list.querySelectorAll<HTMLDetailsElement>(".rb-co-thinking")) details.open = open;
    this.list.children[this.current]?.scrollIntoView({ block: "nearest" });
  }

  private foldOne(): void {
    const row = this.list.children[this.current];
    const all = row === undefined ? [] : [...row.querySelectorAll<HTMLDetailsElement>(".rb-co-thinking")];
    const open = !all.some((details) => details.open);
    for (const details of all) details.open = open;
  }

  private keys(): Keys {
    const cycle = (by: number) => {
      const usable = this.usable();
      const now = usable.findIndex((filter) => filter.id === this.filter);
      const next = usable[(now + by + usable.length) % usable.length];
      if (next !== undefined) this.choose(next.id);
    };
    const keys: Keys = new Keys("comparison", [
      { id: "next", label: "next", keys: ["j", "ArrowDown"], run: () => this.select(this.current + 1, true) },
      { id: "previous", label: "previous", keys: ["k", "ArrowUp"], run: () => this.select(this.current - 1, true) },
      { id: "one", label: "thinking of the row", keys: ["Enter"], run: () => this.foldOne() },
      { id: "all", label: "of all", keys: ["t"], run: () => this.setOpen(!this.open) },
      { id: "filter", label: "other rows", keys: ["f"], run: () => cycle(1) },
      { id: "filterBack", label: "other rows, backwards", keys: ["F"], hint: false, run: () => cycle(-1) },
      { id: "agree", label: "the grades are right", keys: ["a"], run: () => this.judgeCurrent(null, true) },
      ...[1, 2, 3, 4].map((n) => ({
        id: `disagree${n}`,
        label: n === 1 ? "the grade of run 1 is not right" : `that of run ${n}`,
        keys: [String(n)],
        hint: false,
        run: () => this.judgeCurrent(n - 1, false),
      })),
      { id: "unsay", label: "not judged", keys: ["x"], hint: false, run: () => this.judgeCurrent(null, null) },
      { id: "raw", label: "text as it is written", keys: ["m"], hint: false, run: () => this.reader.toggle() },
      { id: "search", label: "search", keys: ["/"], run: () => this.search.focus() },
      { id: "leave", label: "leave search", keys: ["Escape"], hint: false, typing: true, run: () => this.list.focus() },
      { id: "pageOn", label: "next page", keys: ["n", "PageDown"], hint: false, run: () => this.turn(1) },
      { id: "pageBack", label: "previous page", keys: ["p", "PageUp"], hint: false, run: () => this.turn(-1) },
      keySheetCommand(this.stage.root, () => keys),
    ]);
    return keys;
  }
}

export default defineWidget("comparison", "Comparison of runs", (stage) => void new Comparison(stage));
