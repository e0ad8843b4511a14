// Field values as text, and to read.

import { diff } from "../lib/diff.ts";
import { type Child, h } from "../lib/dom.ts";
import { folded, isLong, type Reader } from "../lib/reading.ts";
import type { Value } from "./types.ts";

/** A value as one text: list items stand on lines of their own. */
export function valueText(value: Value | undefined): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join("\n");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
}

export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

/** A value to read. */
export function valueView(value: Value, reader: Reader): HTMLElement {
  const text = valueText(value);
  if (text === "") return h("div", { class: "rb-text rb-faint" }, "no value");
  if (!Array.isArray(value)) return reader.folded(text);
  const items = value.map((item) => h("li", {}, reader.text(valueText(item))));
  return folded(h("ul", { class: "rb-text rb-values", dir: "auto" }, ...items), isLong(text));
}

/** How `after` differs from `before`, to read. */
export function diffView(before: string, after: string): HTMLElement {
  const parts: Child[] = diff(before, after).map(({ kind, text }) =>
    kind === "same" ? text : kind === "gone" ? h("del", {}, text) : h("ins", {}, text),
  );
  return h("div", { class: "rb-text rb-diff", dir: "auto" }, ...parts);
}
