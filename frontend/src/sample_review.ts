// SampleReview: one row at a time at the keyboard, beside a list of any length.

import { fill, h, setText } from "./lib/dom.ts";
import { closeKeySheet, toggleKeySheet } from "./lib/key_sheet.ts";
import { Keys, type Overrides, showKey } from "./lib/keys.ts";
import { menuButton } from "./lib/menu.ts";
import { Reader } from "./lib/reading.ts";
import { Toast } from "./lib/toast.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";
import { WindowedList } from "./lib/windowed_list.ts";
import { ActionBar } from "./sample_review/action_bar.ts";
import { Bulk } from "./sample_review/bulk.ts";
import { Columns } from "./sample_review/columns.ts";
import { type Acts, reviewCommands } from "./sample_review/commands.ts";
import { Detail } from "./sample_review/detail.ts";
import { Drafts } from "./sample_review/drafts.ts";
import { EarlyKeys } from "./sample_review/early_keys.ts";
import { differs, Filters } from "./sample_review/filters.ts";
import { Hits } from "./sample_review/hits.ts";
import { mark, paintRow } from "./sample_review/list_row.ts";
import { Marks } from "./sample_review/marks.ts";
import { Progress } from "./sample_review/progress.ts";
import { Repair } from "./sample_review/repair.ts";
import { RowHeader } from "./sample_review/row_header.ts";
import { type Change, ReviewStore } from "./sample_review/store.ts";
import type { Push, Turn, Verdict } from "./sample_review/types.ts";
import "./sample_review.css";

const ROW = 44;

export default defineWidget("sample-review", "Review of samples", (stage) => new SampleReview(stage).start());

class SampleReview {
  private readonly store: ReviewStore;
  private readonly keys: Keys;
  private readonly filters: Filters;
  private readonly list: WindowedList;
  private readonly detail: Detail;
  private readonly reader: Reader;
  private readonly repair: Repair;
  private readonly head: RowHeader;
  private readonly marks: Marks;
  private readonly columns: Columns;
  private readonly hits: Hits;
  private readonly bulk: Bulk;
  private readonly listed = h("span", { class: "rb-dim" });
  private readonly progress = new Progress();
  private readonly voice = h("div", { class: "rb-sr", role: "status", "aria-live": "polite" });
  private readonly main = h("div", { class: "rb-main" });
  private readonly aside = h("div", { class: "rb-side" });
  private readonly empty = h("div", { class: "rb-empty rb-nothing" });
  private readonly toast: Toast;
  private readonly actions: ActionBar;
  private readonly early: EarlyKeys;

  constructor(private readonly stage: Stage) {
    const { root, link, signal, model } = stage;
    const focus = () => root.focus({ preventScroll: true });
    this.store = new ReviewStore(link, (what, place) => this.changed(what, place), stage.fail);
    this.filters = new Filters(this.store, focus);
    this.list = new WindowedList(
      {
        label: "Rows",
        row: ROW,
        paint: (element, index) => paintRow(element, this.store.summary(index), index),
        needs: (first, count) => this.store.need(first, count),
        pick: (index) => {
          this.leave();
          this.store.go(index);
          root.classList.remove("rb-list-open");
          focus();
        },
      },
      signal,
    );
    const drafts = new Drafts(String(model.get("subject") ?? ""), sessionStorage);
    this.reader = new Reader(link, root);
    this.columns = new Columns(this.store);
    this.detail = new Detail(
      this.store,
      drafts,
      this.columns,
      focus,
      this.reader,
      (turn) => this.startRepair(turn),
      signal,
    );
    this.marks = new Marks(this.store, focus);
    this.hits = new Hits([this.detail.element, this.list.element], signal);
    this.repair = new Repair(this.store, focus);
    this.toast = new Toast(focus);
    this.bulk = new Bulk(this.store, this.toast, () => showKey(this.keys.keysOf("undo")[0] ?? "u"), stage.fail);
    this.early = new EarlyKeys(
      () => this.store.current !== undefined,
      (text) => this.toast.say(text),
    );
    this.head = new RowHeader({
      step: (by) => this.step(by),
      rate: (rating) => this.rate(rating),
      openList: () => root.classList.toggle("rb-list-open"),
    });
    const fixed = (model.get("keymap") as Overrides) ?? {};
    this.keys = new Keys("sample_review", reviewCommands(this.acts()), fixed, () => this.actions.paintKeys());
    this.actions = new ActionBar(this.keys, this.store, focus);
    this.layout();
  }

