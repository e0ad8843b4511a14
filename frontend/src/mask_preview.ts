// Any row's tokens, tinted by what they teach: the prompt is read, the rest is learnt, field by field.
import "./mask_preview.css";
import { fill, h, setText } from "./lib/dom.ts";
import { percent } from "./lib/format.ts";
import { Keys } from "./lib/keys.ts";
import { keySheetCommand } from "./lib/keysheet.ts";
import { Superseded } from "./lib/rpc.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";
import {
  boundary, countParts, Hues, paintOf, partName, pieces, quoted, type Row, type Run, runAt, runsOf,
} from "./mask/tokens.ts";

interface Snapshot {
  rows: number;
  first: number;
  student: string;
  strategy: string;
  splits: Record<string, number>;
  row: Row | null;
}

const BLOCK = 400; // tokens that the browser lays out together; blocks out of sight cost nothing

class MaskPreview {
  private snapshot: Snapshot | null = null;
  private row: Row | null = null;
  private runs: Run[] = [];
  private spans: HTMLElement[] = [];
  private at = -1; // token under the cursor
  private pinned = ""; // part that stays lit
  private odd: Map<number, string[]> | null = null;
  private onlyOdd = false;
  private asked = -1;
  private readonly hues = new Hues();

  private readonly title = h("span", { class: "rb-title" }, "Tokens");
  private readonly facts = h("span", { class: "rb-dim rb-mp-facts" });
  private readonly input = h("input", { class: "rb-input rb-mp-index", inputmode: "numeric", "aria-label": "Training row" });
  private readonly total = h("span", { class: "rb-dim" });
  private readonly previous = h("button", { class: "rb-button", "aria-label": "Previous row" }, "‹");
  private readonly next = h("button", { class: "rb-button", "aria-label": "Next row" }, "›");
  private readonly oddButton = h("button", { class: "rb-button rb-mp-odd", "aria-pressed": "false" }, "unusual only");
  private readonly blanks = h("button", { class: "rb-button rb-quiet", "aria-pressed": "true" }, "blanks");
  private readonly edges = h("button", { class: "rb-button rb-quiet", "aria-pressed": "false" }, "edges");
  private readonly strip = h("div", { class: "rb-mp-strip", "aria-hidden": "true" });
  private readonly legend = h("div", { class: "rb-mp-legend", role: "group", "aria-label": "Parts" });
  private readonly why = h("div", { class: "rb-mp-why", hidden: true });
  private readonly text = h("div", { class: "rb-mp-text", tabindex: 0, role: "group", "aria-label": "Tokens" });
  private readonly readout = h("div", { class: "rb-mp-readout", role: "status", "aria-live": "polite" });

