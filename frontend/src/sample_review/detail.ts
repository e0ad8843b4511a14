// The row that is being judged: request, reasoning field by field, response; to read, or to edit in place.

import { type Child, fill, h } from "../lib/dom.ts";
import type { Reader } from "../lib/reading.ts";
import type { Drafts } from "./drafts.ts";
import { mark } from "./list_row.ts";
import type { ReviewStore } from "./store.ts";
import { teacherValue, turnFields, turnName, turnReasoning } from "./turn_reasoning.ts";
import type { Fields, Full, Turn, Value } from "./types.ts";
import { diffView, readValue, sameValue, valueControl, valueText, valueView } from "./values.ts";

const RESPONSE = "\u0000response"; // no field can have this name

interface Control {
  element: HTMLElement;
  text(): string;
  like: Value;
  note: HTMLElement;
}

export class Detail {
  readonly element = h("div", { class: "rb-detail", tabindex: -1 });
  editing = false;
  compare = true; // show edits against the teacher's text
  private shown = -1;
  private controls = new Map<string, Control>();
  private turn: Turn | undefined; // the earlier turn whose reasoning is being edited

  constructor(
    private readonly store: ReviewStore,
    private readonly drafts: Drafts,
    private readonly done: () => void,
    private readonly fail: (error: unknown) => void,
    private readonly reader: Reader,
    private readonly repair: (turn: Turn) => void,
  ) {}

  /** Shows the current row; leaves a field that is being edited alone. */
  paint(): void {
    const row = this.store.current;
    if (row === undefined) {
      this.shown = -1;
      this.editing = false;
      fill(this.element, ...skeleton());
      this.element.setAttribute("aria-busy", "true");
      return;
    }
    const moved = row.position !== this.shown;
    if (this.editing && !moved) return;
    this.editing = false;
    this.shown = row.position;
    this.element.setAttribute("aria-busy", "false");
    fill(this.element, ...this.banner(row), ...this.request(row), ...this.reasoning(row), ...this.response(row));
    if (moved) this.element.scrollTop = 0;
  }

  edit(focus?: string, turn?: Turn): void {
    const row = this.store.current;
    if (row === undefined || this.editing) return;
    this.editing = true;
    this.turn = turn;
    this.controls.clear();
    const kept = draftKey(row, turn);
    const draft = this.drafts.get(kept);
    const field = (name: string, value: Value, original: Value): HTMLElement => {
      const typed = draft?.[name];
      const { element, text } = valueControl(name === RESPONSE ? "Response" : name, value);
      if (typed !== undefined && "value" in element) (element as HTMLTextAreaElement).value = typed;
      const note = h("div", { class: "rb-edit-note" });
      this.controls.set(name, { element, text, like: value, note });
      const heed = () => {
        this.drafts.set(kept, this.texts());
        this.note(name, original);
      };
      element.addEventListener("input", heed);
      this.note(name, original);
      return h("div", { class: "rb-field-value" }, element, note);
    };
    const teacher = turn === undefined ? row.teacher : turn.teacher;
    const names = (turn === undefined ? row.reasoning : turnFields(row, turn)).map(([name, value]) =>
      h(
        "div",
        { class: "rb-field" },
        h("div", { class: "rb-field-name" }, name),
        field(name, value, teacherValue(teacher, name) ?? null),
      ),
    );
    const save = h(
      "button",
      { class: "rb-button rb-primary", onclick: () => this.save() },
      "Save",
      h("kbd", {}, "Ctrl+↵"),
    );
    const cancel = h("button", { class: "rb-button", onclick: () => this.cancel() }, "Discard", h("kbd", {}, "Esc"));
    fill(
      this.element,
      ...this.request(row, turn),
      section(`Reasoning${turnName(row, turn)}`, null, h("div", { class: "rb-fields" }, ...names)),
      ...(turn === undefined
        ? [section("Response", null, field(RESPONSE, row.full_response, row.data_response))]
        : [section("Its response", null, h("div", { class: "rb-answer rb-text" }, row.messages[turn.at]?.text ?? ""))]),
      h(
        "div",
        { class: "rb-edit-bar" },
        save,
        cancel,
        turn === undefined
          ? h("span", { class: "rb-dim" }, "A changed response alone marks the reasoning stale.")
          : h("span", { class: "rb-dim" }, "Later turns answer to this response: it stays as it is."),
      ),
    );
    const first = this.controls.get(focus ?? "") ?? [...this.controls.values()][0];
    first?.element.focus();
    first?.element.scrollIntoView({ block: "nearest" });
  }

