// The reasoning of an earlier assistant turn, above its message; to read, with the ways to change it.

import { type Child, h } from "../lib/dom.ts";
import type { Reader } from "../lib/reading.ts";
import type { Fields, Full, Turn, Value } from "./types.ts";
import { diffView, sameValue, valueText, valueView } from "./values.ts";

export interface TurnActs {
  edit(turn: Turn, field?: string): void;
  repair(turn: Turn): void;
  reader: Reader;
}

/** What a person calls a turn: they count from 1. */
export function turnName(row: Full, turn: Turn | undefined): string {
  return turn === undefined ? "" : ` of turn ${turn.number + 1} of ${row.turns.length + 1}`;
}

export function turnReasoning(row: Full, turn: Turn, compare: boolean, acts: TurnActs): HTMLElement {
  const name = turnName(row, turn);
  const button = (label: string, run: () => void) =>
    h("button", { class: "rb-button rb-quiet", "aria-label": `${label}${name}`, onclick: run }, label);
  const fields = turn.reasoning.map(([field, value]) =>
    h(
      "div",
      { class: "rb-field" },
      h("div", { class: "rb-field-name" }, field),
      h(
        "div",
        { class: "rb-field-value", ondblclick: () => acts.edit(turn, field) },
        shown(value, teacherValue(turn.teacher, field), compare && turn.teacher.length > 0, acts.reader),
      ),
    ),
  );
  const none = fields.length === 0;
  return h(
    "div",
    { class: "rb-turn-reasoning", role: "group", "aria-label": `Reasoning${name}` },
    h(
      "div",
      { class: "rb-turn-head" },
      h("span", { class: "rb-label" }, `reasoning${name}`),
      turn.flags.length > 0
        ? h("span", { class: "rb-turn-flags", title: words(turn) }, `⚑ ${turn.flags.join(", ")}`)
        : null,
      h("span", { class: "rb-grow" }),
      turn.fields.length === 0 ? null : button("Edit", () => acts.edit(turn)),
      none ? null : button("Repair", () => acts.repair(turn)),
    ),
    none ? h("div", { class: "rb-faint" }, "this turn has no reasoning") : h("div", { class: "rb-fields" }, ...fields),
  );
}

function words(turn: Turn): string {
  return turn.findings.map((finding) => finding.words).join("\n");
}

/** Under which an edit of a turn, or of the row, is kept while it is not saved. */
export function draftKey(row: Full, turn: Turn | undefined): string {
  return turn === undefined ? row.key : `${row.key}#${turn.number}`;
}

function teacherValue(teacher: Fields, field: string): Value | undefined {
  return teacher.find(([name]) => name === field)?.[1];
}

function shown(value: Value, before: Value | undefined, compare: boolean, reader: Reader): Child {
  return compare && !sameValue(value, before)
    ? diffView(valueText(before), valueText(value))
    : valueView(value, reader);
}
