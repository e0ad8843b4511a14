// The row that is being judged: request, reasoning field by field, response; to read, or to edit in place.

import { type Child, fill, h } from "../lib/dom.ts";
import type { Columns } from "./columns.ts";
import type { Drafts } from "./drafts.ts";
import { Editor, RESPONSE } from "./editor.ts";
import { mark } from "./list_row.ts";
import { clipped, note, section } from "./parts.ts";
import type { ReviewStore } from "./store.ts";
import type { Fields, Full } from "./types.ts";
import { diffView, sameValue, valueText, valueView } from "./values.ts";

export class Detail {
  readonly element = h("div", { class: "rb-detail", tabindex: -1 });
  compare = true; // show edits against the teacher's text
  private shown = -1;
  private editor: Editor | null = null;

  constructor(
    private readonly store: ReviewStore,
    private readonly drafts: Drafts,
    private readonly columns: Columns,
    private readonly done: () => void,
  ) {}

  get editing(): boolean {
    return this.editor !== null;
  }

  /** Leaves the fields; what was typed stays as a draft. */
  leave(): void {
    this.editor = null;
  }

  /** Shows the current row; leaves a field that is being edited alone. */
  paint(): void {
    const row = this.store.current;
    if (row === undefined) {
      this.shown = -1;
      this.editor = null;
      fill(this.element, ...skeleton());
      this.element.setAttribute("aria-busy", "true");
      return;
    }
    const moved = row.position !== this.shown;
    if (this.editing && !moved) return;
    this.editor = null;
    this.shown = row.position;
    this.element.setAttribute("aria-busy", "false");
    fill(
      this.element,
      ...this.banner(row),
      ...this.request(row),
      ...this.reasoning(row),
      ...this.response(row),
      this.columns.element,
    );
    this.columns.show(row);
    if (moved) this.element.scrollTop = 0;
  }

  /** Puts controls in place of the texts. */
  edit(focus?: string): void {
    const row = this.store.current;
    if (row === undefined || this.editing) return;
    this.editor = new Editor(
      row,
      this.drafts,
      () => this.save(),
      () => this.cancel(),
    );
    fill(this.element, ...this.request(row), ...this.editor.parts, this.columns.element, this.editor.bar);
    this.editor.focus(focus);
  }

  /** Takes the edit, unless a value does not fit: that is said at its field, by this page or by Python. */
  save(): void {
    const { editor } = this;
    const row = this.store.current;
    const edit = editor?.read() ?? null;
    if (row === undefined || editor === null || edit === null) return;
    const texts = editor.texts();
    this.close(row);
    if (edit.reasoning !== null || edit.response !== null)
      void this.store.edit(edit.reasoning, edit.response).then((refused) => {
        if (refused === null) return;
        this.drafts.set(row.key, texts);
        if (this.store.current?.position !== row.position) return;
        this.edit();
        this.editor?.blame(refused);
      });
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
    this.drafts.drop(row.key);
    this.editor = null;
  }

  // -- parts -------------------------------------------------------------------------------------------------
  private banner(row: Full): Child[] {
    const draft = this.drafts.get(row.key) !== undefined;
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
    if (draft)
      lines.push(
        note(
          "plain",
          "An edit of this row was not saved.",
          h("button", { class: "rb-button", onclick: () => this.edit() }, "Go on editing", h("kbd", {}, "e")),
        ),
      );
    return lines;
  }

  private request(row: Full): Child[] {
    const several = row.messages.length > 1;
    const turns = row.messages.map(({ role, text }) =>
      h(
        "div",
        { class: "rb-turn", "data-role": role },
        several ? h("div", { class: "rb-label" }, role) : null,
        clipped(h("div", { class: "rb-text" }, text)),
      ),
    );
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
            : clipped(valueView(value)),
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
        : row.full_response === ""
          ? h("div", { class: "rb-faint" }, "no response")
          : clipped(h("div", { class: "rb-text" }, row.full_response));
    const box = h("div", { class: "rb-answer", ondblclick: () => this.edit(RESPONSE) }, text);
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

export function sameFields(a: Fields, b: Fields): boolean {
  return a.length === b.length && a.every(([name, value], i) => b[i]?.[0] === name && sameValue(value, b[i]?.[1]));
}

function skeleton(): HTMLElement[] {
  const line = (width: string) => h("div", { class: "rb-skeleton", style: `width:${width}` });
  return ["Request", "Reasoning", "Response"].map((title) => section(title, null, line("72%"), line("54%")));
}
