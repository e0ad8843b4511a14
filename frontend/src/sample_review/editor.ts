// The row while it is edited: a control for each field, what is wrong below it, and the way back to the original.

import { fill, h, setText } from "../lib/dom.ts";
import type { Drafts } from "./drafts.ts";
import { type Control, fieldControl, misfit } from "./field_controls.ts";
import { section } from "./parts.ts";
import { draftKey, turnName } from "./turn_reasoning.ts";
import type { FieldSpec, Full, Turn, Value } from "./types.ts";
import { diffView, sameValue, valueText } from "./values.ts";

export const RESPONSE = "\u0000response"; // no field can have this name

/** Field → what was written, and the response; null where nothing was. */
export interface Edit {
  reasoning: Record<string, Value> | null;
  response: string | null;
}

interface Part {
  spec: FieldSpec;
  control: Control;
  before: Value;
  original: Value;
  note: HTMLElement;
  wrong: HTMLElement;
  box: HTMLElement;
}

export class Editor {
  readonly parts: HTMLElement[];
  readonly bar: HTMLElement;
  readonly kept: string; // where a draft of it is kept
  private readonly fromNothing: boolean;
  private readonly fields = new Map<string, Part>();

  constructor(
    row: Full,
    private readonly drafts: Drafts,
    save: () => void,
    cancel: () => void,
    readonly turn?: Turn,
  ) {
    this.kept = draftKey(row, turn);
    const draft = drafts.get(this.kept);
    const { teacher: wrote, reasoning, fields } = turn ?? row;
    const teacher = new Map(wrote);
    const held = new Map(reasoning);
    this.fromNothing = reasoning.length === 0;
    const names = fields.map((spec) => {
      const value = held.get(spec.name) ?? null;
      return this.part(spec, spec.name, value, teacher.get(spec.name) ?? null, draft);
    });
    const answer: FieldSpec = { name: "Response", type: "text" };
    this.parts = [
      section(`Reasoning${turnName(row, turn)}`, null, h("div", { class: "rb-fields" }, ...names)),
      turn === undefined
        ? section("Response", null, this.part(answer, RESPONSE, row.full_response, row.data_response, draft))
        : section("Its response", null, h("div", { class: "rb-answer rb-text" }, row.messages[turn.at]?.text ?? "")),
    ];
    const button = (label: string, key: string, style: string, run: () => void) =>
      h("button", { class: `rb-button ${style}`, onclick: run }, label, h("kbd", {}, key));
    this.bar = h(
      "div",
      { class: "rb-edit-bar rb-sticky" },
      button("Save", "Ctrl+↵", "rb-primary", save),
      button("Discard", "Esc", "", cancel),
      h(
        "span",
        { class: "rb-dim" },
        turn === undefined
          ? "A changed response alone marks the reasoning stale."
          : "Later turns answer to this response: it stays as it is.",
      ),
    );
  }

  focus(name?: string): void {
    const part = this.fields.get(name ?? "") ?? [...this.fields.values()][0];
    part?.control.focus();
    part?.box.scrollIntoView({ block: "nearest" });
  }

  /** What was changed; null where something does not fit, which then is said at its field. */
  read(): Edit | null {
    const edit: Edit = { reasoning: null, response: null };
    const wrong: Record<string, string> = {};
    for (const [key, { spec, control, before }] of this.fields) {
      let value: Value;
      try {
        value = control.value();
      } catch {
        wrong[key] = "is not valid JSON";
        continue;
      }
      if (sameValue(value, before)) continue;
      const why = misfit(spec, value);
      if (why !== "") wrong[key] = why;
      else if (key === RESPONSE) edit.response = String(value);
      else edit.reasoning = { ...edit.reasoning, [spec.name]: value };
    }
    if (this.fromNothing && edit.reasoning !== null)
      for (const { spec, control } of this.fields.values())
        if (misfit(spec, control.value()) !== "" && spec.name !== "Response") wrong[spec.name] ??= "is missing";
    this.blame(wrong);
    return Object.keys(wrong).length > 0 ? null : edit;
  }

  /** Says at each field what is wrong with it, and goes to the first. */
  blame(wrong: Record<string, string>): void {
    for (const [key, part] of this.fields) this.mark(part, wrong[key] ?? "");
    const first = [...this.fields.keys()].find((key) => key in wrong);
    if (first !== undefined) this.focus(first);
  }

  texts(): Record<string, string> {
    return Object.fromEntries([...this.fields].map(([name, { control }]) => [name, control.text()]));
  }

  private part(
    spec: FieldSpec,
    key: string,
    value: Value,
    original: Value,
    draft: Record<string, string> | undefined,
  ): HTMLElement {
    const control = fieldControl(spec, value);
    const note = h("div", { class: "rb-edit-note" });
    const wrong = h("div", { class: "rb-field-error", role: "alert" });
    const holder = h("div", { class: "rb-field-value" }, control.element, wrong, note);
    const kept = draft?.[key];
    if (kept !== undefined) control.set(kept);
    const box =
      key === RESPONSE
        ? holder
        : h(
            "div",
            { class: "rb-field" },
            h("div", { class: "rb-field-name", title: spec.instruction }, spec.name),
            holder,
          );
    const part: Part = { spec, control, before: value, original, note, wrong, box };
    this.fields.set(key, part);
    control.element.addEventListener("input", () => {
      this.drafts.set(this.kept, this.texts());
      if (wrong.textContent !== "") this.mark(part, this.why(part));
      this.note(part, key);
    });
    this.note(part, key);
    return box;
  }

  private why({ spec, control }: Part): string {
    try {
      return misfit(spec, control.value());
    } catch {
      return "is not valid JSON";
    }
  }

  private mark({ spec, wrong, box, control }: Part, why: string): void {
    setText(wrong, why === "" ? "" : `${spec.name} ${why}.`);
    box.classList.toggle("rb-wrong", why !== "");
    control.element.setAttribute("aria-invalid", String(why !== ""));
  }

  /** Below a field that differs from the original: how, and the way back. */
  private note(part: Part, key: string): void {
    const { control, note, original } = part;
    const before = valueText(original);
    const after = control.text();
    if (before === after || before === "") {
      fill(note);
      return;
    }
    const back = () => {
      control.set(before);
      control.element.dispatchEvent(new Event("input"));
      control.focus();
    };
    const whose = key === RESPONSE ? "data’s text" : "teacher’s text";
    fill(
      note,
      diffView(before, after),
      h("button", { class: "rb-button rb-quiet", onclick: back }, `Back to the ${whose}`),
    );
  }
}
