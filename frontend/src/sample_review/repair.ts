// Repair: one says what is wrong, the teacher writes reasoning and response together, one takes it or goes on.

import { fill, h, setText } from "../lib/dom.ts";
import { failureText } from "../lib/widget.ts";
import { section } from "./parts.ts";
import type { ReviewStore } from "./store.ts";
import { turnName } from "./turn_reasoning.ts";
import type { Full, Offer, Turn, Value } from "./types.ts";
import { diffView, sameValue, valueText } from "./values.ts";

export class Repair {
  readonly element = h("div", { class: "rb-repair", role: "group", "aria-label": "Repair with feedback" });
  open = false;
  private readonly feedback = h("textarea", {
    class: "rb-input",
    rows: 2,
    placeholder: "What is wrong, and what should be said instead?",
    "aria-label": "Feedback to the teacher",
  });
  private readonly teacher = h("input", {
    class: "rb-input",
    placeholder: "openai:MODEL",
    "aria-label": "Teacher",
    spellcheck: "false",
  });
  private readonly who = h(
    "label",
    { class: "rb-repair-who" },
    h("span", { class: "rb-dim" }, "Teacher"),
    this.teacher,
  );
  private readonly result = h("div", { class: "rb-repair-result" });
  private readonly askWords = h("span", {}, "Ask the teacher");
  private readonly ask = h(
    "button",
    { class: "rb-button rb-primary", onclick: () => void this.run() },
    this.askWords,
    h("kbd", {}, "Ctrl+↵"),
  );
  private readonly use = h(
    "button",
    { class: "rb-button rb-primary", onclick: () => this.take() },
    "Use it",
    h("kbd", {}, "Ctrl+↵"),
  );
  private readonly words = h("span", { class: "rb-dim" });
  private row: Full | undefined;
  private turn: Turn | undefined; // the earlier turn that is repaired
  private offer: Offer | null = null;
  private asked = "";
  private waiting = false;

  constructor(
    private readonly store: ReviewStore,
    private readonly done: () => void,
  ) {
    this.element.hidden = true;
    const close = h("button", { class: "rb-button", onclick: () => this.close() }, "Close", h("kbd", {}, "Esc"));
    this.feedback.addEventListener("input", () => this.paint());
    this.element.append(
      section(
        "Repair",
        null,
        this.who,
        this.feedback,
        h("div", { class: "rb-edit-bar" }, this.ask, this.use, close, this.words),
        this.result,
      ),
    );
  }

  start(turn?: Turn): void {
    if (this.store.current === undefined) return;
    this.row = this.store.current;
    this.turn = turn;
    setText(
      this.words,
      turn === undefined
        ? "The teacher rewrites reasoning and response together."
        : `The teacher rewrites the reasoning${turnName(this.row, turn)}.`,
    );
    this.offer = null;
    this.waiting = false;
    this.feedback.value = this.asked = "";
    fill(this.result);
    this.who.hidden = this.store.teacher !== "";
    this.open = true;
    this.element.hidden = false;
    this.paint();
    this.feedback.focus();
    this.element.scrollIntoView({ block: "nearest" });
  }

  close(): void {
    this.open = false;
    this.element.hidden = true;
    this.row = undefined;
    this.done();
  }

  /** Ctrl+Enter: takes the offer, unless the feedback was changed since. */
  submit(): void {
    if (this.offer === null || this.feedback.value.trim() !== this.asked) void this.run();
    else if (!this.offer.same) this.take();
  }

  private async run(): Promise<void> {
    const { row } = this;
    const feedback = this.feedback.value.trim();
    if (row === undefined || feedback === "" || this.waiting) return;
    this.waiting = true;
    this.paint();
    fill(this.result, h("div", { class: "rb-dim rb-pulse" }, "The teacher is writing…"));
    try {
      const { offer: last, teacher, turn } = this;
      const offer = await this.store.questions.repair(row, feedback, last !== null, teacher.value, turn?.number);
      if (this.row !== row) return;
      this.offer = offer;
      this.asked = feedback;
      this.show(row, offer);
    } catch (error) {
      if (this.row === row) fill(this.result, h("div", { class: "rb-error rb-text" }, failureText(error)));
    } finally {
      if (this.row === row) {
        this.waiting = false;
        this.paint();
      }
    }
  }

  private show(row: Full, offer: Offer): void {
    const before = new Map<string, Value>(this.turn === undefined ? row.reasoning : this.turn.reasoning);
    const response = this.turn === undefined ? row.full_response : offer.response; // an earlier one stays
    const changed = offer.reasoning.filter(([name, value]) => !sameValue(before.get(name), value));
    const same = offer.reasoning.length - changed.length;
    const line = (name: string, old: string, now: string) =>
      h(
        "div",
        { class: "rb-field" },
        h("div", { class: "rb-field-name" }, name),
        h("div", { class: "rb-field-value" }, diffView(old, now)),
      );
    const fields = changed.map(([name, value]) => line(name, valueText(before.get(name)), valueText(value)));
    if (offer.response !== response) fields.push(line("Response", response, offer.response));
    const rest = [
      same > 0 ? `${same} ${same === 1 ? "field stays" : "fields stay"}` : "",
      offer.response === response ? "the response stays" : "",
    ].filter(Boolean);
    fill(
      this.result,
      offer.same
        ? h("div", {}, "The teacher changed nothing. Say more, or edit the row by hand.")
        : h("div", { class: "rb-fields" }, ...fields),
      h("div", { class: "rb-dim rb-repair-rest" }, rest.join(", ")),
    );
    this.element.scrollTop = 0;
  }

  private take(): void {
    const { row, offer } = this;
    if (row === undefined || offer === null || this.store.current?.position !== row.position) return;
    this.store.takeRepair(offer, this.turn?.number);
    this.close();
  }

  private paint(): void {
    const fresh = this.feedback.value.trim() !== this.asked;
    this.ask.disabled = this.waiting || this.feedback.value.trim() === "";
    setText(this.askWords, this.offer === null ? "Ask the teacher" : "Ask again");
    this.ask.hidden = this.offer !== null && !fresh;
    this.use.hidden = this.offer === null || this.offer.same || fresh;
  }
}
