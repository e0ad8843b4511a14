// Any row's tokens, tinted by what they teach: the prompt is read, the rest is learnt, field by field.
import "./mask_preview.css";
import { h, setText } from "./lib/dom.ts";
import { percent } from "./lib/format.ts";
import { keySheetCommand } from "./lib/key_sheet.ts";
import { Keys } from "./lib/keys.ts";
import { Reader } from "./lib/reading.ts";
import { Superseded } from "./lib/rpc.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";
import { LoopView } from "./mask_preview/loop_view.ts";
import { MessagesView } from "./mask_preview/messages_view.ts";
import { RowView } from "./mask_preview/row_view.ts";
import type { Row } from "./mask_preview/tokens.ts";

interface Snapshot {
  rows: number;
  first: number;
  student: string;
  strategy: string;
  splits: Record<string, number>;
  row: Row | null;
}

class MaskPreview {
  private snapshot: Snapshot | null = null;
  private row: Row | null = null;
  private odd: Map<number, string[]> | null = null;
  private onlyOdd = false;
  private asked = -1;

  private readonly title = h("span", { class: "rb-title" }, "Tokens");
  private readonly facts = h("span", { class: "rb-dim rb-mp-facts" });
  private readonly input = h("input", {
    class: "rb-input rb-mp-index",
    inputmode: "numeric",
    "aria-label": "Training row",
  });
  private readonly total = h("span", { class: "rb-dim" });
  private readonly previous = h("button", { class: "rb-button", "aria-label": "Previous row" }, "‹");
  private readonly next = h("button", { class: "rb-button", "aria-label": "Next row" }, "›");
  private readonly oddButton = h("button", { class: "rb-button rb-mp-odd", "aria-pressed": "false" }, "unusual only");
  private readonly blanks = h("button", { class: "rb-button rb-quiet", "aria-pressed": "true" }, "blanks");
  private readonly edges = h("button", { class: "rb-button rb-quiet", "aria-pressed": "false" }, "edges");
  private readonly words = h("button", { class: "rb-button rb-quiet", "aria-pressed": "false" }, "messages");
  private readonly loopButton = h("button", { class: "rb-button rb-quiet", "aria-pressed": "false" }, "loop");
  private readonly why = h("div", { class: "rb-mp-why", hidden: true });
  private readonly view: RowView;
  private readonly reader: Reader;
  private readonly messages: MessagesView;
  private readonly loop: LoopView;