  constructor(private readonly stage: Stage) {
    const { root, signal } = stage;
    const keys = this.keys();
    root.append(
      h(
        "div",
        { class: "rb-bar" },
        this.title, this.facts, h("span", { class: "rb-grow" }), stage.badge,
        this.oddButton, h("span", { class: "rb-mp-step" }, this.previous, this.input, this.total, this.next),
      ),
      this.strip, this.legend, this.why, this.text,
      h("div", { class: "rb-mp-detail rb-rule" }, this.readout, h("span", { class: "rb-grow" }), this.blanks, this.edges),
      h("div", { class: "rb-bar rb-rule rb-mp-foot" }, keys.hints),
    );
    keys.attach(root, signal);
    this.listen(signal);
    fill(this.text, h("div", { class: "rb-empty" }, "Fetching the row…"));
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      this.snapshot = await this.stage.link.call<Snapshot>("snapshot");
      setText(this.total, `of ${count(this.snapshot.rows)}`);
      this.oddButton.hidden = this.snapshot.rows < 2;
      const { student, strategy } = this.snapshot;
      this.title.title = [student, strategy].filter(Boolean).join(" · ");
      if (this.snapshot.row === null) this.nothing("There is no training row here. chat.report says why rows were left out.");
      else this.show(this.snapshot.row);
    } catch (error) {
      this.nothing("The row could not be fetched.");
      this.stage.fail(error);
    }
  }

  private nothing(text: string): void {
    for (const control of [this.previous, this.next, this.input, this.oddButton]) control.disabled = true;
    fill(this.strip);
    fill(this.legend);
    fill(this.text, h("div", { class: "rb-empty" }, text));
  }

  // -- rows -------------------------------------------------------------------------------------------------
  private go(index: number): void {
    const rows = this.snapshot?.rows ?? 0;
    if (rows === 0) return;
    const wanted = Math.min(rows - 1, Math.max(0, index));
    if (wanted === this.asked) return;
    this.asked = wanted;
    this.input.value = String(wanted + 1);
    this.stage.link
      .call<Row>("row", { index: wanted }, { lane: "row" })
      .then((row) => this.asked === wanted && this.show(row))
      .catch((error) => {
        if (error instanceof Superseded) return;
        this.asked = this.row?.index ?? -1;
        this.stage.fail(error);
      });
  }

  private step(by: number): void {
    const now = this.asked >= 0 ? this.asked : (this.row?.index ?? 0);
    if (!this.onlyOdd || this.odd === null) {
      this.go(now + by);
      return;
    }
    const indices = [...this.odd.keys()];
    const next = by > 0 ? indices.find((index) => index > now) : indices.filter((index) => index < now).at(-1);
    if (next !== undefined) this.go(next);
  }

  private async toggleOdd(): Promise<void> {
    this.onlyOdd = !this.onlyOdd;
    this.oddButton.setAttribute("aria-pressed", String(this.onlyOdd));
    if (!this.onlyOdd) {
      this.limits();
      return;
    }
    if (this.odd === null) {
      setText(this.oddButton, "looking…");
      try {
        const { rows } = await this.stage.link.call<{ rows: [number, string[]][] }>("unusual");
        this.odd = new Map(rows);
      } catch (error) {
        this.onlyOdd = false;
        this.oddButton.setAttribute("aria-pressed", "false");
        setText(this.oddButton, "unusual only");
        this.stage.fail(error);
        return;
      }
      setText(this.oddButton, `unusual only · ${count(this.odd.size)}`);
    }
    const now = this.row?.index ?? 0;
    if (this.odd.size === 0) setText(this.readout, "No row stands out.");
    else if (!this.odd.has(now)) this.go([...this.odd.keys()].find((index) => index > now) ?? (this.odd.keys().next().value as number));
    this.limits();
    this.reasons();
  }

  private limits(): void {
    const rows = this.snapshot?.rows ?? 0;
    const now = this.row?.index ?? 0;
    const odd = this.onlyOdd && this.odd !== null ? [...this.odd.keys()] : null;
    this.previous.disabled = odd === null ? now <= 0 : !odd.some((index) => index < now);
    this.next.disabled = odd === null ? now >= rows - 1 : !odd.some((index) => index > now);
  }

  private reasons(): void {
    const reasons = this.odd?.get(this.row?.index ?? -1) ?? this.row?.odd ?? [];
    this.why.hidden = reasons.length === 0;
    setText(this.why, reasons.join(" · "));
  }

  // -- one row ----------------------------------------------------------------------------------------------
  private show(row: Row): void {
    this.row = row;
    this.asked = row.index;
    this.runs = runsOf(row);
    this.input.value = String(row.index + 1);
    const learnt = this.runs.reduce((sum, run) => sum + (run.learnt ? run.stop - run.start : 0), 0);
    const tokens = row.texts.length;
    const turn = row.turn > 0 ? ` · turn ${row.turn + 1}` : "";
    setText(this.title, `Row ${row.position}`);
    setText(this.facts, `${row.split}${turn} · ${count(tokens)} tokens, ${count(learnt)} learnt (${percent(tokens ? learnt / tokens : 0)})`);
    this.facts.title = `hash of this row's ids and labels ${row.hash} · of the dataset ${row.fingerprint}`;
    this.paintStrip();
    this.paintLegend();
    this.paintText();
    this.reasons();
    this.limits();
    this.light(this.pinned);
    const first = boundary(this.runs);
    this.move(first >= 0 ? first : 0, false);
    // Learning starts in sight, with some of the prompt above it.
    const span = this.spans[Math.max(0, first)];
    this.text.scrollTop = span ? Math.max(0, span.offsetTop - this.text.offsetTop - 120) : 0;
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
          h("span", { class: "rb-dim" }, learnt ? count(tokens) : `${count(tokens)} read`),
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
        for (const piece of pieces(row.texts[token] as string)) {
          span.append(piece.mark === "" ? piece.text : h("i", { class: blankClass(piece.text), "data-mark": piece.mark }, piece.text));
        }
        block.append(span);
        if (run.part === "stop" && run.learnt) block.append(h("span", { class: "rb-mp-note" }, "learns to stop"));
        this.spans.push(span);
        // A block ends where a line does, so that the text flows as if there were no blocks.
        const held = block.childElementCount;
        if (held >= 10 * BLOCK || (held >= BLOCK && (row.texts[token] as string).endsWith("\n")))
          blocks.push((block = h("div", { class: "rb-mp-block" })));
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
      h("span", {}, `${partName(run.part)}, ${does}`),
    );
  }

  // -- input ------------------------------------------------------------------------------------------------
  private listen(signal: AbortSignal): void {
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    this.oddButton.addEventListener("click", () => void this.toggleOdd());
    this.blanks.addEventListener("click", () => this.toggle(this.blanks, "rb-mp-plain", true));
    this.edges.addEventListener("click", () => this.toggle(this.edges, "rb-mp-edged", false));
    this.input.addEventListener("change", () => {
      const wanted = Number.parseInt(this.input.value, 10);
      if (Number.isFinite(wanted)) this.go(wanted - 1);
      this.input.value = String((this.asked >= 0 ? this.asked : 0) + 1);
    });
    const tokenOf = (event: Event) => {
      const span = (event.target as HTMLElement).closest<HTMLElement>(".rb-mp-token");
      return span === null ? -1 : Number(span.dataset.token);
    };
    this.text.addEventListener("pointerover", (event) => {
      const token = tokenOf(event);
      if (token >= 0) this.tell(token);
    }, { signal });
    this.text.addEventListener("pointerleave", () => this.at >= 0 && this.tell(this.at), { signal });
    this.text.addEventListener("click", (event) => {
      const token = tokenOf(event);
      if (token >= 0) this.move(token, false);
    }, { signal });
  }

  private toggle(button: HTMLElement, name: string, inverse: boolean): void {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    this.text.classList.toggle(name, inverse ? !on : on);
  }

  private keys(): Keys {
    const keys: Keys = new Keys("mask_preview", [
      { id: "next", label: "next row", keys: ["j", "PageDown"], run: () => this.step(1) },
      { id: "previous", label: "previous", keys: ["k", "PageUp"], run: () => this.step(-1) },
      { id: "right", label: "token", keys: ["ArrowRight"], run: () => this.move(this.at + 1, true) },
      { id: "left", label: "token before", keys: ["ArrowLeft"], hint: false, run: () => this.move(this.at - 1, true) },
      { id: "part", label: "next part", keys: ["ArrowDown", "n"], run: () => this.jump(1) },
      { id: "partBefore", label: "part before", keys: ["ArrowUp"], hint: false, run: () => this.jump(-1) },
      { id: "start", label: "where learning starts", keys: ["b"], run: () => this.move(boundary(this.runs), true) },
      { id: "odd", label: "unusual only", keys: ["u"], run: () => void this.toggleOdd() },
      { id: "blanks", label: "blanks", keys: ["w"], run: () => this.toggle(this.blanks, "rb-mp-plain", true) },
      { id: "edges", label: "token edges", keys: ["e"], run: () => this.toggle(this.edges, "rb-mp-edged", false) },
      keySheetCommand(this.stage.root, () => keys),
    ]);
    return keys;
  }

  private jump(by: number): void {
    const now = this.runs.findIndex((run) => this.at >= run.start && this.at < run.stop);
    const run = this.runs[now + by];
    if (run !== undefined) this.move(run.start, true);
  }
}

/** A space carries its dot inside; any other blank shows its mark before it. */
const blankClass = (text: string) => (text === " " ? "rb-mp-blank rb-mp-space" : "rb-mp-blank");

const count = (value: number) => value.toLocaleString("en-US").replaceAll(",", "\u202f");

export default defineWidget("mask-preview", "Tokens of a training row", (stage) => void new MaskPreview(stage));
