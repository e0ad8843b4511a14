// One row painted: a strip of its parts, a legend that lights them, its tokens, and the token under the cursor in full.
import { fill, h } from "../lib/dom.ts";
import {
  boundary,
  countParts,
  Hues,
  paintOf,
  partName,
  pieces,
  quoted,
  type Row,
  type Run,
  runAt,
  runsOf,
  times,
} from "./tokens.ts";

const BLOCK = 400; // tokens that the browser lays out together; blocks out of sight cost nothing

export class RowView {
  readonly strip = h("div", { class: "rb-mp-strip", "aria-hidden": "true" });
  readonly legend = h("div", { class: "rb-mp-legend", role: "group", "aria-label": "Parts" });
  readonly text = h("div", { class: "rb-pane rb-mp-text", tabindex: 0, role: "group", "aria-label": "Tokens" });
  readonly readout = h("div", { class: "rb-mp-readout", role: "status", "aria-live": "polite" });
  private row: Row | null = null;
  private runs: Run[] = [];
  private spans: HTMLElement[] = [];
  private at = -1; // token under the cursor
  private pinned = ""; // part that stays lit
  private readonly hues = new Hues();

  constructor(signal: AbortSignal) {
    const tokenOf = (event: Event) => {
      const span = (event.target as HTMLElement).closest<HTMLElement>(".rb-mp-token");
      return span === null ? -1 : Number(span.dataset.token);
    };
    this.text.addEventListener(
      "pointerover",
      (event) => {
        const token = tokenOf(event);
        if (token >= 0) this.tell(token);
      },
      { signal },
    );
    this.text.addEventListener("pointerleave", () => this.at >= 0 && this.tell(this.at), { signal });
    this.text.addEventListener(
      "click",
      (event) => {
        const token = tokenOf(event);
        if (token >= 0) this.move(token, false);
      },
      { signal },
    );
  }

  /** Tokens of the row that carry loss. */
  get learnt(): number {
    return this.runs.reduce((sum, run) => sum + (run.learnt ? run.stop - run.start : 0), 0);
  }

  show(row: Row): void {
    this.row = row;
    this.runs = runsOf(row);
    this.paintStrip();
    this.paintLegend();
    this.paintText();
    this.light(this.pinned);
    this.toStart();
    // Learning starts in sight, with some of the prompt above it.
    const span = this.spans[Math.max(0, boundary(this.runs))];
    this.text.scrollTop = span ? Math.max(0, span.offsetTop - this.text.offsetTop - 120) : 0;
  }

  /** Says why there is no row. */
  say(text: string): void {
    fill(this.strip);
    fill(this.legend);
    fill(this.text, h("div", { class: "rb-empty" }, text));
  }

  /** Puts the cursor where learning starts. */
  toStart(scroll = false): void {
    this.move(Math.max(0, boundary(this.runs)), scroll);
  }

  /** Moves the cursor by tokens. */
  step(by: number): void {
    this.move(this.at + by, true);
  }

  /** Moves the cursor by parts. */
  jump(by: number): void {
    const now = this.runs.findIndex((run) => this.at >= run.start && this.at < run.stop);
    const run = this.runs[now + by];
    if (run !== undefined) this.move(run.start, true);
  }

  private style(part: string, learnt: boolean): { class: string; style?: string } {
    const paint = paintOf(part);
    const kind = learnt ? `rb-mp-${paint}` : "rb-mp-read";
    return paint === "field" && learnt ? { class: kind, style: `--hue:${this.hues.of(part)}` } : { class: kind };
  }

  private paintStrip(): void {
    fill(
      this.strip,
      ...this.runs.map((run) => {
        const { class: kind, style } = this.style(run.part, run.learnt);
        const piece = h("span", {
          class: `rb-mp-piece ${kind}`,
          style: `${style ?? ""};flex-grow:${run.stop - run.start}`,
          title: `${partName(run.part)}: ${run.stop - run.start} tokens`,
        });
        piece.addEventListener("click", () => this.move(run.start, true));
        return piece;
      }),
    );
  }

