// The row that is being judged: request, reasoning field by field, response; to read, or to edit in place.

import { type Child, fill, h } from "../lib/dom.ts";
import type { Reader } from "../lib/reading.ts";
import { auditStrip } from "./audit_strip.ts";
import type { Columns } from "./columns.ts";
import { conflictView } from "./conflict.ts";
import type { Drafts } from "./drafts.ts";
import { Editor, RESPONSE } from "./editor.ts";
import { findingNotes, Underlines } from "./findings.ts";
import { mark } from "./list_row.ts";
import { note, section } from "./parts.ts";
import { proposalView } from "./proposal.ts";
import type { ReviewStore } from "./store.ts";
import { draftKey, turnName, turnReasoning } from "./turn_reasoning.ts";
import type { Fields, Finding, Full, Turn } from "./types.ts";
import { diffView, sameValue, valueText, valueView } from "./values.ts";

export class Detail {
  readonly element = h("div", { class: "rb-detail", tabindex: -1 });
  compare = true; // show edits against the teacher's text
  private shown = -1;
  private editor: Editor | null = null;
  private readonly underlines: Underlines;

  constructor(
    private readonly store: ReviewStore,
    private readonly drafts: Drafts,
    private readonly columns: Columns,
    private readonly done: () => void,
    private readonly reader: Reader,
    private readonly repair: (turn: Turn) => void,
    signal: AbortSignal,
  ) {
    this.underlines = new Underlines(this.element, signal);
  }

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
      ...proposalView(row, this.store, this.done),
      ...conflictView(row, (which) => this.store.settle(which), this.reader),
      ...this.request(row),
      ...this.reasoning(row),
      ...this.response(row),
      ...auditStrip(row),
      this.columns.element,
    );
    this.columns.show(row);
    this.underlines.show(row.findings);
    if (row.findings.length > 0) this.store.needTrust();
    if (moved) this.element.scrollTop = 0;
  }

  /** Puts controls in place of the texts: of the row, or of the reasoning of an earlier turn. */
  edit(focus?: string, turn?: Turn): void {
    const row = this.store.current;
    if (row === undefined || this.editing) return;
    this.editor = new Editor(
      row,
      this.drafts,
      () => this.save(),
      () => this.cancel(),
      turn,
    );
    fill(this.element, ...this.request(row, turn), ...this.editor.parts, this.columns.element, this.editor.bar);
    this.editor.focus(focus);
  }

  /** Takes the edit, unless a value does not fit: that is said at its field, by this page or by Python. */
  save(): void {
    const { editor } = this;
    const row = this.store.current;
    const edit = editor?.read() ?? null;
    if (row === undefined || editor === null || edit === null) return;
    const texts = editor.texts();
    const number = editor.turn?.number;
    this.close(row);
    if (edit.reasoning !== null || edit.response !== null)
      void this.store.edit(edit.reasoning, edit.response, number).then((refused) => {
        if (refused === null) return;
        this.drafts.set(editor.kept, texts);
        const now = this.store.current;
        if (now === undefined || now.position !== row.position) return;
        this.edit(
          undefined,
          now.turns.find((turn) => turn.number === number),
        );
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
    this.drafts.drop(this.editor?.kept ?? row.key);
    this.editor = null;
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
    const go = (finding: Finding) => {
      this.underlines.go(finding);
      this.done();
    };
    return [...lines, ...findingNotes(row.findings, this.store.trust, go)];
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
          { class: "rb-field-value", "data-field": name, ondblclick: () => this.edit(name) },
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

export function sameFields(a: Fields, b: Fields): boolean {
  return a.length === b.length && a.every(([name, value], i) => b[i]?.[0] === name && sameValue(value, b[i]?.[1]));
}

function skeleton(): HTMLElement[] {
  const line = (width: string) => h("div", { class: "rb-skeleton", style: `width:${width}` });
  return ["Request", "Reasoning", "Response"].map((title) => section(title, null, line("72%"), line("54%")));
}