  save(): void {
    const row = this.store.current;
    if (row === undefined || !this.editing) return;
    const reasoning: Record<string, Value> = {};
    let response: string | null = null;
    try {
      for (const [name, { text, like }] of this.controls) {
        if (name === RESPONSE) {
          if (text() !== row.full_response) response = text();
        } else {
          const value = readValue(text(), like);
          if (!sameValue(value, like)) reasoning[name] = value;
        }
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    const { turn } = this;
    this.close(row);
    const changed = Object.keys(reasoning).length > 0;
    if (changed || response !== null) this.store.edit(changed ? reasoning : null, response, turn?.number);
    this.paint();
    this.done();
  }

  cancel(): void {
    const row = this.store.current;
    if (row !== undefined) this.close(row);
    this.paint();
    this.done();
  }

  private close(row: Full): void {
    this.drafts.drop(draftKey(row, this.turn));
    this.editing = false;
  }

  private texts(): Record<string, string> {
    return Object.fromEntries([...this.controls].map(([name, control]) => [name, control.text()]));
  }

  /** Below a field that differs from the teacher's: how, and the way back. */
  private note(name: string, original: Value): void {
    const control = this.controls.get(name);
    if (control === undefined) return;
    const before = valueText(original);
    const after = control.text();
    if (before === after || before === "") {
      fill(control.note);
      return;
    }
    const whose = name === RESPONSE ? "data’s text" : "teacher’s text";
    const back = h(
      "button",
      { class: "rb-button rb-quiet", onclick: () => this.putBack(name, before, original) },
      `Back to the ${whose}`,
    );
    fill(control.note, diffView(before, after), back);
  }

  private putBack(name: string, text: string, original: Value): void {
    const control = this.controls.get(name);
    if (control === undefined) return;
    (control.element as HTMLTextAreaElement).value = text;
    control.element.dispatchEvent(new Event("input"));
    this.note(name, original);
    control.element.focus();
  }

  // -- parts -------------------------------------------------------------------------------------------------
  private banner(row: Full): Child[] {
    const drafts = [undefined, ...row.turns].filter((turn) => this.drafts.get(draftKey(row, turn)) !== undefined);
    const lines: Child[] = [];
    if (row.problem) lines.push(note("bad", row.problem));
    if (row.error) lines.push(note("bad", row.error));
    if (row.status === "stale")
      lines.push(
        note(
          "warn",
          "The response was changed after this reasoning was written.",
          h("button", { class: "rb-button", onclick: () => this.store.confirm() }, "It still fits", h("kbd", {}, "c")),
        ),
      );
    for (const turn of drafts)
      lines.push(
        note(
          "plain",
          turn === undefined
            ? "An edit of this row was not saved."
            : `An edit of the reasoning${turnName(row, turn)} was not saved.`,
          h(
            "button",
            { class: "rb-button", onclick: () => this.edit(undefined, turn) },
            "Go on editing",
            turn === undefined ? h("kbd", {}, "e") : null,
          ),
        ),
      );
    return lines;
  }

  /** What was said before the response, each assistant turn with its reasoning; `before` ends it at a turn. */
  private request(row: Full, before?: Turn): Child[] {
    const several = row.messages.length > 1;
    const acts = {
      edit: (turn: Turn, field?: string) => this.edit(field, turn),
      repair: (turn: Turn) => this.repair(turn),
      reader: this.reader,
    };
    const turns = row.messages.slice(0, before?.at).map((message, at) => {
      const turn = row.turns.find((each) => each.at === at);
      return h(
        "div",
        { class: "rb-turn", "data-role": message.role },
        several && message.role !== "tool" ? h("div", { class: "rb-label" }, message.role) : null,
        turn === undefined ? null : turnReasoning(row, turn, this.compare, acts),
        ...this.reader.message(message),
      );
    });
    return [section("Request", null, ...(turns.length > 0 ? turns : [h("div", { class: "rb-faint" }, "no request")]))];
  }

  private reasoning(row: Full): Child[] {
    const { words } = mark(row);
    if (row.reasoning.length === 0) {
      const why = row.status === "error" || row.status === "pending" ? words : "no reasoning yet";
      return [section("Reasoning", null, h("div", { class: "rb-faint" }, why))];
    }
    const edited = !sameFields(row.reasoning, row.teacher);
    const teacher = new Map(row.teacher);
    const fields = row.reasoning.map(([name, value]) =>
      h(
        "div",
        { class: "rb-field" },
        h("div", { class: "rb-field-name" }, name),
        h(
          "div",
          { class: "rb-field-value", ondblclick: () => this.edit(name) },
          edited && this.compare && !sameValue(value, teacher.get(name))
            ? diffView(valueText(teacher.get(name)), valueText(value))
            : valueView(value, this.reader),
        ),
      ),
    );
    return [section("Reasoning", edited ? this.toggle() : null, h("div", { class: "rb-fields" }, ...fields))];
  }

  private response(row: Full): Child[] {
    const edited = row.full_response !== row.data_response;
    const text =
      edited && this.compare
        ? diffView(row.data_response, row.full_response)
        : row.full_response !== ""
          ? this.reader.folded(row.full_response)
          : row.response_calls.length === 0
            ? h("div", { class: "rb-faint" }, "no response")
            : null;
    const calls = row.response_calls.map((call) => this.reader.call(call));
    const box = h("div", { class: "rb-answer", ondblclick: () => this.edit(RESPONSE) }, text, ...calls);
    return [section("Response", edited ? this.toggle() : null, box)];
  }

  private toggle(): HTMLElement {
    return h(
      "button",
      {
        class: "rb-button rb-quiet rb-toggle",
        "aria-pressed": String(this.compare),
        title: "Show how this differs from what the teacher and the data had",
        onclick: () => this.toggleCompare(),
      },
      "changes",
      h("kbd", {}, "d"),
    );
  }

  toggleCompare(): void {
    this.compare = !this.compare;
    if (!this.editing) this.paint();
  }
}

function draftKey(row: Full, turn: Turn | undefined): string {
  return turn === undefined ? row.key : `${row.key}#${turn.number}`;
}

export function sameFields(a: Fields, b: Fields): boolean {
  return a.length === b.length && a.every(([name, value], i) => b[i]?.[0] === name && sameValue(value, b[i]?.[1]));
}

export function section(title: string, side: Child, ...body: Child[]): HTMLElement {
  return h(
    "section",
    { class: "rb-section", "aria-label": title },
    h("div", { class: "rb-section-head" }, h("h4", {}, title), side),
    ...body,
  );
}

function note(kind: string, text: string, ...more: Child[]): HTMLElement {
  return h(
    "div",
    { class: "rb-note", "data-kind": kind, role: "note" },
    h("span", { class: "rb-text" }, text),
    ...more,
  );
}

function skeleton(): HTMLElement[] {
  const line = (width: string) => h("div", { class: "rb-skeleton", style: `width:${width}` });
  return ["Request", "Reasoning", "Response"].map((title) => section(title, null, line("72%"), line("54%")));
}