  start(): void {
    const { root, link, signal } = this.stage;
    this.keys.attach(root, signal);
    link.onPush((push: Push) => {
      if (this.store.state !== undefined) this.store.news(push);
    });
    void this.open();
  }

  private async open(): Promise<void> {
    try {
      await this.store.open();
      this.stage.root.classList.remove("rb-opening");
      if (this.store.notes.length > 0) this.toast.say(this.store.notes.join(" "));
    } catch (error) {
      this.stage.fail(error);
      this.toast.offer("The review could not be opened.", "Try again", () => void this.open());
    }
  }

  // -- build ---------------------------------------------------------------------------------------------
  private layout(): void {
    const { root, badge, signal } = this.stage;
    root.classList.add("rb-opening");
    const bulk = menuButton("Bulk…", () => this.bulk.items(), signal);
    const refresh = h(
      "button",
      {
        class: "rb-button rb-quiet",
        title: "Look again at the frame",
        "aria-label": "Look again at the frame",
        onclick: () => {
          this.columns.forget();
          void this.store.refresh();
        },
      },
      "↻",
    );
    this.aside.append(
      h(
        "div",
        { class: "rb-side-head" },
        this.listed,
        h("span", { class: "rb-grow" }),
        this.filters.order,
        bulk,
        refresh,
      ),
      this.list.element,
    );
    this.main.append(this.head.element, this.marks.element, this.detail.element, this.repair.element, this.empty);
    root.append(
      this.filters.element,
      this.progress.bar,
      h("div", { class: "rb-body" }, this.aside, this.main),
      this.actions.element,
      h("div", { class: "rb-foot" }, this.progress.words, badge, h("span", { class: "rb-grow" }), this.keys.hints),
      this.toast.element,
      this.voice,
    );
    this.detail.paint();
  }

  private acts(): Acts {
    return {
      decide: (verdict) => this.decide(verdict),
      rate: (rating) => this.rate(rating),
      step: (by) => this.step(by),
      jump: (to) => this.jump(to),
      edit: () => this.edit(),
      repair: () => this.startRepair(),
      confirm: () => this.store.current?.status === "stale" && this.store.confirm(),
      settle: (which) => this.settle(which),
      note: () => this.marks.openNote(),
      tag: () => this.marks.openTag(),
      later: () => this.marks.putAside(),
      columns: () => this.columns.toggle(),
      compare: () => this.detail.toggleCompare(),
      raw: () => this.reader.toggle(),
      turn: (op) => this.turn(op),
      scroll: () => this.scroll(1),
      search: () => this.search(),
      save: () => this.save(),
      escape: () => this.escape(),
      keys: () => toggleKeySheet(this.stage.root, this.keys),
      place: () => this.store.at,
      whenLoaded: (run, opens) => this.early.take(run, opens),
      opening: () => this.early.opening,
    };
  }

  // -- act -----------------------------------------------------------------------------------------------
  private decide(verdict: Verdict | null): void {
    this.leave();
    const last = this.store.state !== undefined && this.store.at >= this.store.state.count - 1;
    this.store.decide(verdict);
    if (last && verdict !== null && this.store.autoAdvance) this.atEnd();
  }

  private settle(which: number): void {
    this.leave();
    this.store.settle(which);
  }

  private rate(rating: number | null): void {
    this.store.rate(rating);
    this.stage.root.focus({ preventScroll: true });
  }

  private step(by: number): void {
    this.leave();
    if (this.store.state !== undefined && !this.store.step(by) && by > 0) this.atEnd();
  }