  constructor(private readonly stage: Stage) {
    const { root, signal } = stage;
    this.view = new RowView(signal);
    this.reader = new Reader(stage.link, root);
    this.messages = new MessagesView(stage.link, this.reader, stage.fail);
    this.loop = new LoopView(stage.link, stage.fail);
    const keys = this.keys();
    root.append(
      h(
        "div",
        { class: "rb-bar" },
        this.title,
        this.facts,
        h("span", { class: "rb-grow" }),
        stage.badge,
        this.oddButton,
        h("span", { class: "rb-mp-step" }, this.previous, this.input, this.total, this.next),
      ),
      this.view.strip,
      this.view.legend,
      this.why,
      this.view.text,
      this.messages.element,
      h(
        "div",
        { class: "rb-mp-detail rb-rule" },
        this.view.readout,
        h("span", { class: "rb-grow" }),
        this.loopButton,
        this.words,
        this.blanks,
        this.edges,
      ),
      this.loop.element,
      h("div", { class: "rb-bar rb-rule rb-mp-foot" }, keys.hints),
    );
    keys.attach(root, signal);
    this.listen();
    this.view.say("Fetching the row…");
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      this.snapshot = await this.stage.link.call<Snapshot>("snapshot");
      setText(this.total, `of ${count(this.snapshot.rows)}`);
      this.oddButton.hidden = this.snapshot.rows < 2;
      const { student, strategy } = this.snapshot;
      this.title.title = [student, strategy].filter(Boolean).join(" · ");
      if (this.snapshot.row === null)
        this.nothing("There is no training row here. chat.report says why rows were left out.");
      else this.show(this.snapshot.row);
    } catch (error) {
      this.nothing("The row could not be fetched.");
      this.stage.fail(error);
    }
  }

  private nothing(text: string): void {
    for (const control of [this.previous, this.next, this.input, this.oddButton]) control.disabled = true;
    this.view.say(text);
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
        this.input.value = String(this.asked + 1);
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
    if (this.odd.size === 0) setText(this.view.readout, "No row stands out.");
    else if (!this.odd.has(now))
      this.go([...this.odd.keys()].find((index) => index > now) ?? (this.odd.keys().next().value as number));
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
    this.input.value = String(row.index + 1);
    this.view.show(row);
    const { learnt } = this.view;
    const tokens = row.texts.length;
    const turn = row.turn > 0 ? ` · turn ${row.turn + 1}` : "";
    setText(this.title, `Row ${row.position}`);
    setText(
      this.facts,
      `${row.split}${turn} · ${count(tokens)} tokens, ${count(learnt)} learnt (${percent(tokens ? learnt / tokens : 0)})`,
    );
    this.facts.title = `hash of this row's ids and labels ${row.hash} · of the dataset ${row.fingerprint}`;
    this.reasons();
    this.limits();
    void this.messages.show(row.index);
    void this.loop.show(row);
  }

  // -- input ------------------------------------------------------------------------------------------------
  private listen(): void {
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    this.oddButton.addEventListener("click", () => void this.toggleOdd());
    this.blanks.addEventListener("click", () => this.toggle(this.blanks, "rb-mp-plain", true));
    this.edges.addEventListener("click", () => this.toggle(this.edges, "rb-mp-edged", false));
    this.words.addEventListener("click", () => this.toggleMessages());
    this.loopButton.addEventListener("click", () => this.toggleLoop());
    this.input.addEventListener("change", () => {
      const wanted = Number.parseInt(this.input.value, 10);
      if (Number.isFinite(wanted)) this.go(wanted - 1);
      this.input.value = String(Math.max(0, this.asked) + 1);
    });
  }

  private toggle(button: HTMLElement, name: string, inverse: boolean): void {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    this.view.text.classList.toggle(name, inverse ? !on : on);
  }

  /** The row to read in place of its tokens, and back. */
  private toggleMessages(): void {
    const { element } = this.messages;
    element.hidden = !element.hidden;
    this.view.text.hidden = !element.hidden;
    this.words.setAttribute("aria-pressed", String(!element.hidden));
    if (this.row !== null) void this.messages.show(this.row.index);
  }

  /** What a perfect student makes of the row, and away again. */
  private toggleLoop(): void {
    const { element } = this.loop;
    element.hidden = !element.hidden;
    this.loopButton.setAttribute("aria-pressed", String(!element.hidden));
    if (this.row !== null) void this.loop.show(this.row);
  }

  private keys(): Keys {
    const keys: Keys = new Keys("mask_preview", [
      { id: "next", label: "next row", keys: ["j", "PageDown"], run: () => this.step(1) },
      { id: "previous", label: "previous", keys: ["k", "PageUp"], run: () => this.step(-1) },
      { id: "right", label: "token", keys: ["ArrowRight"], run: () => this.view.step(1) },
      { id: "left", label: "token before", keys: ["ArrowLeft"], hint: false, run: () => this.view.step(-1) },
      { id: "part", label: "next part", keys: ["ArrowDown", "n"], run: () => this.view.jump(1) },
      { id: "partBefore", label: "part before", keys: ["ArrowUp"], hint: false, run: () => this.view.jump(-1) },
      { id: "start", label: "where learning starts", keys: ["b"], run: () => this.view.toStart(true) },
      { id: "odd", label: "unusual only", keys: ["u"], run: () => void this.toggleOdd() },
      { id: "messages", label: "messages", keys: ["t"], run: () => this.toggleMessages() },
      { id: "loop", label: "closed loop", keys: ["l"], run: () => this.toggleLoop() },
      { id: "raw", label: "messages as they are written", keys: ["m"], hint: false, run: () => this.reader.toggle() },
      { id: "blanks", label: "blanks", keys: ["w"], run: () => this.toggle(this.blanks, "rb-mp-plain", true) },
      { id: "edges", label: "token edges", keys: ["e"], run: () => this.toggle(this.edges, "rb-mp-edged", false) },
      keySheetCommand(this.stage.root, () => keys),
    ]);
    return keys;
  }
}

const count = (value: number) => value.toLocaleString("en-US").replaceAll(",", "\u202f");

export default defineWidget("mask-preview", "Tokens of a training row", (stage) => void new MaskPreview(stage));
