// The review as this page knows it: rows that were fetched, acts that Python has not confirmed yet, where one reads.
// It decides nothing: every act is a call, shown at once and put right by Python's answer.

import { type Link, Superseded } from "../lib/rpc.ts";
import { Questions } from "./questions.ts";
import { RowCache, summaryOf } from "./row_cache.ts";
import type {
  Acted,
  Fields,
  Full,
  Offer,
  Opened,
  Push,
  Query,
  Reach,
  State,
  Summary,
  Value,
  Verdict,
  Window,
} from "./types.ts";

type Decided = Verdict | "undecided" | "conflict";
export type Change = "list" | "rows" | "row" | "state" | "query" | "busy" | "trust";
type Caller = Pick<Link, "call">;

const BEHIND = 2;
const AHEAD = 10; // rows fetched in full beyond the current one: the reader goes on while the kernel is busy
const PAGE = 40; // rows of the list fetched at once
const STAYS = 300; // ms on a row after which Python hears of it
const CHECKED = 5000; // rows up to which the checks run by themselves

export class ReviewStore {
  state!: State;
  query!: Query;
  options!: Opened["options"];
  notes: string[] = []; // what of the journal could not be applied
  teacher = ""; // who repairs; empty when the reviewer must say
  at = 0; // place in the list
  choosing = false;
  autoAdvance = true;
  trust: Record<string, string> = {}; // how far to trust each flag, in words
  readonly questions: Questions;
  private readonly answered = new Map<number, string>(); // what Python answered to this page's acts, by position
  private view = { first: 0, count: PAGE }; // the rows of the list that stand in view
  private told!: State; // what Python said last, without what this page has shown ahead of it
  private readonly cache = new RowCache();
  private readonly unconfirmed = new Map<number, number>(); // acts under way, by row position
  private checking: ReturnType<typeof setTimeout> | undefined;
  private trusted = ""; // the counts by which that was asked
  private looked = true; // whether Python knows where the reader is
  private looking: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly link: Caller,
    private readonly changed: (what: Change, place?: number) => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.questions = new Questions(link, () => this.state.list);
  }

  // -- look ------------------------------------------------------------------------------------------------
  async open(): Promise<void> {
    const opened = await this.link.call<Opened>("snapshot");
    this.options = opened.options;
    this.teacher = opened.teacher;
    this.notes = opened.notes;
    this.cache.forgetRows();
    this.cache.setRows(opened.samples);
    this.take(opened);
  }

  summary(place: number): Summary | undefined {
    return this.cache.summary(place);
  }

  get current(): Full | undefined {
    return this.cache.rowAt(this.at);
  }

  /** Fetches the rows of the list that stand in view and are not here yet. */
  need(first: number, count: number): void {
    this.view = { first, count };
    let missing = -1;
    for (let place = first; place < first + count && missing < 0; place++)
      if (this.summary(place) === undefined) missing = place;
    if (missing < 0) return;
    const spare = Math.max(0, Math.floor((PAGE - count) / 2));
    const start = Math.max(0, missing === first ? first - spare : missing);
    const wanted = Math.min(200, Math.max(PAGE, count));
    this.ask<Window>("window", { start, count: wanted }, "window", (window) => {
      this.keepWindow(window);
      this.changed("rows");
    });
  }

  go(place: number): void {
    const target = Math.max(0, Math.min(this.state.count - 1, place));
    if (this.state.count === 0) return;
    this.at = target;
    this.changed("row");
    this.fetch();
    this.looked = false;
    this.lookSoon();
  }

  step(by: number): boolean {
    const target = this.at + by;
    if (target < 0 || target >= this.state.count) return false;
    this.go(target);
    return true;
  }

  async choose(parts: Partial<Query>): Promise<void> {
    const query = { ...this.query, ...parts };
    const ordered = query.sort === this.query.sort && query.descending === this.query.descending;
    const position = ordered ? (this.summary(this.at)?.position ?? null) : null;
    await this.relist("choose", { query, position });
  }

  async refresh(): Promise<void> {
    this.cache.forgetRows();
    await this.relist("refresh", {});
  }

  private async relist(op: string, args: object): Promise<void> {
    this.choosing = true;
    this.changed("busy");
    try {
      this.take(await this.link.call<Opened>(op, args, { lane: "choose" }));
    } catch (error) {
      if (error instanceof Superseded) return;
      this.failed(error);
    }
    this.choosing = false;
    this.changed("busy");
  }

  // -- act -------------------------------------------------------------------------------------------------
  decide(verdict: Verdict | null): void {
    const patch = verdict === null ? { verdict, rating: null } : { verdict, conflict: false };
    if (this.current === undefined) return;
    void this.act("decide", { verdict }, verdict === null ? patch : { ...patch, later: false });
    if (verdict !== null) this.advance();
  }

  rate(rating: number | null): void {
    void this.act("rate", { rating }, { rating });
  }

  /** Changes the reasoning of the last turn, or of the earlier one with this number, and the response.
   * Resolves to why each field was refused, or to null. */
  async edit(
    reasoning: Record<string, Value> | null,
    response: string | null,
    turn?: number,
  ): Promise<Record<string, string> | null> {
    const patch: Partial<Full> = { edited: true };
    const row = this.current;
    if (row === undefined) return null;
    if (reasoning !== null)
      Object.assign(
        patch,
        patchOf(row, (fields) => withValues(fields, reasoning), turn),
      );
    if (response !== null) Object.assign(patch, { full_response: response, response: response.slice(0, 160) });
    return (await this.act("edit", { reasoning, response, turn: turn ?? null }, patch)) ?? null;
  }

  note(note: string | null): void {
    void this.act("note", { note }, { note });
  }

  tag(tags: string[]): void {
    void this.act("tag", { tags }, { tags });
  }

  later(later: boolean): void {
    void this.act("later", { later }, { later });
    if (later) this.advance();
  }

  /** Lets one reviewer's version of a row in conflict stand. */
  settle(which: number): void {
    const version = this.current?.versions[which];
    if (version === undefined || this.current?.conflict !== true) return;
    void this.act("settle", { who: version.who }, { conflict: false, verdict: version.verdict });
    this.advance();
  }

  confirm(): void {
    void this.act("confirm", {}, { status: "ok" });
  }

  turn(op: "undo" | "redo"): void {
    this.link
      .call<State & { place: number | null }>(op, {}, { once: true })
      .then((answer) => {
        this.takeState(answer);
        if (answer.place !== null && answer.place !== this.at) this.go(answer.place);
      })
      .catch(this.failed);
  }

  async bulk(act: string, value?: number | string): Promise<Reach> {
    const args = { act, list: this.state.list, value: value ?? null };
    const answer = await this.link.call<State & { done: number; changed: number }>("bulk", args, { once: true });
    this.takeState(answer);
    return { rows: answer.done, change: answer.changed };
  }

  takeRepair(offer: Offer, turn?: number): void {
    const row = this.current;
    if (row === undefined) return;
    const whole = turn === undefined ? { full_response: offer.response, status: "ok" } : {};
    const patch = { ...patchOf(row, () => offer.reasoning, turn), ...whole, edited: true };
    void this.act("take_repair", {}, patch, false);
  }

  takeProposal({ reasoning, response }: Offer): void {
    const patch = { reasoning, full_response: response, status: "ok", edited: true, proposal: null };
    void this.act("take_proposal", {}, patch, false);
  }

  declineProposal(): void {
    void this.act("decline_proposal", {}, { proposal: null }, false);
  }

  /** What Python says by itself: acts from another view or from a cell too. */
  news(push: Push): void {
    if (push.list !== this.state.list) {
      if (!this.choosing) void this.open().catch(this.failed);
      return;
    }
    if (push.whole) {
      this.takeState(push);
      this.renew();
      return;
    }
    for (const row of push.rows) this.takeRow(row, true);
    this.takeState(push);
  }

  /** Many rows have changed: what is shown stays until its new form is here. */
  private renew(): void {
    this.cache.outdateAll();
    const { first, count } = this.view;
    this.ask<Window>("window", { start: first, count: Math.max(PAGE, count) }, "window", (window) => {
      if (window.list !== this.state.list) return;
      this.cache.forgetList(this.at);
      this.keepWindow(window);
      this.changed("rows");
      this.fetch();
    });
  }

  /** Does something to the current row; resolves, once Python has answered, to what it refused of an edit. */
  private async act(
    op: string,
    args: object,
    patch: Partial<Full>,
    durable = true,
  ): Promise<Record<string, string> | undefined> {
    const row = this.current;
    if (row === undefined) return undefined;
    const { position, key } = row;
    this.unconfirmed.set(position, (this.unconfirmed.get(position) ?? 0) + 1);
    const before = decided(row);
    Object.assign(row, patch);
    Object.assign(this.summary(this.at) ?? {}, summaryOf(patch));
    if (decided(row) !== before) this.count(before, decided(row));
    this.changed("rows", this.at);
    this.changed("row");
    return this.link
      .call<State & Acted>(op, { position, key, ...args }, { once: true, durable })
      .then((answer) => {
        if (this.confirmed(position)) {
          if (answer.sample !== undefined) this.cache.setRow(answer.sample);
          this.cache.settle(position);
          this.takeRow(answer.row, false);
        }
        this.takeState(answer);
        if (["edit", "take_repair", "take_proposal"].includes(op)) this.checkSoon();
        if (this.current?.position === position) this.changed("row");
        return answer.refused;
      })
      .catch((error: unknown) => {
        this.confirmed(position);
        this.cache.forget(position, this.cache.placeOf(position, this.at));
        this.takeState(this.told);
        this.failed(error);
        this.changed("rows");
        this.fetch();
        return undefined;
      });
  }

  /** Shows the new counts before Python confirms them. */
  private count(before: Decided, after: Decided): void {
    const counts = { ...this.state.counts };
    counts[before] = (counts[before] ?? 0) - 1;
    counts[after] = (counts[after] ?? 0) + 1;
    this.state = { ...this.state, counts, can_undo: true };
    this.changed("state");
  }

  /** Asks how far to trust the flags, once for each count of decided rows; called where one of them is shown. */
  needTrust(): void {
    const { accepted, rejected } = this.told.counts;
    const counts = `${accepted} ${rejected}`;
    if (counts === this.trusted) return;
    this.trusted = counts;
    this.ask<Record<string, string>>("trust", {}, "trust", (trust) => {
      this.trust = trust;
      this.changed("trust");
    });
  }

  private confirmed(position: number): boolean {
    const left = (this.unconfirmed.get(position) ?? 1) - 1;
    if (left > 0) this.unconfirmed.set(position, left);
    else this.unconfirmed.delete(position);
    return left <= 0;
  }

  /** Small frames are checked without being asked, so that flags show; large ones when one filters or sorts by them. */
  private checkSoon(): void {
    clearTimeout(this.checking);
    if (this.state.counts.rows > CHECKED) return;
    this.checking = setTimeout(() => this.ask("check", {}, "check"), 800);
  }

  private advance(): void {
    if (this.autoAdvance) this.step(1);
  }

  // -- take in ---------------------------------------------------------------------------------------------
  private take(opened: Omit<Opened, "options" | "teacher" | "samples" | "notes">): void {
    this.cache.forgetList();
    this.state = this.told = opened;
    this.checkSoon();
    this.query = opened.query;
    this.at = opened.at;
    this.keepWindow(opened.window);
    this.changed("query");
    this.changed("list");
    this.changed("state");
    this.changed("row");
    this.fetch();
  }

  private takeState(state: State): void {
    const { list, count, counts, can_undo, can_redo, later, proposed, tags, reviewer, assigned } = state;
    this.told = { list, count, counts, can_undo, can_redo, later, proposed, tags, reviewer, assigned };
    if (this.unconfirmed.size > 0) return; // what this page did since is not in it yet
    this.state = this.told;
    this.changed("state");
  }

  private takeRow(row: Summary, refetch: boolean): void {
    if (this.unconfirmed.has(row.position)) return;
    const place = this.cache.placeOf(row.position, this.at);
    if (place !== undefined) {
      this.cache.setSummary(place, row);
      this.changed("rows", place);
    }
    const full = this.cache.row(row.position);
    if (full === undefined) return;
    Object.assign(full, row);
    if (!refetch) {
      this.answered.set(row.position, JSON.stringify(row));
      return;
    }
    const own = this.answered.get(row.position) === JSON.stringify(row); // the echo of this page's own act
    this.answered.delete(row.position);
    if (own) return;
    this.cache.outdate(row.position);
    if (place === this.at) this.fetch();
  }

  private keepWindow(window: Window): void {
    if (window.list !== this.state.list) return;
    this.cache.setWindow(window);
  }

  /** Sees to it that the current row, then the ones after it, are here in full. */
  private fetch(): void {
    if (this.state.count === 0) return;
    const lacks = (place: number) => place >= 0 && place < this.state.count && this.cache.lacks(place);
    const near = Array.from({ length: AHEAD + BEHIND }, (_, i) => (i < AHEAD ? this.at + i : this.at + AHEAD - 1 - i));
    const ahead = near.filter(lacks);
    if (ahead.length === 0 || (ahead[0] !== this.at && ahead.length < AHEAD / 2)) return;
    const list = this.state.list;
    this.ask<(Full & { place: number })[]>("samples", { places: ahead }, "samples", (samples) => {
      if (list !== this.state.list) return;
      const fresh = samples.filter(({ position }) => !this.unconfirmed.has(position));
      this.cache.setRows(fresh);
      for (const { place } of fresh) {
        this.changed("rows", place);
        if (place !== this.at) continue;
        this.changed("row");
        if (!this.looked) this.lookSoon();
      }
    });
  }

  /** Tells Python where the reader is, once he stays and the row is here. */
  private lookSoon(): void {
    clearTimeout(this.looking);
    this.looking = setTimeout(() => {
      const row = this.summary(this.at);
      if (row === undefined) return; // its coming asks again
      this.looked = true;
      this.ask("look", { position: row.position }, "look");
    }, STAYS);
  }

  private ask<T>(op: string, args: object, lane: string, then?: (result: T) => void): void {
    this.link
      .call<T>(op, args, { lane })
      .then((result) => then?.(result))
      .catch((error: unknown) => {
        if (!(error instanceof Superseded)) this.failed(error);
      });
  }
}

/** As what a row counts. */
function decided({ verdict, conflict }: Summary): Decided {
  return conflict ? "conflict" : (verdict ?? "undecided");
}

/** What of a row changes with the fields of a turn; the last one without a number. */
function patchOf(row: Full, change: (fields: Fields) => Fields, turn?: number): Partial<Full> {
  if (turn === undefined) return { reasoning: change(row.reasoning) };
  return {
    turns: row.turns.map((each) => (each.number === turn ? { ...each, reasoning: change(each.reasoning) } : each)),
  };
}

function withValues(fields: Fields, values: Record<string, Value>): Fields {
  return [...new Map([...fields, ...Object.entries(values)])];
}