  private jump(to: number): void {
    this.leave();
    if (this.store.state !== undefined) this.store.go(to);
  }

  private turn(op: "undo" | "redo"): void {
    if (this.store.state !== undefined) this.store.turn(op);
  }

  private edit(): void {
    if (this.repair.open) this.repair.close();
    this.detail.edit();
    this.stage.root.classList.toggle("rb-editing", this.detail.editing);
  }

  private startRepair(turn?: Turn): void {
    if (this.detail.editing) this.detail.save();
    this.repair.start(turn);
  }

  private save(): void {
    if (this.marks.writing) this.marks.keep();
    else if (this.detail.editing) this.detail.save();
    else if (this.repair.open) this.repair.submit();
  }

  private escape(): void {
    const { root } = this.stage;
    if (closeKeySheet(root)) return;
    if (this.detail.editing) this.detail.cancel();
    else if (this.repair.open) this.repair.close();
    else if (document.activeElement !== root) root.focus({ preventScroll: true });
    else root.blur();
  }

  /** Before going to another row: an edit stays as a draft, an unasked repair is dropped. */
  private leave(): void {
    this.detail.leave();
    this.marks.close();
    if (this.repair.open) this.repair.close();
    this.toast.hide();
  }

  private search(): void {
    this.filters.search.focus();
    this.filters.search.select();
  }

  private scroll(pages: number): void {
    this.detail.element.scrollBy({ top: pages * 0.8 * this.detail.element.clientHeight });
  }

  // -- paint ---------------------------------------------------------------------------------------------
  private changed(what: Change, place?: number): void {
    switch (what) {
      case "list":
        this.list.reset(this.store.state.count, this.store.at);
        this.paintList();
        break;
      case "rows":
        this.list.repaint(place);
        break;
      case "row":
        this.list.select(this.store.at);
        this.paintCurrent();
        break;
      case "query":
        this.filters.paint();
        this.hits.show(this.store.query.text.trim());
        break;
      case "state":
        this.filters.counts();
        this.paintState();
        break;
      case "trust":
        this.filters.trust();
        this.detail.paint();
        break;
      case "busy":
        this.aside.classList.toggle("rb-wait", this.store.choosing);
        this.paintList();
        break;
    }
  }

  private paintList(): void {
    const { count } = this.store.state;
    setText(
      this.listed,
      this.store.choosing ? "searching…" : `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`,
    );
    const none = count === 0;
    this.stage.root.classList.toggle("rb-is-empty", none);
    this.actions.enableJudging(!none);
    if (!none) return;
    const clear = h("button", { class: "rb-button", onclick: () => this.filters.reset() }, "Clear the filters");
    if (differs(this.store.query)) fill(this.empty, h("div", {}, "No row matches."), clear);
    else fill(this.empty, h("div", {}, "This frame has no rows."));
  }

  private paintCurrent(): void {
    const row = this.store.current ?? this.store.summary(this.store.at);
    this.head.paint(row, this.store.at, this.store.state.count);
    this.marks.paint(row);
    if (row !== undefined) {
      this.actions.paintVerdict(row.verdict);
      setText(this.voice, `Row ${row.position}, ${mark(row).words}. ${row.request}`);
    }
    this.detail.paint();
    this.stage.root.classList.toggle("rb-editing", this.detail.editing);
    this.early.catchUp();
  }

  private paintState(): void {
    const { counts, can_undo, can_redo } = this.store.state;
    this.progress.paint(counts);
    this.actions.enable(can_undo, "undo");
    this.actions.enable(can_redo, "redo");
  }

  private atEnd(): void {
    const open = this.store.state.counts.undecided;
    if (open === 0) this.toast.say("Every row is decided.");
    else if (this.store.query.verdict === "undecided")
      this.toast.offer("The end of this list.", "Look for open rows", () => void this.store.refresh());
    else
      this.toast.offer(`The end of this list; ${open.toLocaleString("en")} rows are open.`, "Show open rows", () => {
        void this.store.choose({ verdict: "undecided" });
      });
  }
}