  private paintLegend(): void {
    fill(
      this.legend,
      ...countParts(this.runs).map(({ part, learnt, tokens }) => {
        const { class: kind, style } = this.style(part, learnt);
        const chip = h(
          "button",
          { class: "rb-mp-chip", "aria-pressed": String(this.pinned === part), "data-part": part },
          h("i", { class: `rb-mp-swatch ${kind}`, style, "aria-hidden": "true" }),
          partName(part),
          h(
            "span",
            { class: "rb-dim" },
            learnt ? count(tokens) + times(this.row as Row, { part, learnt }) : `${count(tokens)} read`,
          ),
        );
        chip.addEventListener("pointerenter", () => this.light(part));
        chip.addEventListener("pointerleave", () => this.light(this.pinned));
        chip.addEventListener("click", () => {
          this.pinned = this.pinned === part ? "" : part;
          for (const each of this.legend.children)
            each.setAttribute("aria-pressed", String((each as HTMLElement).dataset.part === this.pinned));
          this.light(this.pinned);
          const run = this.runs.find((each) => each.part === this.pinned);
          if (run) this.move(run.start, true);
        });
        return chip;
      }),
    );
  }

  private paintText(): void {
    const row = this.row as Row;
    const special = new Set(row.special);
    const first = boundary(this.runs);
    this.spans = [];
    this.at = -1;
    let block = h("div", { class: "rb-mp-block" });
    const blocks = [block];
    for (const run of this.runs) {
      const { class: kind, style } = this.style(run.part, run.learnt);
      for (let token = run.start; token < run.stop; token++) {
        if (token === first) block.append(h("span", { class: "rb-mp-boundary" }, "learning starts"));
        const extra = special.has(token) ? " rb-mp-special" : "";
        const span = h("span", { class: `rb-mp-token ${kind}${extra}`, style });
        span.dataset.token = String(token);
        span.append(...shown(row.texts[token] as string));
        block.append(span);
        if (run.part === "stop" && run.learnt) block.append(h("span", { class: "rb-mp-note" }, "learns to stop"));
        this.spans.push(span);
        // A block ends where a line does, so that the text flows as if there were no blocks.
        const held = block.childElementCount;
        if (held >= 10 * BLOCK || (held >= BLOCK && (row.texts[token] as string).endsWith("\n"))) {
          block = h("div", { class: "rb-mp-block" });
          blocks.push(block);
        }
      }
    }
    fill(this.text, ...blocks);
  }

  private light(part: string): void {
    this.text.classList.toggle("rb-mp-dimmed", part !== "");
    for (const run of this.runs) {
      const lit = part === "" || run.part === part;
      for (let token = run.start; token < run.stop; token++) this.spans[token]?.classList.toggle("rb-mp-lit", lit);
    }
  }

  private move(token: number, scroll: boolean): void {
    const row = this.row;
    if (row === null || row.texts.length === 0) return;
    const next = Math.min(row.texts.length - 1, Math.max(0, token));
    this.spans[this.at]?.classList.remove("rb-mp-here");
    this.at = next;
    const span = this.spans[next] as HTMLElement;
    span.classList.add("rb-mp-here");
    if (scroll) span.scrollIntoView({ block: "nearest" });
    this.tell(next);
  }

  private tell(token: number): void {
    const row = this.row as Row;
    const run = runAt(this.runs, token);
    if (run === undefined) return;
    const id = row.ids[token];
    const does = run.learnt ? "learnt" : "only read";
    fill(
      this.readout,
      h("b", { class: "rb-mono" }, quoted(row.texts[token] as string)),
      h("span", {}, `token ${token + 1}`),
      h("span", {}, `id ${id}`),
      h("span", {}, `label ${run.learnt ? id : "−100"}`),
      h("span", {}, `${partName(run.part)}, ${does}${times(row, run)}`),
    );
  }
}

/** A token's text with its blanks marked. */
export const shown = (text: string): (string | HTMLElement)[] =>
  pieces(text).map((piece) =>
    piece.mark === "" ? piece.text : h("i", { class: blankClass(piece.text), "data-mark": piece.mark }, piece.text),
  );

/** A space carries its dot inside; any other blank shows its mark before it. */
const blankClass = (text: string) => (text === " " ? "rb-mp-blank rb-mp-space" : "rb-mp-blank");

const count = (value: number) => value.toLocaleString("en-US").replaceAll(",", "\u202f");
